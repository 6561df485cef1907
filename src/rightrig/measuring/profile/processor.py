"""Operators of a processor as kernels: each with the time in which no inner operator runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.measuring.profile.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.measuring.profile.trace import Beside, Columns


def processor_trace(columns: Columns, beside: Beside) -> Trace:
    """Return operators of the thread that worked longest, cut where inner ones run.

    ``aten::linear`` that calls ``aten::addmm`` becomes a piece before it and one after it. What a
    profiler's table calls self time is the sum of the pieces.
    """
    rows, threads = _own_rows(columns)
    starts_s, ends_s, numbers = _in_order(columns, rows)
    first_s = float(starts_s[0])
    pieces = _pieces(starts_s, ends_s)
    owner = np.array([piece[0] for piece in pieces], dtype=np.int64)
    begin_s = np.array([piece[1] for piece in pieces]) - first_s
    spans_s = np.array([piece[2] - piece[1] for piece in pieces])
    order = np.argsort(begin_s, kind="stable")
    owner, begin_s, spans_s = owner[order], begin_s[order], spans_s[order]
    calls = np.zeros(len(owner), dtype=np.int64)
    calls[np.unique(owner, return_index=True)[1]] = 1
    return Trace(
        device="processor",
        names=tuple(columns.names),
        name_index=numbers[owner],
        starts_s=begin_s,
        durations_s=spans_s,
        launches=owner,
        launched_s=begin_s,
        calls=calls,
        marks=beside.marks_since(first_s),
        devices_count=threads,
        left_out_count=beside.left_out_count,
    )


def _own_rows(columns: Columns) -> tuple[NDArray[np.int64], int]:
    """Return the rows of the thread with the most time, and how many threads there are."""
    threads = np.array(columns.devices, dtype=np.int64)
    each, place = np.unique(threads, return_inverse=True)
    worked_s = np.bincount(place, weights=np.array(columns.spans_s, dtype=float))
    return np.flatnonzero(place == int(np.argmax(worked_s))), len(each)


def _in_order(
    columns: Columns, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return starts, ends and names, an outer operator before those inside it."""
    starts_s = np.array(columns.starts_s, dtype=float)[rows]
    ends_s = starts_s + np.array(columns.spans_s, dtype=float)[rows]
    order = np.lexsort((-ends_s, starts_s))
    numbers = np.array(columns.numbers, dtype=np.int64)[rows][order]
    return starts_s[order], ends_s[order], numbers


def _pieces(
    starts_s: NDArray[np.float64], ends_s: NDArray[np.float64]
) -> list[tuple[int, float, float]]:
    """Return the pieces of time in which each operator is the innermost: which, from, to.

    An inner operator that ends after its outer one, by the rounding of the clock, is cut there.
    Every operator has a piece, an empty one if need be, so that its call counts.
    """
    found: list[tuple[int, float, float]] = []
    open_ones: list[tuple[int, float]] = []  # which, and its end
    now_s = 0.0
    for number, (start_s, end_s) in enumerate(zip(starts_s.tolist(), ends_s.tolist(), strict=True)):
        now_s = _closed_s(open_ones, found, start_s, now_s)
        if open_ones:
            found.append((open_ones[-1][0], now_s, start_s))
            end_s = min(end_s, open_ones[-1][1])  # noqa: PLW2901 - cut
        found.append((number, start_s, start_s))
        open_ones.append((number, end_s))
        now_s = start_s
    _closed_s(open_ones, found, np.inf, now_s)
    return found


def _closed_s(
    open_ones: list[tuple[int, float]],
    found: list[tuple[int, float, float]],
    until_s: float,
    now_s: float,
) -> float:
    """Close the operators that ended by a time, the innermost first; return what time it is."""
    while open_ones and open_ones[-1][1] <= until_s:
        number, end_s = open_ones.pop()
        found.append((number, now_s, end_s))
        now_s = end_s
    return now_s
