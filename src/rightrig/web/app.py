"""The application: pages, the API, static files, and what keeps it safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from rightrig import __version__
from rightrig.report.html import STYLE_SHEET
from rightrig.web.pages import ROUTERS
from rightrig.web.rendering import HERE
from rightrig.web.site import Settings, Site, keep

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog


def created(catalog: Catalog, settings: Settings | None = None) -> FastAPI:
    """Return the application of a catalogue.

    Args:
        catalog: Whose records answer.
        settings: What is allowed; reading alone where nothing is said.
    """
    app = FastAPI(
        title="rightrig", version=__version__, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )  # fmt: skip
    keep(app.state, Site(catalog, settings or Settings()))
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/static/report.css", _report_css, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return app


def _report_css() -> FileResponse:
    """Return the look of documents, which belongs to the room of reports."""
    return FileResponse(STYLE_SHEET, media_type="text/css")
