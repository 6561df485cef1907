"""The KV cache: bytes a token and a sequence, and how engines round them up.

Equations: formulas F2 of docs/methodology/memory.md. Sizes are for one tensor-parallel
rank unless a name says otherwise; MLA's latent is whole on every rank, and key-value heads
are replicated once there are fewer than ranks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.llm import Attention, Block, Llm

BLOCK_TOKENS: Final = 16
"""vLLM's default page, in tokens."""
LLAMA_CPP_PAD_TOKENS: Final = 256
"""llama.cpp rounds contexts and sliding windows up to this."""
_NEARLY_EQUAL_RATIO: Final = 1.5


def elements_per_token(attention: Attention, ranks_count: int = 1) -> int:
    """Return the cached values of one token in one layer on one rank.

    ``KV·(h + v)`` with ``KV = max(1, heads // ranks)`` (F2.1, F2.5), or ``c + r`` for MLA
    (F2.2: one shared latent, not doubled, not divided).
    """
    if attention.kind == "mla":
        return attention.kv_lora_rank + attention.rope_head_dim
    kv_heads = max(1, attention.kv_head_count // ranks_count)
    return kv_heads * (attention.head_dim + attention.value_dim)


def window_of(attention: Attention) -> int | None:
    """Return the tokens that a layer looks back at, or ``None`` for all of them."""
    return attention.window_tokens if attention.kind in {"sliding", "chunked"} else None


def kv_bytes_per_token(
    blocks: Iterable[tuple[Block, int]], bits_per_element: float, ranks_count: int = 1
) -> float:
    """Return KV bytes of one token over the given layers, as long as no window is full.

    Llama-2-7B at 16 bits: 524,288 B; Llama-3-70B: 327,680 B; DeepSeek-V3: 70,272 B.
    """
    return sum(
        count * elements_per_token(block.attention, ranks_count) * bits_per_element / 8.0
        for block, count in blocks
    )


def sequence_kv_bytes(
    blocks: Iterable[tuple[Block, int]],
    context_tokens: float,
    bits_per_element: float,
    ranks_count: int = 1,
) -> float:
    """Return KV bytes of one sequence without any rounding: windows bound their layers (F2.3)."""
    total = 0.0
    for block, count in blocks:
        window = window_of(block.attention)
        kept = context_tokens if window is None else min(context_tokens, window)
        size = elements_per_token(block.attention, ranks_count) * bits_per_element / 8.0
        total += count * size * kept
    return total


def paged_sequence_kv_bytes(
    blocks: tuple[tuple[Block, int], ...],
    context_tokens: int,
    bits_per_element: float,
    ranks_count: int,
    batched_tokens: int,
) -> float:
    """Return KV bytes that vLLM sets aside for one sequence (pages of 16 tokens).

    Layers of one kind: ``layers · ceil(T/16)·16 · bytes``. Mixed kinds (vLLM 0.19 to 0.33,
    kv_cache_planning): layers are put in groups of ``g``, the smaller count (the larger when
    they nearly agree), short groups are padded to ``g``, every page is ``g`` layers wide, and a
    windowed group holds ``ceil(min(window − 1 + in flight, T)/16) + 1`` pages, where the tokens
    in flight are those of one scheduler step (``batched_tokens``).
    """
    full = [(b, n) for b, n in blocks if window_of(b.attention) is None]
    windowed = [(b, n) for b, n in blocks if window_of(b.attention) is not None]
    pages = math.ceil(context_tokens / BLOCK_TOKENS)
    if not windowed:
        size = kv_bytes_per_token(full, bits_per_element, ranks_count)
        return pages * BLOCK_TOKENS * size
    counts = [count for count in (sum(n for _, n in full), *(n for _, n in windowed)) if count]
    group = max(counts) if max(counts) < _NEARLY_EQUAL_RATIO * min(counts) else min(counts)
    page_bytes = group * max(
        elements_per_token(block.attention, ranks_count) for block, _ in blocks
    ) * (bits_per_element / 8.0 * BLOCK_TOKENS)  # fmt: skip
    total = math.ceil(counts[0] / group) * pages if full else 0
    for block, count in windowed:
        window = block.attention.window_tokens or 0
        kept = min(window - 1 + batched_tokens, context_tokens)
        total += math.ceil(count / group) * (math.ceil(kept / BLOCK_TOKENS) + 1)
    return total * page_bytes


def padded(tokens: int) -> int:
    """Return a token count rounded up as llama.cpp does.

    >>> padded(4097)
    4352
    """
    return math.ceil(tokens / LLAMA_CPP_PAD_TOKENS) * LLAMA_CPP_PAD_TOKENS


def slot_kv_bytes(
    blocks: Iterable[tuple[Block, int]],
    context_tokens: int,
    bits_per_element: float,
    batch_tokens: int,
) -> float:
    """Return KV bytes of one slot of llama.cpp (its own stream of cells).

    Full layers hold the context padded to 256; sliding ones
    ``pad256(min(context, window + n_ubatch))`` (llama-kv-cache-iswa.cpp).
    """
    cells = padded(context_tokens)
    total = 0.0
    for block, count in blocks:
        window = window_of(block.attention)
        kept = cells if window is None else padded(min(cells, window + batch_tokens))
        total += count * elements_per_token(block.attention) * bits_per_element / 8.0 * kept
    return total


def model_kv_bytes_per_token(llm: Llm, bits_per_element: float) -> float:
    """Return KV bytes of one token over the whole model, undivided."""
    return kv_bytes_per_token(llm.block_counts, bits_per_element)
