"""What an engine puts into its next step: the orders of steps of docs/methodology/simulation.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import inlined, kernel
from rightrig.simulation.arrays import heaps, kinds, links, places, queue, replicas, slots, tables
from rightrig.simulation.blocks import (
    blocks_to_admit,
    free_blocks,
    needed_now,
    steps_with_room,
    take,
    takes_block_now,
)
from rightrig.simulation.layout import (
    CHUNKED,
    DECODING,
    IDLE,
    MOST_CLASSES,
    NO_BLOCKS,
    SEGMENT,
    STATIC,
    STEP,
)
from rightrig.simulation.lists import QUEUED
from rightrig.simulation.loop import schedule
from rightrig.simulation.prefix_cache import claim, held_prefix
from rightrig.simulation.request import preempt, start_running, stored_tokens
from rightrig.simulation.step_cost import decode_piece, step_s

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def first_waiting(rep: Row) -> int:
    """Return the waiting request that is next, or -1."""
    for klass in range(MOST_CLASSES):
        if rep.waiting[klass, 0] >= 0:
            return int(rep.waiting[klass, 0])
    return -1


@kernel
def _victim(rep: Row) -> int:
    """Return the running request that gives way: lowest class, then latest admitted."""
    for klass in range(MOST_CLASSES - 1, -1, -1):
        if rep.running[klass, 1] >= 0:
            return int(rep.running[klass, 1])
    return -1


@kernel
def _grow(w: Row, r: int) -> bool:
    """Give decoding sequences their blocks; return whether one was preempted for it."""
    rep = replicas(w)[r]
    need = needed_now(w, rep)
    preempted = False
    while need > free_blocks(w, rep):
        index = _victim(rep)
        slot = slots(w)[index]
        if slot.state == DECODING and takes_block_now(w, rep, slot):
            need -= 1
        preempt(w, r, index)
        preempted = True
    if need > 0:
        take(w, rep, need)
    return preempted


@kernel
def _read_on(w: Row, rep: Row, budget: int) -> tuple[int, float, int]:
    """Give running prompts their tokens; return tokens, pairs attended to, longest piece."""
    tokens, pairs, longest = 0, 0.0, 0
    index = rep.reading[0, 0]
    while index >= 0:
        slot = slots(w)[index]
        slot.chunk = min(slot.to_read - slot.read, budget - tokens)
        stored = slot.cached_now + slot.read
        pairs += slot.chunk * (stored + 0.5 * slot.chunk)
        tokens += slot.chunk
        longest = max(longest, slot.chunk)
        index = links(w)[index, QUEUED]
    return tokens, pairs, longest


@kernel
def _try_admit(w: Row, r: int, time_s: float) -> int:
    """Admit the next waiting request where its blocks are free; return its slot, or -1."""
    rep = replicas(w)[r]
    index = first_waiting(rep)
    if index < 0:
        return -1
    slot, kind = slots(w)[index], kinds(w)[rep.kind]
    units, idle, outside = 0, 0, 0
    if kind.caches and slot.to_read > 0 and not slot.swapped:
        units, idle, outside = held_prefix(w, r, slot, slot.to_read)
    own = blocks_to_admit(w, rep, slot) - units * kind.unit
    need = own + (idle + outside) * kind.unit
    if not _has_room(w, rep, need):
        return -1
    if units > 0:
        outside = claim(w, r, slot, units)
        rep.extra_s += outside * kind.unit * kind.block * kind.tier_s_per_token
    if need > 0:
        take(w, rep, need)
    slot.blocks = own
    _bring_in(rep, kind, slot, units)
    start_running(w, r, index, time_s)
    return index


@kernel
def _has_room(w: Row, rep: Row, need: int) -> bool:
    """Whether some blocks are free, with those that an admission leaves free."""
    kind = kinds(w)[rep.kind]
    if kind.reserve == NO_BLOCKS:
        return True
    spare = kind.watermark if rep.seqs + rep.reading_count > 0 else 0
    return bool(need + spare <= free_blocks(w, rep))


@kernel
def _bring_in(rep: Row, kind: Row, slot: Row, units: int) -> None:
    """Settle what an admitted request still has to read, or what it brings back."""
    if slot.swapped:
        rep.extra_s += stored_tokens(slot) * kind.swap_s_per_token
    elif slot.to_read > 0:
        slot.cached_now = units * kind.unit * kind.block
        slot.to_read -= slot.cached_now
        if np.isnan(slot.scheduled_s):
            slot.cached = slot.cached_now


@kernel
def _admit(w: Row, r: int, time_s: float, room: int) -> tuple[int, float, int]:
    """Admit waiting requests while there is room for their tokens; return as ``_read_on`` does."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    tokens, pairs, longest = 0, 0.0, 0
    while tokens < room and rep.waiting_count > 0:
        if rep.seqs + rep.reading_count >= kind.max_seqs:
            break
        index = _try_admit(w, r, time_s)
        if index < 0:
            break
        slot = slots(w)[index]
        slot.chunk = 0 if slot.swapped else min(slot.to_read, room - tokens)
        pairs += slot.chunk * (slot.cached_now + 0.5 * slot.chunk)
        tokens += slot.chunk
        longest = max(longest, slot.chunk)
    return tokens, pairs, longest


@kernel
def _prompts(
    w: Row, r: int, time_s: float, budget: int, admits: int
) -> tuple[int, float, int]:  # fmt: skip
    """Return the prompt tokens of a step, from running prompts and newly admitted ones."""
    rep = replicas(w)[r]
    tokens, pairs, longest = 0, 0.0, 0
    if rep.reading_count > 0:
        tokens, pairs, longest = _read_on(w, rep, max(budget, 0))
    if admits and tokens < budget and rep.waiting_count > 0:
        more, more_pairs, piece = _admit(w, r, time_s, budget - tokens)
        tokens += more
        pairs += more_pairs
        longest = max(longest, piece)
    return tokens, pairs, longest


@kernel
def _begin_step(w: Row, r: int, time_s: float, decodes: int, work: tuple[int, float, int]) -> None:
    """Start one step that reads prompts, or brings sequences back."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    tokens, pairs, longest = work
    seqs = rep.seqs if decodes else 0
    context_tokens = rep.context_tokens / seqs if seqs > 0 else 0.0
    took_s = 0.0
    if tokens > 0:
        load = (seqs, context_tokens, tokens, pairs / tokens, longest)
        took_s = step_s(tables(w), kind, load)
    elif seqs > 0:
        took_s, _, _ = decode_piece(tables(w), kind, seqs, context_tokens)
    took_s += rep.extra_s
    rep.extra_s = 0.0
    rep.mode, rep.steps, rep.decoded = STEP, 1, 1 if seqs > 0 else 0
    rep.began_s, rep.first_step_s, rep.step_growth_s = time_s, took_s, 0.0
    rep.prompt_tokens += tokens
    rep.reads_tokens = tokens
    schedule(queue(w), places(w), r, time_s + took_s, 2)


@kernel
def _begin_segment(w: Row, r: int, time_s: float) -> None:
    """Start as many steps that only decode as are alike: until one ends, or blocks run out."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    context_tokens = rep.context_tokens / rep.seqs
    took_s, slope, room = decode_piece(tables(w), kind, rep.seqs, context_tokens)
    each = rep.growth_tokens / rep.seqs
    steps = heaps(w)[r][0].step - rep.step
    if room < steps * each:
        steps = min(steps, int(room / each) + 1)
    steps = steps_with_room(w, rep, steps)
    rep.mode, rep.steps, rep.decoded, rep.reads_tokens = SEGMENT, steps, 1, 0
    rep.began_s, rep.first_step_s, rep.step_growth_s = time_s, took_s, slope * each
    schedule(queue(w), places(w), r, time_s + segment_s(rep, steps), 2)


@kernel
def segment_s(rep: Row, steps: int) -> float:
    """Return the time of the first steps of a segment: ``A·k + B·k(k − 1)/2``."""
    return float(rep.first_step_s * steps + 0.5 * rep.step_growth_s * steps * (steps - 1.0))


@inlined
def _plan_chunked(w: Row, r: int, time_s: float) -> None:
    """Decode, and read prompts with what the budget leaves."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    preempted = _grow(w, r) if rep.seqs > 0 else False
    work = _prompts(w, r, time_s, kind.budget - rep.seqs * kind.seq_rows, 0 if preempted else 1)
    # After a preemption nobody was admitted; the next step may admit again.
    if work[0] > 0 or rep.reading_count > 0 or rep.extra_s > 0.0 or preempted:
        _begin_step(w, r, time_s, 1, work)
    elif rep.seqs > 0:
        _begin_segment(w, r, time_s)


@inlined
def _plan_prompts_first(w: Row, r: int, time_s: float) -> None:
    """Read prompts where any can be read, else decode."""
    rep = replicas(w)[r]
    kind = kinds(w)[rep.kind]
    admits = 1 if kind.order != STATIC or rep.seqs + rep.reading_count == 0 else 0
    # A batch is admitted as a whole; its prompts are then read by the budget.
    if kind.order == STATIC and admits:
        _admit(w, r, time_s, np.iinfo(np.int64).max)
        admits = 0
    work = _prompts(w, r, time_s, kind.budget, admits)
    if work[0] > 0 or (rep.reading_count > 0 and rep.seqs == 0):
        _begin_step(w, r, time_s, 0, work)
        return
    if rep.seqs == 0:
        return
    preempted = _grow(w, r)
    if rep.reading_count > 0 or rep.extra_s > 0.0 or preempted:
        _begin_step(w, r, time_s, 1, work)
    elif rep.seqs > 0:
        _begin_segment(w, r, time_s)


@kernel
def plan(w: Row, r: int, time_s: float) -> None:
    """Plan the next step of a replica at the end of one, or when it idles."""
    rep = replicas(w)[r]
    rep.mode = IDLE
    if kinds(w)[rep.kind].order == CHUNKED:
        _plan_chunked(w, r, time_s)
    else:
        _plan_prompts_first(w, r, time_s)
