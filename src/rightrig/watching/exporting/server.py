"""The server of an exporter: a few pages, kept-alive connections, and bounds for all of them.

Beyond the most connections the one that is open longest is closed, so that scrapers that hang keep
no other one out.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys
import threading
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.exposition import choose_encoder

from rightrig.errors import InputError
from rightrig.watching import runbooks

if TYPE_CHECKING:
    from rightrig.watching.exporting.exporter import Exporter

MOST_CONNECTIONS: Final = 32
_IDLE_S: Final = 30.0
"""For a request to come, and for an answer to be taken."""
_MOST_PORT: Final = 65_535
_OF_PORT: Final = (errno.EADDRINUSE, errno.EACCES)
"""Faults that another port mends."""
_POLL_S: Final = 0.25
_PLAIN: Final = "text/plain; charset=utf-8"
_MARKDOWN: Final = "text/markdown; charset=utf-8"
_INDEX: Final = b"rightrig watch export: /metrics /healthz /runbooks/SLUG\n"


_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPEN: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@lru_cache(maxsize=64)
def wants_open(accept: str) -> bool:
    """Whether a scraper wants OpenMetrics, as prometheus-client understands it.

    Only that: what further versions and ways to escape it would take makes no difference to names
    of letters and ``_``.
    """
    try:
        return choose_encoder(accept)[1].startswith("application/openmetrics-text")
    except (TypeError, ValueError):  # of a version that is none
        return False


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: Server
    # The answer leaves in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            is_open = wants_open(self.headers.get("Accept", ""))
            kind = _OPEN if is_open else _PROMETHEUS
            self._send(self.server.exporter.text(is_open=is_open), kind)
        elif path == "/healthz":
            trouble = self.server.exporter.trouble()
            self._send(f"ok{trouble and f'; driver: {trouble}'}\n".encode(), _PLAIN)
        elif path == "/":
            self._send(_INDEX, _PLAIN)
        elif (slug := path.removeprefix("/runbooks/")) in runbooks.RUNBOOKS:
            self._send(runbooks.runbook(slug).encode(), _MARKDOWN)
        else:
            self._send(b"no such page; " + _INDEX, _PLAIN, HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send one answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Name no versions."""
        return "rightrig"

    def log_message(self, *_: object) -> None:
        """Say nothing of a request."""


class Server(ThreadingMixIn, HTTPServer):
    """Listens, and answers each connection in a thread."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, exporter: Exporter, host: str, port: int) -> None:
        """Listen, but answer nothing yet.

        Args:
            exporter: Whose pages are handed out.
            host: Address or name of this machine.
            port: 0: any that is free.

        Raises:
            InputError: for a host or port that cannot be listened at.
        """
        if not 0 <= port <= _MOST_PORT:
            raise InputError(f"--port is {port}: from 1 to {_MOST_PORT}, or 0 for any free one")
        if not host.isascii() or not host.isprintable() or not host.strip():
            raise InputError(f"--host is {host[:80]!a}: give an address such as 127.0.0.1 or ::1")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.exporter = exporter
        self._open: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        self._host = host
        self._thread: threading.Thread | None = None
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            if error.errno not in _OF_PORT:
                raise InputError(
                    f"--host {host[:80]!r} is no address of this machine ({error.strerror}): "
                    "127.0.0.1 is for itself alone, 0.0.0.0 for everybody who reaches it"
                ) from None
            taken = error.errno == errno.EADDRINUSE
            raise InputError(
                f"{host} port {port} {'is taken' if taken else 'cannot be listened at'} "
                f"({error.strerror}): choose another with --port, or any free one with --port 0"
            ) from None

    def server_bind(self) -> None:
        """Bind, without asking a name server for our own name as the library would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    @property
    def url(self) -> str:
        """Where to scrape."""
        host = "localhost" if self._host in {"0.0.0.0", "::"} else self._host  # noqa: S104 - compared
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.server_address[1]}/metrics"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.socket.getsockname()[0]).is_loopback

    def start(self) -> None:
        """Answer, in a thread."""
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_S,), name="server", daemon=True
        )
        self._thread.start()

    def server_close(self) -> None:
        """Answer nothing more."""
        if self._thread is not None:
            self.shutdown()
        super().server_close()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Answer one connection; the oldest makes room for it if need be."""
        with self._lock:
            oldest = next(iter(self._open)) if len(self._open) >= MOST_CONNECTIONS else None
            if oldest is not None:
                del self._open[oldest]
            self._open[request] = None
        if oldest is not None:
            with contextlib.suppress(OSError):  # it may just have ended
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's
        """Forget a connection that has ended."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Say nothing of a scraper that went away, but whatever else went wrong."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
