"""Block ``clocks``: one product again and again for minutes, while the driver is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench.checking import TOLERATED_RATIO, product_error_ratio
from rightrig.measuring.bench.products import product_of
from rightrig.measuring.bench.timing import now_s
from rightrig.measuring.bench.values import Figure, Sight, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap

_CARD_SIDE: Final = 8192
_HOST_SIDE: Final = 1536
_WINDOW_RATIO: Final = 0.05
"""Share of the block that one sample lasts …"""
_MOST_WINDOW_S: Final = 1.0
"""… and at most this."""
_LEAST_COUNT: Final = 2
"""A first sample and a last one."""


def sustained(bench: Bench) -> Iterator[Figure | Gap | Sight]:
    """Yield what the driver says in every window, then the rate over all of them."""
    if bench.plan.sustained_s <= 0.0:
        yield bench.gap("sustained load", "no time was asked for it")
        return
    device, dtype = bench.device, bench.plan.types[0]
    side = _CARD_SIDE if device.is_card else _HOST_SIDE
    product = product_of(bench, dtype)
    inputs, weights = product.stored(side, side), product.stored(side, side)
    result = product.multiply(inputs, weights)
    samples: list[float] = []
    sights: list[Sight] = []
    is_interrupted = False
    try:
        for sample_s, sight in _windows(bench, lambda: product.multiply(inputs, weights)):
            samples.append(sample_s)
            sights.append(sight)
            yield sight
    except KeyboardInterrupt:  # the minutes until then are worth their figure
        is_interrupted = True
    if len(samples) >= _LEAST_COUNT:
        clocks = (sight.clock_hz for sight in sights)
        yield Figure(
            "clocks", "sustained_gemm", {"type": dtype, "m": side, "n": side, "k": side}, "flop",
            Timing(tuple(samples), tuple(clock for clock in clocks if clock is not None)),
            flop=2.0 * float(side) ** 3, tolerated_ratio=TOLERATED_RATIO[dtype],
            error_ratio=product_error_ratio(inputs, weights, result),
        )  # fmt: skip
    if is_interrupted:
        raise KeyboardInterrupt


def _windows(bench: Bench, multiply: Callable[[], object]) -> Iterator[tuple[float, Sight]]:
    """Yield the time of one product in each window, and what the driver says after it."""
    device, calls = bench.device, _calls_count(bench, multiply)

    def window() -> None:
        for _ in range(calls):
            multiply()

    begun_s, count = now_s(), 0
    while (gone_s := now_s() - begun_s) < bench.plan.sustained_s or count < _LEAST_COUNT:
        yield device.elapsed_s(window) / calls, device.driver.sight(gone_s)
        count += 1


def _calls_count(bench: Bench, multiply: Callable[[], object]) -> int:
    """Return the products of one window."""
    once_s = bench.device.elapsed_s(multiply)
    window_s = min(_WINDOW_RATIO * bench.plan.sustained_s, _MOST_WINDOW_S)
    return max(1, round(window_s / max(once_s, 1e-6)))


def drop_ratio(timing: Timing) -> float:
    """Return how much slower the last fifth of a load is than its first: 0 is not at all.

    Heat takes its time: a card that slows down does so after the first seconds.
    """
    count = max(len(timing.samples_s) // 5, 1)
    first, last = timing.samples_s[:count], timing.samples_s[-count:]
    return Timing(last).median_s / Timing(first).median_s - 1.0
