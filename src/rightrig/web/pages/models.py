"""``/models``: all models, and one model with its layers, sizes, and the smallest rigs for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request

from rightrig.facts.licence import licence_of
from rightrig.facts.quantization import KV_BITS
from rightrig.planning.smallest import USUAL_TOKENS, smallest_rigs
from rightrig.quantities import GIGA, show_bytes
from rightrig.report.llm import model_document
from rightrig.report.sources import sources_of
from rightrig.web.linking import linked, rig_url
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
)
from rightrig.web.pages.measured_rows import measured_on
from rightrig.web.pages.records import record_sheet, sheet, without_title
from rightrig.web.site import site_of
from rightrig.work.kv_cache import model_kv_bytes_per_token, sequence_kv_bytes
from rightrig.work.weights import active_params_count, total_params_count, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.smallest import SmallestRig
    from rightrig.web.pages.listing import Cell
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_FORMATS: Final = (
    "checkpoint", "bf16", "fp8", "nvfp4", "awq", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m",
)  # fmt: skip
_KV_FORMATS: Final = ("bf16", "fp8", "q8_0", "q4_0")
_SIXTEEN_BITS: Final = 16.0
_MOST_RIGS: Final = 16
_USES: Final = {"yes": "commercial", "no": "not commercial"}
_COLUMNS: Final = (
    ListColumn("model", "model"),
    ListColumn("family", "family"),
    ListColumn("params", "B parameters", is_number=True),
    ListColumn("active", "B active", is_number=True),
    ListColumn("checkpoint", "checkpoint"),
    ListColumn("size", "GB", is_number=True),
    ListColumn("kv", "KV B/token, 16 bit", is_number=True),
    ListColumn("context", "context", is_number=True),
    ListColumn("licence", "licence"),
    ListColumn("use", "use"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A model of the list.

    Attributes:
        use: What its licence allows; empty where that is not known.
    """

    llm: Llm
    params_count: int
    use: str


@router.get("/models")
async def models_page(request: Request) -> Response:
    """Return the list of models."""
    catalog = site_of(request).catalog

    def values() -> dict[str, object]:
        rows = [_row(catalog, slug) for slug in catalog.slugs("llms")]
        spec = Spec("models", _COLUMNS, _filters(rows), _cells, "model")
        return {"title": "Models", "list": listed(spec, rows, request.query_params, "/models")}

    return await sheet(request, "models.html.jinja", values)


def _row(catalog: Catalog, slug: str) -> _Row:
    """Return one model with what the list is filtered by."""
    llm = catalog.llm(slug)
    licence = licence_of(llm, catalog)
    use = "" if licence is None else _USES.get(licence.commercial, "within a limit")
    return _Row(llm, total_params_count(llm), use)


def _filters(rows: Sequence[_Row]) -> tuple[Filter[_Row], ...]:
    """Return the fields above the list."""
    return (
        containing("name", "Name", lambda row: row.llm.name),
        choice("family", "Family", lambda row: row.llm.family, rows),
        at_least("from", "B parameters from", lambda row: row.params_count / GIGA),
        at_most("to", "to", lambda row: row.params_count / GIGA),
        at_least("context", "Context from, tokens", lambda row: float(row.llm.max_context_tokens)),
        choice("licence", "Licence", lambda row: row.llm.licence or "", rows),
        choice("use", "Use", lambda row: row.use, rows),
    )


def _cells(row: _Row) -> tuple[Cell, ...]:
    """Return one line of the list."""
    llm = row.llm
    return (
        word(llm.name, f"/models/{llm.slug}"),
        word(llm.family),
        number(row.params_count / GIGA, ",.2f"),
        number(active_params_count(llm) / GIGA, ",.2f"),
        word(llm.checkpoint.format),
        number(weight_bytes(llm, "checkpoint") / GIGA, ",.1f"),
        number(model_kv_bytes_per_token(llm, _SIXTEEN_BITS)),
        number(float(llm.max_context_tokens)),
        word(llm.licence or ""),
        word(row.use),
    )


@router.get("/models/{name:path}")
async def model_page(request: Request, name: str) -> Response:
    """Return the page of one model."""
    site = site_of(request)
    return await record_sheet(
        request, "llms", name, "models_one.html.jinja", lambda slug: _values(site, slug)
    )


def _values(site: Site, slug: str) -> dict[str, object]:
    """Return what the page of one model shows."""
    catalog, llm = site.catalog, site.catalog.llm(slug)
    licence = licence_of(llm, catalog)
    bare = llm.model_copy(update={"sources": ()})  # they have a table of their own
    rigs = smallest_rigs(catalog, llm, catalog.gpus())
    return {
        "title": llm.name,
        "llm": llm,
        "params": f"{total_params_count(llm) / GIGA:,.2f}",
        "active": f"{active_params_count(llm) / GIGA:,.2f}",
        "about": linked(without_title(model_document(bare, licence)), catalog),
        "sizes": [(name, show_bytes(weight_bytes(llm, name))) for name in _FORMATS],
        "caches": [_cache(llm, name) for name in _KV_FORMATS],
        "tokens": USUAL_TOKENS,
        "rigs_count": len(rigs),
        "rigs": [_rig_cells(one) for one in rigs[:_MOST_RIGS]],
        "configurator_url": f"/?{urlencode({'v': '1', 'model': slug})}",
        "plan_url": f"/plan?{urlencode({'model': slug})}",
        "measured": measured_on(site, f"/models/{slug}"),
        "sources": sources_of((llm, *((licence,) if licence else ()))),
    }


def _cache(llm: Llm, name: str) -> tuple[str, str, str]:
    """Return a format of the cache: bytes of one token, and of the longest sequence."""
    bits = KV_BITS[name]
    longest_bytes = sequence_kv_bytes(llm.block_counts, llm.max_context_tokens, bits)
    return name, f"{model_kv_bytes_per_token(llm, bits):,.0f} B", show_bytes(longest_bytes)


def _rig_cells(one: SmallestRig) -> dict[str, str]:
    """Return a rig that holds a model, with its verdict and its rent."""
    rent = one.purchase.rent_usd_per_month if one.purchase else None
    fit = one.held.fit
    return {
        "rig": one.rig.text,
        "url": rig_url(one.rig.text),
        "verdict": one.held.verdict,
        "format": fit.deployment.precision.weights if fit else "–",
        "engine": fit.deployment.runtime.name if fit else "–",
        "rent": "–" if rent is None else f"{rent:,.0f}",
    }
