"""One reading over HTTP: from the named server alone, bounded in time and size.

A server may hang, drip, send without end or send nonsense: that is a ``trouble``, never an
exception, for what watches must outlive what it watches. Redirections are not followed, proxies
are not used, packed answers are not asked for: unpacking would need a bound of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from rightrig.measuring.addresses import Address

LONGEST_DEADLINE_S: Final = 600.0
LATE: Final = "no answer in time"
ABSENT: Final = "no such host"
_CHUNK_BYTES: Final = 1 << 16
_OK: Final = 200
_MOVED: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: Of HTTP; 0 where there was no answer.
        trouble: Why there is no text that counts.
    """

    text: str = ""
    status: int = 0
    trouble: str = ""


def read(address: Address, path: str, deadline_s: float, most_bytes: int) -> Reply:
    """Return what a server answers at a path; never raises for its faults.

    Args:
        address: Who is asked; its path and query do not count.
        path: Begins with a slash; may have a query.
        deadline_s: For everything, names and handshakes too, in seconds.
        most_bytes: Of an answer.
    """
    deadline_s = min(deadline_s, LONGEST_DEADLINE_S)
    if deadline_s <= 0.0:
        return Reply(trouble=LATE)
    exchange = _Exchange(address, path, deadline_s, most_bytes)
    threading.Thread(target=exchange.run, name="rightrig-asking", daemon=True).start()
    if not exchange.is_done.wait(deadline_s):
        exchange.end()
        return Reply(trouble=LATE)
    return exchange.reply


@dataclass(slots=True)
class _Exchange:
    """One request under way in a thread of its own.

    The thread is told to end by its socket: closed, it reads nothing any more.
    """

    address: Address
    path: str
    deadline_s: float
    most_bytes: int
    connection: http.client.HTTPConnection | None = None
    sock: socket.socket | None = None
    reply: Reply = Reply()
    is_done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask, and keep the answer."""
        try:
            self.reply = self._asked()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.reply = Reply(trouble=_why(error))
        finally:
            if self.connection is not None:
                self.connection.close()
            self.is_done.set()

    def _asked(self) -> Reply:
        """Return the answer of one request, at most so much of it as is allowed."""
        self.connection = self._connected()
        headers = {"User-Agent": "rightrig", "Accept": "*/*", "Accept-Encoding": "identity"}
        self.connection.request("GET", self.path, headers=headers)
        answer = self.connection.getresponse()
        if answer.status in _MOVED:
            place = plain(_without_query(answer.getheader("Location", "elsewhere")), 100)
            trouble = f"HTTP {answer.status}: it redirects to {place}: give that address"
            return Reply("", answer.status, trouble)
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            trouble = "it packs its answer although none was asked for"
            return Reply("", answer.status, trouble)
        return self._read(answer)

    def _connected(self) -> http.client.HTTPConnection:
        """Return a connection."""
        host, port = self.address.host, self.address.port
        if self.address.is_tls:
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=self.deadline_s, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.deadline_s)
        connection.connect()
        # Kept here: of an answer without a length the connection lets go of it.
        self.sock = connection.sock
        return connection

    def _read(self, answer: http.client.HTTPResponse) -> Reply:
        """Return an answer with its text."""
        body = bytearray()
        while chunk := answer.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.most_bytes:
                too_long = f"its answer is longer than {self.most_bytes // 1_000_000} MB"
                return Reply("", answer.status, too_long)
        if answer.length:
            return Reply("", answer.status, "its answer ends early")
        where = plain(_without_query(self.path), 60)
        trouble = "" if answer.status == _OK else f"HTTP {answer.status} at {where}"
        return Reply(body.decode("utf-8", errors="replace"), answer.status, trouble)

    def end(self) -> None:
        """Wake the thread from whatever it waits for."""
        if self.sock is not None:
            with contextlib.suppress(OSError):  # it is closed already
                self.sock.shutdown(socket.SHUT_RDWR)


def _without_query(address: str) -> str:
    """Return an address as it may be shown: a query may hold a key."""
    return address.partition("?")[0]


def _why(error: Exception) -> str:
    """Return why a request failed, in a few words."""
    if isinstance(error, TimeoutError):
        return LATE
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, socket.gaierror):
        return ABSENT
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {plain(str(error.reason or error), 80)}"
    return plain(f"{type(error).__name__}: {error}", 120)
