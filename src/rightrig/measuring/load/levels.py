"""Which loads a test holds, how long each, and what a plan expects of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.demand.objective import Slo
from rightrig.errors import InputError
from rightrig.measuring.load.outcome import Level

if TYPE_CHECKING:
    from rightrig.interval import Interval

PLANNED_RATIOS: Final = (0.5, 1.0, 2.0, 3.0)
"""Of the planned peak: half of it, the peak, and the two and three times of a load test."""
USUAL_SLO: Final = Slo(ttft_p99_s=2.0, tpot_p99_s=0.1)
"""Limits of a ramp where nobody says any: what a reader of a chat bears, 10 tokens/s and more."""
USUAL_TOTAL_S: Final = 600.0
LEAST_RAMP_REQUESTS: Final = 30
_USUAL_SPAN_S: Final = 30.0
_LEAST_SPAN_S: Final = 10.0
_SPANS_PER_LIMIT_RATIO: Final = 12.0
_LEVELS_PER_TEST: Final = 6
_LEAST_REQUESTS: Final = 100
_MOST_REQUESTS: Final = 10_000
_ROUNDS: Final = 16
"""Requests of each user of a closed loop, where nobody says how many."""
_USUAL_DRAIN_S: Final = 60.0
_LONGEST_GRACE_RATIO: Final = 1.5

Expected = Literal["holds", "breaks", "either"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What limits a test.

    Attributes:
        requests_count: Of each level; ``None`` for as many as make it long enough.
        total_s: The whole test ends after it.
        drain_s: How long to wait at the end of a level for answers that are under way.
        warmup_s: Of each level, not counted; ``None`` finds it.
    """

    requests_count: int | None = None
    total_s: float = USUAL_TOTAL_S
    drain_s: float = _USUAL_DRAIN_S
    warmup_s: float | None = None


def span_s(slo: Slo) -> float:
    """Return how long a level of a ramp lasts where nobody says it.

    A queue that grows must have the time to break a limit: above capacity C at a rate R a request
    that comes at t waits (R/C − 1)·t, so that a rate 10 % too high makes nine tenths of a span wait
    beyond a limit L when it lasts about L/0.09, which is 12·L with some room.
    """
    limits_s = [limit_s for metric, _, limit_s in slo.objectives() if metric in {"ttft", "e2e"}]
    longest = _SPANS_PER_LIMIT_RATIO * min(limits_s, default=_USUAL_SPAN_S)
    return min(max(longest, _LEAST_SPAN_S), 2.0 * _USUAL_SPAN_S)


def open_level(rate_requests_per_s: float, bounds: Bounds, slo: Slo, left_s: float) -> Level:
    """Return requests that come at a rate, whether or not others are answered.

    Args:
        rate_requests_per_s: All turns of sessions counted.
        bounds: Of the test.
        slo: What says how long a level must last (:func:`span_s`).
        left_s: Time that the test has left; at least a second is taken.
    """
    count = bounds.requests_count
    if count is None:
        usual = math.ceil(rate_requests_per_s * span_s(slo))
        fitting = math.ceil(rate_requests_per_s * bounds.total_s / _LEVELS_PER_TEST)
        count = min(max(usual, _LEAST_REQUESTS), max(fitting, LEAST_RAMP_REQUESTS), _MOST_REQUESTS)
    # Random arrivals take longer than their mean; a level that never sent all says so.
    duration_s = _LONGEST_GRACE_RATIO * count / rate_requests_per_s + 1.0
    duration_s = max(min(duration_s, left_s), 1.0)
    return Level(
        "open",
        rate_requests_per_s=rate_requests_per_s,
        requests_count=count,
        duration_s=duration_s,
        drain_s=max(min(bounds.drain_s, left_s), 1.0),
        warmup_s=_warmup_s(bounds, duration_s),
    )


def recorded_level(count: int, last_s: float, bounds: Bounds) -> Level:
    """Return the requests of a trace at their own times of arrival."""
    duration_s = max(min(last_s + 1.0, bounds.total_s), 1.0)
    return Level(
        "open",
        requests_count=count,
        duration_s=duration_s,
        drain_s=max(min(bounds.drain_s, bounds.total_s), 1.0),
        warmup_s=_warmup_s(bounds, duration_s),
    )


def closed_level(users_count: int, bounds: Bounds, left_s: float) -> Level:
    """Return users who each send a request when the one before is answered."""
    count = bounds.requests_count or min(
        max(_ROUNDS * users_count, _LEAST_REQUESTS), _MOST_REQUESTS
    )
    duration_s = max(left_s, 1.0)
    return Level(
        "closed",
        concurrency=users_count,
        requests_count=max(count, users_count),
        duration_s=duration_s,
        drain_s=max(min(bounds.drain_s, left_s), 1.0),
        warmup_s=_warmup_s(bounds, duration_s),
    )


def _warmup_s(bounds: Bounds, duration_s: float) -> float | None:
    """Return the warm-up of a level, which must end before it."""
    if bounds.warmup_s is not None and bounds.warmup_s >= duration_s:
        raise InputError(
            f"--warmup is {bounds.warmup_s:g} s, and a level lasts {duration_s:.3g} s at most: "
            "take a shorter one, or more --requests"
        )
    return bounds.warmup_s


def expected_at(rate_requests_per_s: float, breaking_requests_per_s: Interval | None) -> Expected:
    """Return what a predicted breaking point says of a rate.

    >>> from rightrig.interval import Interval
    >>> [expected_at(rate, Interval(8.0, 10.0, 13.0)) for rate in (5.0, 10.0, 20.0)]
    ['holds', 'either', 'breaks']
    """
    if breaking_requests_per_s is None:
        return "either"
    if rate_requests_per_s <= breaking_requests_per_s.low:
        return "holds"
    return "breaks" if rate_requests_per_s > breaking_requests_per_s.high else "either"
