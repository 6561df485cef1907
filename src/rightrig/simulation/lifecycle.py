"""Replicas come and go: autoscaling, cold starts, failures. Requests leave before their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import failures, links, places, queue, replicas, slots
from rightrig.simulation.layout import (
    AT_ROUTER,
    DRAINING,
    FAILED,
    FUTURE,
    IDLE,
    MOVING,
    OFF,
    READY,
    STARTING,
    WAITING,
)
from rightrig.simulation.lists import QUEUED, append, prepend, remove
from rightrig.simulation.loop import drop, schedule
from rightrig.simulation.prefix_cache import clear_prefixes
from rightrig.simulation.request import (
    end,
    let_go,
    move_handle,
    release,
    settle,
    stop_running,
)
from rightrig.simulation.router import dispatch, send_waiting
from rightrig.simulation.segments import cut_segment, wake

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def life_handle(w: Row, r: int) -> int:
    """Return the handle of what a replica waits for: to be ready."""
    return int(w.replicas_size + r)


@kernel
def scale_handle(w: Row) -> int:
    """Return the handle of the autoscaler."""
    return int(2 * w.replicas_size)


@kernel
def failure_handle(w: Row) -> int:
    """Return the handle of the next failure."""
    return int(2 * w.replicas_size + 1)


@kernel
def get_ready(w: Row, r: int, time_s: float) -> None:
    """Let a replica that has started, or was repaired, take requests."""
    rep = replicas(w)[r]
    if rep.life in (STARTING, FAILED):
        rep.life = READY
        send_waiting(w, time_s)


@kernel
def _start(w: Row, r: int, time_s: float) -> None:
    """Begin to start a replica; while the warm pool lasts, a warm one."""
    rep = replicas(w)[r]
    took_s = w.cold_s
    if w.warm_free > 0:
        w.warm_free -= 1
        took_s, rep.warm = w.warm_s, 1
    rep.life, rep.on_s, rep.surplus_s = STARTING, rep.on_s - time_s, np.inf
    schedule(queue(w), places(w), life_handle(w, r), time_s + took_s, 1)


@kernel
def _stop(w: Row, r: int, time_s: float) -> None:
    """Turn a replica off; its place in the warm pool is free again."""
    rep = replicas(w)[r]
    if rep.warm:
        rep.warm = 0
        w.warm_free += 1
    drop(queue(w), places(w), life_handle(w, r))
    rep.life = OFF
    rep.on_s += time_s
    clear_prefixes(w, r)


@kernel
def stop_if_drained(w: Row, r: int, time_s: float) -> None:
    """Turn off a replica that takes no more requests and has none."""
    rep = replicas(w)[r]
    if rep.life == DRAINING and rep.outstanding == 0:
        _stop(w, r, time_s)


@kernel
def _keep_on(w: Row, r: int, time_s: float) -> None:
    """Start a replica that is off; let one that was to stop take requests again."""
    rep = replicas(w)[r]
    if rep.life == OFF:
        _start(w, r, time_s)
    elif rep.life == DRAINING:
        rep.life = READY
        send_waiting(w, time_s)
    rep.surplus_s = np.inf


@kernel
def scale(w: Row, time_s: float) -> None:
    """Start or drain replicas for what is in the system."""
    wanted = int(np.ceil(w.in_system / w.target_count))
    wanted = min(max(wanted, w.fewest), w.most)
    for r in range(w.replicas_size):
        rep = replicas(w)[r]
        if r < wanted:
            _keep_on(w, r, time_s)
        elif rep.life in (READY, STARTING):
            rep.surplus_s = min(rep.surplus_s, time_s)
            if time_s - rep.surplus_s >= w.cooldown_s:
                rep.life = DRAINING
                stop_if_drained(w, r, time_s)
        else:
            stop_if_drained(w, r, time_s)
    if w.in_system > 0 or w.row < w.rows_count or w.final == 0:
        schedule(queue(w), places(w), scale_handle(w), time_s + w.scale_every_s, 1)


@kernel
def _detach(w: Row, index: int) -> None:
    """Take a request from the replica that has died; it begins again."""
    slot = slots(w)[index]
    r = slot.replica
    rep = replicas(w)[r]
    if slot.state == WAITING:
        remove(links(w), rep.waiting, slot.klass, index, QUEUED)
        rep.waiting_count -= 1
    elif slot.state == MOVING:
        drop(queue(w), places(w), move_handle(w, index))
    else:
        stop_running(w, r, index)
    release(w, r, index, 0)
    rep.outstanding -= 1
    if not slot.leaving:
        w.retries += 1
        slot.retries += 1
    slot.done, slot.read, slot.chunk, slot.swapped = 0, 0, 0, 0
    slot.to_read, slot.replica, slot.state = slot.input, -1, FUTURE


@kernel
def fail(w: Row, r: int, time_s: float) -> None:
    """Let a replica die: its requests go back to the router in the order of their arrival."""
    rep = replicas(w)[r]
    if rep.life not in (READY, DRAINING):
        return
    if rep.mode != IDLE:
        drop(queue(w), places(w), r)
    rep.leaving_first = -1
    cut_segment(w, r, time_s)
    rep.life, rep.mode, rep.extra_s, rep.link_free_s = FAILED, IDLE, 0.0, 0.0
    for index in range(w.slots_size):
        slot = slots(w)[index]
        if slot.state > FUTURE and slot.state != AT_ROUTER and slot.replica == r:
            _detach(w, index)
            _line_up(w, index)
    clear_prefixes(w, r)
    # The blocks of the step under way were taken and belong to no request yet.
    rep.used = 0
    schedule(queue(w), places(w), life_handle(w, r), time_s + w.repair_s, 1)
    while w.detached[0, 0] >= 0:
        index = w.detached[0, 0]
        slot = slots(w)[index]
        remove(links(w), w.detached, 0, index, QUEUED)
        if slot.leaving:
            let_go(w, index)
        else:
            dispatch(w, index, time_s)


@kernel
def _line_up(w: Row, index: int) -> None:
    """Put a request among those that return to the router, in the order of arrival."""
    ends = w.detached
    before = ends[0, 1]
    rank = slots(w)[index].rank
    while before >= 0 and slots(w)[before].rank > rank:
        before = links(w)[before, QUEUED + 1]
    if before < 0:
        prepend(links(w), ends, 0, index, QUEUED)
    elif before == ends[0, 1]:
        append(links(w), ends, 0, index, QUEUED)
    else:
        after = links(w)[before, QUEUED]
        links(w)[index, QUEUED], links(w)[index, QUEUED + 1] = after, before
        links(w)[before, QUEUED], links(w)[after, QUEUED + 1] = index, index


@kernel
def next_failure(w: Row, time_s: float) -> None:
    """Let the replica of the next failure die, and schedule the one after it."""
    fail(w, failures(w)[w.failure].replica, time_s)
    w.failure += 1
    if w.failure < w.failures_size:
        schedule(queue(w), places(w), failure_handle(w), failures(w)[w.failure].time_s, 1)


@kernel
def lose_patience(w: Row, index: int, time_s: float) -> None:
    """Let a request leave: at once when it waits, with the step under way when it runs."""
    slot = slots(w)[index]
    r = slot.replica
    if slot.state == AT_ROUTER:
        remove(links(w), w.at_router, slot.klass, index, QUEUED)
        w.router_count -= 1
    elif slot.state == WAITING:
        rep = replicas(w)[r]
        remove(links(w), rep.waiting, slot.klass, index, QUEUED)
        rep.waiting_count -= 1
        wake(w, r, time_s)
    elif slot.state in (FUTURE, MOVING):
        drop(queue(w), places(w), move_handle(w, index))
        if slot.state == MOVING:
            release(w, r, index, 0)
            wake(w, r, time_s)
    else:
        settle(w, index, time_s, slot.status)
        _let_leave_later(w, r, index)
        wake(w, r, time_s)
        return
    end(w, index, time_s, slot.status)


@kernel
def _let_leave_later(w: Row, r: int, index: int) -> None:
    """Note a request that leaves with the step under way, in the order of admission."""
    rep, slot = replicas(w)[r], slots(w)[index]
    here, before = rep.leaving_first, -1
    while here >= 0 and slots(w)[here].order < slot.order:
        here, before = slots(w)[here].leaving - 2, here
    slot.leaving = here + 2
    if before < 0:
        rep.leaving_first = index
    else:
        slots(w)[before].leaving = index + 2


@kernel
def arrive_with_cache(w: Row, index: int, time_s: float) -> None:
    """End a transfer: the source's blocks are free, a replica that decodes takes the request."""
    slot = slots(w)[index]
    r = slot.replica
    release(w, r, index, slot.input + slot.done - 1)
    replicas(w)[r].outstanding -= 1
    wake(w, r, time_s)
    slot.to_read, slot.read, slot.replica = 0, 0, -1
    dispatch(w, index, time_s)
