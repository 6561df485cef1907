"""Means and percentiles of latencies, each with the central 80 % for other runs as long.

Latencies of neighbouring requests depend on each other: they shared a queue. What counts as one
independent observation is therefore a batch of consecutive requests, as in the method of batch
means, and for percentiles its form by Woodruff (1952): the spread of the *share* of values below
the percentile, from batch to batch, is carried back through the values themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.interval import Interval
from rightrig.measuring.load.outcome import STATISTICS, Latency, Statistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    Whole = NDArray[np.int64]

_BATCHES: Final = 30
_TAIL_RATIO: Final = 0.9
_BEYOND_COUNT: Final = 10
"""So many values beyond a percentile determine it: 1,000 for the 99th."""
LEVELS_RATIO: Final[dict[str, float]] = {
    "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999,
}  # fmt: skip


def batches_of(count: int) -> Whole:
    """Return for each of some consecutive requests the batch it is of: 30, or one a request."""
    most = min(count, _BATCHES)
    return np.arange(count, dtype=np.int64) * most // max(count, 1)


def latency_of(values_s: Column, batch: Whole) -> Latency | None:
    """Return the statistics of a metric; ``None`` without a value.

    Args:
        values_s: In any order.
        batch: Which batch of requests each is of.
    """
    if not values_s.size:
        return None
    order = np.argsort(values_s, kind="stable")
    sorted_s, batch = values_s[order], batch[order]
    found = {"mean": mean_of(sorted_s, batch)}
    for name in STATISTICS[1:]:
        found[name] = percentile_of(sorted_s, batch, LEVELS_RATIO[name])
    return Latency(
        count=len(values_s),
        statistics=found,
        min_s=float(sorted_s[0]),
        max_s=float(sorted_s[-1]),
        deviation_s=float(values_s.std()),
    )


def mean_of(values_s: Column, batch: Whole) -> Statistic:
    """Return the mean: x̄ ± t √(B/(B−1) Σ_b (Σ_{i∈b} (x_i − x̄))²) / n, t of B−1 degrees."""
    mean = float(values_s.mean())
    spread = _error_s(values_s - mean, batch)
    groups = int(np.unique(batch).size)
    half = _student_ratio(groups - 1) * spread if groups > 1 else 0.0
    value = Interval(max(mean - half, 0.0), mean, mean + half)
    return Statistic(value, is_enough=groups > 1)


def percentile_of(sorted_s: Column, batch: Whole, level_ratio: float) -> Statistic:
    """Return a percentile, with the order statistics that hold it in 80 of 100 runs.

    Ranks are those of a binomial of as many *independent* values as the batches speak of:
    p (1 − p) / Var(p̂), at most all of them. Where the upper rank lies beyond the last value the
    largest stands for it, and the percentile is marked.

    Args:
        sorted_s: Values, rising.
        batch: The batch of each.
        level_ratio: p, such as 0.99.
    """
    count, p = len(sorted_s), level_ratio
    mid = float(np.quantile(sorted_s, p)) if np.isfinite(sorted_s[-1]) else _kth_s(sorted_s, p)
    below = (sorted_s <= mid).astype(np.float64)
    spread = _error_s(below - below.mean(), batch)
    alone = p * (1.0 - p) / count
    independent = count * alone / max(spread * spread, alone)
    size = max(int(independent), 1)
    low_ratio = _binomial(1.0 - _TAIL_RATIO, size, p) / size
    high_ratio = (_binomial(_TAIL_RATIO, size, p) + 1) / size
    low = float(sorted_s[min(max(int(low_ratio * count) - 1, 0), count - 1)])
    high = float(sorted_s[min(int(np.ceil(high_ratio * count)) - 1, count - 1)])
    is_enough = count * (1.0 - p) >= _BEYOND_COUNT - 1e-9 and high_ratio <= 1.0
    return Statistic(Interval(min(low, mid), mid, max(high, mid)), is_enough=is_enough)


def _kth_s(sorted_s: Column, level_ratio: float) -> float:
    """Return the order statistic: where some are infinite there is nothing between two."""
    return float(sorted_s[min(int(np.ceil(level_ratio * len(sorted_s))), len(sorted_s)) - 1])


def _error_s(centred: NDArray[np.floating[Any]], batch: Whole) -> float:
    """Return the standard error of a mean, from sums of batches, in the unit of the deviations."""
    totals = np.bincount(batch, weights=centred)
    groups = int(np.unique(batch).size)
    if groups < 2:  # noqa: PLR2004 - one says nothing of the spread
        return 0.0
    squares = float(np.square(totals).sum())
    return float(np.sqrt(squares * groups / (groups - 1)) / len(centred))


def _binomial(share_ratio: float, size: int, p_ratio: float) -> int:
    """Return the smallest count that so large a share of binomial draws do not pass."""
    from scipy.special import bdtr  # noqa: PLC0415 - a quarter of a second at every start

    # Beyond ten standard deviations nothing lies.
    mid, reach = size * p_ratio, 10.0 * np.sqrt(size * p_ratio * (1.0 - p_ratio)) + 2.0
    counts = np.arange(max(int(mid - reach), 0), min(int(mid + reach), size) + 1)
    below = bdtr(counts.astype(np.float64), size, p_ratio)
    return int(counts[min(int(np.searchsorted(below, share_ratio)), len(counts) - 1)])


def _student_ratio(degrees: int) -> float:
    """Return Student's t of the central 80 %."""
    from scipy.special import stdtrit  # noqa: PLC0415 - as above

    return float(stdtrit(degrees, _TAIL_RATIO))
