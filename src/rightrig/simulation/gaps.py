"""A histogram of the times between tokens, with bins of 1/256 of an octave.

A run of steps makes gaps that rise by the same amount from step to step: they are counted bin by
bin, not one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.simulation._jit import inlined, kernel
from rightrig.simulation.arrays import gap_rows
from rightrig.simulation.layout import GAP_BATCHES, GAP_BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.simulation._rows import Row, Rows

_SHIFT: Final = 44
"""Bits of a double's fraction that a bin leaves out: 8 of 52 remain."""
_FIRST: Final = (1023 - 24) << 8
"""Bin of 2⁻²⁴ s, 60 ns."""


@kernel
def _bin_of(gap_s: float) -> int:
    """Return the bin of a gap: the leading bits of the number itself."""
    if gap_s <= 0.0:
        return 0
    place = int(np.float64(gap_s).view(np.int64) >> _SHIFT) - _FIRST
    return min(max(place, 0), GAP_BINS - 1)


def bin_edges_s() -> NDArray[np.float64]:
    """Return the lower edges of all bins, and the upper one of the last."""
    numbers = (np.arange(GAP_BINS + 1, dtype=np.int64) + _FIRST) << _SHIFT
    edges_s: NDArray[np.float64] = numbers.view(np.float64)
    return edges_s


@inlined
def gaps_at(w: Row, time_s: float) -> Rows:
    """Return the histogram of the span of time that a moment lies in."""
    span_s = w.bin_s * w.bins_size / GAP_BATCHES
    found: Rows = gap_rows(w)[min(int(time_s / span_s), GAP_BATCHES - 1)]
    return found


@kernel
def count_gap(gaps: Rows, gap_s: float, count: float) -> None:
    """Count some gaps of one length."""
    gaps[_bin_of(gap_s)] += count


@kernel
def count_rising(gaps: Rows, first_s: float, rise_s: float, steps: int, each_count: float) -> None:
    """Count ``each`` gaps for every step, of ``first + rise·j`` for j from 0."""
    here = _bin_of(first_s)
    last = _bin_of(first_s + rise_s * (steps - 1))
    done = 0
    while here < last:
        edge_s = np.int64((here + 1 + _FIRST) << _SHIFT).view(np.float64)
        until = min(int(np.ceil((edge_s - first_s) / rise_s)), steps)
        if until > done:
            gaps[here] += (until - done) * each_count
            done = until
        here += 1
    gaps[last] += (steps - done) * each_count


def gap_percentiles_s(gaps: Rows, percentiles: Rows) -> NDArray[np.float64]:
    """Return percentiles of counted gaps, linear within a bin; NaN where there are none."""
    total = gaps.sum()
    if total == 0.0:
        return np.full(len(percentiles), np.nan)
    reached = np.concatenate(([0.0], np.cumsum(gaps)))
    return np.asarray(np.interp(percentiles / 100.0 * total, reached, bin_edges_s()))
