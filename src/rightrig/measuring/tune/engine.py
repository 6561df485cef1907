"""An engine on this machine: started, waited for, and ended with all that it has started."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rightrig.errors import InputError, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_LOG_BYTES: Final = 64 * 1024
_SHOWN_LINES: Final = 12
_LONGEST_LINE: Final = 300
_LOOK_S: Final = 0.1
_ANSWER_S: Final = 2.0
_PATHS: Final = ("/health", "/v1/models")
_PAGE_BYTES: Final = 65_536


class EngineFailedError(Exception):
    """An engine did not start, or ended: what a setting did, not a fault of the user.

    Attributes:
        reason: One sentence.
        log: The last lines that the engine wrote.
    """

    def __init__(self, reason: str, log: tuple[str, ...] = ()) -> None:
        """Keep what became of it."""
        super().__init__(reason)
        self.reason, self.log = reason, log


@dataclass(slots=True)
class Log:
    """The end of what an engine writes; what came before it is let go."""

    _pieces: deque[bytes] = field(default_factory=deque)
    _size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def follow(self, stream: IO[bytes]) -> None:
        """Take everything that comes, until its end."""
        while piece := os.read(stream.fileno(), _PAGE_BYTES):
            with self._lock:
                self._pieces.append(piece)
                self._size += len(piece)
                while self._size > _LOG_BYTES:
                    self._size -= len(self._pieces.popleft())

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines, printable and not too long."""
        with self._lock:
            text = b"".join(self._pieces).decode(errors="replace")
        lines = ("".join(c if c.isprintable() else " " for c in x) for x in text.splitlines())
        return tuple(x.rstrip()[:_LONGEST_LINE] for x in lines if x.strip())[-_SHOWN_LINES:]


@dataclass(frozen=True, slots=True)
class Running:
    """An engine that answers.

    Attributes:
        url: Without a slash at its end.
        pid: Of its keeper, whose session holds all of its processes.
        ready_s: Time from its start to its first answer.
    """

    url: str
    pid: int
    ready_s: float
    log: Log
    _keeper: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise an EngineFailedError when it has ended."""
        code = self._keeper.poll()
        if code is not None:
            raise EngineFailedError(f"the engine ended with exit code {code}", self.log.lines)

    @property
    def resident_bytes(self) -> float | None:
        """Host memory of its processes, shared pages once; ``None`` where the system tells none."""
        sizes_bytes = [_proportional_bytes(pid) for pid in session_pids(self.pid)]
        known_bytes = [size for size in sizes_bytes if size is not None]
        return float(sum(known_bytes)) if known_bytes else None


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(
    command: Sequence[str],
    url: str,
    patience_s: float,
    env: dict[str, str] | None = None,
    grace_s: float = 10.0,
) -> Iterator[Running]:
    """Start an engine, wait until it answers, and end it when the ``with`` ends.

    Args:
        command: Program and words; no shell sees them.
        url: Where it will answer.
        patience_s: How long it may take to.
        env: Beside the environment of this process.
        grace_s: How long it may take to end when it is asked to; then it is killed.

    Raises:
        MissingError: on Windows.
        InputError: when somebody else answers there already, who would be measured in its place.
        EngineFailedError: when it ends, or does not answer in time.
    """
    if not hasattr(os, "killpg"):
        raise MissingError(
            "this system has no groups of processes to end an engine by; start it yourself and "
            "measure it with: rightrig load URL"
        )
    if _is_taken(url):
        raise InputError(
            f"something answers at {url} already, and it would be measured in place of the engine; "
            "end it, or leave {port} and --url to rightrig"
        )
    begun_s, log = time.monotonic(), Log()
    keeper = subprocess.Popen(  # noqa: S603 - what the user named
        [sys.executable, "-I", str(_KEEPER), str(grace_s), *command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert keeper.stdout is not None  # noqa: S101 - for the type checker
    listener = threading.Thread(target=log.follow, args=(keeper.stdout,), daemon=True)
    listener.start()
    running = Running(url, keeper.pid, 0.0, log, keeper)
    try:
        _wait_until_ready(running, begun_s + patience_s, patience_s)
        ready_s = time.monotonic() - begun_s
        yield Running(url, keeper.pid, ready_s, log, keeper)
    finally:
        _end(keeper, listener, grace_s)
        _wait_until_free(url)


def _wait_until_ready(running: Running, ends_s: float, patience_s: float) -> None:
    """Wait until the engine says that it can serve."""
    while True:
        _check_ended(running)
        if is_ready(running.url):
            return
        if time.monotonic() > ends_s:
            raise EngineFailedError(
                f"the engine did not answer at {running.url} within {patience_s:,.0f} s",
                running.log.lines,
            )
        time.sleep(_LOOK_S)


def _check_ended(running: Running) -> None:
    """Raise when an engine has ended before it answered."""
    try:
        running.check()
    except EngineFailedError as error:
        time.sleep(_LOOK_S)  # its last lines may be on their way
        raise EngineFailedError(f"{error.reason} before it answered", running.log.lines) from None


def is_ready(url: str) -> bool:
    """Whether a server says that it can serve: ``/health``, or ``/v1/models`` where it has none."""
    for path in _PATHS:
        status = _status(url, path)
        if status == http.HTTPStatus.OK:
            return True
        if status not in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.METHOD_NOT_ALLOWED}:
            return False
    return False


def _status(url: str, path: str) -> int:
    """Return the status of a page; 0 when nobody answers."""
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", where.path.rstrip("/").removesuffix("/v1") + path)
        answer = connection.getresponse()
        answer.read(_PAGE_BYTES)
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def _is_taken(url: str) -> bool:
    """Whether somebody listens at the address of a URL."""
    where = urlsplit(url)
    port = where.port or (443 if where.scheme == "https" else 80)
    try:
        with socket.create_connection((where.hostname or "", port), timeout=_ANSWER_S):
            return True
    except OSError:
        return False


def _end(keeper: subprocess.Popen[bytes], listener: threading.Thread, grace_s: float) -> None:
    """Let the keeper end the engine, and wait for it; a second Ctrl-C does not spare the engine."""
    assert keeper.stdin is not None  # noqa: S101 - for the type checker
    assert keeper.stdout is not None  # noqa: S101
    keeper.stdin.close()
    try:
        keeper.wait(2.0 * grace_s + _ANSWER_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    listener.join(_ANSWER_S)
    if not listener.is_alive():  # else a process that fled holds the other end
        keeper.stdout.close()


def _wait_until_free(url: str) -> None:
    """Wait until nobody listens there any more, for a few seconds."""
    ends_s = time.monotonic() + _ANSWER_S
    while _is_taken(url) and time.monotonic() < ends_s:
        time.sleep(_LOOK_S)


def session_pids(leader: int) -> tuple[int, ...]:
    """Return the processes of a session but its leader; none where the system lists none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = entry.read_text("latin-1").rpartition(")")[2].split()
            pid = int(entry.parent.name)
            if int(words[3]) == leader and pid != leader:
                found.append(pid)
    return tuple(sorted(found))


def _proportional_bytes(pid: int) -> int | None:
    """Return the memory of a process, its part of shared pages counted."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("latin-1").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return None
