"""The breaking point of a server: the highest rate at which nearly every answer is in time.

The search knows no server: what tries a rate is handed in, be it a load generator or a simulator,
so that the point that is predicted and the one that is found mean the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOOD_RATIO: Final = 0.9
"""Least share of requests that are answered within every limit."""
ERROR_RATIO: Final = 0.01
"""Largest share of requests that fail."""
DEFINITION: Final = (
    f"highest rate at which at least {GOOD_RATIO:.0%} of the requests are answered within every "
    f"limit, at most {ERROR_RATIO:.0%} fail and the queue does not keep growing"
)
CLOSE_RATIO: Final = 1.08
"""A bracket whose ends are nearer than that is not halved again."""
MOST_TRIES: Final = 14
_STEP_RATIO: Final = 2.0
_LEAST_SHARE_RATIO: Final = 1.0 / 64.0
"""Of the first rate: what breaks even there is not loaded more lightly."""
_NOISE_RATIO: Final = 0.05
"""A share of good requests that rises by more with the rate contradicts a queue."""

Status = Literal[
    "found", "not reached", "below", "client-limited", "interrupted", "out of time"
]  # fmt: skip
"""``not reached``: the highest rate tried still held. ``below``: the lowest one did not.
``out of time``: the bracket is wider than asked. ``client-limited``: nothing is known."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one rate did.

    Attributes:
        good_ratio: Share of all requests that were answered within every limit.
        error_ratio: Share that failed.
        is_growing: Whether requests came faster than they ended, to the end.
        is_limited: Whether the client could not keep the rate, so that nothing follows from it.
        is_interrupted: Whether somebody ended it early.
        requests_count: What the shares are of; 0 where it is not known.
    """

    rate_requests_per_s: float
    good_ratio: float
    error_ratio: float = 0.0
    is_growing: bool = False
    is_limited: bool = False
    is_interrupted: bool = False
    requests_count: int = 0

    @property
    def holds(self) -> bool:
        """Whether the server carries the rate, by :data:`DEFINITION`."""
        is_good = self.good_ratio >= GOOD_RATIO and self.error_ratio <= ERROR_RATIO
        return is_good and not self.is_growing


@dataclass(frozen=True, slots=True)
class Breaking:
    """Where a server breaks, and how surely that is known.

    Attributes:
        rate_requests_per_s: From the highest rate that held to the lowest that broke, with their
            geometric mean; ``None`` unless both are known.
        held_requests_per_s: The highest rate that held below all that broke; 0 where none did.
        broken_requests_per_s: The lowest rate that broke; infinite where none did.
        is_monotone: Whether no rate did better than a lower one, beyond noise.
        tried: In the order in which they were tried.
    """

    status: Status
    rate_requests_per_s: Interval | None
    held_requests_per_s: float
    broken_requests_per_s: float
    is_monotone: bool
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """How far to look.

    Attributes:
        first_requests_per_s: Rates to begin with, rising; the rates above one that breaks are not
            tried, and below the first rate it is halved.
        most_requests_per_s: No higher rate is tried; infinite to double until it breaks.
        close_ratio: A bracket no wider than this is narrow enough.
        most_tries: Rates to try in all.
        is_over: Whether time is up; asked before each rate but the first.
    """

    first_requests_per_s: Sequence[float]
    most_requests_per_s: float = math.inf
    close_ratio: float = CLOSE_RATIO
    most_tries: int = MOST_TRIES
    is_over: Callable[[], bool] = lambda: False


def find_breaking(measure: Callable[[float], Tried], search: Search) -> Breaking:
    """Return the highest rate that a server carries, between two that were measured.

    Rates rise until one breaks; then the geometric middle of the bracket is tried until its ends
    are near each other. A rate that the client could not keep ends the search without a point:
    whether the server holds there is not known.

    Args:
        measure: Tries a rate, in requests/s.
        search: How far to look.
    """
    tried: list[Tried] = []
    status: Status | None = None
    while status is None:
        rate = _next_requests_per_s(tried, search)
        if rate is None:
            status = _end(tried)
        elif tried and (search.is_over() or len(tried) >= search.most_tries):
            status = "out of time"
        else:
            tried.append(measure(rate))
            status = _stopped(tried[-1])
    return _breaking(status, tuple(tried))


def bracket(tried: Sequence[Tried]) -> tuple[float, float]:
    """Return the highest rate below all that broke at which it held, and the lowest that broke.

    0 where none held, infinity where none broke.
    """
    sure = [one for one in tried if not (one.is_limited or one.is_interrupted)]
    high = min((o.rate_requests_per_s for o in sure if not o.holds), default=math.inf)
    held = [o.rate_requests_per_s for o in sure if o.holds and o.rate_requests_per_s < high]
    return max(held, default=0.0), high


def is_monotone(tried: Sequence[Tried]) -> bool:
    """Return whether the share of good requests never rises with the rate, beyond noise."""
    least = math.inf
    for one in sorted(tried, key=lambda o: o.rate_requests_per_s):
        if one.is_limited or one.is_interrupted:
            continue
        if one.good_ratio > least + max(_NOISE_RATIO, 3.0 * _deviation_ratio(one)):
            return False
        least = min(least, one.good_ratio)
    return True


def _deviation_ratio(one: Tried) -> float:
    """Return the standard deviation of a share of independent requests, √(p(1 − p)/n)."""
    if not one.requests_count:
        return 0.0
    return math.sqrt(max(one.good_ratio * (1.0 - one.good_ratio), 0.0) / one.requests_count)


def _next_requests_per_s(tried: Sequence[Tried], search: Search) -> float | None:
    """Return the rate to try next; ``None`` where nothing is left to learn."""
    low, high = bracket(tried)
    if math.isfinite(high):
        if low:
            return math.sqrt(low * high) if high / low > search.close_ratio else None
        lower = high / _STEP_RATIO
        return lower if lower >= search.first_requests_per_s[0] * _LEAST_SHARE_RATIO else None
    later = [rate for rate in search.first_requests_per_s if rate > low]
    if later:
        return later[0]
    higher = min(low * _STEP_RATIO, search.most_requests_per_s)
    return higher if higher > low else None


def _stopped(last: Tried) -> Status | None:
    """Return why a rate ends the search, or ``None``."""
    if last.is_interrupted:
        return "interrupted"
    return "client-limited" if last.is_limited else None


def _end(tried: Sequence[Tried]) -> Status:
    """Return how a search ended that tried all it wanted."""
    low, high = bracket(tried)
    if math.isinf(high):
        return "not reached"
    return "found" if low else "below"


def _breaking(status: Status, tried: tuple[Tried, ...]) -> Breaking:
    """Return what a search found."""
    low, high = bracket(tried)
    rate = None
    if status != "client-limited" and low and math.isfinite(high):
        rate = Interval(low, math.sqrt(low * high), high)
    return Breaking(status, rate, low, high, is_monotone(tried), tried)
