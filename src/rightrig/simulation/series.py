"""The cluster over time, from records and from what the loop has summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.simulation.layout import SERVED
from rightrig.simulation.outcome import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.simulation._rows import Rows
    from rightrig.simulation.cluster import Cluster
    from rightrig.simulation.replay import Whole


_SAMPLES: Final = 4
"""Moments of a span at which running and waiting requests are counted."""
_MOST_SPANS: Final = 128


def series_of(records: Any, whole: Whole, cluster: Cluster) -> Series:  # noqa: ANN401
    """Return the cluster over time.

    Args:
        records: Of all requests.
        whole: What the loop has summed up; its spans are joined to at most 128.
        cluster: For its replicas and blocks.
    """
    used = max(int(whole.end_s / whole.bin_s) + 1, 1)
    joined = -(-used // _MOST_SPANS)
    span_s = whole.bin_s * joined
    count = -(-used // joined)
    edges = np.arange(count + 1.0) * span_s
    sums = _joined(whole.bins, joined, count)
    begins = records["arrival_s"]
    starts = np.where(np.isnan(records["scheduled_s"]), records["finish_s"], records["scheduled_s"])
    blocks = sum(e.count * e.traits.blocks_count for e in cluster.engines)
    return Series(
        span_s=span_s,
        time_s=edges[:-1],
        arrivals_count=np.histogram(begins, edges)[0],
        ended_count=np.histogram(records["finish_s"], edges)[0],
        running_seqs=_mean_seqs(starts, records["finish_s"], edges),
        waiting_seqs=_mean_seqs(begins, starts, edges),
        output_tokens_per_s=sums[:, 2] / span_s,
        busy_ratio=sums[:, 0] / span_s / cluster.replicas_count,
        kv_used_ratio=sums[:, 1] / span_s / blocks if blocks else np.full(count, np.nan),
        ttft_p99_s=_ttft_p99_s(records, edges),
    )


def _joined(bins: Rows, joined: int, count: int) -> Rows:
    """Return sums over spans of several bins."""
    found = np.zeros((count, bins.shape[1]))
    for place in range(len(bins)):
        found[min(place // joined, count - 1)] += bins[place]
    return found


def _mean_seqs(
    from_s: NDArray[np.float64], to_s: NDArray[np.float64], edges_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how many of some spells hold on average in each span."""
    width_s = edges_s[1] - edges_s[0]
    offsets = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * width_s
    moments = (edges_s[:-1, None] + offsets).ravel()
    begun = np.searchsorted(np.sort(from_s), moments, side="right")
    ended = np.searchsorted(np.sort(to_s), moments, side="right")
    found: NDArray[np.float64] = (begun - ended).reshape(-1, _SAMPLES).mean(axis=1)
    return found


def _ttft_p99_s(records: Any, edges_s: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ANN401
    """Return the p99 of TTFT of those that arrived in each span."""
    served = records[records["status"] == SERVED]
    ttft = served["first_s"] - served["arrival_s"]
    spans = np.clip(np.searchsorted(edges_s, served["arrival_s"], "right") - 1, 0, len(edges_s) - 2)
    found = np.full(len(edges_s) - 1, np.nan)
    for span in np.unique(spans):
        found[span] = np.percentile(ttft[spans == span], 99)
    return found
