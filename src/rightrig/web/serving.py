"""Running a server: its socket, its processes, what it says when it is ready, how it ends."""

from __future__ import annotations

import contextlib
import ipaddress
import multiprocessing
import signal
import socket
import sys
import webbrowser
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final

import uvicorn

from rightrig.errors import InputError, MissingError
from rightrig.web.app import created
from rightrig.web.compiling import compiling_ahead
from rightrig.web.doors import BoundedProtocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rightrig.facts.catalog import Catalog
    from rightrig.web.site import Settings

_KEEP_ALIVE_S: Final = 5
_LONGEST_END_S: Final = 3
_MOST_HEAD_BYTES: Final = 32 * 1024
_BACKLOG_COUNT: Final = 512
_MOST_PORT: Final = 65_535
_ENDED: Final = 143
"""The exit code of a program that SIGTERM ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens.

    Attributes:
        host: An address or name of this machine.
        port: 0: any that is free.
        processes_count: That hear requests, each with its own workers and kept answers.
        opens: Whether a browser is opened when the server is ready.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    processes_count: int = 1
    opens: bool = False


class _Server(uvicorn.Server):
    """A server that says where it is, when it is ready."""

    def __init__(self, config: uvicorn.Config, url: str, *, opens: bool) -> None:
        """Know what to say."""
        super().__init__(config)
        self._url, self._opens = url, opens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"rightrig answers at {self._url} (Ctrl-C ends it)\n")
            sys.stdout.flush()
            if self._opens:
                webbrowser.open(self._url)


def configured(app: FastAPI) -> uvicorn.Config:
    """Return how an application is served: within bounds, and without a word of every request."""
    return uvicorn.Config(
        app, http=BoundedProtocol, ws="none", lifespan="on", log_level="warning",
        access_log=False, server_header=False, proxy_headers=False, backlog=_BACKLOG_COUNT,
        timeout_keep_alive=_KEEP_ALIVE_S, timeout_graceful_shutdown=_LONGEST_END_S,
        h11_max_incomplete_event_size=_MOST_HEAD_BYTES,
    )  # fmt: skip


def serve(catalog: Catalog, settings: Settings, place: Place) -> None:
    """Answer requests until somebody ends it.

    Args:
        catalog: Whose records answer.
        settings: What is allowed.
        place: Where to listen.

    Raises:
        InputError: for a host or port that is none.
        MissingError: for a port that is taken or may not be used.
    """
    catalog.prices()  # read once, for all processes
    with bound(place) as listening, compiling_ahead():
        if not is_loopback(place.host):
            _warn(place.host)
        settings = _named(settings, place.host)
        url = _url(place.host, listening.getsockname()[1])
        if place.processes_count == 1:
            _Server(configured(created(catalog, settings)), url, opens=place.opens).run([listening])
        else:
            _serve_with_many(catalog, settings, place, url, listening)


def _serve_with_many(
    catalog: Catalog, settings: Settings, place: Place, url: str, listening: socket.socket
) -> None:
    """Let several processes answer at one address; when one ends, all do."""
    context = multiprocessing.get_context("spawn")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))
    started = []
    try:
        for number in range(place.processes_count):
            told = (url, place.opens) if number == 0 else None
            process = context.Process(target=_serve_one, args=(catalog, settings, listening, told))
            process.start()
            started.append(process)
        wait([process.sentinel for process in started])
        raise MissingError("one of the processes that answer has ended: start the server again")
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def _serve_one(
    catalog: Catalog, settings: Settings, listening: socket.socket, told: tuple[str, bool] | None
) -> None:
    """Answer requests in a process of its own; one of them says where."""
    config = configured(created(catalog, settings))
    server = uvicorn.Server(config) if told is None else _Server(config, told[0], opens=told[1])
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listening])


def _url(host: str, port: int) -> str:
    """Return the address to ask."""
    shown = "localhost" if _is_any(host) else host
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def bound(place: Place) -> socket.socket:
    """Return the socket that listens."""
    if not 0 <= place.port <= _MOST_PORT:
        raise InputError(f"--port is {place.port}: from 1 to {_MOST_PORT}, or 0 for any free one")
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # The protocol by name: only then does asyncio send small pieces at once (TCP_NODELAY).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place.host, place.port))
    except socket.gaierror:
        listening.close()
        raise InputError(f"--host {place.host[:80]!r} is no address of this machine") from None
    except OSError as error:
        listening.close()
        raise MissingError(
            f"{place.host} port {place.port} cannot be listened at ({error.strerror}): choose "
            "another with --port, or any free one with --port 0"
        ) from None
    listening.set_inheritable(True)
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    """Whether a host stands for every address of this machine."""
    return host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


def _named(settings: Settings, host: str) -> Settings:
    """Return settings that allow the server's own address as its name."""
    if _is_any(host):
        return settings
    return replace(settings, allowed_hosts=(*settings.allowed_hosts, host))


def _warn(host: str) -> None:
    """Say on standard error who may ask."""
    sys.stderr.write(
        f"rightrig: everybody who reaches {host} may ask this server (it reads nothing of theirs "
        "and stores nothing without the token); by other names than this machine's own only "
        "those of --allowed-host\n"
    )
