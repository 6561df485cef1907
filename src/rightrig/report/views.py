"""The blocks of a document as a template draws them: lists, tables with verdicts, bars in per cent.

Nothing here knows HTML; the templates in ``report/templates`` hold all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.report.document import Bars, Chart, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rightrig.report.document import Bar, Document

SIGNS: Final[Mapping[str, str]] = {"fits": "✓", "tight": "▲", "offload": "⇅", "no": "✕"}
"""A verdict is never told by its colour alone: the sign that stands before its word."""
_ITEM_STARTS: Final = ("  ", "- ")
_PARTS_STYLED: Final = 8
"""Colours of parts in ``report.css``; a ninth part begins again."""
_WHOLE_RATIO: Final = 1.00001
"""Rounding does not make a full bar one that is over."""
_LONG_LETTERS: Final = 28
"""A column with a longer text than this is not pressed narrower on a phone."""
_LETTER_RATIO: Final = 0.022
"""Width of a letter on a phone, of the width of a bar: a name is drawn where it has room."""


@dataclass(frozen=True, slots=True)
class ListView:
    """Indented lines, one after another."""

    items: tuple[str, ...]
    kind: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class TextView:
    """A heading or a paragraph; ``role`` is the document's ``style``, or ``file``: as it is."""

    text: str
    role: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell; ``verdict`` is empty where the word is no verdict, a long column is kept wide."""

    text: str
    is_number: bool
    verdict: str = ""
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class GridView:
    """A table: a caption, heads and cells.

    Attributes:
        is_titled: Whether the caption is a title of its own; else it is for ears only.
    """

    caption: str
    is_titled: bool
    heads: tuple[CellView, ...]
    rows: tuple[tuple[CellView, ...], ...]
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True, slots=True)
class PartView:
    """A part of a bar: where it begins and how wide it is, in per cent of the whole."""

    name: str
    place: int
    text: str
    start_percent: str
    width_percent: str
    has_room: bool


@dataclass(frozen=True, slots=True)
class BarView:
    """One stacked bar with its budget; one that is over holds more than the whole."""

    label: str
    note: str
    mark_percent: str
    is_over: bool
    parts: tuple[PartView, ...]


@dataclass(frozen=True, slots=True)
class BarsView:
    """Stacked bars, their legend, and their numbers as a table."""

    bars: tuple[BarView, ...]
    legend: tuple[tuple[int, str], ...]
    numbers: GridView
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True, slots=True)
class ChartView:
    """Horizontal bars: label, width in per cent, note."""

    caption: str
    rows: tuple[tuple[str, str, str], ...]
    kind: Literal["chart"] = "chart"


View = TextView | ListView | GridView | BarsView | ChartView


def views_of(document: Document) -> Iterator[View]:
    """Yield what to draw; lines of a list that follow each other are one."""
    items: list[str] = []
    heading = ""
    for block in document:
        if isinstance(block, Paragraph) and _is_item(block):
            items.append(block.text.strip().removeprefix("- "))
            continue
        if items:
            yield ListView(tuple(items))
            items = []
        if isinstance(block, Paragraph):
            heading = block.text if block.style == "title" else heading
            if block.text.strip():
                yield TextView(block.text, "file" if block.is_file else block.style)
        elif isinstance(block, Grid):
            yield grid_view(block, heading)
        else:
            yield bars_view(block) if isinstance(block, Bars) else chart_view(block, heading)
    if items:
        yield ListView(tuple(items))


def _is_item(paragraph: Paragraph) -> bool:
    """Say whether a paragraph is a line of a list."""
    is_line = paragraph.style == "plain" and not paragraph.is_file
    return is_line and paragraph.text.startswith(_ITEM_STARTS)


def grid_view(grid: Grid, heading: str = "") -> GridView:
    """Return a table; without a title its caption is the heading above it, or its columns."""
    columns = [_column_view(grid, i) for i in range(len(grid.headers))]
    heads = tuple(CellView(text, i in grid.numeric) for i, text in enumerate(grid.headers))
    caption = grid.title.rstrip(":") or heading or ", ".join(grid.headers)
    return GridView(caption, bool(grid.title), heads, tuple(zip(*columns, strict=True)))


def _column_view(grid: Grid, column: int) -> list[CellView]:
    """Return the cells of a column below its head."""
    texts, is_number = [row[column] for row in grid.rows], column in grid.numeric
    is_verdict = _is_of_verdicts(texts)
    is_long = not is_number and max(map(len, texts), default=0) > _LONG_LETTERS
    return [CellView(text, is_number, text if is_verdict else "", is_long) for text in texts]


def _is_of_verdicts(column: Iterable[str]) -> bool:
    """Say whether a column holds verdicts; one of nothing but "no" may answer any question."""
    words = {text for text in column if text}
    return bool(words) and words <= SIGNS.keys() and words != {"no"}


def bars_view(block: Bars) -> BarsView:
    """Return stacked bars; what lies beyond the whole is cut, its number stays in the table."""
    names = list(dict.fromkeys(name for bar in block.bars for name, _ in bar.parts))
    shown = {name: block.legend.get(name, name) for name in names}
    bars = tuple(_bar_view(bar, shown) for bar in block.bars)
    legend = tuple((place % _PARTS_STYLED, text) for place, text in enumerate(shown.values()))
    return BarsView(bars, legend, _numbers(block, shown))


def _bar_view(bar: Bar, shown: Mapping[str, str]) -> BarView:
    """Return one bar; a part that would end beyond it is cut there."""
    places = {name: place for place, name in enumerate(shown)}
    parts, reached = [], 0.0
    for name, size in bar.parts:
        start, reached = reached, reached + size / bar.whole
        width = max(0.0, min(reached, 1.0) - min(start, 1.0))
        text = f"{shown[name]}: {size:,.2f}"
        has_room = width > _LETTER_RATIO * (len(shown[name]) + 2)
        place = places[name] % _PARTS_STYLED
        parts.append(PartView(shown[name], place, text, _percent(start), _percent(width), has_room))
    mark = _percent(bar.mark / bar.whole)
    is_over = reached > _WHOLE_RATIO
    return BarView(
        bar.label, bar.note, mark, is_over, tuple(p for p in parts if p.width_percent != "0%")
    )


def _numbers(block: Bars, shown: Mapping[str, str]) -> GridView:
    """Return the numbers of stacked bars: a row a part, a column a bar."""
    sizes = [dict(bar.parts) for bar in block.bars]
    rows = [
        (text, *(f"{size[name]:,.2f}" if name in size else "–" for size in sizes))
        for name, text in shown.items()
    ]
    rows.append(("sum", *(f"{sum(size.values()):,.2f}" for size in sizes)))
    rows.append(("budget", *(f"{bar.mark:,.2f}" for bar in block.bars)))
    rows.append(("whole", *(f"{bar.whole:,.2f}" for bar in block.bars)))
    unit = f", {block.unit}" if block.unit else ""
    heads = (f"part{unit}", *(bar.label for bar in block.bars))
    numeric = tuple(range(1, len(heads)))
    return grid_view(Grid(heads, tuple(rows), numeric, title=f"The numbers of the bars{unit}"))


def chart_view(chart: Chart, heading: str = "") -> ChartView:
    """Return horizontal bars."""
    rows = tuple((row.label, _percent(max(row.length_ratio, 0.0)), row.note) for row in chart.rows)
    return ChartView(chart.title or heading, rows)


def _percent(share_ratio: float) -> str:
    """Return a share of a width, to a hundredth of a per cent."""
    return f"{min(100.0 * share_ratio, 100.0):.2f}".rstrip("0").rstrip(".") + "%"
