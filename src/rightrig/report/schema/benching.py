"""The JSON of ``bench``."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import IntervalJson

HealthWord: TypeAlias = Literal["healthy", "degraded", "not judged"]
"""What a machine's figures come to."""


class BenchFigureJson(TypedDict):
    """One figure; rates are of bytes or flop, by ``unit``, and null where it is a time."""

    block: str
    name: str
    labels: dict[str, str | float]
    unit: Literal["bytes", "flop", "s"]
    rate_per_s: float | None
    time_s: float
    time_p10_s: float
    time_p90_s: float
    repeats_count: int
    datasheet_s: float | None
    datasheet_ratio: float | None
    expected_s: IntervalJson | None
    evidence: str
    earlier_s: float | None
    change_ratio: float | None
    kernel: str
    graphed: bool
    clock_hz: float | None
    error_ratio: float | None
    tolerated_ratio: float
    notes: list[str]


class BenchFindingJson(TypedDict):
    """One rule and whether it holds."""

    id: str
    verdict: HealthWord
    found_ratio: float
    least_ratio: float
    sentence: str
    causes: list[str]


class BenchGapJson(TypedDict):
    """What was not measured."""

    block: str
    what: str
    why: str


class BenchConditionJson(TypedDict):
    """In what state the machine was; null where nobody tells."""

    limit_w: float | None
    usual_limit_w: float | None
    pcie_lanes_count: int | None
    pcie_most_lanes_count: int | None
    pcie_generation: int | None
    pcie_most_generation: int | None
    ecc_on: bool | None
    ecc_uncorrected_count: int | None
    remapped_rows_count: int | None
    most_clock_hz: float | None
    other_processes_count: int | None
    others_busy_ratio: float | None
    slow_clock_reasons: list[str]


class BenchJson(TypedDict):
    """``bench``."""

    run: int
    device: str
    title: str
    versions: dict[str, str]
    verdict: HealthWord
    why: str
    interrupted: bool
    taken_s: float
    condition: BenchConditionJson
    findings: list[BenchFindingJson]
    figures: list[BenchFigureJson]
    more_figures_count: int
    left_out: list[BenchGapJson]
