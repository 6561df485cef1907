"""``/rigs``: machines as they are sold, and the page of any rig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, UnknownNameError
from rightrig.planning.combos.combo import MOST_CARDS
from rightrig.quantities import GIB, check_count
from rightrig.web.kept import kept
from rightrig.web.linking import rig_url
from rightrig.web.pages.listing import (
    Filter,
    ListColumn,
    Spec,
    at_least,
    choice,
    containing,
    listed,
    number,
    word,
)
from rightrig.web.pages.records import missing, sheet
from rightrig.web.rendering import rendered
from rightrig.web.rig_parts import WORDS, system_of
from rightrig.web.site import site_of
from rightrig.web.waiting import unless_gone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.system import System
    from rightrig.web.pages.listing import Cell
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_SEE_OTHER: Final = 303
_LONGEST: Final = 200
_EXAMPLES: Final = (
    "1xrtx-4090", "2xrtx-3090@nvlink", "4xrtx-4090", "4xrtx-4090+1xa100-sxm-80gb", "8xh100-sxm",
    "2n:8xh200-sxm",
)  # fmt: skip
_COLUMNS: Final = (
    ListColumn("rig", "rig"),
    ListColumn("name", "name", is_long=True),
    ListColumn("kind", "kind"),
    ListColumn("cards", "cards"),
    ListColumn("count", "number", is_number=True),
    ListColumn("memory", "visible GiB in all", is_number=True),
    ListColumn("power", "W", is_number=True),
    ListColumn("price", "list price from, $", is_number=True),
    ListColumn("topology", "topology", is_long=True),
)


@router.get("/rigs")
async def rigs_page(request: Request) -> Response:
    """Return the list of machines; a rig that was typed leads to its page."""
    site = site_of(request)
    typed, wrong = request.query_params.get("rig", "").strip()[:_LONGEST], ""
    if typed:
        try:
            return RedirectResponse(rig_url(_canonical(site.catalog, typed)), _SEE_OTHER)
        except InputError as error:
            wrong = f"{error}."
    return await sheet(
        request, "rigs.html.jinja",
        lambda: {
            "title": "Rigs", "rig": typed, "wrong": wrong, "list": _list(site, request),
            "examples": [(text, rig_url(text)) for text in _EXAMPLES],
        },
    )  # fmt: skip


def _list(site: Site, request: Request) -> object:
    """Return the list of machines."""
    catalog = site.catalog
    systems = [catalog.system(slug) for slug in catalog.slugs("systems")]
    spec = Spec(
        "machines", _COLUMNS, _filters(catalog, systems), lambda one: _cells(catalog, one), "rig"
    )
    return listed(spec, systems, request.query_params, "/rigs")


def _memory_gib(catalog: Catalog, system: System) -> float:
    """Return the visible memory of all cards of a machine, in GiB."""
    return catalog.gpu(system.gpu).memory_bytes.mid * system.gpu_count / GIB


def _filters(catalog: Catalog, systems: Sequence[System]) -> tuple[Filter[System], ...]:
    """Return the fields above the list."""
    return (
        containing("name", "Name", lambda one: f"{one.slug} {one.name}"),
        choice("kind", "Kind", lambda one: one.kind, systems),
        choice("card", "Card", lambda one: one.gpu, systems),
        at_least("memory", "Memory from, GiB", lambda one: _memory_gib(catalog, one)),
    )


def _cells(catalog: Catalog, one: System) -> tuple[Cell, ...]:
    """Return one line of the list."""
    return (
        word(one.slug, f"/rigs/{one.slug}"),
        word(one.name),
        word(one.kind),
        word(one.gpu, f"/gpus/{one.gpu}"),
        number(float(one.gpu_count)),
        number(_memory_gib(catalog, one)),
        number(one.power_w),
        number(one.list_price_low_usd),
        word(one.topology),
    )


def _canonical(catalog: Catalog, text: str) -> str:
    """Return the slug of a machine, or a rig in its own notation.

    Raises:
        InputError: for neither, or for more cards than a rig has.
    """
    rig = parse_rig(text, catalog)
    check_count(rig.cards_count, name="cards of the rig", limit=MOST_CARDS)
    system = system_of(catalog, text)
    return rig.text if system is None else system.slug


@router.get("/rigs/{text:path}")
async def rig_page(request: Request, text: str) -> Response:
    """Return the page of a machine or of any rig."""
    site = site_of(request)
    try:
        canonical = _canonical(site.catalog, text[:_LONGEST])
    except InputError as error:
        return _missing(request, site.catalog, text, error)
    if canonical != text:
        return RedirectResponse(rig_url(canonical), _SEE_OTHER)
    system = system_of(site.catalog, canonical)

    async def made() -> bytes:
        done = await unless_gone(request, site.workers.run(WORDS, {"name": canonical}, "text"))
        return rendered(
            "rigs_one.html.jinja", here=request.url.path, rig=canonical,
            title=system.name if system else canonical,
            body=Markup(done.body.decode()),  # noqa: S704 - of our own templates, escaped there
        ).encode()  # fmt: skip

    return await kept(request, made)


def _missing(request: Request, catalog: Catalog, text: str, error: InputError) -> Response:
    """Return that there is no such rig; of a name alone, with the machines that are near."""
    if isinstance(error, UnknownNameError) and not any(sign in text for sign in "@+:"):
        try:
            catalog.resolve("systems", text)
        except UnknownNameError as of_machine:
            near = (*of_machine.suggestions, *error.suggestions)
            error = UnknownNameError("rig", text, near)
        except InputError as ambiguous:
            error = ambiguous
    return missing(request, catalog, "systems", text, error)
