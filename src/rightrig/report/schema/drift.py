"""What ``watch drift`` answers: figures of kept runs, and which of them shifted."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.shared import IntervalJson


class DriftShiftJson(TypedDict):
    """Where a figure shifted.

    Attributes:
        direction: ``neither`` where neither way is the better one.
        run: The first run after it.
        before, after: Medians, in the unit that ends the figure's name.
        change_ratio: After over before, less one.
        p_ratio: How often chance does as well, corrected for the number of figures.
        is_gradual: It moves on within both parts.
        is_over: The newest runs are back where they were.
        changed_versions: Software that changed between the runs on its two sides.
    """

    direction: Literal["worse", "better", "neither"]
    date: str
    run: int
    before: float
    after: float
    change_ratio: IntervalJson | None
    p_ratio: float
    is_gradual: bool
    is_over: bool
    changed_versions: list[str]


class DriftFigureJson(TypedDict):
    """One figure over the runs of one command."""

    kind: str
    machine: str
    command: str
    figure: str
    of: str
    verdict: Literal["steady", "shifted", "too few runs"]
    runs_count: int
    needed_runs_count: int
    first_date: str
    last_date: str
    median: float
    spread: float | None
    shift: DriftShiftJson | None


class DriftJson(TypedDict):
    """Which figures of kept runs shifted; worse ones make the answer no."""

    store: str
    machine: str
    since: str | None
    runs_count: int
    newest_run: str | None
    figures_count: int
    worse_count: int
    better_count: int
    figures: list[DriftFigureJson]
