"""``/gpus``: all cards, and one card with everything that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from rightrig.deployment.compatibility_matrix import Asked, matrix
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts import derivation
from rightrig.planning.combos.alike_cards import alike_cards
from rightrig.quantities import GIB, GIGA, TERA, show_gib
from rightrig.report.gpu import gpu_document
from rightrig.report.runtimes import support_document
from rightrig.report.sources import sources_of
from rightrig.verbs.price_ages import today
from rightrig.web.linking import configurator_url, linked, rig_url
from rightrig.web.pages.listing import (
    Filter,
    ListColumn,
    Spec,
    at_least,
    at_most,
    choice,
    containing,
    listed,
    number,
    word,
)  # fmt: skip
from rightrig.web.pages.measured_rows import measured_on
from rightrig.web.pages.records import record_sheet, sheet, without_title
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.web.pages.listing import Cell
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_COLUMNS = (
    ListColumn("card", "card"),
    ListColumn("maker", "maker"),
    ListColumn("architecture", "architecture"),
    ListColumn("tier", "tier"),
    ListColumn("memory", "visible GiB", is_number=True),
    ListColumn("bandwidth", "GB/s", is_number=True),
    ListColumn("rate16", "16-bit TFLOP/s", is_number=True),
    ListColumn("rate8", "FP8 TFLOP/s", is_number=True),
    ListColumn("power", "W", is_number=True),
    ListColumn("rent", "from $/h", is_number=True),
    ListColumn("released", "released"),
)
_COUNTS = (1, 2, 4, 8)


@router.get("/gpus")
async def gpus_page(request: Request) -> Response:
    """Return the list of cards."""
    catalog = site_of(request).catalog

    def values() -> dict[str, object]:
        gpus = catalog.gpus()
        spec = Spec("cards", _COLUMNS, _filters(gpus), lambda gpu: _cells(gpu, catalog), "card")
        return {"title": "Cards", "list": listed(spec, gpus, request.query_params, "/gpus")}

    return await sheet(request, "gpus.html.jinja", values)


def _filters(gpus: Sequence[Gpu]) -> tuple[Filter[Gpu], ...]:
    """Return the fields above the list."""
    return (
        containing("name", "Name", lambda gpu: f"{gpu.slug} {gpu.name}"),
        choice("maker", "Maker", lambda gpu: gpu.vendor, gpus),
        choice("architecture", "Architecture", lambda gpu: gpu.architecture, gpus),
        choice("tier", "Tier", lambda gpu: gpu.tier, gpus),
        at_least("memory", "Memory from, GiB", lambda gpu: gpu.memory_bytes.mid / GIB),
        at_most("watts", "Power to, W", lambda gpu: gpu.board_power_w),
    )


def _cells(gpu: Gpu, catalog: Catalog) -> tuple[Cell, ...]:
    """Return one line of the list."""
    rate16 = gpu.peak.bf16_flop_per_s or gpu.peak.fp16_flop_per_s
    rate8 = gpu.peak.fp8_flop_per_s
    offer = derivation.cheapest_offer(gpu, catalog.prices())
    rent = None if offer is None else offer.per_gpu_usd_per_hour
    return (
        word(gpu.slug, f"/gpus/{gpu.slug}"),
        word(gpu.vendor),
        word(gpu.architecture),
        word(gpu.tier),
        number(gpu.memory_bytes.mid / GIB, ",.1f"),
        number(gpu.memory_bandwidth_bytes_per_s / GIGA),
        number(rate16 and rate16 / TERA),
        number(rate8 and rate8 / TERA),
        number(gpu.board_power_w),
        number(rent, ".3f", f"/prices?gpu={gpu.slug}"),
        word(gpu.release_date or ""),
    )


@router.get("/gpus/{name:path}")
async def gpu_page(request: Request, name: str) -> Response:
    """Return the page of one card."""
    site = site_of(request)
    return await record_sheet(
        request, "gpus", name, "gpus_one.html.jinja", lambda slug: _values(site, slug)
    )


def _values(site: Site, slug: str) -> dict[str, object]:
    """Return what the page of one card shows."""
    catalog, gpu = site.catalog, site.catalog.gpu(slug)
    prices = tuple(price for price in catalog.prices() if price.gpu == slug)
    bare = gpu.model_copy(update={"sources": ()})  # they have a table of their own
    told = gpu_document(bare, prices, today(), catalog.mig_profiles(slug))
    alone = Asked(Rig((CardGroup(1, gpu),)))
    engines = support_document(alone, matrix(catalog, alone))
    return {
        "title": gpu.name,
        "gpu": gpu,
        "offers_count": len(prices),
        "memory": show_gib(gpu.memory_bytes.mid),
        "about": linked(without_title(told), catalog),
        "engines": linked(without_title(engines), catalog, 3),
        "rigs": [_rig_links(slug, count) for count in _COUNTS],
        "alike": alike_cards(catalog.gpus(), gpu),
        "measured": measured_on(site, f"/gpus/{slug}"),
        "sources": sources_of((gpu,)),
    }


def _rig_links(slug: str, count: int) -> tuple[str, str, str]:
    """Return a rig of some of a card: its notation, its page, and what fits it."""
    text = f"{count}x{slug}"
    return text, rig_url(text), configurator_url(text)
