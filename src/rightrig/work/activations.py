"""Working memory of one engine step: activations, logits, llama.cpp's compute buffer.

The shapes come from the engines' own profiling runs. Constants that were fitted are handed
in (``prediction/data/memory.toml`` keeps them with their sources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn, Llm


def logits_peak_bytes(vocab_count: int, sequences_count: int, per_logit_bytes: float) -> float:
    """Return what a sampler allocates: ``vocab · sequences · bytes a logit``."""
    return vocab_count * sequences_count * per_logit_bytes


def rows_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int, stages_count: int = 1) -> float:
    """Return the widest dense layer's activations: ``tokens·(3·ffn/ranks + 2·hidden)·2 B``.

    Between stages the residual stream is sent on in two buffers, ``tokens·2·hidden·2 B``.
    """
    inner = max((ffn.inner_size + ffn.shared_inner_size for ffn in llm.ffns), default=0)
    handed_on = 2 * llm.hidden_size if stages_count > 1 else 0
    return tokens_count * (3 * inner / ranks_count + 2 * llm.hidden_size + handed_on) * 2.0


def experts_peak_bytes(llm: Llm, tokens_count: int, ranks_count: int) -> float:
    """Return the routed experts' buffers: ``tokens·top_k·(max(2·f/ranks, d) + f/ranks)·2 B``."""
    return max(
        (_experts_bytes(f, llm.hidden_size, tokens_count, ranks_count) for f in llm.ffns),
        default=0.0,
    )


def _experts_bytes(ffn: Ffn, hidden_size: int, tokens_count: int, ranks_count: int) -> float:
    """Return the expert buffers of one layer; 0 for a dense one."""
    inner = ffn.expert_inner_size / ranks_count
    visits = tokens_count * ffn.experts_per_token
    return visits * (max(2 * inner, hidden_size) + inner) * 2.0 if visits else 0.0


def llama_cpp_compute_bytes(
    llm: Llm, batch_tokens: int, context_tokens: int, *, flash_attention: bool, has_head: bool
) -> float:
    """Return llama.cpp's compute buffer on one card: the largest stage of a layer or the head.

    With rows of ``n_ubatch`` tokens in FP32 (4 B): the head's logits and two rows,
    ``4·u·(V + 2d)``; the feed-forward and the mask, ``4·u·(3f + 4d) + 2·u·context``; MLA's
    latents, ``4·u·H·(h + 2c + r)``; without flash attention the scores and an FP32 mask,
    ``4·u·context·(H + 1) + 16·u·d``. Within 2 % of llama-fit-params (commit 0c1e570) for dense
    models and gpt-oss, 8 % low for DeepSeek-V3.
    """
    row_bytes = 4.0 * batch_tokens
    hidden = llm.hidden_size
    mask_bytes = (0.5 if flash_attention else 1.0) * row_bytes * context_tokens
    inner = max(
        (
            ffn.inner_size + ffn.shared_inner_size + ffn.expert_inner_size * ffn.experts_per_token
            for ffn in llm.ffns
        ),
        default=0,
    )
    stages = [row_bytes * (3 * inner + 4 * hidden) + mask_bytes]
    if has_head:
        stages.append(row_bytes * (llm.vocab_size + 2 * hidden))
    for attention in llm.attentions:
        width = attention.head_dim + 2 * attention.kv_lora_rank + attention.rope_head_dim
        if attention.kind == "mla":
            rows = attention.head_count * width + 4 * hidden
            stages.append(row_bytes * rows + mask_bytes)
        if not flash_attention:
            scores = row_bytes * attention.head_count * context_tokens
            stages.append(scores + mask_bytes + row_bytes * 4 * hidden)
    return max(stages)
