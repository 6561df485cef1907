"""Latencies that an engine counts in buckets: what is surely so, never a guess between bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rightrig.watching.states import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def histogram_of(buckets_count: Mapping[float, float], total_s: float) -> Histogram | None:
    """Return one histogram; ``None`` where its counts are none.

    Args:
        buckets_count: Upper bound in seconds → observations at or below it.
        total_s: Sum of all observations.
    """
    bounds_s = tuple(sorted(buckets_count))
    counts = tuple(buckets_count[bound_s] for bound_s in bounds_s)
    is_whole = bool(bounds_s) and bounds_s[-1] == math.inf and math.isfinite(total_s)
    is_finite = all(math.isfinite(count) and count >= 0.0 for count in counts)
    if not is_whole or not is_finite or list(counts) != sorted(counts) or total_s < 0.0:
        return None
    return Histogram(bounds_s, counts, total_s)


def merged(histograms: Sequence[Histogram]) -> Histogram | None:
    """Return the sum of several: of unequal buckets those bounds that all of them have.

    At a bound that one of them lacks, how many observations lay below it is not known.
    """
    if not histograms:
        return None
    first = histograms[0]
    common = set(first.bounds_s).intersection(*(set(one.bounds_s) for one in histograms[1:]))
    bounds_s = tuple(bound_s for bound_s in first.bounds_s if bound_s in common)
    tables = [dict(zip(one.bounds_s, one.observations_count, strict=True)) for one in histograms]
    counts = tuple(sum(table[bound_s] for table in tables) for bound_s in bounds_s)
    return Histogram(bounds_s, counts, sum(one.total_s for one in histograms))


def since(before: Histogram | None, now: Histogram | None) -> Histogram | None:
    """Return what was observed between two readings; ``None`` where that is not known.

    An engine that was started anew counts from zero: a count that fell says nothing of the time
    between.
    """
    if before is None or now is None or before.bounds_s != now.bounds_s:
        return None
    pairs = zip(before.observations_count, now.observations_count, strict=True)
    counts = tuple(later - earlier for earlier, later in pairs)
    total_s = now.total_s - before.total_s
    # Rounding of large sums may leave a little less than nothing.
    is_new = any(count < 0.0 for count in counts) or total_s < -1e-6 * now.total_s
    if is_new or list(counts) != sorted(counts):
        return None
    return Histogram(now.bounds_s, counts, max(total_s, 0.0))


def all_count(histogram: Histogram) -> float:
    """Return how many observations there are."""
    return histogram.observations_count[-1] if histogram.observations_count else 0.0


def mean_s(histogram: Histogram) -> float | None:
    """Return the mean; ``None`` without an observation."""
    count = all_count(histogram)
    return histogram.total_s / count if count > 0.0 else None


def within_count(histogram: Histogram, limit_s: float) -> tuple[float, float]:
    """Return how many observations are surely within a limit, and the bound that says so.

    The largest bound at or below the limit counts, so that the number is never too high. Where
    the lowest bound already passes the limit, nothing is sure: zero, at a bound of zero.
    """
    found = (0.0, 0.0)
    for bound_s, count in zip(histogram.bounds_s, histogram.observations_count, strict=True):
        if bound_s > limit_s or bound_s == math.inf:
            break
        found = (count, bound_s)
    return found


def quantile_bounds_s(histogram: Histogram, ratio: float) -> tuple[float, float] | None:
    """Return between which bounds a quantile lies; ``None`` without an observation.

    Args:
        histogram: Of any latency.
        ratio: 0.5 for the median.
    """
    count = all_count(histogram)
    if count <= 0.0:
        return None
    low_s = 0.0
    for bound_s, reached in zip(histogram.bounds_s, histogram.observations_count, strict=True):
        if reached >= ratio * count and reached > 0.0:
            return low_s, bound_s
        low_s = bound_s
    return low_s, math.inf
