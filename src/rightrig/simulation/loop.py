"""An event queue that knows no domain: handles, each with at most one event to come.

The order is that of the key ``(time, priority, counter)``. A binary heap over a structured array;
entry 0 holds the number of entries and the counter, so that the heap begins at 1. ``places`` says
where each handle stands, so that an event can be moved or dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.simulation._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.simulation._rows import Row, Rows

EVENT: Final = np.dtype([("time_s", "f8"), ("key", "i8"), ("handle", "i8")])
_PRIORITY_BITS: Final = 56


def new_queue(handles_count: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return an empty queue for some handles, and their places."""
    return np.zeros(handles_count + 1, EVENT), np.zeros(handles_count, np.int64)


def grown_queue(
    queue: Rows, places: NDArray[np.int64], handles_count: int
) -> tuple[Rows, NDArray[np.int64]]:
    """Return the same queue with room for more handles."""
    more, more_places = new_queue(handles_count)
    more[: len(queue)] = queue
    more_places[: len(places)] = places
    return more, more_places


@kernel
def _before(left: Row, right: Row) -> bool:
    """Whether one event comes before another."""
    if left.time_s != right.time_s:
        return bool(left.time_s < right.time_s)
    return bool(left.key < right.key)


@kernel
def _swap(queue: Rows, places: NDArray[np.int64], one: int, two: int) -> None:
    """Exchange two entries."""
    a, b = queue[one], queue[two]
    a.time_s, b.time_s = b.time_s, a.time_s
    a.key, b.key = b.key, a.key
    a.handle, b.handle = b.handle, a.handle
    places[a.handle] = one
    places[b.handle] = two


@kernel
def _settle(queue: Rows, places: NDArray[np.int64], place: int) -> None:
    """Move an entry up or down to where it belongs."""
    while place > 1 and _before(queue[place], queue[place >> 1]):
        _swap(queue, places, place, place >> 1)
        place >>= 1
    size = queue[0].handle
    while True:
        child = 2 * place
        if child > size:
            return
        if child < size and _before(queue[child + 1], queue[child]):
            child += 1
        if not _before(queue[child], queue[place]):
            return
        _swap(queue, places, place, child)
        place = child


@kernel
def schedule(
    queue: Rows, places: NDArray[np.int64], handle: int, time_s: float, priority: int
) -> None:
    """Give a handle its event, or move the one that it has."""
    head = queue[0]
    place = places[handle]
    if place == 0:
        head.handle += 1
        place = head.handle
        places[handle] = place
    head.key += 1
    entry = queue[place]
    entry.time_s = time_s
    entry.key = (priority << _PRIORITY_BITS) | head.key
    entry.handle = handle
    _settle(queue, places, place)


@kernel
def drop(queue: Rows, places: NDArray[np.int64], handle: int) -> None:
    """Take a handle's event out, where it has one."""
    place = places[handle]
    if place == 0:
        return
    head = queue[0]
    last = head.handle
    if place != last:
        _swap(queue, places, place, last)
    places[handle] = 0
    head.handle -= 1
    if place != last:
        _settle(queue, places, place)
