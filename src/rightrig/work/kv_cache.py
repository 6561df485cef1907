"""The cache of a sequence: bytes a token, a state, and how engines round them up.

Equations: formulas F2 of docs/methodology/memory.md. Sizes are for one tensor-parallel
rank unless a name says otherwise; MLA's latent is whole on every rank, and key-value heads
are replicated once there are fewer than ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.work.recurrent import state_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.llm import Attention, Block, Llm

BLOCK_TOKENS: Final = 16
"""vLLM's default page, in tokens."""
STATE_PAGES: Final = 2
"""Pages of recurrent state that vLLM keeps a sequence, prefix caching on (its default)."""
STATE_POOL_RATIO: Final = 0.9
"""Bytes of SGLang's pool of states for one of keys and values (``mamba_full_memory_ratio``)."""
STATE_POOL_SLOTS: Final = 5
"""States that SGLang keeps room for a running sequence, prefix caching and overlap on (0.5.23)."""
_NEARLY_EQUAL_RATIO: Final = 1.5
_EIGHT_BITS: Final = 8.0
_SCALED_LATENTS: Final = 128
_SCALED_VALUES: Final = 64


def read_elements_per_token(attention: Attention, ranks_count: int = 1) -> int:
    """Return the cached values that attending to one token reads, in one layer on one rank.

    ``KV·(h + v)`` with ``KV = max(1, heads // ranks)`` (F2.1, F2.5); ``c + r`` for MLA (F2.2:
    one shared latent, not doubled, not divided); ``h`` where one entry is key and value.
    """
    if attention.kind == "mla":
        return attention.kv_lora_rank + attention.rope_head_dim
    if attention.kind == "compressed":
        return attention.head_dim
    kv_heads = max(1, attention.kv_head_count // ranks_count)
    return kv_heads * (attention.head_dim + attention.value_dim)


def elements_per_token(attention: Attention, ranks_count: int = 1) -> int:
    """Return the values that a layer caches of one token on one rank; 0 where it shares them."""
    return 0 if attention.shares_kv else read_elements_per_token(attention, ranks_count)


def token_bytes(attention: Attention, bits_per_element: float, ranks_count: int = 1) -> float:
    """Return the bytes that a layer caches of one token on one rank, index keys included.

    8-bit caches of sparse attention keep the rotated part at 16 bits and scales beside it
    (vLLM's ``fp8_ds_mla``): one FP32 scale for 128 latents of MLA with an indexer (656 B for
    DeepSeek-V3.2), one byte for 64 values of a compressed entry (584 B for DeepSeek-V4).

    ``elements · bits / 8``, and the index key. Source: vLLM's cache layouts, read in 0.33.0;
    DeepSeek-V3.2, arXiv:2512.02556. Validity: whole pages are counted elsewhere.
    """
    size = elements_per_token(attention, ranks_count) * bits_per_element / 8.0
    index = 0.0 if attention.indexer is None else attention.indexer.cached_bytes_per_token
    if attention.shares_kv:
        return size
    if bits_per_element == _EIGHT_BITS:
        if attention.kind == "compressed":
            size += attention.rope_head_dim * 1.0 + attention.head_dim / _SCALED_VALUES
        elif attention.kind == "mla" and attention.indexer is not None:
            size += attention.rope_head_dim * 1.0 + attention.kv_lora_rank / _SCALED_LATENTS * 4.0
    return size + index


def window_of(attention: Attention) -> int | None:
    """Return the tokens that a layer looks back at, or ``None`` for all of them."""
    return attention.window_tokens if attention.kind in {"sliding", "chunked"} else None


def kept_tokens(attention: Attention, context_tokens: float) -> float:
    """Return the entries that a layer keeps of a context: all, a window's, or compressed ones.

    ``T``, ``min(T, W)``, or ``min(T, W) + T/c``. Source: sliding windows, Jiang et al. 2023
    (Mistral 7B), arXiv:2310.06825; compression: DeepSeek-V4's configuration. Validity: engines that
    free what leaves a window.

    >>> from rightrig.facts.llm import Attention
    >>> v4 = Attention(kind="compressed", head_count=8, kv_head_count=1, head_dim=512,
    ...                window_tokens=128, compression_tokens=4)
    >>> kept_tokens(v4, 4096)
    1152.0
    """
    window = attention.window_tokens or 0
    if attention.kind == "compressed":
        ratio = attention.compression_tokens
        return min(context_tokens, window) + (context_tokens / ratio if ratio else 0.0)
    return context_tokens if window_of(attention) is None else min(context_tokens, window)


def held_bytes(
    attention: Attention, context_tokens: float, bits_per_element: float, ranks_count: int = 1
) -> float:
    """Return the cache bytes of a context in one layer; a window has no index keys."""
    held = kept_tokens(attention, context_tokens) * token_bytes(
        attention, bits_per_element, ranks_count
    )
    if attention.kind == "compressed" and attention.indexer is not None:
        near = min(context_tokens, attention.window_tokens or 0)
        held -= near * attention.indexer.cached_bytes_per_token
    return held


def _block_token_bytes(block: Block, bits_per_element: float, ranks_count: int) -> float:
    """Return the bytes that a layer caches of one token; 0 for a recurrent one."""
    if block.attention is None:
        return 0.0
    return held_bytes(block.attention, 1.0, bits_per_element, ranks_count)


def kv_bytes_per_token(
    blocks: Iterable[tuple[Block, int]], bits_per_element: float, ranks_count: int = 1
) -> float:
    """Return cache bytes of one token over the given layers, as long as no window is full.

    Llama-2-7B at 16 bits: 524,288 B; Llama-3-70B: 327,680 B; DeepSeek-V3: 70,272 B. Recurrent
    layers add nothing: their state does not grow.

    ``Σ layers · KV·(h + v)·bits/8``. Source: Shazeer 2019, arXiv:1911.02150. Validity: no window
    full; see ``sequence_kv_bytes``.
    """
    return sum(
        count * _block_token_bytes(block, bits_per_element, ranks_count) for block, count in blocks
    )


def recurrent_state_bytes(blocks: Iterable[tuple[Block, int]], ranks_count: int = 1) -> float:
    """Return the recurrent state of one sequence over the given layers (F2.4)."""
    return sum(
        count * state_bytes(block.recurrent, ranks_count)
        for block, count in blocks
        if block.recurrent is not None
    )


def sequence_kv_bytes(
    blocks: Iterable[tuple[Block, int]],
    context_tokens: float,
    bits_per_element: float,
    ranks_count: int = 1,
) -> float:
    """Return cache bytes of one sequence without any rounding.

    Windows bound their layers, recurrent layers add their state, compressed ones
    a share of the tokens.

    ``Σ layers · kept(T) · bytes + states``. Source: as ``kept_tokens``; states: Gu and Dao
    2023, arXiv:2312.00752. Validity: without an engine's pages.
    """
    layers = tuple(blocks)
    total = recurrent_state_bytes(layers, ranks_count)
    for block, count in layers:
        if block.attention is not None:
            total += count * held_bytes(
                block.attention, context_tokens, bits_per_element, ranks_count
            )
    return total


def pooled_sequence_kv_bytes(
    blocks: Iterable[tuple[Block, int]],
    context_tokens: int,
    bits_per_element: float,
    ranks_count: int,
    sliding_ratio: float,
) -> float:
    """Return cache bytes of one sequence in SGLang's pools.

    Where layers mix, sliding ones have a pool of their own of ``sliding_ratio`` times the
    tokens of the full layers' pool, whatever the window (0.5.23, pool_configurator). States take
    ``STATE_POOL_RATIO`` of what keys and values do, however either is used: a sequence counts as
    the larger of its shares of the two pools (kv_cache_configurator).
    """
    layers = tuple(blocks)
    windows = [window_of(b.attention) for b, _ in layers if b.attention is not None]
    is_mixed = None in windows and any(window is not None for window in windows)
    total = 0.0
    for block, count in layers:
        attention = block.attention
        if attention is None:
            continue
        size = token_bytes(attention, bits_per_element, ranks_count)
        kept = kept_tokens(attention, context_tokens)
        if is_mixed and window_of(attention) is not None:
            kept = sliding_ratio * context_tokens
        total += count * size * kept
    states = STATE_POOL_SLOTS * recurrent_state_bytes(layers, ranks_count)
    if not states:
        return total
    return max(total, states / STATE_POOL_RATIO) * (1.0 + STATE_POOL_RATIO)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Layers of vLLM's cache that are paged alike.

    Attributes:
        kind: ``full``, ``sliding``, ``chunked`` or ``state``.
        unit_bytes: Of one token in one layer; of the whole state for ``state``.
        window_tokens: For local layers.
        count: Layers.
    """

    kind: str
    unit_bytes: float
    window_tokens: int
    count: int


def _buckets(
    blocks: Sequence[tuple[Block, int]], bits_per_element: float, ranks_count: int
) -> tuple[Bucket, ...]:
    """Return the layers by how they are paged; those without a cache of their own left out."""
    found: dict[tuple[str, float, int], int] = {}
    for block, count in blocks:
        attention = block.attention
        if block.recurrent is not None:
            key = ("state", state_bytes(block.recurrent, ranks_count), 0)
        elif attention is None or attention.shares_kv:
            continue
        else:
            window = window_of(attention)
            size = token_bytes(attention, bits_per_element, ranks_count)
            key = ("full", size, 0) if window is None else (attention.kind, size, window)
        found[key] = found.get(key, 0) + count
    return tuple(Bucket(*key, count) for key, count in found.items() if count)


def paged_sequence_kv_bytes(
    blocks: tuple[tuple[Block, int], ...],
    context_tokens: int,
    bits_per_element: float,
    ranks_count: int,
    batched_tokens: int,
    context_ranks_count: int = 1,
) -> float:
    """Return cache bytes that vLLM sets aside for one sequence (pages of 16 tokens).

    Layers that all keep every token: ``Σ layers · ceil(T/16)·16 · bytes``; ``context_ranks_count``
    ranks share the tokens (decode context parallelism). Mixed kinds: see ``_grouped_bytes``.

    Source: Kwon et al. 2023 (PagedAttention), arXiv:2309.06180; groups as vLLM 0.33.0 makes them.
    Validity: that engine and those of its kind.
    """
    local_tokens = math.ceil(context_tokens / context_ranks_count)
    if any(b.attention is not None and b.attention.kind == "compressed" for b, _ in blocks):
        paged = math.ceil(local_tokens / BLOCK_TOKENS) * BLOCK_TOKENS
        return sequence_kv_bytes(blocks, paged, bits_per_element, ranks_count)
    buckets = _buckets(blocks, bits_per_element, ranks_count)
    if all(bucket.kind == "full" for bucket in buckets):
        size = sum(bucket.unit_bytes * bucket.count for bucket in buckets)
        return math.ceil(local_tokens / BLOCK_TOKENS) * BLOCK_TOKENS * size
    return _grouped_bytes(buckets, local_tokens, batched_tokens)


def _grouped_bytes(buckets: tuple[Bucket, ...], context_tokens: int, batched_tokens: int) -> float:
    """Return what vLLM (0.19 to 0.33, kv_cache_planning) sets aside where kinds of layers mix.

    Layers are put in groups of ``g``, the smaller count (the larger when they nearly agree),
    short groups are padded to ``g``, every page is ``g`` layers wide and as large as the largest
    layer's. A page of attention grows (in steps of 16 tokens) until it holds a recurrent state;
    layers with smaller tokens put more of them in a page where that divides. A windowed group
    holds ``ceil(min(window − 1 + in flight, T)/page) + 1`` pages, where the tokens in flight are
    those of one scheduler step (``batched_tokens``); a recurrent one ``STATE_PAGES``.
    """
    groups, page_bytes = _groups(buckets)
    pages = sum(
        group.count * _pages(group.bucket, group.block_tokens, context_tokens, batched_tokens)
        for group in groups
    )
    return pages * page_bytes


@dataclass(frozen=True, slots=True)
class PagedGroup:
    """Groups of layers that are paged alike.

    Attributes:
        block_tokens: Tokens of one page.
        count: Groups.
    """

    bucket: Bucket
    block_tokens: int
    count: int


def paged_groups(
    blocks: tuple[tuple[Block, int], ...], bits_per_element: float, ranks_count: int
) -> tuple[tuple[PagedGroup, ...], float]:
    """Return the groups into which vLLM puts layers, and the bytes of one page of a group.

    Layers that all keep every token are one group.
    """
    buckets = _buckets(blocks, bits_per_element, ranks_count)
    if all(bucket.kind == "full" for bucket in buckets):
        size = sum(bucket.unit_bytes * bucket.count for bucket in buckets)
        return tuple(PagedGroup(b, BLOCK_TOKENS, 1) for b in buckets[:1]), BLOCK_TOKENS * size
    return _groups(buckets)


def _groups(buckets: tuple[Bucket, ...]) -> tuple[tuple[PagedGroup, ...], float]:
    """Return the groups where kinds of layers mix, and the bytes of one page of a group."""
    block, layer_page_bytes = _layer_page(buckets)
    size = _group_size(buckets)
    found = tuple(
        PagedGroup(b, _block_tokens(b, block, layer_page_bytes), math.ceil(b.count / size))
        for b in buckets
    )
    return found, size * layer_page_bytes


def _layer_page(buckets: tuple[Bucket, ...]) -> tuple[int, float]:
    """Return the tokens and the bytes of one layer's page where kinds of layers mix."""
    state = max((b.unit_bytes for b in buckets if b.kind == "state"), default=0.0)
    token = max((b.unit_bytes for b in buckets if b.kind != "state"), default=0.0)
    block = BLOCK_TOKENS
    if state and token:
        block = BLOCK_TOKENS * math.ceil(state / (BLOCK_TOKENS * token))
    return block, max(block * token, state)


def _group_size(buckets: tuple[Bucket, ...]) -> int:
    """Return the layers of one group."""
    counts = [bucket.count for bucket in buckets]
    return max(counts) if max(counts) < _NEARLY_EQUAL_RATIO * min(counts) else min(counts)


def blocks_pool_tokens(
    blocks: tuple[tuple[Block, int], ...],
    pool_bytes: float,
    bits_per_element: float,
    ranks_count: int,
) -> float:
    """Return the tokens that vLLM up to 0.21 says a pool holds, not whole blocks only.

    ``blocks / groups · smallest block`` (kv_cache_utils, ``_report_kv_cache_config``): right for
    layers of one kind; where kinds mix, as if every group kept every token (issue 40691).
    """
    buckets = _buckets(blocks, bits_per_element, ranks_count)
    if all(bucket.kind == "full" for bucket in buckets):
        return pool_bytes / sum(bucket.unit_bytes * bucket.count for bucket in buckets)
    block, page_bytes = _layer_page(buckets)
    group = _group_size(buckets)
    groups = sum(math.ceil(bucket.count / group) for bucket in buckets)
    smallest = min(_block_tokens(b, block, page_bytes) for b in buckets if b.kind != "state")
    return pool_bytes / (group * page_bytes) / groups * smallest


def _block_tokens(bucket: Bucket, block_tokens: int, page_bytes: float) -> int:
    """Return the tokens that a page holds: more of smaller ones where that divides."""
    own_bytes = block_tokens * bucket.unit_bytes
    if bucket.kind == "state" or not own_bytes or page_bytes % own_bytes:
        return block_tokens
    return block_tokens * int(page_bytes // own_bytes)


def _pages(bucket: Bucket, block_tokens: int, context_tokens: int, batched_tokens: int) -> int:
    """Return the pages of one group of a bucket."""
    if bucket.kind == "state":
        return STATE_PAGES
    if bucket.kind == "full":
        return math.ceil(context_tokens / block_tokens)
    if bucket.kind == "chunked":
        kept = min(bucket.window_tokens + batched_tokens, context_tokens)
        return math.ceil(kept / block_tokens)
    kept = min(bucket.window_tokens - 1 + batched_tokens, context_tokens)
    return math.ceil(kept / block_tokens) + 1


def model_kv_bytes_per_token(llm: Llm, bits_per_element: float) -> float:
    """Return KV bytes of one token over the whole model, undivided."""
    return kv_bytes_per_token(llm.block_counts, bits_per_element)
