"""The explain protocol: why a result is what it is, in sentences, numbers and sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an explanation.

    Attributes:
        name: The quantity, with its unit at the end, as in the JSON output.
        value: The number itself; its unit is the end of ``name``.
        text: The number as people read it.
        source: Where it comes from: a record, a formula, or a fitted parameter.
    """

    name: str
    value: float
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences that a person reads, the figures in them, and where those come from."""

    sentences: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    sources: tuple[str, ...] = field(default=())


@runtime_checkable
class Explainable(Protocol):
    """A result that can say why: fits, predictions, plans and costs do."""

    def explain(self) -> Explanation:
        """Return the reasons, with their numbers and sources."""
        ...
