"""What an engine puts on each card: fixed parts, and KV cache a sequence.

One ``CardShare`` a pipeline stage (vLLM) or card (llama.cpp); it knows no card's size, so
that one share serves every card it may be tried on.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from rightrig.facts.quantization import KV_BITS
from rightrig.interval import Interval, sum_if_independent
from rightrig.work import activations, kv_cache, weights

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits, Precision
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Block, Llm

DATA: Final = Path(__file__).parent / "data"
ComponentName = Literal["weights", "kv", "activation", "graphs", "runtime", "compute", "context"]


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a card's memory, in bytes, and how it is known."""

    name: ComponentName
    size_bytes: Interval
    basis: str


@dataclass(frozen=True, slots=True)
class CardShare:
    """What one card of an engine holds.

    Attributes:
        fixed: Parts that do not grow with the traffic.
        blocks: The kinds of layers on this card and how many of each.
        kv_bits: Bits of one cached value.
        ranks: Tensor-parallel ranks that share the heads.
        step_tokens: Tokens in flight in one step.
        layout: ``paged`` (vLLM) or ``slots`` (llama.cpp).
    """

    fixed: tuple[Component, ...]
    blocks: tuple[tuple[Block, int], ...]
    kv_bits: float
    ranks: int
    step_tokens: int
    layout: Literal["paged", "slots"]

    @property
    def fixed_bytes(self) -> Interval:
        """All fixed parts together."""
        return sum_if_independent(part.size_bytes for part in self.fixed)

    @property
    def kv_bytes_per_token(self) -> float:
        """KV bytes of one token on this card, as long as no window is full."""
        return kv_cache.kv_bytes_per_token(self.blocks, self.kv_bits, self.ranks)

    def kv_bytes(self, context_tokens: int) -> float:
        """Return KV bytes of one sequence of this length on this card, as the engine rounds."""
        if self.layout == "slots":
            return kv_cache.slot_kv_bytes(
                self.blocks, context_tokens, self.kv_bits, self.step_tokens
            )
        return kv_cache.paged_sequence_kv_bytes(
            self.blocks, context_tokens, self.kv_bits, self.ranks, self.step_tokens
        )


@functools.cache
def overheads() -> dict[str, dict[str, tuple[Interval, str]]]:
    """Return engine → overhead → its interval and source, from ``data/memory.toml``."""
    data = tomllib.loads((DATA / "memory.toml").read_text(encoding="utf-8"))
    return {
        engine: {
            name: (Interval(entry["low"], entry["mid"], entry["high"]), entry["source"])
            for name, entry in entries.items()
        }
        for engine, entries in data.items()
    }


def _weights_component(stored_bytes: float, bits: float) -> Component:
    """Return the loaded weights: stored bytes, a little more where kernels pad."""
    key = "loaded_16bit_ratio" if bits >= 16.0 else "loaded_quantised_ratio"  # noqa: PLR2004 - 16-bit types
    ratio, source = overheads()["weights"][key]
    return Component("weights", ratio.scaled(stored_bytes), f"tensor by tensor; {source}")


def vllm_shares(
    llm: Llm, precision: Precision, split: Parallelism, limits: EngineLimits
) -> tuple[CardShare, ...]:
    """Return one share a pipeline stage; every tensor-parallel rank of a stage holds the same."""
    stored = weights.rank_weight_bytes(llm, precision.weights, split.tp, split.pp)
    bits = max(
        weights.class_bits(llm, precision.weights)[k] for k in ("attention", "ffn", "expert")
    )
    shares = []
    for stage, blocks in enumerate(weights.stage_blocks(llm, split.pp)):
        is_last = stage == split.pp - 1
        shares.append(
            CardShare(
                fixed=(
                    _weights_component(stored[stage], bits),
                    _vllm_activation(llm, limits, split.tp, is_last=is_last),
                    _vllm_runtime(split),
                    Component("graphs", *overheads()["vllm"]["graphs_bytes"]),
                ),
                blocks=blocks,
                kv_bits=KV_BITS[precision.kv],
                ranks=split.tp,
                step_tokens=limits.max_batched_tokens,
                layout="paged",
            )
        )
    return tuple(shares)


def _vllm_activation(llm: Llm, limits: EngineLimits, tp: int, *, is_last: bool) -> Component:
    """Return the peak of vLLM's profiling run: the sampler's or the widest layer's, plus experts.

    ``max(base + c·vocab·max_num_seqs, k·rows) + experts`` (docs/methodology/memory.md).
    """
    known = overheads()["vllm"]
    factor, _ = known["row_factor_ratio"]
    rows = factor.scaled(activations.rows_peak_bytes(llm, limits.max_batched_tokens, tp))
    experts = activations.experts_peak_bytes(llm, limits.max_batched_tokens, tp)
    per_logit, source = known["sampler_bytes_per_logit"]
    base, _ = known["activation_base_bytes"]
    sampler = per_logit.map(
        lambda c: activations.logits_peak_bytes(llm.vocab_size, limits.max_seqs, c)
    )
    if not is_last:
        return Component("activation", rows.map(lambda b: b + experts), source)
    peak = Interval(
        max(base.low + sampler.low, rows.low),
        max(base.mid + sampler.mid, rows.mid),
        max(base.high + sampler.high, rows.high),
    )
    return Component("activation", peak.map(lambda b: b + experts), source)


def _vllm_runtime(split: Parallelism) -> Component:
    """Return what vLLM holds outside the framework: NCCL buffers, contexts of libraries."""
    known = overheads()["vllm"]
    if split.tp > 1:
        return Component("runtime", *known["non_torch_tensor_parallel_bytes"])
    key = "non_torch_pipeline_bytes" if split.pp > 1 else "non_torch_single_bytes"
    return Component("runtime", *known[key])


def llama_cpp_layers(layer_count: int, memory_bytes: tuple[float, ...]) -> tuple[int, ...]:
    """Return the layers that each card takes when llama.cpp splits them by memory.

    Layer i of n goes to the first card whose cumulative share exceeds i/(n + 1); the output
    matrix counts as one more layer, on the last card.

    >>> llama_cpp_layers(32, (24.0, 24.0))
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


def llama_cpp_shares(
    llm: Llm,
    precision: Precision,
    limits: EngineLimits,
    context_tokens: int,
    layers: tuple[int, ...],
) -> tuple[CardShare, ...]:
    """Return one share a card, for a split that gives ``layers[i]`` layers to card i.

    Layers that no card takes (``sum(layers)`` below the model's) stay in host memory, first
    ones first. The output matrix is on the last card, the input embedding in host memory.
    """
    order = [index for index, count in llm.layout for _ in range(count)]
    start = llm.layer_count - sum(layers)
    shares = []
    for card, count in enumerate(layers):
        taken = order[start : start + count]
        blocks = tuple((llm.blocks[i], taken.count(i)) for i in sorted(set(taken)))
        start += count
        is_last = card == len(layers) - 1
        fixed = (
            _llama_cpp_weights(llm, precision.weights, blocks, has_head=is_last),
            _llama_cpp_compute(llm, limits, context_tokens, has_head=is_last),
            Component("context", *overheads()["llama_cpp"]["context_bytes"]),
        )
        bits = KV_BITS[precision.kv]
        shares.append(CardShare(fixed, blocks, bits, 1, limits.max_batched_tokens, "slots"))
    return tuple(shares)


def _llama_cpp_weights(
    llm: Llm, file_type: str, blocks: tuple[tuple[Block, int], ...], *, has_head: bool
) -> Component:
    """Return the weights of some layers, and of the output matrix where it lies here."""
    bits = weights.class_bits(llm, file_type)
    size = 0.0
    for block, count in blocks:
        parts = weights.block_params(block, llm.hidden_size)
        size += count * sum(params * bits[kind] / 8.0 for kind, params in parts.items())
    if has_head:
        kind: Literal["embedding", "head"] = "embedding" if llm.tied_embeddings else "head"
        size += weights.vocabulary_params(llm) * bits[kind] / 8.0
    return _weights_component(size, bits["attention"])


def _llama_cpp_compute(
    llm: Llm, limits: EngineLimits, context_tokens: int, *, has_head: bool
) -> Component:
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


def host_bytes(llm: Llm, precision: Precision, gpu_layers: int) -> float:
    """Return weights that stay in host memory: the input embedding and the layers on no card."""
    bits = weights.class_bits(llm, precision.weights)
    size = weights.vocabulary_params(llm) * bits["embedding"] / 8.0
    for block, count in _host_blocks(llm, gpu_layers):
        parts = weights.block_params(block, llm.hidden_size)
        size += count * sum(params * bits[kind] / 8.0 for kind, params in parts.items())
    return size


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
