"""A document: paragraphs, tables and bars, before they meet a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One line of text, or one that may be wrapped; ``style`` is a hint for terminals.

    A plain one of several lines is a file or a program, and is shown as it is.
    """

    text: str
    style: Literal["plain", "title", "dim", "good", "warn", "bad"] = "plain"

    @property
    def is_file(self) -> bool:
        """Whether its lines are shown as they are."""
        return self.style == "plain" and "\n" in self.text.strip("\n")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        headers: One a column.
        rows: Texts, a cell a column.
        numeric: Columns that hold numbers.
        spare: Columns that a narrow terminal may leave out, in this order.
        below: A column of sentences that a terminal prints under its row, over the whole width.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    title: str = ""
    spare: tuple[int, ...] = ()
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One stacked bar: parts in one unit, the whole, and a mark on the way."""

    label: str
    parts: tuple[tuple[str, float], ...]
    whole: float
    mark: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars with one legend; ``unit`` is that of the parts."""

    bars: tuple[Bar, ...]
    legend: dict[str, str] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Length:
    """One row of a chart.

    Attributes:
        length_ratio: Of the longest possible bar.
        note: What stands behind the bar.
    """

    label: str
    length_ratio: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars, one a row."""

    rows: tuple[Length, ...]
    title: str = ""


Block: TypeAlias = Paragraph | Grid | Bars | Chart
Document: TypeAlias = tuple[Block, ...]
