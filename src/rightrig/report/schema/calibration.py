"""The JSON of ``calibrate``."""

from typing import TypeAlias

from typing_extensions import TypedDict


class MoveJson(TypedDict):
    """A parameter that moved, in the unit of its kind."""

    kind: str
    key: str
    before: float
    after: float


class CalibrationJson(TypedDict):
    """``calibrate``; a group has an error for each way of leaving runs out, by its name."""

    rows_count: int
    runs_count: int
    moves: list[MoveJson]
    groups: list[dict[str, str]]
    written: list[str]


class EndsJson(TypedDict):
    """The ends of the central 80 %, over the middle."""

    low_ratio: float
    high_ratio: float


class MachineFitJson(TypedDict):
    """One engine on one card of this machine; intervals by quantity."""

    card: str
    era: str
    models: list[str]
    figures_count: int
    median_abs_error_before_ratio: float
    median_abs_error_after_ratio: float
    median_abs_error_left_out_ratio: float | None
    moves: list[MoveJson]
    interval_ends: dict[str, EndsJson]


class MachineCalibrationJson(TypedDict):
    """``calibrate --mine``."""

    machine_fits: list[MachineFitJson]
    written: list[str]


CalibrationAnswerJson: TypeAlias = CalibrationJson | MachineCalibrationJson
"""``calibrate``: of tables, or of one's own runs."""
