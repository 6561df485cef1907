"""Parameters of a model by tensor class, and the bytes that they take in a format.

Equations: formulas F1 (counting) and F3 (formats) of docs/methodology/memory.md.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING

from rightrig.deployment.parallelism import stage_layers
from rightrig.facts.quantization import FORMATS, is_gguf_mix, weight_format
from rightrig.facts.stored import LANGUAGE
from rightrig.work.gguf_mix import gguf_bits
from rightrig.work.recurrent import recurrent_params

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention, Block, Ffn, Llm, TensorClass

VOCAB_PADDING = 64
"""Tensor-parallel engines pad the vocabulary to a multiple of this before splitting it
(vLLM ``vocab_parallel_embedding``)."""


def attention_params(attention: Attention, hidden_size: int, ranks_count: int = 1) -> int:
    """Return the attention parameters of one layer on one tensor-parallel rank.

    Full and sliding attention: ``d·H·h + d·KV·h + d·KV·v + H·v·d`` with query heads
    divided by the ranks and key-value heads as ``max(1, KV // ranks)``: below one head a rank
    they are replicated. MLA: the down-projections are replicated, the rest divided.

    Source: Ainslie et al. 2023 (GQA), arXiv:2305.13245; DeepSeek-V2, arXiv:2405.04434; ranks as in
    Megatron-LM, arXiv:1909.08053. Validity: exact; tests hold the sums to counts that makers
    publish.
    """
    heads = attention.head_count // ranks_count
    further = attention.split_params // ranks_count + attention.whole_params
    further += attention.indexer.params if attention.indexer else 0
    further += attention.sink_params // ranks_count
    if attention.kind == "compressed":
        return further
    if attention.kind == "mla":
        return _mla_params(attention, hidden_size, heads) + further
    kv_heads = 0 if attention.shares_kv else max(1, attention.kv_head_count // ranks_count)
    key, value = attention.head_dim, attention.value_dim
    keys_and_values = kv_heads * (key if attention.keys_are_values else key + value)
    matrices = hidden_size * (heads * key + keys_and_values) + heads * value * hidden_size
    biases = (heads * key + keys_and_values) if attention.bias else 0
    biases += hidden_size if attention.output_bias else 0
    return matrices + biases + attention.qk_norm_params + further


def _mla_params(attention: Attention, hidden_size: int, heads: int) -> int:
    """Return MLA parameters of one layer (F1.3; DeepSeek-V3 report, arXiv:2412.19437)."""
    latent, rope = attention.kv_lora_rank, attention.rope_head_dim
    rank, value = attention.query_lora_rank, attention.value_dim
    query = heads * attention.head_dim
    queries = hidden_size * query
    if rank:
        queries = hidden_size * rank + rank + rank * query
    latents = hidden_size * (latent + rope) + latent
    up = latent * heads * (attention.nope_head_dim + value)
    biases = (rank + latent + rope) if attention.bias else 0
    return queries + latents + up + heads * value * hidden_size + biases


def matrices_count(ffn: Ffn) -> int:
    """Return the matrices of one feed-forward network: 3 when gated, else 2."""
    return 3 if ffn.gated else 2


def expert_params(ffn: Ffn, hidden_size: int, ranks_count: int = 1) -> int:
    """Return the parameters of one routed expert on one rank: ``3·d·f_e``.

    Source: Shazeer 2020 (gated units), arXiv:2002.05202. Validity: exact; two matrices where
    nothing gates.
    """
    width = matrices_count(ffn)
    outer = ffn.expert_hidden_size or hidden_size
    inner = ffn.expert_inner_size // ranks_count
    return width * outer * inner + (((width - 1) * inner + outer) if ffn.bias else 0)


def ffn_params(
    ffn: Ffn, hidden_size: int, ranks_count: int = 1, expert_ranks_count: int | None = None
) -> dict[TensorClass, int]:
    """Return the feed-forward parameters of one layer on one rank, by tensor class.

    Dense: ``3·d·f`` (2 without a gate). Experts: ``E·3·d·f_e`` + router ``d·E`` + shared;
    ``expert_ranks_count`` ranks share the experts, by default the tensor-parallel ones.

    Source: Shazeer 2020, arXiv:2002.05202; shared experts: DeepSeekMoE, arXiv:2401.06066. Validity:
    exact.
    """
    parts: Counter[TensorClass] = Counter()
    width = matrices_count(ffn)
    if ffn.inner_size:
        inner = ffn.inner_size // ranks_count
        parts["ffn"] = width * hidden_size * inner
        parts["ffn"] += ((width - 1) * inner + hidden_size) if ffn.bias else 0
    if ffn.expert_count:
        sharers = ranks_count if expert_ranks_count is None else expert_ranks_count
        parts["expert"] = ffn.expert_count * expert_params(ffn, hidden_size) // sharers
        if sharers == ranks_count:
            parts["expert"] = ffn.expert_count * expert_params(ffn, hidden_size, ranks_count)
        parts["router"] = ffn.expert_count * (hidden_size + (1 if ffn.router_bias else 0))
        parts["router"] += ffn.router_params
        parts["ffn"] += 2 * hidden_size * ffn.expert_hidden_size
    if ffn.shared_inner_size:
        parts["shared_expert"] = width * hidden_size * (ffn.shared_inner_size // ranks_count)
        parts["router"] += hidden_size if ffn.shared_gate else 0
    return dict(parts)


def block_params(
    block: Block,
    hidden_size: int,
    ranks_count: int = 1,
    expert_ranks_count: int | None = None,
    dense_ranks_count: int | None = None,
) -> dict[TensorClass, int]:
    """Return the parameters of one layer on one rank, by tensor class.

    A recurrent mixer counts as ``attention``: checkpoints store it alike. ``dense_ranks_count``
    ranks share the dense and shared feed-forward parts, by default the tensor-parallel ones.
    """
    parts: Counter[TensorClass] = Counter()
    if block.ffn is not None:
        dense = dense_ranks_count or ranks_count
        experts = expert_ranks_count or ranks_count
        parts.update(ffn_params(block.ffn, hidden_size, dense, experts))
    if block.attention is not None:
        parts["attention"] += attention_params(block.attention, hidden_size, ranks_count)
    if block.recurrent is not None:
        parts["attention"] += recurrent_params(block.recurrent, ranks_count)
    parts["ffn"] += block.other_params
    parts["norm"] = block.norm_params
    return dict(parts)


def vocabulary_params(llm: Llm, ranks_count: int = 1) -> int:
    """Return the parameters of one vocabulary matrix on one rank (padded when split)."""
    if ranks_count == 1:
        return llm.vocab_size * llm.hidden_size
    padded = -(-llm.vocab_size // VOCAB_PADDING) * VOCAB_PADDING
    return -(-padded // ranks_count) * llm.hidden_size


def looked_up_params(llm: Llm, ranks_count: int = 1) -> int:
    """Return the parameters of tables beside the vocabulary: positions, per-layer embeddings."""
    return llm.position_params + llm.layer_embedding_params // ranks_count


def params_by_class(llm: Llm) -> dict[TensorClass, int]:
    """Return the parameters of a whole model, by tensor class.

    Tied embeddings count once, as ``embedding``.
    """
    totals: Counter[TensorClass] = Counter()
    for block, count in llm.block_counts:
        for kind, params in block_params(block, llm.hidden_size).items():
            totals[kind] += params * count
    totals["embedding"] = vocabulary_params(llm) + looked_up_params(llm)
    totals["ffn"] += llm.other_params
    if not llm.tied_embeddings:
        totals["head"] = vocabulary_params(llm)
    totals["head"] += llm.vocab_size if llm.head_bias else 0
    totals["norm"] += llm.final_norm_params
    return {kind: params for kind, params in totals.items() if params}


def total_params_count(llm: Llm) -> int:
    """Return all parameters of the model (what its memory holds)."""
    return sum(params_by_class(llm).values())


def ahead_params_count(llm: Llm) -> int:
    """Return the parameters of the layers for multi-token prediction, which no decoding needs.

    Embedding and head, which they share, are left out.
    """
    if llm.ahead is None:
        return 0
    block = block_params(llm.blocks[llm.ahead.block], llm.hidden_size)
    return llm.ahead.layer_count * (sum(block.values()) + llm.ahead.other_params)


def active_params_count(llm: Llm) -> int:
    """Return the parameters that one token passes through, embeddings included (F1.2)."""
    idle = 0
    for block, count in llm.block_counts:
        ffn = block.ffn
        if ffn is not None and ffn.expert_count:
            unused = ffn.expert_count - ffn.experts_per_token
            idle += count * unused * expert_params(ffn, llm.hidden_size)
    return total_params_count(llm) - idle


def matmul_params_count(llm: Llm) -> int:
    """Return the active parameters that are multiplied: all but the looked-up embedding (F1.4)."""
    if llm.tied_embeddings:
        return active_params_count(llm) - looked_up_params(llm)
    return active_params_count(llm) - vocabulary_params(llm) - looked_up_params(llm)


def class_bits_per_weight(llm: Llm, kind: TensorClass, format_name: str) -> float:
    """Return bits per weight of one tensor class when the model is stored in a format.

    ``checkpoint`` is the format that the model is published in. Formats other than the
    checkpoint's own leave the classes at 16 bits that such checkpoints usually leave.
    """
    own = llm.checkpoint
    name = own.format if format_name == "checkpoint" else format_name
    if name == own.format:
        exact = {**(own.extra_bits or {}), **(own.class_bits or {})}
        if kind in exact:
            return exact[kind]
    if is_gguf_mix(name):
        return gguf_bits(llm, name)[kind]
    chosen = weight_format(name)
    kept = chosen.kept_16bit
    if name == own.format and own.kept_16bit is not None:
        kept = (*own.kept_16bit, "norm")
    if kind in kept:
        return FORMATS["bf16"].bits_per_weight
    return chosen.bits_per_weight


@functools.lru_cache(maxsize=4096)
def class_bits(llm: Llm, format_name: str) -> dict[TensorClass, float]:
    """Return bits per weight of every tensor class of the model in a format."""
    return {kind: class_bits_per_weight(llm, kind, format_name) for kind in LANGUAGE}


def weight_bytes(llm: Llm, format_name: str) -> float:
    """Return the bytes of the whole model: Σ over classes of params · bits / 8.

    Source: definition. Validity: bits include scales and zero points; headers of files are left
    out.
    """
    bits = class_bits(llm, format_name)
    return sum(params * bits[kind] / 8.0 for kind, params in params_by_class(llm).items())


@functools.lru_cache(maxsize=1024)
def stage_blocks(llm: Llm, stages_count: int) -> tuple[tuple[tuple[Block, int], ...], ...]:
    """Return, for each pipeline stage, its kinds of layers and how many of each."""
    order = llm.layer_order
    stages = []
    start = 0
    for size in stage_layers(llm.layer_count, stages_count):
        counts = Counter(order[start : start + size])
        stages.append(tuple((llm.blocks[index], counts[index]) for index in sorted(counts)))
        start += size
    return tuple(stages)


def distinct_stages(llm: Llm, stages_count: int) -> tuple[int, ...]:
    """Return the stages that differ: the first, the last, and of those between each kind."""
    last = stages_count - 1
    kinds: dict[object, int] = {}
    for stage, blocks in enumerate(stage_blocks(llm, stages_count)):
        layers = tuple((id(block), count) for block, count in blocks)
        kinds.setdefault((layers, stage == 0, stage == last), stage)
    return tuple(kinds.values())


@functools.lru_cache(maxsize=4096)
def rank_weight_bytes(
    llm: Llm,
    format_name: str,
    ranks_count: int,
    stages_count: int,
    expert_ranks_count: int | None = None,
    dense_ranks_count: int | None = None,
) -> tuple[float, ...]:
    """Return weight bytes on one tensor-parallel rank of each pipeline stage.

    ``Σ classes · params / ranks · bits / 8``. Routed experts are shared by
    ``expert_ranks_count`` ranks, dense and shared feed-forward parts
    and the head by ``dense_ranks_count``, by default the tensor-parallel ones. The embedding lies
    on the first stage, the head on the last; with tied embeddings and more than one stage, both
    hold a copy. Norms and routers are whole on every rank.

    Source: Shoeybi et al. 2019 (Megatron-LM), arXiv:1909.08053. Validity: the engine's padding of
    vocabularies is left out.
    """
    bits = class_bits(llm, format_name)
    sizes = []
    for blocks in stage_blocks(llm, stages_count):
        total = 0.0
        for block, count in blocks:
            parts = block_params(
                block, llm.hidden_size, ranks_count, expert_ranks_count, dense_ranks_count
            )
            total += count * sum(params * bits[kind] / 8.0 for kind, params in parts.items())
        sizes.append(total)
    vocabulary = vocabulary_params(llm, ranks_count)
    tables = looked_up_params(llm, ranks_count)
    sizes[0] += (vocabulary + tables) * bits["embedding"] / 8.0
    sizes[0] += llm.other_params * bits["ffn"] / 8.0
    if not llm.tied_embeddings:
        head = vocabulary_params(llm, dense_ranks_count or ranks_count)
        sizes[-1] += head * bits["head"] / 8.0
    elif stages_count > 1:
        sizes[-1] += vocabulary * bits["embedding"] / 8.0
    sizes[-1] += llm.final_norm_params * bits["norm"] / 8.0
    sizes[-1] += (llm.vocab_size if llm.head_bias else 0) * bits["head"] / 8.0
    return tuple(sizes)
