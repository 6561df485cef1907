"""Answers that are sent again: what is known is not sent, what is kept is not made."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from starlette.responses import Response

from rightrig.web.shelf import answer_of, tag_of
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request

    from rightrig.web.shelf import Answer


def is_known(request: Request, tag: str) -> bool:
    """Whether whoever asks has the answer of this tag already (RFC 9110, 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    plain = tag.removeprefix("W/")
    return known.strip() == "*" or any(
        one.strip().removeprefix("W/") == plain for one in known.split(",")
    )


def not_modified(tag: str) -> Response:
    """Return that the known answer still holds."""
    return Response(status_code=304, headers=_about(tag))


def sent(request: Request, answer: Answer, tag: str) -> Response:
    """Return an answer, packed for those who unpack."""
    headers = {**_about(tag), **answer.headers, "Content-Type": answer.media_type}
    if answer.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(answer.packed, headers={**headers, "Content-Encoding": "gzip"})
    return Response(answer.body, headers=headers)


def _about(tag: str) -> dict[str, str]:
    """Return what lets a browser keep an answer, and ask whether it still holds."""
    return {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


async def kept(
    request: Request,
    make: Callable[[], bytes | Awaitable[bytes]],
    *,
    media_type: str = "text/html; charset=utf-8",
    also: str = "",
) -> Response:
    """Return what a GET answers: nothing where it is known, what is kept, or what is made now.

    Args:
        request: Its path and query are the question.
        make: Makes the body where none is kept; may raise what becomes a problem.
        media_type: Of the body.
        also: What else the answer depends on, such as the times of files.
    """
    site = site_of(request)
    tag = tag_of(site.fingerprint, request.url.path, request.url.query, also)
    if is_known(request, tag):
        return not_modified(tag)
    answer = site.kept.find(tag)
    if answer is None:
        made = make()
        body = await made if inspect.isawaitable(made) else made
        answer = answer_of(body, media_type)
        if site.settings.caches:
            site.kept.add(tag, answer)
    return sent(request, answer, tag)
