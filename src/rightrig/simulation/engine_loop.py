"""The loop: the next event is a new request, or the head of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import places, queue, rows, slots
from rightrig.simulation.layout import DONE, GROW, MORE, MOVING
from rightrig.simulation.lifecycle import (
    arrive_with_cache,
    get_ready,
    lose_patience,
    next_failure,
    scale,
    stop_if_drained,
)
from rightrig.simulation.loop import drop
from rightrig.simulation.request import admit_row, end
from rightrig.simulation.router import arrive
from rightrig.simulation.segments import end_step

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row

_SPARE_SLOTS = 2
_SPARE_ENTRIES = 1 << 17


@kernel
def _handle(w: Row, handle: int, time_s: float) -> None:
    """Do what a handle's event stands for."""
    count = w.replicas_size
    if handle < count:
        end_step(w, handle, time_s)
        stop_if_drained(w, handle, time_s)
    elif handle < 2 * count:
        get_ready(w, handle - count, time_s)
    elif handle == 2 * count:
        scale(w, time_s)
    elif handle == 2 * count + 1:
        next_failure(w, time_s)
    else:
        _handle_slot(w, handle - 2 * count - 2, time_s)


@kernel
def _handle_slot(w: Row, handle: int, time_s: float) -> None:
    """Do what a request waited for: its patience's end, or its next place."""
    index = handle >> 1
    if handle % 2 == 0:
        lose_patience(w, index, time_s)
    elif slots(w)[index].state == MOVING:
        arrive_with_cache(w, index, time_s)
    else:
        arrive(w, index, time_s)


@kernel
def _must_grow(w: Row) -> bool:
    """Whether the arrays may be too small for the next event."""
    if w.free_count < _SPARE_SLOTS:
        return True
    if w.entries_size >= w.entries_most:
        return False
    return bool(w.entries_free_count < min(_SPARE_ENTRIES, w.entries_size // 2))


@kernel
def run(worlds: Row) -> int:
    """Handle events until the rows are read (more may come), all is done, or arrays must grow."""
    w = worlds[0]
    while True:
        if _must_grow(w):
            return GROW
        event = queue(w)[1]
        event_s = event.time_s if queue(w)[0].handle > 0 else np.inf
        if w.row < w.rows_count:
            arrival_s = rows(w)[w.row].arrival_s
            here_s = arrival_s + w.request_s
            # At the same time arrivals come first, in the order of their rows.
            if here_s <= event_s:
                w.time_s = here_s
                index = admit_row(w, w.row, arrival_s)
                leaves_s = arrival_s + min(rows(w)[w.row].patience_s, w.timeout_s)
                w.row += 1
                if leaves_s < here_s:
                    end(w, index, leaves_s, slots(w)[index].status)
                else:
                    arrive(w, index, here_s)
                continue
        elif w.final == 0:
            return MORE
        if event_s == np.inf or (w.in_system == 0 and w.row >= w.rows_count):
            return DONE
        handle = event.handle
        drop(queue(w), places(w), handle)
        w.time_s = event_s
        _handle(w, handle, event_s)
