"""The rows of the table of models as HTML.

A page has a hundred rows of forty short texts each: a template takes as long for them as the models
of memory and speed take for the answer. What is here is plain text joined; every text that comes
from a catalogue goes through :func:`_safe` first, the rest are numbers and words of our own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.web.pages.configurator_table import Cell, Refused, Row

_SLO_WORDS: Final = {
    "": "", "surely": "<small>surely kept</small>", "likely": "<small>likely kept</small>",
    "not": "<small>missed</small>",
}  # fmt: skip


@functools.lru_cache(8192)
def _safe(text: str) -> str:
    """Return a text of a catalogue, escaped."""
    return str(escape(text))


def rows_html(rows: Iterable[Row], asks: str) -> Markup:
    """Return the rows of the models that fit.

    Args:
        rows: What they show.
        asks: The query that chooses a row's model, but for the model.
    """
    query = _safe(asks)
    return Markup("".join([_row(row, query) for row in rows]))  # noqa: S704 - escaped text by text


def refused_html(rows: Iterable[Refused], asks: str) -> Markup:
    """Return the rows of the models that do not fit, as :func:`rows_html`."""
    query = _safe(asks)
    return Markup("".join([_refused(row, query) for row in rows]))  # noqa: S704 - as above


def _row(row: Row, query: str) -> str:
    """Return one model that fits."""
    slug, name, word = _safe(row.slug), _safe(row.name), row.verdict
    head = '<tr class="chosen">' if row.is_chosen else "<tr>"
    current = ' aria-current="true"' if row.is_chosen else ""
    cells = "".join([_cell(one) for one in row.cells])
    return (
        f'{head}<td><span class="verdict-{word}"><span aria-hidden="true">{row.sign}</span> {word}'
        f"</span>{_SLO_WORDS[row.slo]}</td>\n"
        f'<th scope="row"><a href="/models/{slug}">{name}</a>'
        f"<small>{_safe(row.owner)}</small></th>"
        f'<td class="num">{row.size}</td><td>{_safe(row.weights)}<small>{_safe(row.engine)}</small>'
        f'</td><td class="num">{row.context}</td><td class="num">{row.users}</td>{cells}\n'
        f'<td><a class="state choose" href="/?{query}{slug}"'
        f' aria-label="Draw the memory of {name}"{current}>bars</a> '
        f'<details class="why"><summary aria-label="Why {name} {word}">why</summary><div>'
        f'<a href="/why?{query}{slug}">the arithmetic</a></div></details></td></tr>\n'
    )


def _cell(one: Cell) -> str:
    """Return a predicted number above the ends of its interval."""
    if not one.mid:
        return '<td class="num">–</td>'
    return f'<td class="num">{one.mid}<small>{one.ends}</small></td>'


def _refused(row: Refused, query: str) -> str:
    """Return one model that does not fit."""
    slug, name = _safe(row.slug), _safe(row.name)
    head = '<tr class="chosen">' if row.is_chosen else "<tr>"
    return (
        f'{head}<th scope="row"><a href="/models/{slug}">{name}</a>'
        f"<small>{_safe(row.owner)}</small>"
        f'</th><td class="num">{row.size}</td><td>{_safe(row.weights)}<small>{_safe(row.engine)}'
        '</small></td><td class="long"><span class="verdict-no"><span aria-hidden="true">✕</span> '
        f'no:</span> {_safe(row.why)} <a class="state choose" href="/?{query}{slug}" '
        f'aria-label="Draw the memory of {name}">bars</a></td></tr>\n'
    )
