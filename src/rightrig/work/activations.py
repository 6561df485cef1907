"""Working memory of one engine step: activations, logits, buffers of experts.

The shapes come from the engines' own profiling runs. Constants that were fitted are handed
in (``prediction/data/memory.toml`` keeps them with their sources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn, Llm


def logits_peak_bytes(vocab_count: int, sequences_count: int, per_logit_bytes: float) -> float:
    """Return what a sampler allocates: ``vocab · sequences · bytes a logit``.

    Source: vLLM's sampler, read in 0.33.0 and checked against its start-up logs. Validity: one
    copy; samplers that sort take a multiple, which ``bytes a logit`` holds.
    """
    return vocab_count * sequences_count * per_logit_bytes


def rows_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int, stages_count: int = 1) -> float:
    """Return the widest dense layer's activations: ``tokens·(3·ffn/ranks + 2·hidden)·2 B``.

    Between stages the residual stream is sent on in two buffers, ``tokens·2·hidden·2 B``.

    Source: vLLM's profiling run, checked against its start-up logs. Validity: 16-bit activations of
    dense layers.
    """
    inner = max((ffn.inner_size + ffn.shared_inner_size for ffn in llm.ffns), default=0)
    handed_on = 2 * llm.hidden_size if stages_count > 1 else 0
    return tokens_count * (3 * inner / ranks_count + 2 * llm.hidden_size + handed_on) * 2.0


def experts_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int) -> float:
    """Return the routed experts' buffers: ``tokens·top_k·(max(2·f/ranks, d) + f/ranks)·2 B``.

    Source: vLLM's fused experts, read in 0.33.0, checked against start-up logs. Validity: 16-bit
    activations; other backends take more or less.
    """
    return max(
        (_experts_bytes(f, llm.hidden_size, tokens_count, ranks_count) for f in llm.ffns),
        default=0.0,
    )


def _experts_bytes(ffn: Ffn, hidden_size: int, tokens_count: int, ranks_count: int) -> float:
    """Return the expert buffers of one layer; 0 for a dense one."""
    inner = ffn.expert_inner_size / ranks_count
    visits = tokens_count * ffn.experts_per_token
    return visits * (max(2 * inner, hidden_size) + inner) * 2.0 if visits else 0.0
