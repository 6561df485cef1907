"""Read NVIDIA's cards again and again, a line of JSON for each reading. Run as a program.

A call into the driver may hang for ever, so this is a process of its own; its parent waits only so
long for the next line (:mod:`rightrig.watching.reading.feed`) and starts another. It takes one
word, the period in seconds; 0 reads once. The lines:

- ``{"driver": "550.54.15"}``, first;
- ``{"at_s": …, "cards": [{"index": 0, "fixed": {…}, "slow": {…}, "fast": {…}}, …]}``, a reading:
  ``fixed`` and ``slow`` (every ten periods, at most ten seconds) only when they were read anew;
  of a lost card ``lost``, and why;
- ``{"xids": [[0, 79], …]}``: card and number of each error event, at once;
- ``{"end": "DriverNotLoaded"}``, last, with the reason; empty after a single reading.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.measuring.probe.nvml_child import LostError, kind_of
from rightrig.watching.reading.nvml_asking import Asker, GoneError
from rightrig.watching.reading.nvml_events import Events
from rightrig.watching.reading.nvml_fast import Gpm, fast
from rightrig.watching.reading.nvml_slow import fixed, slow, slowdown_celsius, text

if TYPE_CHECKING:
    from types import TracebackType

    from rightrig.watching.reading.nvml_slow import Names

_SLOW_S: Final = 10.0
_SLOW_PERIODS: Final = 10
_GPM_S: Final = 0.2
"""Between two samples of performance counters, where there is only one reading."""
_EARLY_S: Final = 0.005


def say(**line: object) -> None:
    """Write one line at once, and whole."""
    os.write(1, json.dumps(line, separators=(",", ":")).encode() + b"\n")


class Card:
    """One card: what it could not say, and when it was last asked for everything."""

    def __init__(self, index: int, slow_s: float) -> None:
        """Know nothing of it yet.

        Args:
            index: In the driver's order.
            slow_s: Between two readings of what seldom changes, and two tries to read it when it
                is lost.
        """
        self.index = index
        self._slow_s = slow_s
        self.handle: Any = None
        self._asker = Asker()
        self._gpm = Gpm()
        self._slowdown_celsius: float | None = None
        self._mig: bool | None = None
        self._next_slow_s = 0.0
        self._lost = ""
        self._names: Names = {}

    def read(self, now_s: float) -> dict[str, Any]:
        """Return one reading.

        Args:
            now_s: Of a clock that never goes back.

        Raises:
            GoneError: when the driver does not answer any more.
        """
        is_slow = now_s >= self._next_slow_s - _EARLY_S
        if is_slow:
            self._next_slow_s = now_s + self._slow_s
        elif self._lost:
            return {"index": self.index, "lost": self._lost}
        try:
            return self._read(is_slow=is_slow)
        except LostError as error:
            self._lose(str(error))
            return {"index": self.index, "lost": self._lost}

    def _read(self, *, is_slow: bool) -> dict[str, Any]:
        """Return one reading of a card that answers."""
        found: dict[str, Any] = {"index": self.index}
        if self.handle is None:
            handle = Asker().ask("nvmlDeviceGetHandleByIndex", self.index)
            if handle is None:
                raise LostError("NotOpened")
            found["fixed"] = fixed(self._asker, handle)
            self._slowdown_celsius = slowdown_celsius(self._asker, handle)
            self.handle, self._lost = handle, ""
        if is_slow:
            found["slow"] = slow(self._asker, self.handle, self._names)
            self._partitioned(found["slow"]["mig"])
        found["fast"] = fast(self._asker, self.handle, self._gpm, self._slowdown_celsius)
        return found

    def _partitioned(self, mig: bool | None) -> None:  # noqa: FBT001 - a state of the card
        """Ask everything anew when a card was cut into parts, or joined again."""
        if mig != self._mig:
            self._mig = mig
            self._asker.forget()
            self._gpm.free()
            self._gpm = Gpm()

    def _lose(self, why: str) -> None:
        """Note that the card does not answer; it is opened anew when it is tried again."""
        self.handle, self._lost = None, why
        self._asker.forget()
        self._gpm = Gpm()


def watch(period_s: float) -> None:
    """Read until the driver goes away, or once where the period is 0.

    Raises:
        GoneError: when it does not answer any more.
    """
    system = Asker()
    say(driver=text(system.ask("nvmlSystemGetDriverVersion")))
    slow_s = min(_SLOW_S, _SLOW_PERIODS * period_s) or _SLOW_S
    cards = [Card(index, slow_s) for index in range(system.ask("nvmlDeviceGetCount") or 0)]
    if not period_s:
        for now_s in (0.0, _GPM_S):
            for card in cards:
                # A line each, so that what was read before a call that hangs is kept.
                say(at_s=time.time(), cards=[card.read(now_s)])
            time.sleep(_GPM_S - now_s)
        say(end="")
        return
    events = Events()
    heard: set[int] = set()
    next_s = time.monotonic()
    while True:
        at_s, readings = time.time(), [card.read(next_s) for card in cards]
        handles = {card.index: card.handle for card in cards if card.handle is not None}
        if handles.keys() - heard or events.is_broken:
            if xids := events.wait(0.0):
                say(xids=xids)
            events.listen(handles)
        heard = set(handles)
        # Not before: who has a reading may rely on it that events are heard.
        say(at_s=at_s, cards=readings)
        next_s = max(next_s + period_s, time.monotonic())
        _sleep(events, next_s)


def _sleep(events: Events, until_s: float) -> None:
    """Wait for the next reading; tell what happens meanwhile."""
    while (left_s := until_s - time.monotonic()) > 0.0:
        if xids := events.wait(left_s):
            say(xids=xids)


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell the parent, which sees nothing else, of an error of this program."""
    del trace
    if not issubclass(kind, BrokenPipeError):
        say(end=f"{kind.__name__}: {error}"[:200])


def main() -> None:
    """Read, and say why that ended."""
    sys.excepthook = _crashed
    try:
        nvml.nvmlInit()
        watch(float(sys.argv[1]))
    except nvml.NVMLError as error:
        say(end=kind_of(error))
    except (GoneError, LostError) as error:
        say(end=str(error))


if __name__ == "__main__":
    main()
