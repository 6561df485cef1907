"""To which replica a request goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import kinds, links, replicas, slots, tenants
from rightrig.simulation.blocks import can_ever_fit, needed_later, prompt_blocks
from rightrig.simulation.draws import uniform_ratio
from rightrig.simulation.layout import (
    AT_ROUTER,
    BOTH,
    DECODE,
    LEAST_KV,
    LEAST_LOADED,
    NO_BLOCKS,
    PREFILL,
    PREFIX,
    READY,
    REJECTED,
    ROUND_ROBIN,
    SEGMENT,
    STATIC,
    WAITING,
)
from rightrig.simulation.lists import QUEUED, append, remove
from rightrig.simulation.prefix_cache import held_prefix
from rightrig.simulation.request import end
from rightrig.simulation.scheduler import first_waiting
from rightrig.simulation.segments import steps_begun, wake

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row

_LOAD_RATIO = 1.5
_SPARE_REQUESTS = 4.0


@kernel
def _takes(w: Row, r: int, role: int) -> bool:
    """Whether a replica takes requests of a role."""
    rep = replicas(w)[r]
    return bool(rep.life == READY and rep.role == role)


@kernel
def _load_requests(w: Row, r: int) -> float:
    """Return a replica's requests over its weight."""
    rep = replicas(w)[r]
    return float(rep.outstanding / kinds(w)[rep.kind].weight_ratio)


@kernel
def _kv_load_ratio(w: Row, r: int, time_s: float) -> float:
    """Return the share of a replica's blocks that is in use or waited for."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    if kind.reserve == NO_BLOCKS:
        return float((rep.seqs + rep.reading_count + rep.waiting_count) / kind.max_seqs)
    used = rep.used
    if rep.mode == SEGMENT:
        used += needed_later(w, rep, steps_begun(rep, time_s - rep.began_s) - 1)
    for klass in range(rep.waiting.shape[0]):
        index = rep.waiting[klass, 0]
        while index >= 0:
            slot = slots(w)[index]
            used += prompt_blocks(kind, slot)
            index = links(w)[index, QUEUED]
    return float(used / kind.blocks)


@kernel
def _least(w: Row, role: int, router: int, time_s: float) -> int:
    """Return the replica of the smallest load, or -1."""
    best, least = -1, np.inf
    for r in range(w.replicas_size):
        if _takes(w, r, role):
            load = _kv_load_ratio(w, r, time_s) if router == LEAST_KV else _load_requests(w, r)
            if load < least:
                best, least = r, load
    return best


@kernel
def _next_in_turn(w: Row, role: int) -> int:
    """Return the next replica in turn, or -1."""
    count = w.replicas_size
    for ahead in range(count):
        r = (w.turn + ahead) % count
        if _takes(w, r, role):
            w.turn = r + 1
            return int(r)
    return -1


@kernel
def _ready_count(w: Row, role: int) -> int:
    """Return how many replicas take requests of a role."""
    count = 0
    for r in range(w.replicas_size):
        count += 1 if _takes(w, r, role) else 0
    return count


@kernel
def _nth_ready(w: Row, role: int, nth: int) -> int:
    """Return the nth replica that takes requests of a role."""
    for r in range(w.replicas_size):
        if _takes(w, r, role):
            if nth == 0:
                return r
            nth -= 1
    return -1


@kernel
def _drawn(w: Row, role: int) -> int:
    """Return a replica drawn at random among those ready; draws again before it counts."""
    count = w.replicas_size
    for _ in range(16):
        r: int = min(int(uniform_ratio(w) * count), count - 1)
        if _takes(w, r, role):
            return r
    ready = _ready_count(w, role)
    return _nth_ready(w, role, int(uniform_ratio(w) * ready)) if ready else -1


@kernel
def _of_two(w: Row, role: int) -> int:
    """Return the less loaded of two replicas drawn at random (Mitzenmacher 2001)."""
    one, two = _drawn(w, role), _drawn(w, role)
    if one < 0 or two < 0:
        return one
    if _load_requests(w, one) == _load_requests(w, two):
        return min(one, two)
    return one if _load_requests(w, one) < _load_requests(w, two) else two


@kernel
def _longest_prefix(w: Row, role: int, slot: Row) -> int:
    """Return the replica that holds most of a prompt, among those not much above the mean load."""
    total, count = 0.0, 0
    for r in range(w.replicas_size):
        if _takes(w, r, role):
            total += _load_requests(w, r)
            count += 1
    if count == 0:
        return -1
    limit = _LOAD_RATIO * total / count + _SPARE_REQUESTS
    best, most, least = -1, -1, np.inf
    for r in range(w.replicas_size):
        if not _takes(w, r, role):
            continue
        load = _load_requests(w, r)
        if load > limit:
            continue
        units = (
            held_prefix(w, r, slot, slot.input)[0] if kinds(w)[replicas(w)[r].kind].caches else 0
        )
        if units > most or (units == most and load < least):
            best, most, least = r, units, load
    return best


@kernel
def route(w: Row, slot: Row, role: int, time_s: float) -> int:
    """Return the replica for a request, or -1 when none is ready."""
    router = w.router
    if router == ROUND_ROBIN:
        return _next_in_turn(w, role)
    if router in (LEAST_LOADED, LEAST_KV):
        return _least(w, role, router, time_s)
    if router == PREFIX:
        return _longest_prefix(w, role, slot)
    return _of_two(w, role)


@kernel
def dispatch(w: Row, index: int, time_s: float) -> None:
    """Send a request to a replica, or keep it at the router until one is ready."""
    slot = slots(w)[index]
    role = BOTH
    if w.splits:
        role = PREFILL if slot.done == 0 else DECODE
    r = route(w, slot, role, time_s)
    if r < 0:
        slot.state, slot.replica = AT_ROUTER, -1
        append(links(w), w.at_router, slot.klass, index, QUEUED)
        w.router_count += 1
        return
    _queue_at(w, r, index, time_s)


@kernel
def _queue_at(w: Row, r: int, index: int, time_s: float) -> None:
    """Put a request into a replica's queue, or answer 429."""
    rep, slot = replicas(w)[r], slots(w)[index]
    kind = kinds(w)[rep.kind]
    is_new = slot.retries == 0 and slot.done == 0
    too_long = is_new and kind.max_queue >= 0 and rep.waiting_count >= kind.max_queue
    slot.state, slot.replica = WAITING, -1
    if too_long or not can_ever_fit(w, rep, slot):
        end(w, index, time_s, REJECTED)
        return
    slot.replica = r
    rep.outstanding += 1
    head = first_waiting(rep) if rep.waiting_count > 0 else -1
    append(links(w), rep.waiting, slot.klass, index, QUEUED)
    rep.waiting_count += 1
    running = rep.seqs + rep.reading_count
    if running >= kind.max_seqs or (kind.order == STATIC and running > 0):
        return
    # Whoever stands behind one that cannot be admitted cannot either.
    if head < 0 or slots(w)[head].klass > slot.klass:
        wake(w, r, time_s)


@kernel
def arrive(w: Row, index: int, time_s: float) -> None:
    """Let a request come to the router, within its tenant's limit."""
    slot = slots(w)[index]
    w.arrived += 1
    slot.rank = w.arrived
    if slot.tenant >= 0:
        tenant = tenants(w)[slot.tenant]
        if tenant.limit >= 0 and tenant.in_flight >= tenant.limit:
            end(w, index, time_s, REJECTED)
            return
        tenant.in_flight += 1
    dispatch(w, index, time_s)


@kernel
def send_waiting(w: Row, time_s: float) -> None:
    """Send the requests that wait at the router, now that a replica is ready."""
    for klass in range(w.at_router.shape[0]):
        for _ in range(w.router_count):
            index = w.at_router[klass, 0]
            if index < 0:
                break
            remove(links(w), w.at_router, klass, index, QUEUED)
            w.router_count -= 1
            dispatch(w, index, time_s)
