"""The operators of a step that mix tokens: attention and recurrent layers, on one rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.kv_cache import read_elements_per_token
from rightrig.work.operators import (
    Floats,
    Operator,
    Shard,
    Step,
    attention_flop,
    cache_bytes,
    gemm_bytes,
    gemm_flop,
)
from rightrig.work.recurrent import recurrent_params, state_bytes, state_flop_per_token
from rightrig.work.weights import attention_params

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.llm import Attention, Recurrent
    from rightrig.work.stored import Stored


def rank_elements_count(count_of: Callable[[int], float], ranks_count: Floats) -> Floats:
    """Return a rank's parameters or values, for one number of ranks or an array of them."""
    if isinstance(ranks_count, np.ndarray):
        unique, place = np.unique(ranks_count, return_inverse=True)
        return np.asarray([float(count_of(int(n))) for n in unique])[place]
    return float(count_of(int(ranks_count)))


def attention_operators(
    attention: Attention, count: int, hidden: int, stored: Stored, step: Step, shard: Shard
) -> list[Operator]:
    """Return projections, decode attention and prefill attention of ``count`` equal layers."""
    tp = shard.tp
    heads = attention.head_count / tp
    reach = reach_of(attention)
    context = reach.attended_tokens(step.context_tokens)
    attended = reach.attended_tokens(step.prefill_context_tokens)
    elements = rank_elements_count(lambda n: read_elements_per_token(attention, n), tp)
    element_bytes = stored.kv_bits / 8.0
    queries = step.prefill_tokens
    read = cache_bytes(step.decode_seqs, context, elements, element_bytes)
    decoded = attention_flop(step.decode_rows_count, context, heads, _decode_dims(attention))
    return [
        *_projections(attention, count, hidden, stored, step, tp),
        *_index_operators(attention, count, step),
        Operator(
            "attention decode",
            "attention",
            flop=count * decoded,
            moved_bytes=count * read / shard.context_parallel,
            launches_count=float(count),
        ),
        *_context_parallel(attention, count, step, shard),
        Operator(
            "attention prefill",
            "prefill",
            flop=count * attention_flop(queries, attended, heads, _prefill_dims(attention)),
            moved_bytes=count * cache_bytes(queries, 1.0, elements, element_bytes),
            launches_count=float(count),
        ),
    ]


def _projections(
    attention: Attention, count: int, hidden: int, stored: Stored, step: Step, tp: Floats
) -> list[Operator]:
    """Return the products before attention (query, key, value) and after it (output)."""
    params = rank_elements_count(lambda n: attention_params(attention, hidden, n), tp)
    outputs = attention.head_count / tp * attention.value_dim
    after = np.minimum(outputs * hidden, params)
    if attention.kind == "compressed":
        after = params / 2.0  # its output runs through groups; the record keeps one sum
    before = params - after
    rows = step.rows_count
    is_latent = attention.kind in {"mla", "compressed"}
    return [
        Operator(
            "qkv",
            "gemm",
            flop=count * gemm_flop(rows, before),
            moved_bytes=count
            * gemm_bytes(rows, stored.weight_bytes("attention", before), hidden, before / hidden),
            launches_count=count * (3.0 if is_latent else 1.0),
        ),
        Operator(
            "attention output",
            "gemm",
            flop=count * gemm_flop(rows, after),
            moved_bytes=count
            * gemm_bytes(rows, stored.weight_bytes("attention", after), outputs, hidden),
            launches_count=float(count),
        ),
    ]


def _context_parallel(attention: Attention, count: int, step: Step, shard: Shard) -> list[Operator]:
    """Return the queries that ranks of one context gather, and the partial results they join."""
    if not isinstance(shard.context_parallel, np.ndarray) and shard.context_parallel <= 1:
        return []
    heads = attention.head_count / shard.tp * shard.context_parallel
    message = 2.0 * step.decode_rows_count * heads * attention.value_dim
    return [
        Operator(
            "context-parallel exchange",
            "all_gather",
            message_bytes=np.where(np.asarray(shard.context_parallel) > 1, message, 0.0),
            launches_count=2.0 * count,
        )
    ]


@dataclass(frozen=True, slots=True)
class Reach:
    """Which cached entries of a context one query reads: numbers, or an element a layer.

    Attributes:
        near_tokens: Most of the last ones, each for itself; infinite where all are kept.
        joined_tokens: Tokens that one compressed entry stands for; infinite where there is none.
        chosen_tokens: Most compressed entries.
    """

    near_tokens: Floats
    joined_tokens: Floats
    chosen_tokens: Floats

    def attended_tokens(self, context_tokens: Floats) -> Floats:
        """Return the entries: ``min(context, near) + min(context / joined, chosen)``."""
        joined = np.minimum(context_tokens / self.joined_tokens, self.chosen_tokens)
        return np.minimum(context_tokens, self.near_tokens) + joined


def reach_of(attention: Attention) -> Reach:
    """Return which entries a layer keeps, and with an indexer at most ``topk_tokens`` of them."""
    window, indexer = attention.window_tokens, attention.indexer
    most = np.inf if indexer is None else float(indexer.topk_tokens)
    if attention.kind == "compressed":
        return Reach(float(window or 0), float(attention.compression_tokens or np.inf), most)
    return Reach(min(np.inf if window is None else float(window), most), np.inf, 0.0)


def _index_operators(attention: Attention, count: int, step: Step) -> list[Operator]:
    """Return the scoring of every kept entry by a sparse attention's indexer (whole on a rank)."""
    indexer = attention.indexer
    if indexer is None or not indexer.params:
        return []
    ratio = max(1, attention.compression_tokens)
    rows = step.decode_rows_count
    scored = rows * step.context_tokens + step.prefill_tokens * step.prefill_context_tokens
    read = step.decode_seqs * step.context_tokens / ratio
    return [
        Operator(
            "indexer",
            "gemm",
            flop=count * 2.0 * scored / ratio * indexer.head_count * indexer.head_dim,
            moved_bytes=count * (read + step.rows_count) * indexer.cached_bytes_per_token,
            launches_count=2.0 * count,
        )
    ]


def recurrent_operators(
    recurrent: Recurrent, count: int, hidden: int, stored: Stored, step: Step, shard: Shard
) -> list[Operator]:
    """Return projections and state updates of ``count`` equal recurrent layers.

    Decode reads and writes each sequence's state once a token; prefill works in chunks and
    touches it once a prompt, which the projections hide.
    """
    params = rank_elements_count(lambda n: recurrent_params(recurrent, n), shard.tp)
    inner = recurrent.head_count * recurrent.value_dim / shard.tp
    state = state_bytes(recurrent) / shard.tp
    flop = state_flop_per_token(recurrent) / shard.tp
    rows = step.rows_count
    weights = stored.weight_bytes("attention", params)
    return [
        Operator(
            "recurrent projections",
            "gemm",
            flop=count * gemm_flop(rows, params),
            moved_bytes=count * gemm_bytes(rows, weights, 2.0 * hidden, 3.0 * inner),
            launches_count=2.0 * count,
        ),
        Operator(
            "recurrent state",
            "attention",
            flop=count * flop * step.decode_rows_count,
            moved_bytes=count * 2.0 * state * step.decode_seqs,
            launches_count=float(count),
        ),
        Operator(
            "recurrent prefill",
            "prefill",
            flop=count * flop * step.prefill_tokens,
            launches_count=float(count),
        ),
    ]


def _decode_dims(attention: Attention) -> int:
    """Return the dimensions of scores and sums of one head in decode.

    MLA in its absorbed form works on the latent: ``(c + r) + c`` (F5.1).
    """
    if attention.kind == "mla":
        return 2 * attention.kv_lora_rank + attention.rope_head_dim
    return _prefill_dims(attention)


def _prefill_dims(attention: Attention) -> int:
    """Return the same in prefill, where MLA expands its latent to full heads."""
    if attention.kind == "compressed":
        return 2 * attention.head_dim
    return attention.head_dim + attention.value_dim
