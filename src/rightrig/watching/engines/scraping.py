"""One reading of an engine's metrics, whatever that engine is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.measuring.addresses import address_in
from rightrig.watching.asking import LONGEST_DEADLINE_S, read
from rightrig.watching.engines.parsing import state_of_iterations, state_of_metrics
from rightrig.watching.exposition import UnreadableError
from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.measuring.addresses import Address

MOST_BYTES: Final = 8_000_000
_MOST_ENGINES: Final = 64
_OK: Final = 200
_PATHS: Final = ("/metrics", "/prometheus/metrics")
"""Where metrics lie; TensorRT-LLM serves its own under the second."""


def scrape(url: str, deadline_s: float = 3.0) -> EngineState:
    """Return what an engine says of itself.

    Args:
        url: Of its server, or of its metrics themselves.
        deadline_s: For everything, in seconds.

    Returns:
        Its state, under the address as it may be shown; where the server fails in whatever way,
        one whose ``trouble`` says how.

    Raises:
        InputError: where the address is none.
        MissingError: where the extra ``watch`` is not installed.
    """
    address, paths = pages_of(url)
    if not 0.0 < deadline_s <= LONGEST_DEADLINE_S:
        raise InputError(
            f"a deadline of {deadline_s:g} s is none: give more than 0 and at most "
            f"{LONGEST_DEADLINE_S:g} s"
        )
    end_s = time.monotonic() + deadline_s
    found: list[EngineState] = []
    for path in paths:
        state, is_final = _read(url, address, path, end_s)
        found.append(replace(state, url=shown_url(url)))
        if is_final or _is_whole(state):
            break
    # Of equals the first, for the first path is the usual one.
    return min(found, key=lambda one: (bool(one.trouble), not _is_whole(one)))


def ask_all(urls: Sequence[str], deadline_s: float = 3.0) -> list[Future[EngineState]]:
    """Ask several engines at once, so that one that hangs holds up no other.

    The threads are nobody's to wait for: a program that ends leaves them behind.

    Args:
        urls: As for :func:`scrape`.
        deadline_s: For each, in seconds.
    """
    return [_ask(url, deadline_s) for url in urls]


def _ask(url: str, deadline_s: float) -> Future[EngineState]:
    """Ask one engine in a thread of its own."""
    answer: Future[EngineState] = Future()

    def ask() -> None:
        try:
            answer.set_result(scrape(url, deadline_s))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            answer.set_exception(error)

    threading.Thread(target=ask, name="engine", daemon=True).start()
    return answer


def check_engines(urls: Sequence[str]) -> None:
    """Refuse addresses of engines that cannot be watched side by side.

    Raises:
        InputError: where one is no address, or the same as another, or where there are too many.
    """
    if len(urls) > _MOST_ENGINES:
        raise InputError(f"{len(urls)} engines are more than {_MOST_ENGINES}: name fewer")
    seen = set()
    for url in urls:
        address, paths = pages_of(url)
        where = (address.host, address.port, paths[0].partition("?")[0])
        if where in seen:
            raise InputError(
                f"--engine names {shown_url(url)} twice: what it does would be counted twice"
            )
        seen.add(where)


def shown_url(url: str) -> str:
    """Return an address as it may be shown: a query may hold a key.

    >>> shown_url("http://localhost:8000/metrics?api_key=secret")
    'http://localhost:8000/metrics'
    """
    return url.partition("#")[0].partition("?")[0]


def _is_whole(state: EngineState) -> bool:
    """Whether a state has counters; TensorRT-LLM's list of iterations has none."""
    return state.generation_tokens is not None or bool(state.latencies)


def pages_of(url: str) -> tuple[Address, tuple[str, ...]]:
    """Return a server, and the paths at which its metrics may lie, in the order in which to ask.

    Raises:
        InputError: where it is no address of http or https, or holds a password.

    >>> pages_of("http://localhost:8000/v1")[1]
    ('/metrics', '/prometheus/metrics')
    >>> pages_of("http://localhost:8000/engine-1/metrics")[1]
    ('/engine-1/metrics',)
    """
    address = address_in(url, option="--engine")
    query = f"?{address.query}" if address.query else ""
    path = address.path
    base = path.removesuffix("/v1")
    whole = [path] if path.endswith("metrics") else [f"{base}{one}" for one in _PATHS]
    return address, tuple(f"{one}{query}" for one in whole)


def _read(url: str, address: Address, path: str, end_s: float) -> tuple[EngineState, bool]:
    """Return one path's answer as a state, and whether no other path would answer better."""
    reply = read(address, path, end_s - time.monotonic(), MOST_BYTES)
    at_s = time.time()
    if reply.trouble:
        return EngineState(url, at_s, trouble=reply.trouble), reply.status in {0, _OK}
    try:
        return _state(url, at_s, reply.text), False
    except UnreadableError as error:
        return EngineState(url, at_s, trouble=str(error)), False


def _state(url: str, at_s: float, text: str) -> EngineState:
    """Return what an answer says."""
    if text.lstrip()[:1] in {"[", "{"}:
        return state_of_iterations(url, at_s, text)
    return state_of_metrics(url, at_s, text)
