"""What an engine loads beside the model: draft models, layers ahead, LoRA adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.quantization import FORMATS
from rightrig.work.weights import block_params, class_bits, matrices_count, rank_weight_bytes

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Companions
    from rightrig.facts.llm import Attention, Block, Ffn, Llm

ADAPTER_BYTES: Final = 2.0
"""Adapters are kept at 16 bits."""
_LEAST_AHEAD_BITS: Final = 8.0
"""Checkpoints of fewer bits a weight leave the layers ahead at 16."""


def draft_weight_bytes(llm: Llm, companions: Companions, ranks_count: int) -> float:
    """Return the weights that draft tokens, on one tensor-parallel rank, in bytes.

    A draft model as published, or the model's own layers ahead (MTP) without the embedding and
    head, which they share. A draft whose heads the ranks do not divide is whole on each rank.
    Checkpoints of four bits leave their layers ahead at 16 (NVIDIA's list ``mtp*`` as not
    quantised; Qwen3.5-122B in NVFP4 takes 4.70 GiB more with them), those of
    eight bits do not (DeepSeek-V3).
    """
    total = 0.0
    draft = companions.draft
    if draft is not None:
        divides = all(a.head_count % ranks_count == 0 for a in draft.attentions)
        ranks = ranks_count if divides else 1
        total += rank_weight_bytes(draft, "checkpoint", ranks, 1)[0]
    if companions.draft_ahead and llm.ahead is not None:
        bits = class_bits(llm, ahead_format(llm))
        parts = block_params(llm.blocks[llm.ahead.block], llm.hidden_size, ranks_count)
        layer = sum(params * bits[kind] / 8.0 for kind, params in parts.items())
        layer += llm.ahead.other_params * bits["ffn"] / 8.0
        total += llm.ahead.layer_count * layer
    return total


def ahead_format(llm: Llm) -> str:
    """Return the format of the layers ahead: the checkpoint's, or 16 bits where that is small."""
    own = FORMATS.get(llm.checkpoint.format)
    is_kept = own is not None and own.bits_per_weight < _LEAST_AHEAD_BITS
    return "bf16" if is_kept else "checkpoint"


def draft_blocks(llm: Llm, companions: Companions) -> tuple[tuple[Block, int], ...]:
    """Return the kinds of layers whose cache a draft adds, and how many of each."""
    found: tuple[tuple[Block, int], ...] = ()
    if companions.draft is not None:
        found += companions.draft.block_counts
    if companions.draft_ahead and llm.ahead is not None:
        found += ((llm.blocks[llm.ahead.block], llm.ahead.layer_count),)
    return found


def adapter_bytes(
    hidden_size: int,
    blocks: tuple[tuple[Block, int], ...],
    companions: Companions,
    ranks_count: int,
) -> float:
    """Return the slots for LoRA adapters on one rank, in bytes: ``(n + 1)·Σ r·(d_in + d_out)·2``.

    Over every dense projection. vLLM keeps one slot more than adapters may be
    active; column-parallel layers divide ``d_out`` by the ranks (keys and values down to one
    head), row-parallel ones ``d_in``.
    Routed experts carry no adapter.

    Source: Hu et al. 2021 (LoRA), arXiv:2106.09685; slots as vLLM allocates them. Validity: 16-bit
    adapters of one largest rank.
    """
    if not companions.lora_count:
        return 0.0
    widths = sum(
        count * adapted_widths_count(block, hidden_size, ranks_count) for block, count in blocks
    )
    return (companions.lora_count + 1) * companions.lora_rank * widths * ADAPTER_BYTES


def adapted_widths_count(block: Block, hidden_size: int, ranks_count: int) -> float:
    """Return ``Σ (d_in + d_out)`` of the adapted projections of one layer on one rank."""
    widths = 0.0
    if block.attention is not None:
        widths += _attention_widths_count(block.attention, hidden_size, ranks_count)
    if block.ffn is not None:
        widths += _ffn_widths_count(block.ffn, hidden_size, ranks_count)
    return widths


def _attention_widths_count(attention: Attention, hidden_size: int, ranks_count: int) -> float:
    """Return the widths of query, key, value and output (MLA: its five projections)."""
    queries = attention.head_count * attention.head_dim
    outputs = attention.head_count * attention.value_dim
    if attention.kind == "mla":
        rank, latent = attention.query_lora_rank, attention.kv_lora_rank
        up = attention.head_count * (attention.nope_head_dim + attention.value_dim)
        down = hidden_size + latent + attention.rope_head_dim + (hidden_size + rank if rank else 0)
        inner = (rank or hidden_size) + latent + (queries + up) / ranks_count
        return down + inner + outputs / ranks_count + hidden_size
    kv_heads = max(1.0, attention.kv_head_count / ranks_count)
    keys_and_values = kv_heads * (attention.head_dim + attention.value_dim)
    columns = 3 * hidden_size + queries / ranks_count + keys_and_values
    return columns + outputs / ranks_count + hidden_size


def _ffn_widths_count(ffn: Ffn, hidden_size: int, ranks_count: int) -> float:
    """Return the widths of gate, up and down of the dense part."""
    inner = (ffn.inner_size + ffn.shared_inner_size) / ranks_count
    if not inner:
        return 0.0
    return matrices_count(ffn) * (hidden_size + inner)
