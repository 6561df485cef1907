"""One engine step as a list of operators, on one tensor-parallel rank, all stages in a row.

Tensor parallelism divides heads and inner widths; each layer then needs two all-reduces.
Pipeline stages follow each other: the list holds every layer, and a send between stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.kv_cache import elements_per_token, window_of
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
from rightrig.work.weights import attention_params, matrices_count, vocabulary_params

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.llm import Attention, Block, Llm, TensorClass

ALL_REDUCES_PER_LAYER = 2


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
    for block, count in llm.block_counts:
        found += _attention_operators(
            block.attention, count, llm.hidden_size, stored, step, ranks_count
        )
        found += _ffn_operators(block, count, llm.hidden_size, stored, step, ranks_count)
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
    reduces = ALL_REDUCES_PER_LAYER * layers
    found.append(
        Operator("all-reduce", "all_reduce", message_bytes=message, launches_count=reduces)
    )
    found.append(Operator("stage to stage", "send", message_bytes=message * (stages_count - 1.0)))
    return tuple(found)


def _attention_operators(
    attention: Attention, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> list[Operator]:
    """Return projections, decode attention and prefill attention of ``count`` equal layers."""
    params = _rank_attention_params_count(attention, hidden, ranks_count)
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
    window = window_of(attention)
    context = step.context_tokens if window is None else np.minimum(step.context_tokens, window)
    reach = step.prefill_context_tokens
    attended = reach if window is None else np.minimum(reach, window)
    elements, element_bytes = _rank_elements_count(attention, ranks_count), stored.kv_bits / 8.0
    queries = step.prefill_tokens
    return [
        projections,
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


def _rank_attention_params_count(attention: Attention, hidden: int, ranks_count: Floats) -> Floats:
    """Return attention parameters on one rank; ``ranks_count`` may be an array."""
    if isinstance(ranks_count, np.ndarray):
        unique, place = np.unique(ranks_count, return_inverse=True)
        sizes = [float(attention_params(attention, hidden, int(n))) for n in unique]
        return np.asarray(sizes)[place]
    return float(attention_params(attention, hidden, int(ranks_count)))


def _rank_elements_count(attention: Attention, ranks_count: Floats) -> Floats:
    """Return cached values of a token in one layer on one rank; ``ranks_count`` may be an array."""
    if isinstance(ranks_count, np.ndarray):
        unique, place = np.unique(ranks_count, return_inverse=True)
        sizes = [float(elements_per_token(attention, int(n))) for n in unique]
        return np.asarray(sizes)[place]
    return float(elements_per_token(attention, int(ranks_count)))


def _decode_dims(attention: Attention) -> int:
    """Return the dimensions of scores and sums of one head in decode.

    MLA in its absorbed form works on the latent: ``(c + r) + c`` (F5.1).
    """
    if attention.kind == "mla":
        return 2 * attention.kv_lora_rank + attention.rope_head_dim
    return _prefill_dims(attention)


def _prefill_dims(attention: Attention) -> int:
    """Return the same in prefill, where MLA expands its latent to full heads."""
    return attention.head_dim + attention.value_dim


def _ffn_operators(
    block: Block, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> list[Operator]:
    """Return the feed-forward operators of ``count`` equal layers."""
    ffn, rows = block.ffn, step.rows_count
    width = matrices_count(ffn)
    found = []
    dense: tuple[tuple[TensorClass, int], ...] = (
        ("ffn", ffn.inner_size),
        ("shared_expert", ffn.shared_inner_size),
    )
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
        found.append(_experts(block, count, hidden, stored, step, ranks_count))
    return found


def _experts(
    block: Block, count: int, hidden: int, stored: Stored, step: Step, ranks_count: Floats
) -> Operator:
    """Return the routed experts of ``count`` equal layers; only touched ones are read (F6.1)."""
    ffn, rows = block.ffn, step.rows_count
    one = matrices_count(ffn) * hidden * ffn.expert_inner_size / ranks_count
    touched = distinct_experts_count(ffn.expert_count, ffn.experts_per_token, rows)
    visits = rows * ffn.experts_per_token
    weights = touched * stored.weight_bytes("expert", one)
    inner = matrices_count(ffn) * ffn.expert_inner_size / ranks_count
    return Operator(
        "experts",
        "experts",
        flop=count * gemm_flop(visits, one),
        moved_bytes=count * gemm_bytes(visits, weights, 2.0 * hidden, inner),
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
