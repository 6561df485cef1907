"""The JSON of ``calibrate``."""

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
