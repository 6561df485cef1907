"""Paged KV blocks: what is free, what a sequence takes as it grows, what it gives back.

A decoding sequence takes a block every ``block_steps`` steps. ``phases[d]`` counts the sequences
that take one in the steps whose number is ``d`` modulo that, so that a run of steps needs no look
at them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import kinds
from rightrig.simulation.layout import NO_BLOCKS, PROMPT, WHOLE
from rightrig.simulation.prefix_cache import evict

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def ceil_div(count: int, size: int) -> int:
    """Return how many pieces of a size hold a count."""
    return -(-count // size)


@kernel
def free_blocks(w: Row, rep: Row) -> int:
    """Return the blocks that nothing running uses; idle cached ones are among them."""
    return int(kinds(w)[rep.kind].blocks - rep.used)


@kernel
def take(w: Row, rep: Row, blocks: int) -> None:
    """Use more blocks; idle cached ones give way."""
    rep.used += blocks
    total = kinds(w)[rep.kind].blocks
    while rep.used + rep.idle_cached > total and rep.idle_cached > 0:
        evict(w, rep)


@kernel
def needed_now(w: Row, rep: Row) -> int:
    """Return the blocks that decoding sequences take in the next step."""
    kind = kinds(w)[rep.kind]
    if kind.reserve != PROMPT:
        return 0
    return int(rep.phases[rep.step % kind.block_steps])


@kernel
def needed_later(w: Row, rep: Row, steps: int) -> int:
    """Return the blocks that they take in the ``steps`` steps after the next one."""
    kind = kinds(w)[rep.kind]
    if kind.reserve != PROMPT or steps <= 0:
        return 0
    period = kind.block_steps
    found = (steps // period) * rep.seqs
    first = rep.step + 1
    for ahead in range(steps % period):
        found += rep.phases[(first + ahead) % period]
    return int(found)


@kernel
def steps_with_room(w: Row, rep: Row, most: int) -> int:
    """Return how many steps in a row find their blocks, the first one having its own already."""
    kind = kinds(w)[rep.kind]
    free = free_blocks(w, rep)
    if kind.reserve != PROMPT or free >= (most // kind.block_steps + 1) * rep.seqs:
        return most
    period = kind.block_steps
    whole = free // rep.seqs
    free -= whole * rep.seqs
    steps = 1 + whole * period
    while steps < most:
        want = rep.phases[(rep.step + steps) % period]
        if want > free:
            break
        free -= want
        steps += 1
    return int(min(steps, most))


@kernel
def enter_phase(w: Row, rep: Row, slot: Row) -> None:
    """Count a sequence that begins to decode among those that will take blocks."""
    kind = kinds(w)[rep.kind]
    slot.joined = rep.step
    if kind.reserve != PROMPT:
        return
    stored = slot.input + slot.done - 1
    held = (slot.blocks + slot.shared * kind.unit) * kind.block
    # With drafts accepted, who gets fewer tokens than the mean has room for more steps than a block
    # lasts on average; it takes its blocks in turn with the others all the same.
    slack = int((held - stored) / slot.growth_tokens)
    slot.slack = min(slack, kind.block_steps - 1)
    rep.phases[(rep.step + slot.slack) % kind.block_steps] += 1


@kernel
def leave_phase(w: Row, rep: Row, slot: Row) -> None:
    """Settle what a sequence has taken while it decoded, and count it no more."""
    kind = kinds(w)[rep.kind]
    if kind.reserve != PROMPT:
        return
    rep.phases[(slot.joined + slot.slack) % kind.block_steps] -= 1
    steps = rep.step - slot.joined
    if steps > slot.slack:
        slot.blocks += (steps - slot.slack - 1) // kind.block_steps + 1


@kernel
def takes_block_now(w: Row, rep: Row, slot: Row) -> bool:
    """Whether a decoding sequence takes a block in the next step."""
    kind = kinds(w)[rep.kind]
    return bool((rep.step - slot.joined - slot.slack) % kind.block_steps == 0)


@kernel
def prompt_blocks(kind: Row, slot: Row) -> int:
    """Return the blocks of all that is to be read, or of what comes with its cache.

    A sequence that brings its cache has stored one token less than it has.
    """
    return ceil_div(slot.input + slot.done - (1 if slot.to_read == 0 else 0), kind.block)


@kernel
def blocks_to_admit(w: Row, rep: Row, slot: Row) -> int:
    """Return the blocks that a request has to find at admission, shared ones included."""
    kind = kinds(w)[rep.kind]
    if kind.reserve == NO_BLOCKS:
        return 0
    if kind.reserve == WHOLE:
        return ceil_div(slot.input + slot.output - 1, kind.block)
    return prompt_blocks(kind, slot)


@kernel
def can_ever_fit(w: Row, rep: Row, slot: Row) -> bool:
    """Whether an empty engine could hold a request to its end."""
    kind = kinds(w)[rep.kind]
    if kind.reserve == NO_BLOCKS:
        return bool(kind.slot_tokens == 0 or slot.input + slot.output <= kind.slot_tokens)
    return bool(ceil_div(slot.input + slot.output - 1, kind.block) <= kind.blocks)
