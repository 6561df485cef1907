"""What ``compare`` answers."""

from typing_extensions import TypedDict


class ComparedJson(TypedDict):
    """One quantity, a value a rig."""

    name: str
    label: str
    values: list[float | None]


class FactorJson(TypedDict):
    """A factor of a ratio."""

    label: str
    ratio: float


class GapJson(TypedDict):
    """A ratio between two cards as a product of factors."""

    quantity: str
    over: str
    under: str
    ratio: float
    factors: list[FactorJson]


class CompareJson(TypedDict):
    """Rigs side by side."""

    rigs: list[str]
    quantities: list[ComparedJson]
    factors: list[GapJson]
    notes: list[str]
    warnings: list[str]
