"""Engines that put whole layers on cards: llama.cpp, and Ollama on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.engine_memory import CardShare, Component, overheads, weights_component
from rightrig.work import activations, kv_cache, weights

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits, Placement, Precision
    from rightrig.facts.llm import Block, Llm
    from rightrig.prediction.engine_memory import Engine

LAYERED = ("llama.cpp", "ollama")
"""Runtimes whose memory this module knows."""


def layers_by_memory(layer_count: int, memory_bytes: tuple[float, ...]) -> tuple[int, ...]:
    """Return the layers that each card takes when llama.cpp splits them by memory.

    Layer i of n goes to the first card whose cumulative share exceeds i/(n + 1); the output
    matrix counts as one more layer, on the last card.

    >>> layers_by_memory(32, (24.0, 24.0))
    (17, 15)
    """
    total = sum(memory_bytes)
    ends, reached = [], 0.0
    for size in memory_bytes:
        reached += size / total
        ends.append(reached)
    counts = [0] * len(memory_bytes)
    for layer in range(layer_count):
        position = layer / (layer_count + 1)
        card = next((i for i, end in enumerate(ends) if position < end), len(ends) - 1)
        counts[card] += 1
    return tuple(counts)


def placed_layers(
    llm: Llm, placement: Placement, memory_bytes: tuple[float, ...]
) -> tuple[int, ...]:
    """Return the layers that each card takes: by ``-ts`` or memory, at most ``-ngl`` of them.

    Of ``-ngl`` layers the output matrix is one, the first to move to a card.
    """
    on_cards = llm.layer_count
    if placement.gpu_layers is not None:
        on_cards = max(0, min(on_cards, placement.gpu_layers - 1))
    return layers_by_memory(on_cards, placement.part_ratio or memory_bytes)


def layered_shares(
    engine: Engine, context_tokens: int, layers: tuple[int, ...]
) -> tuple[CardShare, ...]:
    """Return one share a card, for a split that gives ``layers[i]`` layers to card i.

    Layers that no card takes (``sum(layers)`` below the model's) stay in host memory, first
    ones first. The output matrix is on the last card, the input embedding in host memory.
    """
    llm, limits, precision = engine.llm, engine.limits, engine.precision
    order = [index for index, count in llm.layout for _ in range(count)]
    start = llm.layer_count - sum(layers)
    hosted = engine.placement.host_expert_layers
    shares = []
    for card, count in enumerate(layers):
        taken = order[start : start + count]
        blocks = tuple((llm.blocks[i], taken.count(i)) for i in sorted(set(taken)))
        without_experts = order[start : min(start + count, hosted)]
        start += count
        is_last = card == len(layers) - 1
        stored = _layers_bytes(llm, precision.weights, blocks, has_head=is_last)
        stored -= _experts_bytes(llm, precision.weights, without_experts)
        fixed = (
            weights_component(llm, precision.weights, stored),
            _compute(llm, limits, context_tokens, has_head=is_last),
            Component("context", *overheads()["llama_cpp"]["context_bytes"]),
        )
        bits = KV_BITS[precision.kv]
        shares.append(
            CardShare(fixed, blocks, bits, 1, limits.max_batched_tokens, "slots", "exact")
        )
    return tuple(shares)


def _layers_bytes(
    llm: Llm, file_type: str, blocks: tuple[tuple[Block, int], ...], *, has_head: bool
) -> float:
    """Return the weights of some layers, and of the output matrix where it lies here."""
    bits = weights.class_bits(llm, file_type)
    size = 0.0
    for block, count in blocks:
        parts = weights.block_params(block, llm.hidden_size)
        size += count * sum(params * bits[kind] / 8.0 for kind, params in parts.items())
    if has_head:
        kind: Literal["embedding", "head"] = "embedding" if llm.tied_embeddings else "head"
        size += weights.vocabulary_params(llm) * bits[kind] / 8.0
    return size


def _experts_bytes(llm: Llm, file_type: str, order: list[int]) -> float:
    """Return the routed experts of some layers, named by their kinds."""
    bits = weights.class_bits(llm, file_type)["expert"]
    params = (
        weights.block_params(llm.blocks[index], llm.hidden_size).get("expert", 0) for index in order
    )
    return sum(params) * bits / 8.0


def _compute(llm: Llm, limits: EngineLimits, context_tokens: int, *, has_head: bool) -> Component:
    """Return llama.cpp's compute buffer on one card, with the spread of the fitted stages."""
    mid = activations.llama_cpp_compute_bytes(
        llm,
        limits.max_batched_tokens,
        context_tokens,
        flash_attention=limits.flash_attention,
        has_head=has_head,
    )
    ratio, source = overheads()["llama_cpp"]["compute_ratio"]
    return Component("compute", ratio.scaled(mid), source)


def host_bytes(engine: Engine, gpu_layers: int) -> float:
    """Return weights in host memory: the input embedding, layers on no card, hosted experts."""
    llm, file_type = engine.llm, engine.precision.weights
    bits = weights.class_bits(llm, file_type)
    size = weights.vocabulary_params(llm) * bits["embedding"] / 8.0
    size += _layers_bytes(llm, file_type, _host_blocks(llm, gpu_layers), has_head=False)
    order = [index for index, count in llm.layout for _ in range(count)]
    on_cards = order[llm.layer_count - gpu_layers : engine.placement.host_expert_layers]
    return size + _experts_bytes(llm, file_type, on_cards)


def host_kv_bytes(
    llm: Llm, precision: Precision, limits: EngineLimits, context_tokens: int, gpu_layers: int
) -> float:
    """Return the KV cache of one sequence that stays in host memory with its layers."""
    return kv_cache.slot_kv_bytes(
        _host_blocks(llm, gpu_layers),
        context_tokens,
        KV_BITS[precision.kv],
        limits.max_batched_tokens,
    )


def _host_blocks(llm: Llm, gpu_layers: int) -> tuple[tuple[Block, int], ...]:
    """Return the kinds of the first layers, those that no card takes."""
    order = [index for index, count in llm.layout for _ in range(count)]
    kept = order[: llm.layer_count - gpu_layers]
    return tuple((llm.blocks[index], kept.count(index)) for index in sorted(set(kept)))
