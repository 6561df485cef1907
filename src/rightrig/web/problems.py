"""Problems: what a request is told when there is no answer (RFC 9457), as JSON or as a page."""

from __future__ import annotations

import http
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from rightrig.errors import MissingError, RightrigError
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA_TYPE: Final = "application/problem+json"
LOG: Final = logging.getLogger("rightrig.web")
_OPTION: Final = re.compile(r"--([a-z][a-z0-9-]*)")
_LONGEST: Final = 600
_RETRY_S: Final = 5
_MOST_ERRORS: Final = 5
_UNREADABLE: Final = (
    "unreadable", "the body is no JSON that can be read: broken, too deep, or a number too long",
)  # fmt: skip


class ProblemError(HTTPException):
    """There is no answer, and why.

    Args:
        status: Of HTTP.
        kind: A stable word for programs.
        detail: One sentence: what, the limit, the remedy.
        parameter: The word of the request that it is about, where that is known.
        headers: Beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what is told."""
        super().__init__(status, plain(detail, _LONGEST), headers=dict(headers or {}))
        self.kind = kind
        self.parameter = parameter


def busy(most_count: int) -> ProblemError:
    """Return that too many wait."""
    return ProblemError(
        429, "busy", f"{most_count} requests wait already, the most that may: ask again in "
        f"{_RETRY_S} s", headers={"Retry-After": str(_RETRY_S)},
    )  # fmt: skip


def ending() -> ProblemError:
    """Return that the server ends."""
    return ProblemError(503, "ending", "this server ends: ask again when it is back")


def over_time(most_s: float) -> ProblemError:
    """Return that an answer took too long."""
    return ProblemError(
        504, "over-time", f"the answer takes longer than the {most_s:g} s that one may: ask for "
        "less, or ask the command line, which has no limit",
    )  # fmt: skip


def too_costly(detail: str) -> ProblemError:
    """Return that an answer is larger than allowed."""
    return ProblemError(422, "too-costly", detail)


def wrong(detail: str, parameter: str | None = None) -> ProblemError:
    """Return that a request is wrong."""
    return ProblemError(422, "wrong-input", detail, parameter=parameter)


def defect(detail: str) -> ProblemError:
    """Return that rightrig is wrong, and keep in the log why."""
    LOG.error("no answer: %s", detail)
    return ProblemError(
        500, "defect", f"rightrig has a defect here ({detail}): please report the request"
    )


def problem_response(request: Request, error: ProblemError) -> Response:
    """Return a problem as JSON below ``/api/``, else as a page for people."""
    headers = {**(error.headers or {}), "Cache-Control": "no-store"}
    title = http.HTTPStatus(error.status_code).phrase
    if not request.url.path.startswith("/api/") and "text/html" in request.headers.get(
        "accept", ""
    ):
        from rightrig.web.rendering import page  # noqa: PLC0415 - templates only for pages

        shown = page(
            request, "problem.html.jinja", status=error.status_code, title=title,
            detail=str(error.detail),
        )  # fmt: skip
        shown.headers.update(headers)
        return shown
    told = {
        "type": f"urn:rightrig:problem:{error.kind}",
        "title": title,
        "status": error.status_code,
        "detail": str(error.detail),
    }
    if error.parameter is not None:
        told["parameter"] = error.parameter
    body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, error.status_code, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let every error of an application become a problem."""
    app.add_exception_handler(RightrigError, _of_rightrig)
    app.add_exception_handler(StarletteHTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


async def _of_rightrig(request: Request, error: Exception) -> Response:
    """Answer an error of input, or of a machine that lacks something."""
    message = str(error)
    if isinstance(error, MissingError):
        return problem_response(request, ProblemError(501, "missing", message))
    option = _OPTION.search(message)
    parameter = option[1].replace("-", "_") if option else None
    return problem_response(request, wrong(message, parameter))


async def _of_http(request: Request, error: Exception) -> Response:
    """Answer what the framework or a route raised."""
    if isinstance(error, ProblemError):
        return problem_response(request, error)
    status = getattr(error, "status_code", 500)
    known = {
        400: _UNREADABLE,
        404: ("unknown", f"there is nothing at {plain(request.url.path, 120)!a}"),
        405: ("method", f"{plain(request.method, 20)} is not taken there: see the Allow header"),
    }  # fmt: skip
    kind, detail = known.get(status, ("refused", str(getattr(error, "detail", ""))))
    told = ProblemError(status, kind, detail, headers=getattr(error, "headers", None))
    return problem_response(request, told)


async def _of_validation(request: Request, error: Exception) -> Response:
    """Answer a request that does not have the shape of its verb."""
    errors: list[dict[str, Any]] = []
    if isinstance(error, RequestValidationError):
        errors = list(error.errors())[:_MOST_ERRORS]
    if any(one["type"] == "json_invalid" for one in errors):
        return problem_response(request, ProblemError(400, *_UNREADABLE))
    said = [(".".join(str(part) for part in one["loc"][1:]), str(one["msg"])) for one in errors]
    detail = "; ".join(f"{plain(name, 60)}: {text}" if name else text for name, text in said)
    first = next((name for name, _ in said if name), None)
    return problem_response(request, wrong(detail, None if first is None else plain(first, 60)))
