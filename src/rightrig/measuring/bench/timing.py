"""How calls are timed: warm, repeated, cold of cache; events on a card, a clock on the host."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench.values import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.measuring.bench.device import Device

    Call = Callable[[int], object]
    """Takes a running number, by which it chooses among its inputs."""

WARM_UPS_COUNT: Final = 3
LEAST_REPEATS_COUNT: Final = 7
MOST_CALLS_COUNT: Final = 200
"""Calls of one sample at most: a graph of more takes long to capture."""


class OutOfTimeError(Exception):
    """A case would take longer than is left; it is said, and left out."""


@dataclass(frozen=True, slots=True)
class Method:
    """How one case is timed.

    Attributes:
        until_s: On the clock of :func:`now_s`: when the block has to end.
        sample_s: Calls are repeated until a sample takes about this long.
        calls_count: Calls of one sample, where it must be a certain number; else 0.
        as_graph: Capture the calls of a sample in a graph, where the device can.
        sets_count: Sets of inputs that calls rotate over; a graph, which is replayed, holds them
            all.
    """

    until_s: float
    sample_s: float = 0.02
    calls_count: int = 0
    as_graph: bool = False
    sets_count: int = 1


@dataclass(frozen=True, slots=True)
class Timed:
    """A timing, and whether a captured graph replayed the calls."""

    timing: Timing
    graphed: bool


def now_s() -> float:
    """Return the clock that deadlines are on."""
    return time.perf_counter()


def timed(device: Device, call: Call, method: Method) -> Timed:
    """Return times of one call, each the mean of the calls of a sample.

    Three warm-ups at least, which also tell how many calls make a sample; then at least seven
    samples. Inputs are the caller's to rotate: call ``i`` takes those of number ``i``.

    Raises:
        OutOfTimeError: when the samples would not end in time.
    """
    call(0)
    device.wait()
    begun_s = now_s()
    for place in range(1, WARM_UPS_COUNT):
        call(place)
    device.wait()
    once_s = max((now_s() - begun_s) / (WARM_UPS_COUNT - 1), 1e-7)
    calls = method.calls_count or _calls_count(once_s, method)
    if method.as_graph and device.is_card:
        calls = max(calls, min(method.sets_count, MOST_CALLS_COUNT))
    if now_s() + once_s * calls * LEAST_REPEATS_COUNT > method.until_s:
        raise OutOfTimeError
    run, graphed = _sample_of(device, call, calls, as_graph=method.as_graph)
    samples, clocks = [], []
    for _ in range(LEAST_REPEATS_COUNT):
        samples.append(device.elapsed_s(run) / calls)
        clock_hz = device.clock_hz()
        if clock_hz is not None:
            clocks.append(clock_hz)
    return Timed(Timing(tuple(samples), tuple(clocks)), graphed)


def _calls_count(once_s: float, method: Method) -> int:
    """Return the calls of a sample: as many as it should last, and fewer where time is short."""
    wanted_s = min(method.sample_s, (method.until_s - now_s()) / LEAST_REPEATS_COUNT)
    return max(1, min(round(wanted_s / once_s), MOST_CALLS_COUNT))


def _sample_of(
    device: Device, call: Call, calls_count: int, *, as_graph: bool
) -> tuple[Callable[[], object], bool]:
    """Return what makes the calls of one sample, each on the inputs after the last ones."""
    place = WARM_UPS_COUNT

    def run() -> None:
        nonlocal place
        for _ in range(calls_count):
            call(place)
            place += 1

    if as_graph and (replay := device.captured(run)) is not None:
        replay()
        device.wait()
        return replay, True
    return run, False
