"""What browsers report of pages that asked for more than the policy allows: counted, logged."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from fastapi import APIRouter, Request, Response

from rightrig.facts.reading import plain
from rightrig.web.safety import REPORTS_PATH

ROUTER: Final = APIRouter(include_in_schema=False)
_MOST_KEPT_COUNT: Final = 100
_LONGEST: Final = 1000
_LOG: Final = logging.getLogger("rightrig.web")


class _Reports:
    """The reports of one server: how many, and the last ones."""

    def __init__(self) -> None:
        """Know none."""
        self.count = 0
        self.last: deque[str] = deque(maxlen=_MOST_KEPT_COUNT)


def _reports_of(request: Request) -> _Reports:
    """Return the reports of the server that a request came to."""
    state = request.app.state
    if not hasattr(state, "csp_reports"):
        state.csp_reports = _Reports()
    found: _Reports = state.csp_reports
    return found


@ROUTER.post(REPORTS_PATH)
async def report(request: Request) -> Response:
    """Keep one report; the log has the first ones of each server."""
    text = plain((await request.body())[:_LONGEST].decode("utf-8", "replace"))[:_LONGEST]
    reports = _reports_of(request)
    reports.count += 1
    reports.last.append(text)
    if reports.count <= _MOST_KEPT_COUNT:
        _LOG.warning("a page broke its policy: %s", text)
    return Response(status_code=204)


@ROUTER.get(REPORTS_PATH)
async def reports(request: Request) -> dict[str, object]:
    """Return how many there were, and the last ones."""
    found = _reports_of(request)
    return {"count": found.count, "last": list(found.last)}
