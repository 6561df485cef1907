"""``/runtimes``: all inference engines, and one with what it runs on and how it divides memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.report.catalogue import modelled_text, runtime_document
from rightrig.report.sources import sources_of
from rightrig.web.linking import linked
from rightrig.web.pages.listing import Filter, ListColumn, Spec, choice, containing, listed, word
from rightrig.web.pages.records import record_sheet, sheet, without_title
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.runtime import Runtime
    from rightrig.web.pages.listing import Cell

router = APIRouter(include_in_schema=False)
_COLUMNS: Final = (
    ListColumn("engine", "engine"),
    ListColumn("version", "version"),
    ListColumn("kind", "kind"),
    ListColumn("modelled", "modelled"),
    ListColumn("makers", "cards of"),
    ListColumn("capability", "from compute capability"),
    ListColumn("systems", "systems", is_long=True),
    ListColumn("splits", "splits", is_long=True),
    ListColumn("fraction", "its fraction is of"),
)


@router.get("/runtimes")
async def runtimes_page(request: Request) -> Response:
    """Return the list of engines."""
    catalog = site_of(request).catalog

    def values() -> dict[str, object]:
        rows = [catalog.runtime(slug) for slug in catalog.slugs("runtimes")]
        spec = Spec("engines", _COLUMNS, _filters(rows), _cells, "engine")
        found = listed(spec, rows, request.query_params, "/runtimes")
        return {"title": "Engines", "list": found}

    return await sheet(request, "runtimes.html.jinja", values)


def _filters(rows: Sequence[Runtime]) -> tuple[Filter[Runtime], ...]:
    """Return the fields above the list."""
    makers = sorted({maker for row in rows for maker in row.vendors})
    systems = sorted({system for row in rows for system in row.operating_systems})
    return (
        containing("name", "Name", lambda row: f"{row.slug} {row.name}"),
        Filter(
            "maker", "Cards of", "choice",
            lambda row, text: text in [maker.lower() for maker in row.vendors],
            (("", "all"), *((maker, maker) for maker in makers)),
        ),
        Filter(
            "system", "System", "choice", lambda row, text: text in row.operating_systems,
            (("", "all"), *((system, SYSTEM_NAMES[system]) for system in systems)),
        ),
        choice("modelled", "Modelled", lambda row: modelled_text(row.slug), rows),
    )  # fmt: skip


def _cells(row: Runtime) -> tuple[Cell, ...]:
    """Return one line of the list."""
    return (
        word(row.slug, f"/runtimes/{row.slug}"),
        word(row.version),
        word(row.kind),
        word(modelled_text(row.slug)),
        word(", ".join(row.vendors)),
        word(row.min_compute_capability or ""),
        word(", ".join(SYSTEM_NAMES[name] for name in row.operating_systems)),
        word(", ".join(row.splits)),
        word(row.memory_rule),
    )


@router.get("/runtimes/{name:path}")
async def runtime_page(request: Request, name: str) -> Response:
    """Return the page of one engine."""
    catalog = site_of(request).catalog
    return await record_sheet(
        request, "runtimes", name, "runtimes_one.html.jinja", lambda slug: _values(catalog, slug)
    )


def _values(catalog: Catalog, slug: str) -> dict[str, object]:
    """Return what the page of one engine shows."""
    runtime = catalog.runtime(slug)
    bare = runtime.model_copy(update={"sources": ()})  # they have a table of their own
    return {
        "title": f"{runtime.name} {runtime.version}".rstrip(),
        "runtime": runtime,
        "modelled": modelled_text(slug),
        "formats": [(name, f"{since} and newer") for name, since in runtime.weight_formats.items()],
        "native": dict(runtime.native_formats),
        "about": linked(without_title(runtime_document(bare)), catalog),
        "sources": sources_of((runtime,)),
    }
