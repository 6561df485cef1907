"""From requests to what became of them: the kernel is called until every request has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.simulation.engine_loop import run
from rightrig.simulation.layout import GROW, OFF, RECORD
from rightrig.simulation.world import grow, new_world, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.requests import Requests
    from rightrig.simulation.cluster import Cluster
    from rightrig.simulation.world import World

CHUNK: Final = 1_000_000
"""Requests that are read at once, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """What a cluster did, in sums that do not grow with the requests.

    Attributes:
        end_s: When the last event was handled.
        replicas: A row each (``layout.REPLICA``).
        gaps: Histogram of times between tokens.
        bins: Sums over spans of ``bin_s``: busy time, block-seconds, tokens.
    """

    end_s: float
    replicas: Any
    gaps: Any
    bins: Any
    bin_s: float
    preemptions_count: int
    retries_count: int
    segments_count: int


def replay(
    cluster: Cluster,
    requests: Requests,
    seed: int,
    take: Callable[[Any], None],
) -> Whole:
    """Simulate a cluster until every request has ended.

    Args:
        cluster: The cluster.
        requests: The requests.
        seed: Of routers that draw and drafts that are accepted.
        take: Called with the records (``layout.RECORD``) of requests that have ended, in the order
            of their ends; the array is used again after the call.
    """
    w = new_world(cluster, requests, seed)
    follows = len(requests.next_index) > 0
    count = requests.open_count
    # Rows that follow others are looked up when those end: such requests come in one piece.
    size = len(requests) if follows or len(requests.block_ids) else CHUNK
    first = 0
    while True:
        last = len(requests) if size >= len(requests) else min(first + size, count)
        _give(w, requests, first, last, min(last, count) - first)
        w.set(final=int(last >= count), offset=first)
        while run(w.record) == GROW:
            grow(w)
            _hold_records(w, last - first)
        take(w["records"][: w.value("records_count")])
        w.set(records_count=0)
        if last >= count:
            return _whole(w)
        first = last


def _give(w: World, requests: Requests, first: int, last: int, open_count: int) -> None:
    """Put the next rows before the loop."""
    w.put(rows=rows_of(requests, first, last))
    w.set(row=0, rows_count=open_count)
    _hold_records(w, last - first)


def _hold_records(w: World, rows: int) -> None:
    """Have room for the records of all that is in the system or may come."""
    size = rows + len(w["slots"])
    if len(w["records"]) < size:
        more = np.zeros(size, RECORD)
        more[: len(w["records"])] = w["records"]
        w.put(records=more)


def _whole(w: World) -> Whole:
    """Return the sums at the end; replicas that still run are counted until then."""
    replicas = w["replicas"]
    replicas["on_s"][replicas["life"] != OFF] += w.value("time_s")
    return Whole(
        end_s=w.value("time_s"),
        replicas=replicas,
        gaps=w["gaps"],
        bins=w["bins"],
        bin_s=w.value("bin_s"),
        preemptions_count=w.value("preemptions"),
        retries_count=w.value("retries"),
        segments_count=w.value("segments"),
    )
