"""Refit the speed model from tables of measured runs: parameters, evidence and intervals."""

from __future__ import annotations

import datetime
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.prediction.parameters import KINDS, prior, value
from rightrig.prediction.run_design import design_of
from rightrig.prediction.run_evidence import hold_out, interval_ends
from rightrig.prediction.run_fit import fit_runs, log_errors, row_weights
from rightrig.prediction.run_tables import fitted_on, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.run_design import Array, Design
    from rightrig.prediction.run_evidence import Ends, HeldOut, IntervalKey
    from rightrig.prediction.run_fit import Fitted
    from rightrig.prediction.run_tables import PlannedRow, RunRow

_LEAST_ROWS: Final = 20
_SAME_RATIO: Final = 0.005
_ENOUGH_RUNS: Final = 5


GROUPS: Final[dict[str, Callable[[PlannedRow], str]]] = {
    "table": lambda run: run.table,
    "card under engine": lambda run: f"{run.era}|{run.card}",
    "card": lambda run: run.card,
    "project": lambda run: f"{run.project}|{run.era}",
}
"""What is left out in turn: one source's rows about a model on a card under an engine; a card under
an engine; a card; all that one project says of an engine."""
_FOR_INTERVALS: Final = ("table", "card under engine", "card")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a refit found.

    Attributes:
        rows: Every row of the tables.
        runs: Those that can be predicted.
        log_errors: Of each run under the fitted parameters, in sample.
        held_out: The same when what is named was left out: ``table``, ``card under engine``,
            ``card``, ``project``; empty where that was not asked for.
    """

    rows: tuple[RunRow, ...]
    runs: tuple[PlannedRow, ...]
    design: Design
    fitted: Fitted
    log_errors: Array
    held_out: Mapping[str, HeldOut] = field(default_factory=dict)

    @property
    def ends(self) -> dict[IntervalKey, Ends]:
        """The intervals that the held-out errors give.

        Whole projects are not among them: to leave one out leaves out most engines' only runs.
        """
        held = [self.held_out[name] for name in _FOR_INTERVALS if name in self.held_out]
        return interval_ends(self.runs, held)


@dataclass(frozen=True, slots=True)
class Move:
    """A parameter before and after a refit."""

    kind: str
    key: str
    before: float
    after: float

    @property
    def change_ratio(self) -> float:
        """After over before, less one."""
        return self.after / self.before - 1.0


def calibrate(
    paths: Iterable[Path], catalog: Catalog, *, cross_validate: bool = False
) -> Calibration:
    """Return the parameters that agree best with the runs of some tables.

    Args:
        paths: CSV files with the columns of ``inference``.
        catalog: Where cards, models and engines are looked up.
        cross_validate: Also leave out tables, cards and projects in turn.

    Raises:
        InputError: for a file that is no such table, or fewer than 20 runs.
    """
    rows = read_rows(paths, catalog)
    runs = fitted_on(rows)
    if len(runs) < _LEAST_ROWS:
        raise InputError(
            f"{len(runs)} of {len(rows)} rows can be predicted, and a fit needs {_LEAST_ROWS}; "
            "'rightrig accuracy FILE' names the reason of each row"
        )
    design = design_of([run.plan for run in runs])
    weights = row_weights([(r.project, r.plan.run.kind, r.era, r.is_of_prompts) for r in runs])
    fitted = fit_runs(design, weights)
    found = Calibration(rows, runs, design, fitted, log_errors(design, fitted.values))
    if not cross_validate:
        return found
    held = {
        name: hold_out(runs, design, weights, fitted.values, group)
        for name, group in GROUPS.items()
    }
    return Calibration(rows, runs, design, fitted, found.log_errors, held)


def moves(found: Calibration) -> tuple[Move, ...]:
    """Return the parameters that a refit moved, the most moved first."""
    moved = [
        Move(kind, key, value(kind, key), float(after))
        for (kind, key), after, used in zip(
            found.design.names, found.fitted.values, found.fitted.is_used, strict=True
        )
        if used
    ]
    kept = [move for move in moved if abs(move.change_ratio) > _SAME_RATIO]
    return tuple(sorted(kept, key=lambda move: -abs(move.change_ratio)))


def fitted_toml(found: Calibration) -> str:
    """Return the fitted parameters as a file; those that stayed at their prior are left out."""
    tables: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for (kind, key), after, used in zip(
        found.design.names, found.fitted.values, found.fitted.is_used, strict=True
    ):
        if used and abs(after / prior(kind, key).mid - 1.0) > _SAME_RATIO:
            tables[kind][key] = float(after)
    projects = Counter(run.project for run in found.runs)
    lines = [
        "# What published runs made of the parameters of priors.toml. Generated:",
        "#     rightrig calibrate TABLE... --save src/rightrig/prediction/data",
        "",
        "[meta]",
        f'date = "{datetime.datetime.now(tz=datetime.UTC).date()}"',
        f"runs_count = {len(found.runs)}",
        "[meta.projects]",
        *(f"{json.dumps(name)} = {count}" for name, count in sorted(projects.items())),
    ]
    for kind in KINDS:
        if tables[kind]:
            lines += ["", f"[{kind}]"]
            lines += [f"{json.dumps(k)} = {v:.4g}" for k, v in sorted(tables[kind].items())]
    return "\n".join(lines) + "\n"


def evidence_toml(runs: Sequence[PlannedRow]) -> str:
    """Return which cards, families and engines were measured as a file."""
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    cards: Counter[str] = Counter()
    for run in runs:
        pairs[run.era][run.card] += 1
        sources[run.era][run.project] += 1
        cards[run.card] += 1
    families = {run.family for run in runs}
    lines = [
        "# Which cards were measured under which engine, and by whom. Generated with fitted.toml.",
        f"cards = {json.dumps(sorted(c for c, n in cards.items() if n >= _ENOUGH_RUNS))}",
        f"families = {json.dumps(sorted(families))}",
        "",
        "[runs]",
    ]
    for era, counts in sorted(pairs.items()):
        enough = sorted(card for card, count in counts.items() if count >= _ENOUGH_RUNS)
        lines.append(f"{json.dumps(era)} = {json.dumps(enough)}")
    lines += ["", "[sources]"]
    lines += [
        f"{json.dumps(era)} = {json.dumps([name for name, _ in counts.most_common()])}"
        for era, counts in sorted(sources.items())
    ]
    return "\n".join(lines) + "\n"


def intervals_toml(ends: dict[IntervalKey, Ends]) -> str:
    """Return the intervals as a file."""
    lines = [
        "# Ends of the central 80 % over the middle: quantiles of measured over predicted on runs",
        "# that were left out, by published table, by card under an engine and by card. Era or",
        "# model empty: any. Generated with fitted.toml.",
    ]
    for (quantity, era, model, vendor, evidence), found in ends.items():
        lines += [
            "", "[[interval]]", f'quantity = "{quantity}"', f'era = "{era}"', f'model = "{model}"',
            f'vendor = "{vendor}"', f'evidence = "{evidence}"',
            f"low_ratio = {found.low_ratio:.3f}", f"high_ratio = {found.high_ratio:.3f}",
            f"rows_count = {found.rows_count}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def save(found: Calibration, folder: Path) -> tuple[Path, ...]:
    """Write the parameters, and what was cross-validated, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"fitted.toml": fitted_toml(found), "evidence.toml": evidence_toml(found.runs)}
    if found.held_out:
        texts["intervals.toml"] = intervals_toml(found.ends)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in texts)
