"""What keeps a server safe: whom it answers, how much it reads, what a browser may do with a page.

One layer around the application, below no other, so that every response passes it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.requests import Request

from rightrig.web.problems import ProblemError, ending, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rightrig.web.site import Settings

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "report-uri /csp"
)
"""What a page may load and run: what the server itself sends, nothing inline, nothing of others."""
HEADERS: Final = tuple(
    (name.lower().encode(), value.encode())
    for name, value in (
        ("Content-Security-Policy", CSP),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
REPORTS_PATH: Final = "/csp"
LONGEST_BODY_WAIT_S: Final = 20.0
"""Until the whole body of a request is there."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOG: Final = logging.getLogger("rightrig.web")


class Safety:
    """The layer around an application (ASGI).

    Args:
        app: What answers.
        settings: Names of the server, and limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Keep what is allowed."""
        self._app = app
        self._hosts = LOOPBACK | {name.lower() for name in settings.allowed_hosts}
        self._most_bytes = settings.most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _Guarded(receive, send, self._most_bytes)
        if scope["method"] == "HEAD":
            # The same answer; what runs the server leaves out its body (RFC 9110, 9.3.2).
            scope = {**scope, "method": "GET"}
        try:
            self._check(scope)
            await self._app(scope, guarded.receive, guarded.send)
        except ProblemError as error:
            await self._refuse(scope, guarded, error)
        except asyncio.CancelledError:
            # What runs the server cancels what is not answered when the server ends: no defect.
            if not guarded.has_begun:
                await self._refuse(scope, guarded, ending())
        except Exception as error:  # noqa: BLE001 - told and logged here, with the usual headers
            _LOG.exception("a defect")
            told = ProblemError(500, "defect", f"rightrig has a defect here ({_name(error)})")
            await self._refuse(scope, guarded, told)

    def _check(self, scope: Scope) -> None:
        """Refuse a request for another server, of another page, or with too much to read."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name_of_host(host) not in self._hosts:
            raise ProblemError(
                421, "host", f"this server is not {host[:80]!a}: ask it by the name of this "
                "machine, or start it with --allowed-host for that name",
            )  # fmt: skip
        if scope["method"] not in _SAFE and scope["path"] != REPORTS_PATH:
            _check_origin(headers, host)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._most_bytes:
            raise _too_large(self._most_bytes)

    @staticmethod
    async def _refuse(scope: Scope, guarded: _Guarded, error: ProblemError) -> None:
        """Send a problem, unless an answer has begun: then only its end can tell."""
        if guarded.has_begun:
            raise error
        response = problem_response(Request(scope), error)
        await response(scope, guarded.receive, guarded.send)


class _Guarded:
    """The two ends of one request, within limits."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int) -> None:
        """Start to count."""
        self._receive, self._send, self._most_bytes = receive, send, most_bytes
        self._read_bytes = 0
        self._is_whole = False
        self._ends_s = asyncio.get_running_loop().time() + LONGEST_BODY_WAIT_S
        self.has_begun = False

    async def receive(self) -> Message:
        """Return a piece of the body, while it is neither too large nor too slow."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends_s):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, "slow", f"the body did not come within {LONGEST_BODY_WAIT_S:g} s"
            ) from None
        self._read_bytes += len(message.get("body", b""))
        if self._read_bytes > self._most_bytes:
            raise _too_large(self._most_bytes)
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer, the first one with the headers of safety."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await self._send(message)


def _check_origin(headers: Headers, host: str) -> None:
    """Refuse what a page of somebody else makes a browser send.

    A program that is no browser sends neither header, and is not at the mercy of pages.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    is_own = site in {None, "same-origin", "none"}
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        is_own = False
    if not is_own:
        raise ProblemError(403, "origin", "a page of another origin may not send this request")


def _name_of_host(host: str) -> str:
    """Return the name in a Host header, without the port.

    >>> _name_of_host("LocalHost:8000"), _name_of_host("[::1]:80"), _name_of_host("::1")
    ('localhost', '::1', '')
    """
    name, colon, port = host.lower().rpartition(":")
    if not colon or "]" in port:
        name, port = host.lower(), ""
    if port and not port.isdecimal():
        return ""
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1]
    return "" if ":" in name else name.removesuffix(".")


def _too_large(most_bytes: int) -> ProblemError:
    """Return that a body is larger than allowed."""
    return ProblemError(
        413, "too-large", f"the body is larger than the {most_bytes:,} bytes that one may have"
    )


def _name(error: Exception) -> str:
    """Return the kind of an error."""
    return type(error).__name__
