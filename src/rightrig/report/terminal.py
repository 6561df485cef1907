"""Documents on a terminal (Rich) or in a pipe (plain text; Rich is not even imported)."""

from __future__ import annotations

import itertools
import sys
import textwrap
from typing import TYPE_CHECKING, Final, Literal

from rightrig.report.document import Bar, Bars, Chart, Grid, Paragraph

if TYPE_CHECKING:
    from rich.console import Console

    from rightrig.report.document import Document

BAR_WIDTH: Final = 44
LEAST_BAR: Final = 16
_STYLES: Final = {
    "plain": "", "title": "bold", "dim": "dim", "good": "bold green", "warn": "bold yellow",
    "bad": "bold red",
}  # fmt: skip
_GLYPHS: Final = "█▓▒░▚▞▌▄▀"
_PIPE_WIDTH: Final = 100
_CHART_WIDTH: Final = 36
_GAP: Final = 2
_INDENT: Final = 6
_LEAST_COLUMN: Final = 6
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show(document: Document) -> None:
    """Print a document to standard output."""
    if sys.stdout.isatty():
        _show_rich(document)
    else:
        sys.stdout.write(plain_text(document))


def plain_text(document: Document, width: int = _PIPE_WIDTH) -> str:
    """Return a document as plain text."""
    lines: list[str] = []
    for block in document:
        if isinstance(block, Paragraph) and block.is_file:
            lines += block.text.splitlines()
        elif isinstance(block, Paragraph):
            lines += textwrap.wrap(block.text, width, break_on_hyphens=False) or [""]
        elif isinstance(block, Grid):
            lines += _plain_grid(block) if block.below is None else below_lines(block, width)
        else:
            lines += _drawn_lines(block)
    return "\n".join(lines) + "\n"


def _plain_grid(grid: Grid) -> list[str]:
    """Return a table with aligned columns and no frame."""
    rows = [grid.headers, *grid.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(grid.headers))]

    def line(row: tuple[str, ...]) -> str:
        cells = [
            cell.rjust(width) if i in grid.numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    title = [grid.title] if grid.title else []
    rule = "  ".join("─" * width for width in widths)
    return [*title, line(grid.headers), rule, *(line(row) for row in grid.rows)]


def below_lines(grid: Grid, width: int) -> list[str]:
    """Return a table whose sentences stand under their rows, wrapped as their cells are.

    Hundreds of rows stay readable so; only an address may be wider than ``width``.
    """
    below = grid.below
    beside = [i for i in range(len(grid.headers)) if i != below]
    rows = [grid.headers, *grid.rows]
    natural = [max(len(row[i]) for row in rows) for i in beside]
    widths = _shared(natural, width - _GAP * (len(beside) - 1))
    rule = (" " * _GAP).join("─" * most for most in widths)
    numeric = [i in grid.numeric for i in beside]
    lines = [grid.title] if grid.title else []
    for number, row in enumerate(rows):
        lines += _cell_lines([row[i] for i in beside], widths, numeric)
        if number == 0:
            lines.append(rule)
        elif below is not None and row[below]:
            indent = " " * _INDENT
            lines += textwrap.wrap(
                row[below], width, initial_indent=indent, subsequent_indent=indent,
                break_on_hyphens=False, break_long_words=False,
            )  # fmt: skip
    return lines


def _shared(natural: list[int], room: int) -> list[int]:
    """Return widths of columns that fit a room: the narrow ones as they are, the wide ones equal.

    >>> _shared([6, 40, 10, 90], 60)
    [6, 22, 10, 22]
    """
    widths = list(natural)
    left, order = (
        max(room, _LEAST_COLUMN * len(natural)),
        sorted(range(len(natural)), key=natural.__getitem__),
    )
    for done, i in enumerate(order):
        widths[i] = min(natural[i], left // (len(order) - done))
        left -= widths[i]
    return widths


def _cell_lines(cells: list[str], widths: list[int], numeric: list[bool]) -> list[str]:
    """Return one row of a table, of as many lines as its fullest cell needs."""
    wrapped = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for parts in itertools.zip_longest(*wrapped, fillvalue=""):
        shown = [
            part.rjust(width) if is_number else part.ljust(width)
            for part, width, is_number in zip(parts, widths, numeric, strict=True)
        ]
        lines.append((" " * _GAP).join(shown).rstrip())
    return lines


def _drawn_lines(block: Bars | Chart, width: int = _PIPE_WIDTH) -> list[str]:
    """Return a drawing as text."""
    return bar_lines(block, width) if isinstance(block, Bars) else chart_lines(block, width)


def chart_lines(chart: Chart, width: int = _PIPE_WIDTH) -> list[str]:
    """Return horizontal bars as text, to an eighth of a cell."""
    label = max((len(row.label) for row in chart.rows), default=0)
    note = max((len(row.note) for row in chart.rows), default=0)
    cells = max(LEAST_BAR, min(_CHART_WIDTH, width - label - note - 2))
    lines = [chart.title] if chart.title else []
    for row in chart.rows:
        whole, eighths = divmod(round(8 * cells * min(max(row.length_ratio, 0.0), 1.0)), 8)
        drawn = ("█" * whole + (_EIGHTHS[eighths] if eighths else "")).ljust(cells)
        lines.append(f"{row.label.ljust(label)} {drawn} {row.note}".rstrip())
    return lines


def bar_lines(block: Bars, width: int = _PIPE_WIDTH) -> list[str]:
    """Return stacked bars as text, a glyph a part, with a legend below."""
    names = list(dict.fromkeys(name for bar in block.bars for name, _ in bar.parts))
    glyphs = {name: _GLYPHS[i % len(_GLYPHS)] for i, name in enumerate(names)}
    label = max(len(bar.label) for bar in block.bars)
    note = max(len(bar.note) for bar in block.bars)
    cells = max(LEAST_BAR, min(BAR_WIDTH, width - label - note - 5))
    lines = [f"{b.label.ljust(label)} {_bar(b, glyphs, cells)} {b.note}" for b in block.bars]
    legend = "  ".join(f"{glyphs[name]} {block.legend.get(name, name)}" for name in names)
    keys = textwrap.wrap(f"{legend}  · free  │ budget", max(20, width - 4))
    return [*lines, *(f"    {line}" for line in keys)]


def _bar(bar: Bar, glyphs: dict[str, str], width: int) -> str:
    """Return one bar of ``width`` cells; a part too large for it is cut at the end."""
    cells = ["·"] * width
    reached = 0.0
    for name, size in bar.parts:
        first = min(width, round(reached / bar.whole * width))
        reached += size
        last = min(width, round(reached / bar.whole * width))
        for i in range(first, max(last, min(first + 1, width)) if size > 0 else first):
            cells[i] = glyphs[name]
    mark = min(width - 1, round(bar.mark / bar.whole * width))
    over = "»" if reached > bar.whole else "▏"
    return "▕" + "".join(cells[:mark]) + "│" + "".join(cells[mark:]) + over


def _show_rich(document: Document) -> None:
    """Print with colours and tables that fit the terminal."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal

    show_on(Console(highlight=False), document)


def show_on(console: Console, document: Document) -> None:
    """Print a document on a console of Rich."""
    for block in document:
        if isinstance(block, Paragraph):
            # A wrapped line of a file would be two of them for who copies it.
            console.print(
                block.text, style=_STYLES[block.style], markup=False, soft_wrap=block.is_file
            )
        elif isinstance(block, Grid) and block.below is not None:
            for line in below_lines(block, console.width):
                console.print(line, markup=False, soft_wrap=True)
        elif isinstance(block, Grid):
            _rich_grid(console, block)
        else:
            for line in _drawn_lines(block, console.width):
                console.print(line, markup=False)


def _rich_grid(console: Console, grid: Grid) -> None:
    """Print one table with Rich, or plainly where the terminal is too narrow for a frame."""
    from rich import box  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415 - only on a terminal

    table = Table(
        box=box.SIMPLE_HEAD,
        title=grid.title or None,
        title_justify="left",
        title_style="",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown = columns_that_fit(grid, console.width)
    for i in shown:
        justify: Literal["right", "left"] = "right" if i in grid.numeric else "left"
        table.add_column(grid.headers[i], justify=justify, overflow="fold")
    for row in grid.rows:
        table.add_row(*(row[i].replace("[", r"\[") for i in shown))
    console.print(table)
    if len(shown) < len(grid.headers):
        left_out = ", ".join(h for i, h in enumerate(grid.headers) if i not in shown)
        console.print(f"(a wider terminal or --json also shows {left_out})", style="dim")


def columns_that_fit(grid: Grid, width: int) -> tuple[int, ...]:
    """Return the columns to show: all, or without spare ones until the rest fits."""
    widths = [
        max(len(row[i]) for row in (grid.headers, *grid.rows)) for i in range(len(grid.headers))
    ]
    shown = list(range(len(grid.headers)))
    for column in grid.spare:
        if sum(widths[i] + 1 for i in shown) <= width:
            break
        shown.remove(column)
    return tuple(shown)
