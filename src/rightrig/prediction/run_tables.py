"""Tables of measured runs, read and planned: every row a plan or a reason."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, RightrigError
from rightrig.facts.measurement import read_table
from rightrig.prediction.accuracy_words import source_project
from rightrig.prediction.parameters import family_of
from rightrig.prediction.plausibility import implausible
from rightrig.prediction.reading_runs import read_run
from rightrig.prediction.run_plan import plan_run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.evidence import Quantity
    from rightrig.prediction.run_plan import RunPlan


_DEFECTS: Final = frozenset({"PLA-ROOFLINE"})
"""Rules whose breach makes a row unfit to judge or to fit by. Experts may be chosen alike, and what
does not fit the card of our record may have run on another size of it: those rows stay."""

_KEPT_FOR_TESTS: Final = ("casys-kaist/LLMServingSim",)
"""Projects whose runs the simulator is tested on, request by request."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row of a table: its plan, or why it has none.

    Attributes:
        file: The table's file, without its ending.
        project: Who published it.
    """

    file: str
    row: Measurement
    project: str
    plan: RunPlan | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row that can be predicted, with the names that group it."""

    file: str
    row: Measurement
    project: str
    plan: RunPlan

    @property
    def era(self) -> str:
        """The era of its engine."""
        return self.plan.engine.era

    @property
    def card(self) -> str:
        """The card's slug."""
        return self.plan.run.rig.gpu.slug

    @property
    def family(self) -> str:
        """The card's family of efficiencies."""
        name: str = family_of(self.plan.run.rig.gpu)["name"]
        return name

    @property
    def is_of_prompts(self) -> bool:
        """Whether prompts alone decide the value."""
        return self.plan.run.metric in {"ttft_s", "prompt_tokens_per_s"}

    @property
    def table(self) -> str:
        """The published table it stands in: one source, kind, engine, card and model."""
        run = self.plan.run
        return f"{self.project}|{run.kind}|{self.era}|{self.card}|{run.llm.name}"

    @property
    def quantity(self) -> Quantity:
        """What interval its value has."""
        run = self.plan.run
        if self.is_of_prompts:
            return "ttft"
        if run.regime == "offline":
            return "maximum"
        return "tpot" if run.metric == "tpot_s" or run.regime == "decode" else "throughput"

    @property
    def has_experts(self) -> bool:
        """Whether the model is a mixture of experts."""
        return self.plan.run.llm.has_experts


def read_rows(paths: Iterable[Path], catalog: Catalog) -> tuple[RunRow, ...]:
    """Return every row of some tables of inference runs.

    Raises:
        InputError: for a file that is no such table.
    """
    return tuple(
        read_row(path.stem, row, catalog) for path in paths for row in _inference_rows(path)
    )


def planned(rows: Iterable[RunRow]) -> tuple[PlannedRow, ...]:
    """Return the rows that can be predicted."""
    return tuple(
        PlannedRow(row.file, row.row, row.project, row.plan) for row in rows if row.plan is not None
    )


def fitted_on(rows: Iterable[RunRow]) -> tuple[PlannedRow, ...]:
    """Return the runs that parameters are fitted on: those that no other test is kept for."""
    return tuple(run for run in planned(rows) if run.project not in _KEPT_FOR_TESTS)


def _inference_rows(path: Path) -> tuple[Measurement, ...]:
    """Return the rows of a table of inference runs."""
    table = read_table(path)
    if table.name != "inference":
        raise InputError(f"{path} is a table of kind {table.name}; this needs one of inference")
    return table.rows


def read_row(file: str, row: Measurement, catalog: Catalog) -> RunRow:
    """Return one row with its plan, or with the reason why there is none."""
    project = _project(row["source"])
    try:
        run = read_run(row, catalog)
        broken = [found for found in implausible(run) if found.rule_id in _DEFECTS]
        plan = None if broken else plan_run(run)
    except RightrigError as error:
        return RunRow(file, row, project, None, str(error))
    reason = f"{broken[0].rule_id}: {broken[0].reason}" if broken else ""
    return RunRow(file, row, project, plan, reason)


@functools.lru_cache(maxsize=4096)
def _project(source: str) -> str:
    return source_project(source)
