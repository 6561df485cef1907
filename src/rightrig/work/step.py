"""One engine step as a list of operators, on one tensor-parallel rank, all stages in a row.

Tensor parallelism divides heads and inner widths; each layer then needs two all-reduces.
Pipeline stages follow each other: the list holds every layer, and a send between stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.facts.stored import LANGUAGE
from rightrig.work.adapter_step import adapter_operators
from rightrig.work.attention_step import attention_operators, recurrent_operators
from rightrig.work.encoder_step import encoder_operator
from rightrig.work.ffn_step import ffn_operators, other_operator
from rightrig.work.operators import (
    Floats,
    Operator,
    Shard,
    Step,
    all_reduce_message_bytes,
    gemm_bytes,
    gemm_flop,
)
from rightrig.work.stored import Stored
from rightrig.work.weights import vocabulary_params

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn, Llm

WHOLE: Shard = Shard()
"""A model on one card."""


def step_operators(
    llm: Llm, stored: Stored, step: Step, shard: Shard = WHOLE
) -> tuple[Operator, ...]:
    """Return the operators of one step on one rank.

    Args:
        llm: The model.
        stored: Its formats.
        step: The tokens of the step in one group of ranks (of one micro-batch when there are
            stages).
        shard: How the engine divides them.
    """
    found: list[Operator] = []
    hidden = llm.hidden_size
    for block, count in llm.block_counts:
        if block.attention is not None:
            found += attention_operators(block.attention, count, hidden, stored, step, shard)
        if block.recurrent is not None:
            found += recurrent_operators(block.recurrent, count, hidden, stored, step, shard)
        if block.ffn is not None:
            found += ffn_operators(block.ffn, count, hidden, stored, step, shard)
        if block.other_params:
            found.append(other_operator(block.other_params * count, stored, step))
        found += adapter_operators(block, count, hidden, stored.adapters, step, shard.tp)
    if isinstance(step.patches_count, np.ndarray) or step.patches_count > 0.0:
        towers = (tower for tower in llm.towers if tower.kind == "vision")
        found += [encoder_operator(tower, step.patches_count) for tower in towers]
    found.append(_head(llm, stored, step, shard.tp))
    found.append(_rows(llm, step, shard.tp))
    return (*found, *_sent(llm, step, shard))


def host_launches_count(llm: Llm) -> float:
    """Return the launches of a step in units of one plain part of a layer.

    What a host has to do where no captured graph replays a step: about one unit for attention or
    a dense feed-forward part, two for experts (choose, sort, multiply, join), four for a latent,
    eight for a recurrent mixer with its many small kernels.
    """
    total = 0.0
    for block, count in llm.block_counts:
        if block.attention is not None:
            total += count * (4.0 if block.attention.kind in {"mla", "compressed"} else 1.0)
        if block.recurrent is not None:
            total += count * 8.0
        if block.ffn is not None:
            total += count * (2.0 if block.ffn.expert_count else 1.0)
    return total


def _rows(llm: Llm, step: Step, tp: Floats) -> Operator:
    """Return what runs row by row: embeddings, norms, activations, residuals."""
    layers = llm.layer_count
    inner = sum(count * _inner_count(b.ffn) for b, count in llm.block_counts if b.ffn) / tp
    elements = layers * 10.0 * llm.hidden_size + 3.0 * inner
    return Operator(
        "norms and activations",
        "rows",
        moved_bytes=2.0 * step.rows_count * elements,
        launches_count=float(layers),
    )


def _inner_count(ffn: Ffn) -> int:
    """Return the active inner width of a layer."""
    return ffn.inner_size + ffn.shared_inner_size + ffn.expert_inner_size * ffn.experts_per_token


def _sent(llm: Llm, step: Step, shard: Shard) -> tuple[Operator, ...]:
    """Return the messages among tensor-parallel ranks and from stage to stage."""
    message = all_reduce_message_bytes(step.rows_count, llm.hidden_size)
    reduces = float(_all_reduces_count(llm))
    hops = np.maximum(np.asarray(shard.stages, dtype=float) - 1.0, 0.0)
    return (
        Operator("all-reduce", "all_reduce", message_bytes=message, launches_count=reduces),
        Operator("stage to stage", "send", message_bytes=message, launches_count=hops),
    )


def _all_reduces_count(llm: Llm) -> int:
    """Return the all-reduces of a step: one after each mixer and each feed-forward part."""
    return sum(
        count
        * ((block.attention is not None or block.recurrent is not None) + (block.ffn is not None))
        for block, count in llm.block_counts
    )


def _head(llm: Llm, stored: Stored, step: Step, tp: Floats) -> Operator:
    """Return the language-model head on the rows that need logits."""
    params = vocabulary_params(llm) / tp
    weights = stored.weight_bytes("embedding" if llm.tied_embeddings else "head", params)
    outputs = llm.vocab_size / tp
    return Operator(
        "head",
        "head",
        flop=gemm_flop(step.head_rows_count, params),
        moved_bytes=gemm_bytes(step.head_rows_count, weights, llm.hidden_size, outputs),
        launches_count=1.0,
    )


def prefill_flop(llm: Llm, prompt_tokens: float) -> float:
    """Return flop of prefilling one prompt of S tokens.

    ``2·(N_mm − V·d)·S + 2·Σ layers H·h·S² + 2·V·d`` for causal full attention.

    Source: Chowdhery et al. 2022 (PaLM, appendix B), arXiv:2204.02311. Validity: softmax, norms and
    sampling are left out.
    """
    step = Step(0.0, 0.0, prompt_tokens, prompt_tokens / 2.0, 1.0)
    stored = Stored(dict.fromkeys(LANGUAGE, 16.0), 16.0)
    return float(sum(np.asarray(op.flop) for op in step_operators(llm, stored, step)))
