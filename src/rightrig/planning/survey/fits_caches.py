"""The cache of one sequence as a sum of terms, for many engines and contexts at once.

A term is what one kind of layers keeps, in the only shape that any engine rounds it to
(``Term``); the scalar equations are those of ``work.kv_cache`` and ``work.llama_cpp``, whose
units the terms are made of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.engine_memory import SWA_POOL_RATIO
from rightrig.work import kv_cache, llama_cpp
from rightrig.work.llama_cpp_options import PAD_TOKENS
from rightrig.work.recurrent import state_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rightrig.facts.llm import Attention, Block
    from rightrig.prediction.engine_memory import CardShare, SlotCache

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Table = NDArray[np.float64]
    """Several quantities, a row each."""
    Layers = tuple[tuple[Block, int], ...]

_STATE_KEPT_TOKENS: Final = 0.0


@dataclass(frozen=True, slots=True)
class Term:
    """What one kind of layers keeps of a sequence of ``T`` tokens.

    ``unit · (ceil(min(q, cap + min(T, step)) / page) + extra)`` with ``q = ceil(T/quantum) ·
    quantum``: all that pages, windows, blocks and slots do.

    Attributes:
        unit_bytes: Of one page.
        quantum_tokens: The context is rounded up to this first.
        cap_tokens: Most that is kept, beside the tokens of a step.
        step_tokens: Tokens of a step that are kept beside the cap, at most the context.
        page_tokens: Tokens of one page.
        extra_count: Pages whatever the context.
    """

    unit_bytes: float
    quantum_tokens: int = 1
    cap_tokens: float = math.inf
    step_tokens: float = 0.0
    page_tokens: int = 1
    extra_count: int = 0


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache of one sequence on one card: ``max(Σ terms, floor) · factor``.

    Attributes:
        terms: At least one.
        context_ranks: Ranks over which the tokens of a sequence are spread.
        floor_bytes, factor_ratio: Of SGLang's pool beside one of states.
    """

    terms: tuple[Term, ...]
    context_ranks: int = 1
    floor_bytes: float = 0.0
    factor_ratio: float = 1.0


def caches_of(share: CardShare) -> tuple[Cache, Cache, float]:
    """Return the cache of a sequence with all tokens in flight, with none, and those in bytes.

    The same three as ``CardShare.sequences_bytes``, for any context.
    """
    # The bytes in flight do not depend on the context.
    _, _, shared_bytes = share.sequences_bytes(1)
    if share.slots is not None:
        only = _cache(_slot_terms(share.slots, share.blocks))
        return only, only, shared_bytes
    if share.layout == "pool":
        only = _pooled(share)
        return only, only, shared_bytes
    ranks = share.context_ranks
    if share.layout == "blocks":
        only = _cache(_held_terms(share.blocks, share, share.block_tokens), ranks)
        return only, only, shared_bytes
    if any(b.attention is not None and b.attention.kind == "compressed" for b, _ in share.blocks):
        only = _cache(_held_terms(share.blocks, share, kv_cache.BLOCK_TOKENS), ranks)
        return only, only, shared_bytes
    if shared_bytes:
        in_flight_tokens = share.step_tokens + share.ahead_tokens
        first = _cache(_paged_terms(share, in_flight_tokens), ranks)
        return first, _cache(_paged_terms(share, 0), ranks), shared_bytes
    only = _cache(_paged_terms(share, share.step_tokens), ranks)
    return only, only, shared_bytes


def _cache(terms: Iterator[Term], context_ranks: int = 1) -> Cache:
    """Return the cache of some terms; of none, one of nothing."""
    return Cache(tuple(terms) or (Term(0.0),), context_ranks)


def _state(size_bytes: float) -> Term:
    """Return what does not grow with the context."""
    return Term(size_bytes, cap_tokens=_STATE_KEPT_TOKENS, extra_count=1)


def _paged_terms(share: CardShare, in_flight_tokens: int) -> Iterator[Term]:
    """Yield the groups of vLLM's pages (``kv_cache.paged_groups``)."""
    groups, page_bytes = kv_cache.paged_groups(share.blocks, share.kv_bits, share.ranks)
    for group in groups:
        bucket, unit_bytes = group.bucket, group.count * page_bytes
        if bucket.kind == "state":
            yield _state(kv_cache.STATE_PAGES * unit_bytes)
        elif bucket.kind == "full":
            yield Term(unit_bytes, page_tokens=group.block_tokens)
        else:
            is_chunked = bucket.kind == "chunked"
            kept_tokens = bucket.window_tokens + in_flight_tokens - (0 if is_chunked else 1)
            yield Term(
                unit_bytes, cap_tokens=float(kept_tokens), page_tokens=group.block_tokens,
                extra_count=0 if is_chunked else 1,
            )  # fmt: skip


def _held_terms(blocks: Layers, share: CardShare, quantum_tokens: int) -> Iterator[Term]:
    """Yield what layers hold of a context in whole blocks (``kv_cache.sequence_kv_bytes``)."""
    for block, count in blocks:
        if block.recurrent is not None:
            yield _state(count * state_bytes(block.recurrent, share.ranks))
        attention = block.attention
        if attention is None:
            continue
        unit_bytes = count * kv_cache.token_bytes(attention, share.kv_bits, share.ranks)
        near_bytes = unit_bytes
        if attention.kind == "compressed" and attention.indexer is not None:
            near_bytes -= count * attention.indexer.cached_bytes_per_token
        yield from _kept_terms(attention, near_bytes, unit_bytes, quantum_tokens)


def _kept_terms(
    attention: Attention, near_bytes: float, unit_bytes: float, quantum_tokens: int
) -> Iterator[Term]:
    """Yield the entries that a layer keeps (``kv_cache.kept_tokens``), compressed ones apart."""
    if attention.kind != "compressed":
        window = kv_cache.window_of(attention)
        yield Term(unit_bytes, quantum_tokens, math.inf if window is None else float(window))
        return
    yield Term(near_bytes, quantum_tokens, float(attention.window_tokens or 0))
    if attention.compression_tokens:
        yield Term(unit_bytes / attention.compression_tokens, quantum_tokens)


def _pooled(share: CardShare) -> Cache:
    """Return a sequence's part of SGLang's pools (``kv_cache.pooled_sequence_kv_bytes``)."""
    windows = [kv_cache.window_of(b.attention) for b, _ in share.blocks if b.attention is not None]
    is_mixed = None in windows and any(window is not None for window in windows)
    terms: list[Term] = []
    for block, count in share.blocks:
        attention = block.attention
        if attention is None:
            continue
        unit_bytes = count * kv_cache.token_bytes(attention, share.kv_bits, share.ranks)
        if is_mixed and kv_cache.window_of(attention) is not None:
            terms.append(Term(SWA_POOL_RATIO * unit_bytes))
        else:
            terms += _kept_terms(attention, unit_bytes, unit_bytes, 1)
    cache = _cache(iter(terms), share.context_ranks)
    states_bytes = kv_cache.STATE_POOL_SLOTS * kv_cache.recurrent_state_bytes(
        share.blocks, share.ranks
    )
    if not states_bytes:
        return cache
    ratio = kv_cache.STATE_POOL_RATIO
    return replace(cache, floor_bytes=states_bytes / ratio, factor_ratio=1.0 + ratio)


def _slot_terms(slots: SlotCache, blocks: Layers) -> Iterator[Term]:
    """Yield the cells of a slot of llama.cpp (``llama_cpp.block_cache_bytes``).

    The bytes of a cell are those of one padded context, over its cells.
    """
    options = replace(slots.options, context_tokens=PAD_TOKENS)
    step_tokens = float(min(options.ubatch_tokens, options.batch_tokens))
    for block, count in blocks:
        size_bytes = count * llama_cpp.block_cache_bytes(slots.llm, block, options)
        attention = block.attention
        if attention is None:
            yield _state(size_bytes)
            continue
        window = llama_cpp.window_of(slots.llm, attention)
        ratio = attention.compression_tokens if attention.kind == "compressed" else 0
        if attention.kind == "compressed":
            window = attention.window_tokens or 0
        near_bytes = size_bytes / (1.0 + 1.0 / ratio) if ratio else size_bytes
        if window is None:
            yield Term(size_bytes, PAD_TOKENS, page_tokens=PAD_TOKENS)
        else:
            yield Term(near_bytes, PAD_TOKENS, float(window), step_tokens, PAD_TOKENS)
        if ratio:
            yield Term(near_bytes / ratio, PAD_TOKENS, page_tokens=PAD_TOKENS)


def runs(starts: Places, counts: Places) -> Places:
    """Return the numbers of several runs, one after the other.

    >>> runs(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(starts - (ends - counts), counts))


class Caches:
    """Caches as arrays, evaluated together.

    Attributes:
        count: How many.
    """

    __slots__ = ("_columns", "_floor_bytes", "_owners", "_ranks", "_ratio", "_starts", "count")

    def __init__(self, columns: Table, owners: Places, whole: Table) -> None:
        """Take columns as ``table`` makes them."""
        self.count = whole.shape[1]
        self._columns, self._owners = columns, owners
        self._ranks, self._floor_bytes, self._ratio = whole
        self._starts = np.searchsorted(owners, np.arange(self.count))

    @classmethod
    def table(cls, caches: Sequence[Cache]) -> Caches:
        """Return caches as arrays."""
        terms = [
            (t.unit_bytes, t.quantum_tokens, t.cap_tokens, t.step_tokens, t.page_tokens,
             t.extra_count)
            for cache in caches for t in cache.terms
        ]  # fmt: skip
        owners = np.repeat(np.arange(len(caches)), [len(cache.terms) for cache in caches])
        whole = [(c.context_ranks, c.floor_bytes, c.factor_ratio) for c in caches]
        return cls(
            np.array(terms, dtype=np.float64).reshape(-1, 6).T,
            owners.astype(np.intp),
            np.array(whole, dtype=np.float64).reshape(-1, 3).T,
        )

    def some(self, places: Places) -> Caches:
        """Return the caches at some places, which may repeat."""
        counts = np.diff(self._starts, append=len(self._owners))[places]
        terms = runs(self._starts[places], counts)
        owners = np.repeat(np.arange(len(places)), counts)
        whole = np.stack([self._ranks, self._floor_bytes, self._ratio])[:, places]
        return Caches(self._columns[:, terms], owners, whole)

    def sizes_bytes(self, tokens: Floats) -> Floats:
        """Return the bytes of every cache, each at a context of its own (at least 1 token)."""
        if not self.count:
            return np.zeros(0)
        unit_bytes, quantum, cap, step, page, extra = self._columns
        own = np.ceil(tokens / self._ranks)[self._owners]
        kept = np.minimum(np.ceil(own / quantum) * quantum, cap + np.minimum(own, step))
        parts = unit_bytes * (np.ceil(kept / page) + extra)
        whole = np.add.reduceat(parts, self._starts)
        return np.asarray(np.maximum(whole, self._floor_bytes) * self._ratio)
