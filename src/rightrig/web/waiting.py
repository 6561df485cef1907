"""Waiting for an answer only as long as somebody wants it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from rightrig.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from fastapi import Request

T = TypeVar("T")


async def unless_gone(request: Request, answering: Coroutine[Any, Any, T]) -> T:
    """Return what is answered; when whoever asked goes away first, stop the work.

    Args:
        request: Its body has been read.
        answering: The work; cancelled where nobody waits for it.

    Raises:
        ProblemError: when nobody waits any more (which nobody reads).
    """
    work = asyncio.ensure_future(answering)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ProblemError(408, "gone", "whoever asked has gone")
    finally:
        for task in (work, leaving):
            task.cancel()
        await asyncio.gather(work, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Return when the connection of a request ends."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
