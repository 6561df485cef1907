"""One engine step as a list of operators, on one tensor-parallel rank, all stages in a row.

Tensor parallelism divides heads and inner widths; each layer then needs two all-reduces.
Pipeline stages follow each other: the list holds every layer, and a send between stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.kv_cache import read_elements_per_token
from rightrig.work.operators import (
    Floats,
    Operator,
    Step,
    all_reduce_message_bytes,
    attention_flop,
    cache_bytes,
    distinct_experts_count,
    gemm_bytes,
    gemm_flop,
)
from rightrig.work.recurrent import recurrent_params, state_bytes, state_flop_per_token
from rightrig.work.weights import attention_params, matrices_count, vocabulary_params

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.facts.llm import Attention, Ffn, Llm, Recurrent, TensorClass


@dataclass(frozen=True, slots=True)
class Stored:
    """How the model is stored: bits a weight by tensor class, bits of a cached value."""

    weight_bits: Mapping[TensorClass, float]
    kv_bits: float

    def weight_bytes(self, kind: TensorClass, params_count: Floats) -> Floats:
        """Return the bytes of some parameters of one class."""
        return params_count * (self.weight_bits[kind] / 8.0)


def step_operators(
    llm: Llm, stored: Stored, step: Step, ranks_count: Floats = 1, stages_count: Floats = 1
) -> tuple[Operator, ...]:
    """Return the operators of one step on one rank.

    Args:
        llm: The model.
        stored: Its formats.
        step: The tokens of the step (of one micro-batch when there are stages).
        ranks_count: Tensor-parallel ranks_count, a number or one an element.
        stages_count: Pipeline stages.
    """
    found: list[Operator] = []
    hidden = llm.hidden_size
    for block, count in llm.block_counts:
        if block.attention is not None:
            found += _attention_operators(block.attention, count, hidden, stored, step, ranks_count)
        if block.recurrent is not None:
            found += _recurrent_operators(block.recurrent, count, hidden, stored, step, ranks_count)
        if block.ffn is not None:
            found += _ffn_operators(block.ffn, count, hidden, stored, step, ranks_count)
        if block.other_params:
            found.append(_other(block.other_params * count, stored, step))
    found.append(_head(llm, stored, step, ranks_count))
    layers = llm.layer_count
    inner = _mean_inner_count(llm) / ranks_count
    found.append(
        Operator(
            "norms and activations",
            "rows",
            moved_bytes=layers * 2.0 * step.rows_count * (10.0 * llm.hidden_size + 3.0 * inner),
            launches_count=4.0 * layers,
        )
    )
    message = all_reduce_message_bytes(step.rows_count, llm.hidden_size)
    reduces = _all_reduces_count(llm)
    found.append(
        Operator("all-reduce", "all_reduce", message_bytes=message, launches_count=reduces)
    )
    found.append(Operator("stage to stage", "send", message_bytes=message * (stages_count - 1.0)))
    return tuple(found)


def _all_reduces_count(llm: Llm) -> int:
    """Return the all-reduces of a step: one after each mixer and each feed-forward part."""
    return sum(
        count
        * ((block.attention is not None or block.recurrent is not None) + (block.ffn is not None))
        for block, count in llm.block_counts
    )


def _attention_operators(
    attention: Attention, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> list[Operator]:
    """Return projections, decode attention and prefill attention of ``count`` equal layers."""
    params = _rank_elements_count(lambda n: attention_params(attention, hidden, n), ranks_count)
    heads = attention.head_count / ranks_count
    inner = heads * (attention.head_dim + attention.value_dim)
    weights = stored.weight_bytes("attention", params)
    projections = Operator(
        "attention projections",
        "gemm",
        flop=count * gemm_flop(step.rows_count, params),
        moved_bytes=count * gemm_bytes(step.rows_count, weights, 2.0 * hidden, inner),
        launches_count=count * (4.0 if attention.kind == "mla" else 2.0),
    )
    context = _attended_tokens(attention, step.context_tokens)
    attended = _attended_tokens(attention, step.prefill_context_tokens)
    elements = _rank_elements_count(lambda n: read_elements_per_token(attention, n), ranks_count)
    element_bytes = stored.kv_bits / 8.0
    queries = step.prefill_tokens
    return [
        projections,
        *_index_operators(attention, count, step),
        Operator(
            "attention decode",
            "attention",
            flop=count * attention_flop(step.decode_seqs, context, heads, _decode_dims(attention)),
            moved_bytes=count * cache_bytes(step.decode_seqs, context, elements, element_bytes),
            launches_count=float(count),
        ),
        Operator(
            "attention prefill",
            "prefill",
            flop=count * attention_flop(queries, attended, heads, _prefill_dims(attention)),
            moved_bytes=count * cache_bytes(queries, 1.0, elements, element_bytes),
        ),
    ]


def _attended_tokens(attention: Attention, context_tokens: Floats) -> Floats:
    """Return the cached entries that one query reads of a context.

    Those that the layer keeps, and with an indexer at most ``topk_tokens`` of them.
    """
    window = attention.window_tokens
    kept = context_tokens
    if attention.kind == "compressed":
        near = np.minimum(context_tokens, window or 0)
        ratio = attention.compression_tokens
        chosen = context_tokens / ratio if ratio else 0.0 * context_tokens
        if attention.indexer is not None:
            chosen = np.minimum(chosen, attention.indexer.topk_tokens)
        return near + chosen
    if window is not None:
        kept = np.minimum(context_tokens, window)
    if attention.indexer is not None:
        kept = np.minimum(kept, attention.indexer.topk_tokens)
    return kept


def _index_operators(attention: Attention, count: int, step: Step) -> list[Operator]:
    """Return the scoring of every kept entry by a sparse attention's indexer (whole on a rank)."""
    indexer = attention.indexer
    if indexer is None or not indexer.params:
        return []
    ratio = max(1, attention.compression_tokens)
    queries = step.decode_seqs + step.prefill_tokens
    scored = step.decode_seqs * step.context_tokens + step.prefill_tokens * (
        step.prefill_context_tokens
    )
    read = step.decode_seqs * step.context_tokens / ratio
    return [
        Operator(
            "indexer",
            "gemm",
            flop=count * 2.0 * scored / ratio * indexer.head_count * indexer.head_dim,
            moved_bytes=count * (read + queries) * indexer.cached_bytes_per_token,
            launches_count=2.0 * count,
        )
    ]


def _recurrent_operators(
    recurrent: Recurrent, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> list[Operator]:
    """Return projections and state updates of ``count`` equal recurrent layers.

    Decode reads and writes each sequence's state once a token; prefill works in chunks and
    touches it once a prompt, which the projections hide.
    """
    params = _rank_elements_count(lambda n: recurrent_params(recurrent, n), ranks_count)
    inner = recurrent.head_count * recurrent.value_dim / ranks_count
    state = state_bytes(recurrent) / ranks_count
    flop = state_flop_per_token(recurrent) / ranks_count
    return [
        Operator(
            "recurrent projections",
            "gemm",
            flop=count * gemm_flop(step.rows_count, params),
            moved_bytes=count
            * gemm_bytes(
                step.rows_count, stored.weight_bytes("attention", params), 2.0 * hidden, 3.0 * inner
            ),
            launches_count=4.0 * count,
        ),
        Operator(
            "recurrent state",
            "attention",
            flop=count * flop * step.decode_seqs,
            moved_bytes=count * 2.0 * state * step.decode_seqs,
            launches_count=float(count),
        ),
        Operator("recurrent prefill", "prefill", flop=count * flop * step.prefill_tokens),
    ]


def _other(params_count: int, stored: Stored, step: Step) -> Operator:
    """Return matrices beside attention and feed-forward, whole on every rank."""
    return Operator(
        "other matrices",
        "gemm",
        flop=gemm_flop(step.rows_count, params_count),
        moved_bytes=stored.weight_bytes("ffn", params_count),
        launches_count=1.0,
    )


def _rank_elements_count(count_of: Callable[[int], float], ranks_count: Floats) -> Floats:
    """Return a rank's parameters or values, for one number of ranks or an array of them."""
    if isinstance(ranks_count, np.ndarray):
        unique, place = np.unique(ranks_count, return_inverse=True)
        return np.asarray([float(count_of(int(n))) for n in unique])[place]
    return float(count_of(int(ranks_count)))


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


def _ffn_operators(
    ffn: Ffn, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> list[Operator]:
    """Return the feed-forward operators of ``count`` equal layers."""
    rows = step.rows_count
    width = matrices_count(ffn)
    found = []
    dense: tuple[tuple[TensorClass, int], ...] = (
        ("ffn", ffn.inner_size),
        ("shared_expert", ffn.shared_inner_size),
    )
    if ffn.expert_hidden_size:
        found.append(_other(2 * hidden * ffn.expert_hidden_size * count, stored, step))
    for kind, inner in dense:
        if inner:
            params = width * hidden * inner / ranks_count
            weights = stored.weight_bytes(kind, params)
            found.append(
                Operator(
                    "feed-forward" if kind == "ffn" else "shared expert",
                    "gemm",
                    flop=count * gemm_flop(rows, params),
                    moved_bytes=count
                    * gemm_bytes(rows, weights, 2.0 * hidden, width * inner / ranks_count),
                    launches_count=2.0 * count,
                )
            )
    if ffn.expert_count:
        found.append(_experts(ffn, count, hidden, stored, step, ranks_count))
    return found


def _experts(
    ffn: Ffn, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> Operator:
    """Return the routed experts of ``count`` equal layers; only touched ones are read (F6.1)."""
    rows = step.rows_count
    outer = ffn.expert_hidden_size or hidden
    one = matrices_count(ffn) * outer * ffn.expert_inner_size / ranks_count
    touched = distinct_experts_count(ffn.expert_count, ffn.experts_per_token, rows)
    visits = rows * ffn.experts_per_token
    weights = touched * stored.weight_bytes("expert", one)
    inner = matrices_count(ffn) * ffn.expert_inner_size / ranks_count
    return Operator(
        "experts",
        "experts",
        flop=count * gemm_flop(visits, one),
        moved_bytes=count * gemm_bytes(visits, weights, 2.0 * outer, inner),
        launches_count=4.0 * count,
    )


def _head(llm: Llm, stored: Stored, step: Step, ranks_count: Floats) -> Operator:
    """Return the language-model head on the rows that need logits."""
    params = vocabulary_params(llm) / ranks_count
    weights = stored.weight_bytes("embedding" if llm.tied_embeddings else "head", params)
    outputs = llm.vocab_size / ranks_count
    return Operator(
        "head",
        "head",
        flop=gemm_flop(step.head_rows_count, params),
        moved_bytes=gemm_bytes(step.head_rows_count, weights, llm.hidden_size, outputs),
        launches_count=1.0,
    )


def _mean_inner_count(llm: Llm) -> float:
    """Return the mean active inner width over the layers."""
    total = sum(
        count
        * (
            b.ffn.inner_size
            + b.ffn.shared_inner_size
            + b.ffn.expert_inner_size * b.ffn.experts_per_token
        )
        for b, count in llm.block_counts
        if b.ffn is not None
    )
    return total / llm.layer_count


def prefill_flop(llm: Llm, prompt_tokens: float) -> float:
    """Return flop of prefilling one prompt of S tokens (F5.2).

    ``2·(N_mm − V·d)·S + 2·Σ layers H·h·S²·(1 causal) + 2·V·d`` for full attention.
    """
    step = Step(0.0, 0.0, prompt_tokens, prompt_tokens / 2.0, 1.0)
    stored = Stored(dict.fromkeys(_CLASSES, 16.0), 16.0)
    return float(sum(np.asarray(op.flop) for op in step_operators(llm, stored, step)))


_CLASSES: tuple[TensorClass, ...] = (
    "embedding", "head", "attention", "ffn", "expert", "shared_expert", "router", "norm",
)  # fmt: skip
