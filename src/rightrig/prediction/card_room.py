"""What one card has room for: its cache, the most sequences, the longest context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.interval import Interval
from rightrig.prediction.engine_memory import Component

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.engine_memory import CardShare

BOUNDLESS_SEQS: Final = 10_000_000
"""Sequences of a card that keeps nothing for them."""


def cache_parts(share: CardShare, context_tokens: int, concurrency: int) -> list[Component]:
    """Return the cache of all sequences, and what steps scheduled ahead add to it."""
    ahead = share.ahead_bytes(context_tokens, concurrency)
    kv_bytes = share.cache_bytes(context_tokens, concurrency) - ahead
    parts = [Component("kv", Interval.exact(kv_bytes), "closed form of the cache")]
    if ahead:
        basis = "what windows keep until a step scheduled ahead is done (vLLM since 0.26)"
        parts.append(Component("steps_ahead", Interval.exact(ahead), basis))
    return parts


def most_sequences(
    share: CardShare, context_tokens: int, room_bytes: float, deployment: Deployment
) -> int:
    """Return how many sequences of one length the room takes, at most ``max_seqs``."""
    if room_bytes <= 0.0:
        return 0
    # It is endless for a stage whose layers share the caches of another, or have none.
    held = int(min(share.held_count(context_tokens, room_bytes), BOUNDLESS_SEQS))
    # llama.cpp sets its slots at start; vLLM refuses to run more than its limit at once.
    return held if deployment.runtime.slug in LAYERED else min(held, deployment.limits.max_seqs)


def longest_context(
    share_at: Callable[[int], CardShare],
    total_bytes: Interval,
    concurrency: int,
    deployment: Deployment,
) -> int:
    """Return the longest context, up to the model's, that ``concurrency`` sequences may have.

    For llama.cpp by buffers on a line, within 1 % of the exact from a whole batch up and too
    short below that.

    Args:
        share_at: What the card holds at a context.
        total_bytes: What the card shows.
        concurrency: Sequences at once.
        deployment: Says the engine's limits and the model's.
    """

    def holds(tokens: int) -> bool:
        share = share_at(tokens)
        budget = share.budget_bytes(total_bytes, deployment.limits.memory_ratio)
        return share.cache_bytes(tokens, concurrency) <= budget.mid - share.fixed_bytes.mid

    low, high = 0, deployment.llm.max_context_tokens
    if holds(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
