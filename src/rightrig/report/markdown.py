"""Documents as GitHub-flavoured Markdown: for an issue, a wiki, a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rightrig.report.document import Grid
from rightrig.report.page import VERDICT_OF_STYLE
from rightrig.report.views import (
    SIGNS,
    BarsView,
    CellView,
    ChartView,
    GridView,
    ListView,
    TextView,
    grid_view,
    views_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.report.document import Document
    from rightrig.report.page import Page
    from rightrig.report.views import View

_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~$])")
_LEADING: Final = re.compile(r"^(\d*)([#+.)-])(?=[\s#]|$)")
_FENCE: Final = re.compile(r"`+")


def markdown(document: Document, heading_level: int = 2) -> str:
    """Return a document as Markdown, without the page around it."""
    return "\n\n".join(_block(view, heading_level) for view in views_of(document)) + "\n"


def markdown_page(page: Page) -> str:
    """Return a whole page as Markdown, the answer first."""
    parts = [f"# {escaped(page.title)}", *(_line(sentence) for sentence in page.asked)]
    parts += [_quoted(_block(view, 2)) for view in views_of(page.answer)]
    parts += [_block(view, 2) for view in views_of(page.body)]
    if page.notes:
        parts += ["## Notes and assumptions", *(_block(v, 3) for v in views_of(page.notes))]
    if page.sources:
        parts += ["## Sources", _sources(page)]
    parts += [
        "## How to read and repeat it",
        "Two numbers with “…” between them are the ends of the central 80 %. Memory is in GiB.",
        _fenced(page.command, "console"),
        f"rightrig {escaped(page.version)}, {page.made_on.isoformat()}",
    ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Return a text in which no character means anything to Markdown, its math or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))


def _line(text: str) -> str:
    """Return an escaped text for the start of a line, where a few more signs have a meaning."""
    return _LEADING.sub(r"\1\\\2", escaped(text))


def _block(view: View, level: int) -> str:
    """Return one block."""
    if isinstance(view, TextView):
        return _text(view, level)
    if isinstance(view, ListView):
        return "\n".join(f"- {_line(item)}" for item in view.items)
    if isinstance(view, GridView):
        return _table(view)
    return _table(view.numbers) if isinstance(view, BarsView) else _chart(view)


def _text(view: TextView, level: int) -> str:
    """Return a heading, a file or a paragraph; a verdict is bold behind its sign."""
    if view.role == "file":
        return _fenced(view.text)
    text = _line(view.text)
    if view.role == "title":
        return f"{'#' * level} {text}"
    if view.role in VERDICT_OF_STYLE:
        return f"**{SIGNS[VERDICT_OF_STYLE[view.role]]} {text}**"
    return text


def _fenced(text: str, language: str = "") -> str:
    """Return a text as it is, between fences longer than any in it."""
    fence = "`" * max(3, 1 + max((len(f) for f in _FENCE.findall(text)), default=0))
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def _table(view: GridView) -> str:
    """Return a table, below its caption where it has one of its own."""
    rule = "|".join("---:" if head.is_number else "---" for head in view.heads)
    above = [f"*{escaped(view.caption)}*", ""] if view.is_titled else []
    lines = (_row(view.heads), f"|{rule}|", *(_row(row) for row in view.rows))
    return "\n".join((*above, *lines))


def _row(cells: Iterable[CellView]) -> str:
    """Return one row of a table."""
    texts = (
        f"{SIGNS[one.verdict]} {escaped(one.text)}" if one.verdict else escaped(one.text)
        for one in cells
    )
    return f"| {' | '.join(texts)} |"


def _chart(view: ChartView) -> str:
    """Return horizontal bars as the table of their notes."""
    rows = tuple((label, note) for label, _, note in view.rows)
    return _table(grid_view(Grid(("", ""), rows, (1,), title=view.caption)))


def _sources(page: Page) -> str:
    """Return the sources, a list a record."""
    lines = []
    for what, of_it in page.sources:
        lines.append(f"- {_line(what)}")
        for one in of_it:
            shown = escaped(one.reference)
            linked = f"[{shown}](<{one.url}>)" if one.url else shown
            said = (linked, escaped(one.kind), escaped(one.date), escaped(one.about))
            lines.append(f"  - {', '.join(text for text in said if text)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Return a block as a quotation, which sets it apart."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
