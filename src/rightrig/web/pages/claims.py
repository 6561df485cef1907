"""``/claims``: published figures computed again, and measured rows that cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request

from rightrig.errors import RightrigError
from rightrig.facts.measurement import read_table
from rightrig.prediction.accuracy import GOLDEN_SPEED
from rightrig.prediction.defects import find_defects
from rightrig.prediction.rechecks import NEAR_RATIO, SAME_RATIO, Recheck, rechecks
from rightrig.quantities import show_number
from rightrig.web.linking import addresses
from rightrig.web.pages.listing import (
    Cell,
    Filter,
    ListColumn,
    Spec,
    choice,
    containing,
    listed,
    word,
)
from rightrig.web.pages.measured_tables import MOST_TABLE_BYTES, state_of
from rightrig.web.pages.records import sheet
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from rightrig.prediction.defects import Defect
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_VERDICTS: Final = {"holds": "fits", "near": "tight", "off": "no"}
_RANKS: Final = {"off": 0.0, "near": 1.0, "holds": 2.0}
_COLUMNS: Final = (
    ListColumn("verdict", "verdict"),
    ListColumn("subject", "of", is_long=True),
    ListColumn("claim", "claim", is_long=True),
    ListColumn("by", "by"),
    ListColumn("stated", "stated", is_number=True),
    ListColumn("computed", "computed", is_number=True),
    ListColumn("off", "stated ÷ computed", is_number=True),
    ListColumn("why", "why", is_long=True),
)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A table of runs with the groups of its rows that break a rule of plausibility."""

    name: str
    rows_count: int
    defects: tuple[Defect, ...]


@router.get("/claims")
async def claims_page(request: Request) -> Response:
    """Return published figures beside what is computed today."""
    site = site_of(request)
    return await sheet(request, "claims.html.jinja", lambda: _values(request, site))


def _values(request: Request, site: Site) -> dict[str, object]:
    """Return what the page of claims shows."""
    rows = rechecks(site.catalog)
    known = addresses(site.catalog)
    spec = Spec("figures", _COLUMNS, _filters(rows), lambda row: _cells(row, known), "verdict")
    counts = {word: sum(row.word == word for row in rows) for word in _VERDICTS}
    return {
        "title": "Published figures, computed again",
        "list": listed(spec, rows, request.query_params, "/claims"),
        "counts": counts,
        "same": f"{100.0 * SAME_RATIO:g} %",
        "near": f"{100.0 * NEAR_RATIO:g} %",
        "checked": _checked_tables(site),
    }


def _filters(rows: Sequence[Recheck]) -> tuple[Filter[Recheck], ...]:
    """Return the fields above the list."""
    return (
        choice("verdict", "Verdict", lambda row: row.word, rows),
        choice("kind", "Kind", lambda row: row.kind, rows),
        containing("of", "Of", lambda row: row.subject),
        choice("by", "By", lambda row: row.by, rows),
    )


def _cells(row: Recheck, known: Mapping[str, str]) -> tuple[Cell, ...]:
    """Return one figure as a line."""
    ratio = row.stated / row.computed
    return (
        Cell(row.word, _RANKS[row.word], verdict=_VERDICTS[row.word]),
        word(row.subject, known.get(row.subject, "")),
        word(row.claim),
        word(row.by),
        Cell(f"{show_number(row.stated)} {row.unit}", row.stated),
        Cell(f"{show_number(row.computed)} {row.unit}", row.computed),
        Cell(f"{ratio:.3f}", max(ratio, 1.0 / ratio)),
        word(row.why),
    )


def _checked_tables(site: Site) -> list[_Checked]:
    """Return the tables of runs that came with rightrig or lie in the server's folder."""
    folder = site.settings.measured
    own = [
        folder / name
        for name, _, size_bytes in state_of(folder)
        if folder is not None and size_bytes <= MOST_TABLE_BYTES
    ]
    found = []
    for path in (GOLDEN_SPEED, *own):
        try:
            table = read_table(path)
        except RightrigError:
            continue  # the page of measured runs says why
        if table.name == "inference":
            defects = find_defects(table.rows, site.catalog)
            found.append(_Checked(path.name, len(table.rows), defects))
    return found
