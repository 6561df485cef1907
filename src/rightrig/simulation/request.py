"""The life of a request: it enters, waits, runs, gets tokens, and ends once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import (
    free,
    heaps,
    kinds,
    links,
    places,
    queue,
    records,
    replicas,
    rows,
    slots,
    tenants,
)
from rightrig.simulation.blocks import enter_phase, leave_phase
from rightrig.simulation.draws import drawn_steps
from rightrig.simulation.gaps import count_gap, gaps_at
from rightrig.simulation.layout import (
    CANCELLED,
    DECODING,
    FREE,
    FUTURE,
    HELD,
    NO_BLOCKS,
    READING,
    SERVED,
    TIMED_OUT,
    WAITING,
)
from rightrig.simulation.lists import QUEUED, RUNNING, append, prepend, remove
from rightrig.simulation.loop import drop, schedule
from rightrig.simulation.prefix_cache import release_prefix, remember

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def timer_handle(w: Row, slot: int) -> int:
    """Return the handle of a request's patience."""
    return int(2 * w.replicas_size + 2 + 2 * slot)


@kernel
def move_handle(w: Row, slot: int) -> int:
    """Return the handle of what brings a request to its next place."""
    return int(2 * w.replicas_size + 3 + 2 * slot)


@kernel
def admit_row(w: Row, row: int, arrival_s: float) -> int:
    """Take a free slot for a row of requests; return the slot."""
    w.free_count -= 1
    index = free(w)[w.free_count]
    w.in_system += 1
    asked, slot = rows(w)[row], slots(w)[index]
    slot.row, slot.arrival_s = w.offset + row, arrival_s
    slot.input, slot.output, slot.klass = asked.input, asked.output, asked.klass
    slot.tenant, slot.reasoning, slot.next = asked.tenant, asked.reasoning, asked.next
    slot.block_from, slot.block_to = asked.block_from, asked.block_to
    slot.state, slot.replica, slot.status, slot.leaving = FUTURE, -1, SERVED, 0
    slot.scheduled_s, slot.first_s, slot.answer_s = np.nan, np.nan, np.nan
    slot.last_s, slot.fresh, slot.done, slot.swapped = np.nan, 0, 0, 0
    slot.blocks, slot.shared, slot.cached, slot.preemptions = 0, 0, 0, 0
    slot.retries, slot.chunk, slot.read = 0, 0, 0
    slot.to_read = asked.input
    patience_s = min(asked.patience_s, w.timeout_s)
    if patience_s < np.inf:
        slot.status = CANCELLED if asked.patience_s <= w.timeout_s else TIMED_OUT
        schedule(queue(w), places(w), timer_handle(w, index), arrival_s + patience_s, 1)
    return int(index)


@kernel
def start_running(w: Row, r: int, index: int, time_s: float) -> None:
    """Count an admitted request among those that run; the caller has taken its blocks."""
    rep, slot = replicas(w)[r], slots(w)[index]
    remove(links(w), rep.waiting, slot.klass, index, QUEUED)
    rep.waiting_count -= 1
    append(links(w), rep.running, slot.klass, index, RUNNING)
    append(links(w), rep.reading, 0, index, QUEUED)
    rep.reading_count += 1
    rep.order += 1
    slot.order, slot.state = rep.order, READING
    if np.isnan(slot.scheduled_s):
        slot.scheduled_s = time_s


@kernel
def next_goal(slot: Row) -> int:
    """Return the steps of a sequence to its next moment: its answer's start, or its end."""
    slot.final = slot.joined + slot.steps
    if slot.done <= slot.reasoning:
        slot.milestone = 1
        ahead = int(np.ceil((slot.reasoning + 1 - slot.done) / slot.growth_tokens - 1e-9))
        return int(min(slot.joined + ahead, slot.final))
    slot.milestone = 0
    return int(slot.final)


@kernel
def start_decoding(w: Row, r: int, index: int, time_s: float) -> None:
    """Let a request whose prompt is read get its tokens step by step."""
    rep, slot = replicas(w)[r], slots(w)[index]
    remove(links(w), rep.reading, 0, index, QUEUED)
    rep.reading_count -= 1
    slot.state = DECODING
    rest = slot.output - slot.done
    slot.steps = drawn_steps(w, rep, rest)
    slot.growth_tokens = rest / slot.steps if rest > 0 else 1.0
    enter_phase(w, rep, slot)
    if rep.seqs == 0:
        rep.last_s = time_s
    rep.seqs += 1
    rep.context_tokens += slot.input + slot.done - 1
    rep.growth_tokens += slot.growth_tokens
    if rest == 0:
        hold(w, rep, index)
        return
    _push_goal(w, r, next_goal(slot), slot.order, index)
    if slot.last_s != rep.last_s:
        slot.fresh = 1
        links(w)[index, QUEUED] = rep.fresh_first
        rep.fresh_first = index
        rep.fresh_count += 1


@kernel
def hold(w: Row, rep: Row, index: int) -> None:
    """Keep a sequence that is done in its place until its batch is, in the order of admission."""
    slots(w)[index].state = HELD
    here, before = rep.held_first, -1
    while here >= 0 and slots(w)[here].order < slots(w)[index].order:
        here, before = links(w)[here, QUEUED], here
    links(w)[index, QUEUED] = here
    if before < 0:
        rep.held_first = index
    else:
        links(w)[before, QUEUED] = index


@kernel
def _unhold(w: Row, rep: Row, index: int) -> None:
    """Take a sequence out of those that are held."""
    if rep.held_first == index:
        rep.held_first = links(w)[index, QUEUED]
        return
    here = rep.held_first
    while links(w)[here, QUEUED] != index:
        here = links(w)[here, QUEUED]
    links(w)[here, QUEUED] = links(w)[index, QUEUED]


@kernel
def _push_goal(w: Row, r: int, step: int, order: int, index: int) -> None:
    """Put a sequence into the heap of those that get tokens, the earliest end first."""
    heap, rep = heaps(w)[r], replicas(w)[r]
    place = rep.active
    rep.active += 1
    while place > 0:
        above = heap[(place - 1) >> 1]
        if above.step < step or (above.step == step and above.order <= order):
            break
        heap[place].step, heap[place].order, heap[place].slot = above.step, above.order, above.slot
        place = (place - 1) >> 1
    heap[place].step, heap[place].order, heap[place].slot = step, order, index


@kernel
def pop_goal(w: Row, r: int, place: int) -> int:
    """Take an entry out of the heap; return its slot."""
    heap, rep = heaps(w)[r], replicas(w)[r]
    found = heap[place].slot
    rep.active -= 1
    size = rep.active
    if place == size:
        return int(found)
    step, order, index = heap[size].step, heap[size].order, heap[size].slot
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        one = heap[child]
        if child + 1 < size:
            two = heap[child + 1]
            if two.step < one.step or (two.step == one.step and two.order < one.order):
                child, one = child + 1, two
        if one.step > step or (one.step == step and one.order >= order):
            break
        heap[place].step, heap[place].order, heap[place].slot = one.step, one.order, one.slot
        place = child
    heap[place].step, heap[place].order, heap[place].slot = step, order, index
    _lift(heap, place)
    return int(found)


@kernel
def _lift(heap: Row, place: int) -> None:
    """Move an entry up to where it belongs."""
    while place > 0:
        above, here = heap[(place - 1) >> 1], heap[place]
        if above.step < here.step or (above.step == here.step and above.order <= here.order):
            return
        above.step, here.step = here.step, above.step
        above.order, here.order = here.order, above.order
        above.slot, here.slot = here.slot, above.slot
        place = (place - 1) >> 1


@kernel
def again_goal(w: Row, r: int, index: int) -> None:
    """Let a sequence whose answer has begun go on to its end."""
    slot = slots(w)[index]
    slot.milestone = 0
    _push_goal(w, r, slot.final, slot.order, index)


@kernel
def drop_goal(w: Row, r: int, index: int) -> None:
    """Take a sequence out of the heap, wherever it stands."""
    heap = heaps(w)[r]
    for place in range(replicas(w)[r].active):
        if heap[place].slot == index:
            pop_goal(w, r, place)
            return


@kernel
def tokens_done(rep: Row, slot: Row) -> int:
    """Return the tokens that a decoding sequence has, at the end of a step."""
    steps = rep.step - slot.joined
    return int(min(slot.done + int(np.floor(steps * slot.growth_tokens + 1e-9)), slot.output))


@kernel
def stop_decoding(w: Row, r: int, index: int) -> None:
    """Settle a sequence's tokens and blocks, and count it no more; it is out of the heap."""
    rep, slot = replicas(w)[r], slots(w)[index]
    steps = rep.step - slot.joined
    rep.seqs -= 1
    rep.context_tokens -= slot.input + slot.done - 1 + steps * slot.growth_tokens
    rep.growth_tokens -= slot.growth_tokens
    if rep.seqs == 0:
        rep.context_tokens, rep.growth_tokens = 0.0, 0.0
    leave_phase(w, rep, slot)
    if slot.fresh == 0:
        slot.last_s = rep.last_s
    else:
        _no_longer_fresh(w, rep, index)
    slot.done = tokens_done(rep, slot)


@kernel
def _no_longer_fresh(w: Row, rep: Row, index: int) -> None:
    """Take a sequence out of those whose last token is older (or newer) than the others'."""
    slots(w)[index].fresh = 0
    rep.fresh_count -= 1
    if rep.fresh_first == index:
        rep.fresh_first = links(w)[index, QUEUED]
        return
    here = rep.fresh_first
    while links(w)[here, QUEUED] != index:
        here = links(w)[here, QUEUED]
    links(w)[here, QUEUED] = links(w)[index, QUEUED]


@kernel
def release(w: Row, r: int, index: int, keep_tokens: int) -> None:
    """Give a request's blocks back; ``keep_tokens`` of them become known to the prefix cache."""
    rep, slot = replicas(w)[r], slots(w)[index]
    kind = kinds(w)[rep.kind]
    if kind.reserve == NO_BLOCKS:
        return
    if kind.caches:
        if keep_tokens > 0:
            remember(w, r, slot, keep_tokens)
        release_prefix(w, r, slot)
    rep.used -= slot.blocks
    slot.blocks = 0


@kernel
def stop_running(w: Row, r: int, index: int) -> None:
    """Take a request out of the lists of those that run."""
    rep, slot = replicas(w)[r], slots(w)[index]
    if slot.state == READING:
        remove(links(w), rep.reading, 0, index, QUEUED)
        rep.reading_count -= 1
    elif slot.state == DECODING:
        drop_goal(w, r, index)
        stop_decoding(w, r, index)
    elif slot.state == HELD:
        _unhold(w, rep, index)
        stop_decoding(w, r, index)
    remove(links(w), rep.running, slot.klass, index, RUNNING)


@kernel
def stored_tokens(slot: Row) -> int:
    """Return the tokens that a request which reads, waits or was stopped has stored."""
    if slot.to_read > 0:
        return int(slot.cached_now + slot.read)
    return int(slot.input + slot.done - 1)


@kernel
def preempt(w: Row, r: int, index: int) -> None:
    """Send a running request back to the head of its class's queue."""
    rep, slot = replicas(w)[r], slots(w)[index]
    kind = kinds(w)[rep.kind]
    if slot.state == DECODING:
        slot.to_read, slot.read = 0, 0
    stop_running(w, r, index)
    stored = stored_tokens(slot)
    slot.preemptions += 1
    w.preemptions += 1
    if kind.swaps:
        rep.extra_s += stored * kind.swap_s_per_token
        slot.swapped = 1
        stored = 0
    else:
        slot.to_read, slot.read = slot.input + slot.done, 0
    release(w, r, index, stored)
    slot.state = WAITING
    prepend(links(w), rep.waiting, slot.klass, index, QUEUED)
    rep.waiting_count += 1


@kernel
def first_token(w: Row, index: int, time_s: float) -> None:
    """Give a request the token that ends the reading of its prompt."""
    slot = slots(w)[index]
    slot.done += 1
    if np.isnan(slot.first_s):
        slot.first_s = time_s
    else:
        # The token after a preemption, or the first one after a failure.
        count_gap(gaps_at(w, time_s), time_s - slot.last_s, 1.0)
    if slot.done == slot.reasoning + 1 and np.isnan(slot.answer_s):
        slot.answer_s = time_s
    slot.last_s = time_s


@kernel
def settle(w: Row, index: int, time_s: float, status: int) -> None:
    """Write down how a request ended, and let the one that follows it come."""
    slot = slots(w)[index]
    record = records(w)[w.records_count]
    w.records_count += 1
    record.row, record.arrival_s, record.scheduled_s = slot.row, slot.arrival_s, slot.scheduled_s
    record.first_s, record.answer_s, record.finish_s = slot.first_s, slot.answer_s, time_s
    record.input, record.output, record.cached = slot.input, slot.done, slot.cached
    record.preemptions, record.retries = slot.preemptions, slot.retries
    record.replica, record.klass, record.tenant = slot.replica, slot.klass, slot.tenant
    record.status = status
    if slot.tenant >= 0 and slot.state != FUTURE:
        tenants(w)[slot.tenant].in_flight -= 1
    drop(queue(w), places(w), timer_handle(w, index))
    if status == SERVED:
        replicas(w)[slot.replica].served += 1
    if slot.next >= 0:
        _follow(w, slot.next, time_s)


@kernel
def let_go(w: Row, index: int) -> None:
    """Free the slot of a request that has ended."""
    slot = slots(w)[index]
    w.in_system -= 1
    if slot.replica >= 0:
        replicas(w)[slot.replica].outstanding -= 1
    slot.state = FREE
    free(w)[w.free_count] = index
    w.free_count += 1


@kernel
def _follow(w: Row, row: int, time_s: float) -> None:
    """Let the request of a row come after its pause."""
    asked = rows(w)[row]
    arrival_s = time_s + asked.think_s
    index = admit_row(w, row, arrival_s)
    schedule(queue(w), places(w), move_handle(w, index), arrival_s + w.request_s, 0)


@kernel
def end(w: Row, index: int, time_s: float, status: int) -> None:
    """End a request that is in no list any more."""
    settle(w, index, time_s, status)
    let_go(w, index)
