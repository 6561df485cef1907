"""What an engine's start says of its cache: bytes of the pool, and the tokens it prints."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import version_of
from rightrig.interval import Interval
from rightrig.prediction.memory_fit import engine_of
from rightrig.prediction.paged_engines import paged_shares
from rightrig.work.kv_cache import blocks_pool_tokens

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.engine_memory import CardShare

_CONCURRENCY_SINCE: Final = (0, 22)
# The change came between a report on 0.19 (issue 40691, 2026-04-23) and a log of 2026-05-31 whose
# tokens are no multiple of a block.


def pool_bytes(share: CardShare, total_bytes: Interval, memory_ratio: float) -> Interval:
    """Return what a card's cache gets: its budget less its fixed parts, at least nothing.

    Errors of card and parts count as independent.
    """
    fixed = share.fixed_bytes
    if share.rule == "of-free":
        left = memory_ratio
        mid = left * (total_bytes.mid - fixed.mid)
        down = left * math.hypot(total_bytes.mid - total_bytes.low, fixed.high - fixed.mid)
        up = left * math.hypot(total_bytes.high - total_bytes.mid, fixed.mid - fixed.low)
    else:
        budget = share.granted_bytes(total_bytes, memory_ratio)
        mid = budget.mid - fixed.mid
        down = math.hypot(budget.mid - budget.low, fixed.high - fixed.mid)
        up = math.hypot(budget.high - budget.mid, fixed.mid - fixed.low)
    return Interval(max(0.0, mid - down), max(0.0, mid), max(0.0, mid + up))


def pools(deployment: Deployment) -> tuple[tuple[CardShare, Interval], ...]:
    """Return each stage's share of a card, and the bytes that its cache gets."""
    total = min((group.gpu for group in deployment.rig.groups), key=lambda g: g.memory_bytes.mid)
    ratio = deployment.limits.memory_ratio
    return tuple(
        (share, pool_bytes(share, total.memory_bytes, ratio))
        for share in paged_shares(engine_of(deployment))
    )


def printed_tokens(deployment: Deployment, max_model_tokens: int) -> Interval:
    """Return the tokens of cache that an engine prints when it starts.

    The stage with the least room decides.
    """
    found = []
    for share, pool in pools(deployment):
        tokens = partial(_tokens, deployment, share, max_model_tokens)
        found.append(pool.map(tokens))
    return min(found, key=lambda tokens: tokens.mid)


def pool_tokens(deployment: Deployment, size_bytes: float, max_model_tokens: int) -> float:
    """Return the tokens that an engine prints for a pool of that size on the first stage."""
    share = paged_shares(engine_of(deployment))[0]
    return _tokens(deployment, share, max_model_tokens, size_bytes)


def _tokens(
    deployment: Deployment, share: CardShare, max_model_tokens: int, size_bytes: float
) -> float:
    """Return the tokens that an engine prints for a pool.

    vLLM since 0.22: sequences of ``max_model_tokens`` that it holds, times their length
    (0.33, ``get_kv_cache_capacity``); before, blocks over groups. Other engines: whole tokens.
    """
    if deployment.runtime.slug != "vllm":
        return math.floor(size_bytes / share.kv_bytes_per_token)
    version = version_of(deployment.version or deployment.runtime.version)
    if version >= _CONCURRENCY_SINCE:
        held = size_bytes / share.cache_bytes(max_model_tokens, 1)
        return math.floor(held * max_model_tokens)
    tokens = blocks_pool_tokens(share.blocks, size_bytes, share.kv_bits, share.ranks)
    local = math.floor(tokens / share.block_tokens) * share.block_tokens
    return float(local * share.context_ranks)
