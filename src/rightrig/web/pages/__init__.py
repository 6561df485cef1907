"""The pages: each file has the routes of one, and makes what its template shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.web.pages import (
    api_page,
    claims,
    compare,
    configurator,
    gpus,
    measured,
    models,
    plan,
    prices,
    rigs,
    runtimes,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: Final[tuple[APIRouter, ...]] = (
    configurator.router,
    plan.router,
    compare.router,
    gpus.router,
    models.router,
    rigs.router,
    prices.router,
    runtimes.router,
    measured.router,
    claims.router,
    api_page.router,
)
"""The routes of every page, in the order in which they are matched."""
