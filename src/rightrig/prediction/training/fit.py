"""Calibrate the time of training on published runs, and judge it on those that were left out.

Minimises the same sum as ``run_fit``: robust errors of the runs, and squares of how far each
parameter lies from its prior. Loads are worked out once; the fit moves what is reached of them.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from rightrig.errors import InputError, RightrigError
from rightrig.facts.measurement import read_table
from rightrig.prediction.run_fit import row_weights, softened, softened_slope
from rightrig.prediction.training.efficiency import (
    CLOSENESS,
    KINDS,
    CardShares,
    card_key,
    card_shares,
    combined,
    keys_of,
    prior,
)
from rightrig.prediction.training.load import stacked, training_load
from rightrig.prediction.training.reading import training_run
from rightrig.prediction.training.step import step_parts
from rightrig.prediction.training.time import measure_per_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.training.efficiency import Closeness
    from rightrig.prediction.training.load import TrainingLoad
    from rightrig.prediction.training.reading import TrainingRun
    from rightrig.work.operators import Floats

    Floats1 = NDArray[np.float64]
    Floats2 = NDArray[np.float64]
    Places = NDArray[np.intp]

FOLDS_COUNT: Final = 10
_ROUNDS_COUNT: Final = 40
_ROUNDS_LEFT_OUT_COUNT: Final = 10
_STEP_LOG_RATIO: Final = 1e-4
_WILDEST_LOG_RATIO: Final = 3.0
_MARGIN_LOG_RATIO: Final = 1e-6
_LOW_RATIO: Final = 0.1
_NEAREST_RATIO: Final = 1.03
_SAME_RATIO: Final = 0.005


@dataclass(frozen=True, slots=True)
class SpeedDesign:
    """Published speeds and the loads behind them.

    Attributes:
        names: Kind and key of every parameter that a run uses.
        places: Which of them each run uses, by kind.
        scale: What one token a second and card is in the run's own measure.
        measured: The published values.
    """

    runs: tuple[TrainingRun, ...]
    load: TrainingLoad
    cards: CardShares
    names: tuple[tuple[str, str], ...]
    places: Mapping[str, Places]
    scale: Floats1
    measured: Floats1

    def log_errors(self, logs: Floats1) -> Floats1:
        """Return ``ln(predicted / measured)`` of every run."""
        return self._errors_at(self._values(logs))

    def slopes(self, logs: Floats1) -> Floats2:
        """Return the derivatives of these errors, one evaluation a kind of parameter."""
        base = self._values(logs)
        at = self._errors_at(base)
        rows = np.arange(len(at))
        found = np.zeros((len(at), len(logs)))
        for kind in KINDS:
            moved = {**base, kind: base[kind] * np.exp(_STEP_LOG_RATIO)}
            found[rows, self.places[kind]] += (self._errors_at(moved) - at) / _STEP_LOG_RATIO
        return found

    def _values(self, logs: Floats1) -> dict[str, Floats]:
        """Return each kind's parameter run by run."""
        values = np.exp(logs)
        return {kind: values[self.places[kind]] for kind in KINDS}

    def _errors_at(self, values: dict[str, Floats]) -> Floats1:
        """Return the errors under parameters of every run."""
        parts = step_parts(self.load, combined(values, self.cards))
        return np.asarray(np.log(self.scale / parts.total_s / self.measured))


@dataclass(frozen=True, slots=True)
class HeldOutSpeeds:
    """Errors of runs that no parameter had seen, by what was left out."""

    log_errors: Mapping[Closeness, Floats1]

    def median_error_ratio(self, closeness: Closeness, chosen: Places | slice) -> float:
        """Return the median of ``|predicted / measured − 1|`` of some runs."""
        return float(np.median(np.abs(np.expm1(self.log_errors[closeness][chosen]))))


def is_speed(run: TrainingRun) -> bool:
    """Return whether a run measured how fast it was."""
    return run.metric != "peak_memory_bytes"


def read_speeds(path: Path, catalog: Catalog) -> tuple[TrainingRun, ...]:
    """Return the runs of a table of training that measured a speed.

    Rows that cannot be read are left out; ``rightrig accuracy`` names the reason of each.

    Raises:
        InputError: for a file that is no such table.
    """
    table = read_table(path)
    if table.name != "training":
        raise InputError(f"{path} is a table of kind {table.name}; this needs one of training")
    found: list[TrainingRun] = []
    for row in table.rows:
        with contextlib.suppress(RightrigError):
            found.append(training_run(row, catalog))
    return tuple(run for run in found if is_speed(run))


def design_of(runs: Iterable[TrainingRun]) -> SpeedDesign:
    """Return the runs of a speed as loads and the parameters that they use."""
    kept = tuple(runs)
    keys = [keys_of(run.job) for run in kept]
    names = tuple(sorted({(kind, key[kind]) for key in keys for kind in KINDS}))
    index = {name: place for place, name in enumerate(names)}
    shares = [card_shares(run.job.rig.gpu) for run in kept]
    return SpeedDesign(
        runs=kept,
        load=stacked([training_load(run.job) for run in kept]),
        cards=CardShares(
            *(
                np.array([float(getattr(share, field.name)) for share in shares])
                for field in fields(CardShares)
            )
        ),
        names=names,
        places={kind: np.array([index[kind, key[kind]] for key in keys]) for kind in KINDS},
        scale=np.array([_scale(run) for run in kept]),
        measured=np.array([run.measured for run in kept]),
    )


def _scale(run: TrainingRun) -> float:
    """Return what a step of one second would measure."""
    return run.job.step_tokens / run.job.cards_count * measure_per_token(run, run.metric)


def weights_of(design: SpeedDesign) -> Floats1:
    """Return how much each run counts: a table of a project and card as a whole."""
    return row_weights([(r.source, r.kind, r.job.rig.gpu.slug) for r in design.runs])


def fit_speeds(
    design: SpeedDesign,
    weights: Floats1,
    start: Floats1 | None = None,
    rounds_count: int = _ROUNDS_COUNT,
) -> Floats1:
    """Return the logarithms of the parameters that agree best with runs of a weight above 0."""
    # Here, not above: scipy takes longer to load than a prediction takes to make.
    from scipy.optimize import least_squares  # noqa: PLC0415

    priors = [prior(kind, key) for kind, key in design.names]
    mids = np.log([p.mid for p in priors])
    spreads = np.array([p.spread for p in priors])
    low = np.log([p.low for p in priors]) - _MARGIN_LOG_RATIO
    high = np.log([p.high for p in priors]) + _MARGIN_LOG_RATIO

    def residuals(logs: Floats1) -> Floats1:
        errors = np.clip(design.log_errors(logs), -_WILDEST_LOG_RATIO, _WILDEST_LOG_RATIO)
        return np.concatenate([weights * softened(errors), (logs - mids) / spreads])

    def jacobian(logs: Floats1) -> Floats2:
        errors = np.clip(design.log_errors(logs), -_WILDEST_LOG_RATIO, _WILDEST_LOG_RATIO)
        slopes = (weights * softened_slope(errors))[:, None] * design.slopes(logs)
        return np.vstack([slopes, np.diag(1.0 / spreads)])

    first = np.clip(
        mids if start is None else start, low + _MARGIN_LOG_RATIO, high - _MARGIN_LOG_RATIO
    )
    found = least_squares(
        residuals, first, jac=jacobian, bounds=(low, high), max_nfev=rounds_count,
        ftol=1e-5, xtol=1e-5, gtol=1e-6,
    )  # fmt: skip
    return np.asarray(found.x)


def hold_out(design: SpeedDesign, weights: Floats1, start: Floats1) -> HeldOutSpeeds:
    """Return the errors on every run when those nearest to it were left out.

    In turn a tenth of the tables of one framework, card and model; all of a project on a family
    of cards; a project; a project and all that others measured on the same family.
    """
    of = {"table": _table, "card": _card, "project": _project}
    groups = {name: np.array([group(run) for run in design.runs]) for name, group in of.items()}
    families = np.array([card_key(run.job.rig.gpu) for run in design.runs])
    folds = np.array([crc32(name.encode()) % FOLDS_COUNT for name in groups["table"]])
    left: dict[Closeness, list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]] = defaultdict(list)
    for fold in np.unique(folds):
        left["this framework and card"].append((folds == fold,) * 2)
    for card in np.unique(groups["card"]):
        own = groups["card"] == card
        left["this framework"].append((own, own))
        first = int(np.argmax(own))
        alike = (groups["project"] == groups["project"][first]) | (families == families[first])
        left["neither"].append((own, alike))
    for project in np.unique(groups["project"]):
        left["this card"].append((groups["project"] == project,) * 2)
    return HeldOutSpeeds(
        {close: _errors(design, weights, start, left[close]) for close in CLOSENESS}
    )


def _table(run: TrainingRun) -> str:
    """Return the rows of one project and framework about a model on a card."""
    return f"{run.source}|{run.kind}|{run.job.rig.gpu.slug}|{run.job.llm.slug}"


def _card(run: TrainingRun) -> str:
    """Return the rows of one project on a family of cards."""
    return f"{run.source}|{card_key(run.job.rig.gpu)}"


def _project(run: TrainingRun) -> str:
    """Return who published a run."""
    return run.source


def _errors(
    design: SpeedDesign,
    weights: Floats1,
    start: Floats1,
    left: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
) -> Floats1:
    """Return errors on the first runs of each pair when the second were left out of the fit."""
    found = np.zeros(len(design.runs))
    for judged, unseen in left:
        logs = fit_speeds(design, np.where(unseen, 0.0, weights), start, _ROUNDS_LEFT_OUT_COUNT)
        found[judged] = design.log_errors(logs)[judged]
    return found


def interval_ends(design: SpeedDesign, held: HeldOutSpeeds) -> dict[Closeness, tuple[float, float]]:
    """Return the ends of the central 80 % of measured over predicted speed.

    Every project counts alike, within it every card; weaker evidence is never narrower.
    """
    cards = [_card(run) for run in design.runs]
    sizes = {card: cards.count(card) for card in set(cards)}
    projects = [run.source for run in design.runs]
    own_cards = {
        p: len({c for c, q in zip(cards, projects, strict=True) if p == q}) for p in projects
    }
    share = np.array(
        [1.0 / (sizes[c] * own_cards[p]) for c, p in zip(cards, projects, strict=True)]
    )
    low, high = 1.0 / _NEAREST_RATIO, _NEAREST_RATIO
    found: dict[Closeness, tuple[float, float]] = {}
    for closeness in CLOSENESS:
        ratios = np.exp(-held.log_errors[closeness])
        low = min(low, _quantile_ratio(ratios, share, _LOW_RATIO))
        high = max(high, _quantile_ratio(ratios, share, 1.0 - _LOW_RATIO))
        found[closeness] = (low, high)
    return found


def _quantile_ratio(values: Floats1, shares: Floats1, at_ratio: float) -> float:
    """Return a weighted quantile."""
    order = np.argsort(values)
    reached = np.cumsum(shares[order]) / shares.sum()
    return float(values[order][min(int(np.searchsorted(reached, at_ratio)), len(values) - 1)])


def fitted_toml(
    design: SpeedDesign, logs: Floats1, ends: Mapping[Closeness, tuple[float, float]]
) -> str:
    """Return parameters, what they were fitted on and the intervals as a file."""
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for (kind, key), after in zip(design.names, np.exp(logs), strict=True):
        if abs(after / prior(kind, key).mid - 1.0) > _SAME_RATIO:
            values[kind][key] = float(after)
    projects: dict[str, int] = defaultdict(int)
    cards: dict[str, set[str]] = defaultdict(set)
    for run in design.runs:
        projects[run.source] += 1
        cards[run.kind].add(card_key(run.job.rig.gpu))
    lines = [
        "# What published runs of training made of the parameters of training_speed.toml.",
        "# Generated: python benchmarks/fit_training.py TABLE --write",
        "",
        "[meta]",
        f"projects = {json.dumps(sorted(projects))}",
        f"runs_count = {len(design.runs)}",
        "",
        "# Families of cards that were measured under each framework.",
        "[runs]",
        *(f"{json.dumps(name)} = {json.dumps(sorted(own))}" for name, own in sorted(cards.items())),
    ]
    for kind in KINDS:
        if values[kind]:
            lines += ["", f"[{kind}]"]
            lines += [f"{json.dumps(k)} = {v:.4g}" for k, v in sorted(values[kind].items())]
    lines += ["", "# Ends of the central 80 % of measured over predicted speed, on runs left out."]
    for closeness, (low, high) in ends.items():
        lines += [
            "", "[[interval]]", f"closeness = {json.dumps(closeness)}",
            f"low_ratio = {low:.3f}", f"high_ratio = {high:.3f}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
