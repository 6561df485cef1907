"""Sums over spans of time: as many spans as there is room for, twice as long when time goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import bins, gap_rows
from rightrig.simulation.layout import GAP_BATCHES

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row, Rows


@kernel
def _fold(rows: Rows, count: int) -> None:
    """Join neighbours in the first half; empty the second."""
    half = count // 2
    for place in range(half):
        for column in range(rows.shape[1]):
            rows[place, column] = rows[2 * place, column] + rows[2 * place + 1, column]
    for place in range(half, count):
        for column in range(rows.shape[1]):
            rows[place, column] = 0.0


@kernel
def make_room(w: Row, time_s: float) -> None:
    """Double the spans until a moment lies in one."""
    while time_s >= w.bin_s * w.bins_size:
        _fold(bins(w), w.bins_size)
        _fold(gap_rows(w), GAP_BATCHES)
        w.bin_s *= 2.0


@kernel
def add_use(w: Row, from_s: float, to_s: float, blocks_count: float, tokens: float) -> None:
    """Add busy time, block-seconds and tokens of some steps, each span its share."""
    make_room(w, to_s)
    sums = bins(w)
    # A quotient may be rounded up to the number of spans.
    end = w.bins_size - 1
    first, last = min(int(from_s / w.bin_s), end), min(int(to_s / w.bin_s), end)
    whole_s = max(to_s - from_s, 1e-300)
    for place in range(first, last + 1):
        begin_s, end_s = max(from_s, place * w.bin_s), min(to_s, (place + 1) * w.bin_s)
        share_s = max(end_s - begin_s, 0.0)
        sums[place, 0] += share_s
        sums[place, 1] += share_s * blocks_count
        sums[place, 2] += tokens * share_s / whole_s
