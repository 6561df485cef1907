"""The pages: each file has the routes of one, and makes what its template shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: Final[tuple[APIRouter, ...]] = ()
"""The routes of every page, in the order in which they are matched."""
