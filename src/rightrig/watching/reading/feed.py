"""One reader and its keeper: lines as they come, a deadline for each, a new reader when one fails.

The keeper never waits for a reader that it killed: a call that hangs inside the kernel survives
even that. It forgets it, up to a number, beyond which it starts no more until one has ended.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final, cast

from rightrig.errors import MissingError
from rightrig.watching.reading.assembling import Assembler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.watching.reading.source import Source
    from rightrig.watching.states import CardState

_MOST_LINE_BYTES: Final = 8_000_000
_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 30.0
_LONG_LIFE_S: Final = 10.0
"""Of a reader whose end is no consequence of how it began."""
_LAST_S: Final = 1.0
"""For the keeper, or a reader that was killed, to end."""
_MOST_STUCK: Final = 8
"""Readers that were killed and have not ended."""
REASONS: Final = ("hung", "ended", "driver")
"""Why a reader is started anew."""
HUNG: Final = "hung"
ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class Told:
    """What one reader told last.

    Attributes:
        at_s: When, of the system's clock; of a reader in trouble, when that was noticed.
        trouble: Why its driver could not be asked; empty where all is well.
    """

    at_s: float
    cards: tuple[CardState, ...] = ()
    driver: str = ""
    trouble: str = ""
    restarts: Mapping[str, int] = field(default_factory=dict)


class _Reader:
    """A reader's process, and its lines."""

    def __init__(self, command: tuple[str, ...], wake_fd: int) -> None:
        """Start it.

        Args:
            command: What is run.
            wake_fd: Where a byte comes when nobody wants its lines any more.
        """
        # A session of its own: Ctrl-C is for the keeper, which ends the reader.
        self.process = subprocess.Popen(  # noqa: S603 - a module of ours
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, bufsize=0,
        )  # fmt: skip
        self._out = cast("IO[bytes]", self.process.stdout)
        self._rest = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._selector.register(wake_fd, selectors.EVENT_READ)

    def lines(self, patience_s: float) -> list[bytes] | None:
        """Return the next lines; none when it ended or is not wanted, ``None`` when it hangs."""
        ends_s = time.monotonic() + patience_s
        while True:
            ready = self._selector.select(max(ends_s - time.monotonic(), 0.0))
            if not ready:
                return None
            if any(key.fileobj is not self._out for key, _ in ready):
                return []
            piece = os.read(self._out.fileno(), 1 << 18)
            if not piece or len(self._rest) > _MOST_LINE_BYTES:
                return []
            *whole, self._rest = (self._rest + piece).split(b"\n")
            if whole:
                return whole

    def kill(self) -> None:
        """End it, without waiting for that."""
        self._selector.close()
        self._out.close()
        self.process.kill()


class Feed:
    """Keeps a reader of one maker's cards going, in a thread."""

    def __init__(self, source: Source, period_s: float) -> None:
        """Start nothing yet.

        Args:
            source: What reads.
            period_s: Between two readings, in seconds.

        Raises:
            MissingError: on a system that cannot wait for a pipe.
        """
        if os.name == "nt":
            raise MissingError("watching needs Linux or macOS: run it there, or in WSL")
        self._source = source
        self._period_s = period_s
        self._assembler = Assembler(source.vendor)
        self._told: Told | None = None
        self._restarts = Counter(dict.fromkeys(REASONS, 0))
        self._stuck: list[subprocess.Popen[bytes]] = []
        self._ending = threading.Event()
        self._wake_out, self._wake_in = os.pipe()
        self._thread = threading.Thread(
            target=self._run, name=f"rightrig-{source.vendor}", daemon=True
        )

    def latest(self) -> Told | None:
        """Return what was told last, at once; ``None`` before the first reading."""
        return self._told

    def start(self) -> None:
        """Start to read."""
        self._thread.start()

    def close(self) -> None:
        """End the reader and its keeper."""
        self._ending.set()
        os.write(self._wake_in, b".")
        if self._thread.ident is not None:
            self._thread.join(_LAST_S)
        for process in self._stuck:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_S)
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _run(self) -> None:
        """Keep a reader going; should a defect end that, take nothing old for new."""
        try:
            self._keep()
        finally:
            if not self._ending.is_set():
                self._told = Told(time.time(), trouble=ENDED, restarts=dict(self._restarts))

    def _keep(self) -> None:
        """Keep a reader going until nobody wants it."""
        delay_s = _FIRST_DELAY_S
        while True:
            began_s = time.monotonic()
            try:
                reason = self._read()
            except OSError:  # this machine has no room for one more process
                reason = ENDED
                self._tell(ENDED)
            if self._ending.is_set():
                return
            if time.monotonic() - began_s > _LONG_LIFE_S:
                delay_s = _FIRST_DELAY_S
            if self._waits(delay_s):
                return
            delay_s = min(2.0 * delay_s, _LONGEST_DELAY_S)
            self._restarts[reason] += 1

    def _waits(self, time_s: float) -> bool:
        """Wait before the next reader is started; return whether it is not wanted any more."""
        if self._ending.wait(time_s):
            return True
        while True:
            self._stuck = [process for process in self._stuck if process.poll() is None]
            if len(self._stuck) < _MOST_STUCK:
                return False
            if self._ending.wait(_LONGEST_DELAY_S):
                return True

    def _read(self) -> str:
        """Run one reader to its end; return why it ended."""
        self._assembler.start()
        reader = _Reader(self._source.command(self._period_s), self._wake_out)
        try:
            for trouble in self._lives(reader):
                self._tell(trouble)
        finally:
            reader.kill()
            self._stuck.append(reader.process)
        trouble = self._told.trouble if self._told is not None else ""
        return trouble if trouble in {HUNG, ENDED} else "driver"

    def _lives(self, reader: _Reader) -> Iterator[str]:
        """Yield after each reading, with nothing; and at the end why there is none."""
        patience_s = self._source.first_s
        while (lines := reader.lines(patience_s)) is not None:
            # All are taken before one is told: each but the last is old.
            if sum(self._assembler.take(line) for line in lines):
                patience_s = self._source.patience_s(self._period_s)
                yield ""
            if not lines or self._assembler.end is not None:
                yield self._assembler.end or ENDED
                return
        yield HUNG

    def _tell(self, trouble: str) -> None:
        """Publish what is known now."""
        self._told = Told(
            at_s=time.time(), cards=self._assembler.cards(trouble), driver=self._assembler.driver,
            trouble=trouble, restarts=dict(self._restarts),
        )  # fmt: skip
