"""Working memory of one engine step: activations, logits, llama.cpp's compute buffer.

The shapes come from the engines' own profiling runs. Constants that were fitted are handed
in (``prediction/data/memory.toml`` keeps them with their sources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.llm import Block, Llm


def logits_peak_bytes(vocab_count: int, sequences_count: int, per_logit_bytes: float) -> float:
    """Return what a sampler allocates: ``vocab · sequences · bytes a logit``."""
    return vocab_count * sequences_count * per_logit_bytes


def rows_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int) -> float:
    """Return the widest dense layer's activations: ``tokens·(3·ffn/ranks + 2·hidden)·2 B``."""
    inner = max(block.ffn.inner_size + block.ffn.shared_inner_size for block in llm.blocks)
    return tokens_count * (3 * inner / ranks_count + 2 * llm.hidden_size) * 2.0


def experts_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int) -> float:
    """Return the routed experts' buffers: ``tokens·top_k·(max(2·f/ranks, d) + f/ranks)·2 B``."""
    return max(
        (_experts_bytes(b, llm.hidden_size, tokens_count, ranks_count) for b in llm.blocks),
        default=0.0,
    )


def _experts_bytes(block: Block, hidden_size: int, tokens_count: int, ranks_count: int) -> float:
    """Return the expert buffers of one layer; 0 for a dense one."""
    inner = block.ffn.expert_inner_size / ranks_count
    visits = tokens_count * block.ffn.experts_per_token
    return visits * (max(2 * inner, hidden_size) + inner) * 2.0 if visits else 0.0


def llama_cpp_rows_bytes(llm: Llm, batch_tokens: int) -> float:
    """Return llama.cpp's FP32 activation rows of one micro-batch: ``4·n_ubatch·(d + f)/2``."""
    inner = max(
        block.ffn.inner_size
        + block.ffn.shared_inner_size
        + block.ffn.expert_inner_size * block.ffn.experts_per_token
        for block in llm.blocks
    )
    return 4.0 * batch_tokens * (llm.hidden_size + inner) / 2.0


def attention_scores_bytes(heads_count: int, context_tokens: int, batch_tokens: int) -> float:
    """Return the scores kept without flash attention: ``4·heads·context·n_ubatch``."""
    return 4.0 * heads_count * context_tokens * batch_tokens
