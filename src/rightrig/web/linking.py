"""Addresses of records, and names in tables made into links to them."""

from __future__ import annotations

import functools
import html
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from markupsafe import Markup

from rightrig.report.html import fragment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.report.document import Document

_CELL: Final = re.compile(r"(<t[hd][^>]*>)([^<>]{1,120})(</t[hd]>)")
_RIG: Final = re.compile(r"(?:\d+n:)?\d{1,2}x([a-z0-9.-]+)(?:@[a-z0-9.=/-]+)*", re.IGNORECASE)
_KINDS: Final = (
    ("gpus", "/gpus/"), ("llms", "/models/"), ("systems", "/rigs/"), ("runtimes", "/runtimes/"),
)  # fmt: skip


def rig_url(text: str) -> str:
    """Return the address of a rig's page, by its notation.

    >>> rig_url("4xrtx-4090+1xa100-sxm-80gb"), rig_url("2n:8xh200-sxm@net=50GB/s")
    ('/rigs/4xrtx-4090+1xa100-sxm-80gb', '/rigs/2n:8xh200-sxm@net=50GB%2Fs')
    """
    return f"/rigs/{quote(text, safe='+@:=,')}"


def configurator_url(rig: str) -> str:
    """Return the address of the configurator with a rig built.

    >>> configurator_url("4xrtx-4090+1xa100-sxm-80gb")
    '/?v=1&rig=4xrtx-4090%2B1xa100-sxm-80gb'
    """
    return f"/?{urlencode({'v': '1', 'rig': rig})}"


@functools.lru_cache(maxsize=4)
def addresses(catalog: Catalog) -> Mapping[str, str]:
    """Return the address of each record by its slug and, of models, by its hub id."""
    found: dict[str, str] = {}
    for kind, path in _KINDS:
        for slug in catalog.slugs(kind):
            found.setdefault(slug, f"{path}{slug}")
    for slug in catalog.slugs("llms"):
        found.setdefault(catalog.llm(slug).name, f"/models/{slug}")
    return found


def linked(document: Document, catalog: Catalog, heading_level: int = 2) -> Markup:
    """Return a document as HTML, cells that name a record or a rig linked to its page."""
    known = addresses(catalog)

    def with_link(cell: re.Match[str]) -> str:
        text = html.unescape(cell[2]).strip()
        address = known.get(text) or _rig_address(text, known)
        if not address:
            return cell[0]
        return f'{cell[1]}<a href="{html.escape(address)}">{cell[2]}</a>{cell[3]}'

    drawn = _CELL.sub(with_link, fragment(document, heading_level))
    # The corner of a matrix is no head of anything.
    drawn = drawn.replace('<th scope="col"></th>', "<td></td>")
    return Markup(drawn)  # noqa: S704 - escaped by the templates


def _rig_address(text: str, known: Mapping[str, str]) -> str | None:
    """Return the address of a rig that a cell names by its notation; ``None`` for other texts."""
    groups = [_RIG.fullmatch(part) for part in text.split("+")]
    if not all(group and known.get(group[1], "").startswith("/gpus/") for group in groups):
        return None
    return rig_url(text)
