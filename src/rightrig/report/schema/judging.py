"""What ``accuracy`` answers."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

AxisWord: TypeAlias = Literal["gpu", "runtime", "metric", "model", "source"]


class ScoreJson(TypedDict):
    """How well some rows are predicted; ratios are null where no row has a prediction."""

    rows: int
    predicted: int
    coverage_ratio: float
    median_abs_error_ratio: float | None
    p90_abs_error_ratio: float | None
    bias_ratio: float | None
    interval_hit_ratio: float | None
    median_width_ratio: float | None
    interval_score: float | None


class JudgedValueJson(TypedDict):
    """A prediction, and how far it is from the measured value."""

    predicted: float | None
    low: float | None
    high: float | None
    error_ratio: float | None
    reason: str


class JudgedRowJson(JudgedValueJson):
    """One row of the table; what else it measured by its column."""

    row: int
    also: NotRequired[dict[str, JudgedValueJson]]


class TableAccuracyJson(TypedDict):
    """A table of measured runs beside its predictions."""

    table: str
    summary: ScoreJson
    groups: dict[AxisWord, dict[str, ScoreJson]]  # by what rows are of, then by name
    also: NotRequired[dict[str, ScoreJson]]
    rows: list[JudgedRowJson]


class GoldenAccuracyJson(TableAccuracyJson):
    """The golden rows of memory, and beside them those of speed."""

    speed: TableAccuracyJson


AccuracyAnswerJson: TypeAlias = TableAccuracyJson | GoldenAccuracyJson
