"""Doubly linked lists over slots: ``links[slot, side]`` is the next, ``side + 1`` the one before.

A slot can be in one list of each side: 0 for those that run, 2 for those that wait or read. The
ends of a list are a row ``(first, last)``; -1 ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.simulation._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNNING: Final = 0
QUEUED: Final = 2
NONE: Final = -1


def new_links(slots_count: int) -> NDArray[np.int64]:
    """Return links of slots that are in no list."""
    return np.full((slots_count, 4), NONE, np.int64)


@kernel
def append(
    links: NDArray[np.int64], ends: NDArray[np.int64], which: int, slot: int, side: int
) -> None:
    """Put a slot at the end of a list."""
    last = ends[which, 1]
    links[slot, side] = NONE
    links[slot, side + 1] = last
    if last >= 0:
        links[last, side] = slot
    else:
        ends[which, 0] = slot
    ends[which, 1] = slot


@kernel
def prepend(
    links: NDArray[np.int64], ends: NDArray[np.int64], which: int, slot: int, side: int
) -> None:
    """Put a slot at the head of a list."""
    first = ends[which, 0]
    links[slot, side] = first
    links[slot, side + 1] = NONE
    if first >= 0:
        links[first, side + 1] = slot
    else:
        ends[which, 1] = slot
    ends[which, 0] = slot


@kernel
def remove(
    links: NDArray[np.int64], ends: NDArray[np.int64], which: int, slot: int, side: int
) -> None:
    """Take a slot out of its list."""
    after, before = links[slot, side], links[slot, side + 1]
    if before >= 0:
        links[before, side] = after
    else:
        ends[which, 0] = after
    if after >= 0:
        links[after, side + 1] = before
    else:
        ends[which, 1] = before
