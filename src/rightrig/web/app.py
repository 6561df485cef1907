"""The application: pages, the API, static files, and what keeps it safe."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from rightrig import __version__
from rightrig.report.html import STYLE_SHEET
from rightrig.web.api.described import add_description
from rightrig.web.api.routes import ROUTER as API
from rightrig.web.pages import ROUTERS
from rightrig.web.problems import add_handlers
from rightrig.web.rendering import HERE
from rightrig.web.reports import ROUTER as REPORTS
from rightrig.web.safety import Safety
from rightrig.web.shelf import LEAST_PACKED_BYTES
from rightrig.web.site import Settings, keep, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rightrig.facts.catalog import Catalog

_ONGOING_PACKING_LEVEL = 1
"""Of what is not kept: each is packed once, while somebody waits."""


def created(catalog: Catalog, settings: Settings | None = None) -> FastAPI:
    """Return the application of a catalogue.

    Args:
        catalog: Whose records answer.
        settings: What is allowed; reading alone where nothing is said.
    """
    chosen = settings or Settings()
    site = opened(catalog, chosen)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Start the workers before the first request, and end them after the last."""
        del app
        if chosen.warms:
            site.workers.warm()
        yield
        site.workers.close()

    app = FastAPI(
        title="rightrig", version=__version__, docs_url=None, redoc_url=None,
        openapi_url=None, lifespan=lifespan,
    )  # fmt: skip
    keep(app.state, site)
    add_handlers(app)
    app.include_router(API)
    add_description(app)
    app.include_router(REPORTS)
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/static/report.css", _report_css, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_middleware(
        GZipMiddleware, minimum_size=LEAST_PACKED_BYTES, compresslevel=_ONGOING_PACKING_LEVEL
    )
    app.add_middleware(Safety, settings=chosen)
    return app


def _report_css() -> FileResponse:
    """Return the look of documents, which belongs to the room of reports."""
    return FileResponse(STYLE_SHEET, media_type="text/css")
