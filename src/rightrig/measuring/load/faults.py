"""What goes wrong between a client and a server, by kind."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final, Literal, get_args

Kind = Literal[
    "ok", "unresolved", "refused", "unreachable", "tls", "reset", "timeout", "rate-limited",
    "overloaded", "client-error", "server-error", "redirect", "malformed", "too-long", "not-stream",
    "encoded", "truncated", "empty", "told-error", "unfinished", "exhausted",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""``Samples.kind_index`` points into it; 0 is success."""

MEANINGS: Final[dict[Kind, str]] = {
    "ok": "answered to its end",
    "unresolved": "the host's name is not known",
    "refused": "nothing listens at the port",
    "unreachable": "no connection could be made",
    "tls": "the encrypted connection failed: a certificate that is not trusted, or no TLS there",
    "reset": "the connection was closed or reset before the answer ended",
    "timeout": "no whole answer in the time allowed",
    "rate-limited": "status 429: too many requests",
    "overloaded": "status 503: not available now",
    "client-error": "another status from 400 to 499",
    "server-error": "another status from 500 on",
    "redirect": "a status from 300 to 399, which is never followed",
    "malformed": "an answer that is no HTTP, no event stream or no JSON",
    "too-long": "a line, head or answer that passes the limits of memory",
    "not-stream": "a whole JSON document where a stream was asked for",
    "encoded": "a compressed answer, which nobody asked for and which is not unpacked",
    "truncated": "a stream that ended before it said that it was done",
    "empty": "a stream without a token",
    "told-error": "an error that the server told within the stream",
    "unfinished": "not done when the level's time was over",
    "exhausted": "this machine has no more files or ports for connections: no fault of the server",
}

_OURS: Final = (
    errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM,
)  # fmt: skip
_MULTIPLE_CHOICES: Final = 300
_BAD_REQUEST: Final = 400
_TOO_MANY: Final = 429
_INTERNAL: Final = 500
_UNAVAILABLE: Final = 503
_OF_TYPE: Final[tuple[tuple[type[OSError], Kind], ...]] = (
    (ssl.SSLError, "tls"),
    (socket.gaierror, "unresolved"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),  # in the handshake of TLS the other side hung up
    (TimeoutError, "timeout"),
)


class FaultError(Exception):
    """A request failed; never leaves this package.

    Attributes:
        kind: Of ``KINDS``.
    """

    def __init__(self, kind: Kind, detail: str = "") -> None:
        """Keep what happened, and a short text of it."""
        super().__init__(detail or MEANINGS[kind])
        self.kind = kind


def kind_of_status(status: int) -> Kind:
    """Return what a status other than 200 to 299 means.

    >>> kind_of_status(429), kind_of_status(308), kind_of_status(502)
    ('rate-limited', 'redirect', 'server-error')
    """
    named: dict[int, Kind] = {_TOO_MANY: "rate-limited", _UNAVAILABLE: "overloaded"}
    if status in named:
        return named[status]
    if status >= _INTERNAL:
        return "server-error"
    if status >= _BAD_REQUEST:
        return "client-error"
    return "redirect" if status >= _MULTIPLE_CHOICES else "malformed"


def kind_of_connecting(error: OSError) -> Kind:
    """Return why no connection was made."""
    for types, kind in _OF_TYPE:
        if isinstance(error, types):
            return kind
    if error.errno in _OURS:
        return "exhausted"
    # Errors of several addresses of a host come joined in one text.
    return "refused" if "refused" in str(error).lower() else "unreachable"
