"""The end of steps: tokens are given, sequences end, the next step is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import heaps, kinds, links, places, queue, replicas, slots
from rightrig.simulation.blocks import needed_later, take
from rightrig.simulation.gaps import count_gap, count_rising, gaps_at
from rightrig.simulation.layout import (
    DECODING,
    IDLE,
    PLANNED,
    PREFILL,
    SEGMENT,
    SERVED,
    STATIC,
    STEP,
)
from rightrig.simulation.lists import QUEUED, RUNNING, remove
from rightrig.simulation.loop import schedule
from rightrig.simulation.moving import send_cache
from rightrig.simulation.prefix_cache import remember
from rightrig.simulation.request import (
    again_goal,
    end,
    first_token,
    hold,
    let_go,
    pop_goal,
    release,
    start_decoding,
    stop_decoding,
    stop_running,
)
from rightrig.simulation.scheduler import plan, segment_s
from rightrig.simulation.spans import add_use

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def wake(w: Row, r: int, time_s: float) -> None:
    """Let a replica plan anew: at once when it idles, else at the end of the step under way."""
    rep = replicas(w)[r]
    if rep.mode == IDLE:
        rep.mode = PLANNED
        schedule(queue(w), places(w), r, time_s, 3)
    elif rep.mode == SEGMENT:
        _trim(w, r, time_s)


@kernel
def _trim(w: Row, r: int, time_s: float) -> None:
    """End a run of steps with the step that is under way at a time."""
    rep = replicas(w)[r]
    steps = steps_begun(rep, time_s - rep.began_s)
    if steps < rep.steps:
        rep.steps = steps
        schedule(queue(w), places(w), r, rep.began_s + segment_s(rep, steps), 2)


@kernel
def steps_begun(rep: Row, since_s: float) -> int:
    """Return the fewest steps of a segment, one or more, that last until a time."""
    rise, first = rep.step_growth_s, rep.first_step_s
    steps = since_s / first
    if rise > 0.0:
        # B/2·k² + (A − B/2)·k = t; the form without cancellation.
        half = first - 0.5 * rise
        steps = 2.0 * since_s / (half + np.sqrt(half * half + 2.0 * rise * since_s))
    found = max(int(steps), 1)
    while found > 1 and segment_s(rep, found - 1) >= since_s:
        found -= 1
    while segment_s(rep, found) < since_s:
        found += 1
    return found


@kernel
def _count_gaps(w: Row, rep: Row) -> None:
    """Count the times between tokens of the steps that have just ended."""
    counted = gaps_at(w, rep.began_s)
    first_s = rep.began_s + rep.first_step_s
    steps, rise = rep.steps, rep.step_growth_s
    # Who leaves during a step does not get its token.
    leaving = _leaving_count(w, rep) if rep.leaving_first >= 0 else 0
    older = rep.active - rep.fresh_count - (leaving if steps == 1 else 0)
    index = rep.fresh_first
    while index >= 0:
        slot = slots(w)[index]
        if steps > 1 or slot.leaving == 0:
            count_gap(counted, first_s - slot.last_s, 1.0)
        else:
            older += 1
        slot.fresh = 0
        index = links(w)[index, QUEUED]
    rep.fresh_first, rep.fresh_count = -1, 0
    if older > 0:
        count_gap(counted, first_s - rep.last_s, float(older))
    if steps > 1:
        second_s = rep.first_step_s + rise
        count_rising(counted, second_s, rise, steps - 1, float(rep.active - leaving))
        if leaving > 0 and steps > 2:  # noqa: PLR2004 - those that leave miss the last
            count_rising(counted, second_s, rise, steps - 2, float(leaving))


@kernel
def _leaving_count(w: Row, rep: Row) -> int:
    """Return how many of those that leave were still to get tokens."""
    count, index = 0, rep.leaving_first
    while index >= 0:
        count += 1 if slots(w)[index].state == DECODING else 0
        index = slots(w)[index].leaving - 2
    return count


@kernel
def _yielded_tokens(w: Row, rep: Row) -> float:
    """Return the tokens of a step; of a static batch, those that are done yield nothing."""
    tokens = rep.growth_tokens
    index = rep.held_first
    while index >= 0:
        tokens -= slots(w)[index].growth_tokens
        index = links(w)[index, QUEUED]
    return float(tokens)


@kernel
def _count_load(rep: Row, took_s: float) -> None:
    """Count what the steps that have ended worked on, those with prompts apart."""
    seqs = rep.seqs if rep.decoded else 0
    if rep.reads_tokens > 0:
        rep.prompt_s += took_s
        rep.prompt_token_s += took_s * rep.reads_tokens
        rep.prompt_seq_s += took_s * seqs
    else:
        rep.plain_seq_s += took_s * seqs


@kernel
def _pass(w: Row, r: int, time_s: float) -> None:
    """Account for the steps that have ended: tokens, blocks, times."""
    rep = replicas(w)[r]
    steps, took_s = rep.steps, time_s - rep.began_s
    rep.busy_s += took_s
    rep.steps_count += steps
    rep.seq_s += took_s * (rep.seqs + rep.reading_count)
    rep.used_s += took_s * rep.used
    _count_load(rep, took_s)
    w.segments += 1
    tokens = steps * _yielded_tokens(w, rep) if rep.decoded else 0.0
    add_use(w, rep.began_s, time_s, float(rep.used), tokens)
    if rep.decoded:
        rep.decode_tokens += tokens
        _count_gaps(w, rep)
        take(w, rep, needed_later(w, rep, steps - 1))
        rep.step += steps
        rep.context_tokens += steps * rep.growth_tokens
        rep.last_s = time_s


@kernel
def cut_segment(w: Row, r: int, time_s: float) -> None:
    """Account for what a replica that dies has done of its step or segment."""
    rep = replicas(w)[r]
    if rep.mode == SEGMENT:
        steps = steps_begun(rep, time_s - rep.began_s) - 1
        if steps > 0:
            rep.steps = steps
            ended_s = rep.began_s + segment_s(rep, steps)
            _pass(w, r, ended_s)
            rep.began_s = ended_s
    if rep.mode in (STEP, SEGMENT):
        rep.busy_s += time_s - rep.began_s
        _count_load(rep, time_s - rep.began_s)


@kernel
def _let_leave(w: Row, r: int) -> None:
    """Free what those hold who left during the step."""
    rep = replicas(w)[r]
    index = rep.leaving_first
    while index >= 0:
        after = slots(w)[index].leaving - 2
        stop_running(w, r, index)
        release(w, r, index, 0)
        let_go(w, index)
        index = after
    rep.leaving_first = -1


@kernel
def _serve(w: Row, r: int, index: int, time_s: float) -> None:
    """End a request that has all its tokens; it runs no more and still holds its blocks."""
    slot = slots(w)[index]
    remove(links(w), replicas(w)[r].running, slot.klass, index, RUNNING)
    release(w, r, index, slot.input + slot.done - 1)
    end(w, index, time_s, SERVED)


@kernel
def _give_tokens(w: Row, r: int, time_s: float) -> None:
    """End sequences whose last token came, or note that their answer has begun."""
    rep = replicas(w)[r]
    heap = heaps(w)[r]
    is_static = 1 if kinds(w)[rep.kind].order == STATIC else 0
    while rep.active > 0 and heap[0].step <= rep.step:
        index = pop_goal(w, r, 0)
        slot = slots(w)[index]
        if slot.milestone:
            if np.isnan(slot.answer_s):
                slot.answer_s = time_s
            again_goal(w, r, index)
        elif is_static:
            hold(w, rep, index)
        else:
            stop_decoding(w, r, index)
            _serve(w, r, index, time_s)


@kernel
def _serve_batch(w: Row, r: int, time_s: float) -> None:
    """Deliver a static batch whose last sequence is done."""
    rep = replicas(w)[r]
    while rep.held_first >= 0:
        index = rep.held_first
        rep.held_first = links(w)[index, QUEUED]
        stop_decoding(w, r, index)
        _serve(w, r, index, time_s)


@kernel
def _pass_prompts(w: Row, r: int, time_s: float) -> None:
    """Count the prompt tokens of the step; prompts read to their end yield a token."""
    index = replicas(w)[r].reading[0, 0]
    while index >= 0:
        slot = slots(w)[index]
        slot.read += slot.chunk
        slot.chunk = 0
        if slot.to_read > 0 and slot.read >= slot.to_read:
            first_token(w, index, time_s)
            _know_prompt(w, r, index)
            slot.to_read, slot.read = 0, 0
        slot.swapped = 0
        index = links(w)[index, QUEUED]


@kernel
def _leave_prompts(w: Row, r: int, time_s: float) -> None:
    """Let requests whose prompts are read go on."""
    rep = replicas(w)[r]
    is_static = 1 if kinds(w)[rep.kind].order == STATIC else 0
    index = rep.reading[0, 0]
    while index >= 0:
        after = links(w)[index, QUEUED]
        if slots(w)[index].to_read == 0:
            _go_on(w, r, index, time_s, is_static)
        index = after


@kernel
def _know_prompt(w: Row, r: int, index: int) -> None:
    """Let others share the prompt that has been read."""
    rep, slot = replicas(w)[r], slots(w)[index]
    if kinds(w)[rep.kind].caches and slot.block_to > slot.block_from:
        remember(w, r, slot, slot.input)


@kernel
def _go_on(w: Row, r: int, index: int, time_s: float, is_static: int) -> None:
    """Let a request whose prompt is read decode, move to another replica, or end."""
    rep, slot = replicas(w)[r], slots(w)[index]
    if slot.done >= slot.output and not is_static:
        remove(links(w), rep.reading, 0, index, QUEUED)
        rep.reading_count -= 1
        _serve(w, r, index, time_s)
    elif rep.role == PREFILL:
        remove(links(w), rep.reading, 0, index, QUEUED)
        rep.reading_count -= 1
        remove(links(w), rep.running, slot.klass, index, RUNNING)
        send_cache(w, r, index, time_s)
    else:
        start_decoding(w, r, index, time_s)


@kernel
def end_step(w: Row, r: int, time_s: float) -> None:
    """End the step or segment of a replica, and plan the next."""
    rep = replicas(w)[r]
    if rep.mode != PLANNED:
        _pass(w, r, time_s)
        if rep.leaving_first >= 0:
            _let_leave(w, r)
        if rep.reading_count > 0:
            _pass_prompts(w, r, time_s)
        if rep.decoded:
            _give_tokens(w, r, time_s)
        if rep.reading_count > 0:
            _leave_prompts(w, r, time_s)
        if rep.held_first >= 0 and rep.active == 0 and rep.reading_count == 0:
            _serve_batch(w, r, time_s)
        # Whoever comes at this very moment belongs to the next step too.
        if queue(w)[0].handle > 0 and queue(w)[1].time_s == time_s:
            rep.mode = PLANNED
            schedule(queue(w), places(w), r, time_s, 3)
            return
    plan(w, r, time_s)
