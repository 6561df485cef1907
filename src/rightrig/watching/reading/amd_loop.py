"""Read AMD's cards again and again, a line of JSON for each reading. Run as a program.

The lines are those of :mod:`rightrig.watching.reading.nvml_loop`. ``amdsmi`` is asked at the period
where it can be imported; else AMD's programs are run, every ten seconds: each takes most of one.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.probe.running import run
from rightrig.watching.reading.amd_library import Library
from rightrig.watching.reading.amd_programs import (
    METRIC,
    OLD,
    STATIC,
    cards_of_amd_smi,
    cards_of_rocm_smi,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_SLOW_S: Final = 10.0
_PROGRAM_S: Final = 20.0
"""For one of AMD's programs to answer."""
_STATIC_READINGS: Final = 30
"""Between two looks at what the cards are, and what they may draw."""
_NO_DRIVER: Final = "DriverNotLoaded"


def say(**line: object) -> None:
    """Write one line at once, and whole."""
    os.write(1, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _json_of(command: tuple[str, ...]) -> object:
    """Return the JSON that a program prints; nothing where it prints none."""
    try:
        return json.loads(run(command, _PROGRAM_S).text)
    except ValueError:
        return None


def _by_programs(static: object) -> tuple[list[dict[str, Any]], str]:
    """Return the cards and the driver, from whichever program there is."""
    if static is None:
        return cards_of_rocm_smi(_json_of(OLD))
    return cards_of_amd_smi(static, _json_of(METRIC))


def _library() -> Library | None:
    """Return ``amdsmi``, where it and a driver are there."""
    try:
        amdsmi = importlib.import_module("amdsmi")
    except (ImportError, OSError, KeyError):  # of a package whose libraries are not there
        return None
    try:
        return Library(amdsmi)
    except amdsmi.AmdSmiException:
        return None


def _repeat(read: Callable[[], bool], period_s: float) -> None:
    """Read at each period, until there is nothing to read; once, where the period is 0."""
    next_s = time.monotonic()
    while read() and period_s:
        next_s = max(next_s + period_s, time.monotonic())
        time.sleep(max(next_s - time.monotonic(), 0.0))


def _watch_programs(period_s: float) -> None:
    """Read by AMD's programs; what the cards are, only now and then."""
    static: object = None
    count = 0

    def read() -> bool:
        nonlocal static, count
        if not count % _STATIC_READINGS:
            static = _json_of(STATIC)
        count += 1
        cards, driver = _by_programs(static)
        if cards:
            say(driver=driver)
            say(at_s=time.time(), cards=cards)
        return bool(cards)

    _repeat(read, period_s and max(period_s, _SLOW_S))


def _watch_library(library: Library, period_s: float) -> None:
    """Read by ``amdsmi``."""
    say(driver=library.driver())
    next_slow_s = 0.0

    def read() -> bool:
        nonlocal next_slow_s
        now_s = time.monotonic()
        is_first, is_slow = not next_slow_s, now_s >= next_slow_s
        if is_slow:
            next_slow_s = now_s + _SLOW_S
        cards = library.cards(is_first=is_first, is_slow=is_slow)
        say(at_s=time.time(), cards=cards)
        return True

    _repeat(read, period_s)


def main() -> None:
    """Read, and say why that ended."""
    period_s = float(sys.argv[1])
    library = _library()
    if library is None:
        _watch_programs(period_s)
    else:
        _watch_library(library, period_s)
    say(end=_NO_DRIVER if period_s else "")


if __name__ == "__main__":
    main()
