"""Engines that put whole layers on cards: llama.cpp, and Ollama on top of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.interval import Interval
from rightrig.prediction.engine_memory import CardShare, Component, SlotCache, overheads
from rightrig.quantities import MIB
from rightrig.work import llama_cpp
from rightrig.work.ggml_alloc import HOST
from rightrig.work.llama_cpp_options import Options, Placement, place

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import EngineLimits
    from rightrig.facts.llm import Block, Llm
    from rightrig.prediction.engine_memory import Engine

__all__ = [
    "LAYERED",
    "CardPart",
    "file_bytes",
    "host_bytes",
    "layered_shares",
    "line_ends_tokens",
    "options_of",
    "parts_of",
    "placement_of",
    "shares_by_context",
    "working_bytes_of",
    "working_path_of",
]
_OLLAMA_RESERVED_BYTES: Final = 457.0 * MIB
"""Set aside on every card for its context (ollama/ollama at fb30760, ml/device.go:
``MinimumMemory``)."""
_RULE_RATIO: Final = Interval(0.995, 1.0, 1.01)
"""Files that quantise by llama.cpp's rules: imatrix and hand-made mixes differ a little."""


def placement_of(engine: Engine, memory_bytes: tuple[float, ...]) -> Placement:
    """Return where the layers lie: by ``-ts`` or the cards' memory, ``-ngl`` and ``--n-cpu-moe``.

    Args:
        engine: The engine.
        memory_bytes: What each card shows.
    """
    asked = engine.placement
    parts = asked.part_ratio or memory_bytes
    return place(engine.llm.layer_count, parts, asked.gpu_layers, asked.host_expert_layers)


def options_of(engine: Engine, context_tokens: int) -> Options:
    """Return how the server is started for one slot of this context.

    Slots have caches of their own; logits are reserved for every token of a batch, as
    llama-fit-params reserves them (a server asks for fewer).
    """
    limits, kv = engine.limits, _kv_format(engine)
    return Options(
        context_tokens=context_tokens,
        ubatch_tokens=limits.max_batched_tokens,
        batch_tokens=max(limits.max_batched_tokens, 2048),
        key_format=kv,
        value_format=kv,
        flash_attention=limits.flash_attention,
        mixes_batches=False,
    )


def _kv_format(engine: Engine) -> str:
    """Return the cache's format as llama.cpp names it; BF16 takes the room of FP16."""
    return "fp16" if engine.precision.kv == "bf16" else engine.precision.kv


def layered_shares(
    engine: Engine, context_tokens: int, placement: Placement
) -> tuple[CardShare, ...]:
    """Return one share a card.

    Layers that no card takes stay in host memory, first ones first; so does the input
    embedding.
    """
    working = working_bytes_of(engine, context_tokens, placement)
    return tuple(part.share(working) for part in parts_of(engine, placement))


def shares_by_context(
    engine: Engine, context_tokens: int, placement: Placement
) -> Callable[[int], tuple[CardShare, ...]]:
    """Return the shares by context: exact at the context asked for, on a line elsewhere.

    Compute buffers grow by the attention mask, in proportion to the padded context
    (tests/prediction/test_engines.py holds the line within 1 % of the exact size).
    """
    here = working_bytes_of(engine, context_tokens, placement)
    low, most = line_ends_tokens(engine.llm, engine.limits, context_tokens)
    first = here if low == context_tokens else working_bytes_of(engine, low, placement)
    last = working_bytes_of(engine, most, placement)
    parts = parts_of(engine, placement)

    @functools.cache
    def at(tokens: int) -> tuple[CardShare, ...]:
        way_ratio = (tokens - low) / (most - low)
        working = {
            device: max(0.0, size + way_ratio * (last.get(device, size) - size))
            for device, size in first.items()
        }
        return tuple(part.share(working) for part in parts)

    exact = tuple(part.share(here) for part in parts)
    return lambda tokens: exact if tokens == context_tokens else at(tokens)


def line_ends_tokens(llm: Llm, limits: EngineLimits, context_tokens: int) -> tuple[int, int]:
    """Return the two contexts whose buffers give the line for all others."""
    # Below a whole batch buffers do not follow the line: its ends lie above.
    most = max(llm.max_context_tokens, 2 * limits.max_batched_tokens)
    is_within = limits.max_batched_tokens <= context_tokens < most
    return (context_tokens if is_within else most // 2), most


def working_bytes_of(engine: Engine, context_tokens: int, placement: Placement) -> dict[int, float]:
    """Return compute buffers by device."""
    options = options_of(engine, context_tokens)
    return dict(_buffers(engine.llm, _file_type(engine, placement), options, placement))


def working_path_of(
    engine: Engine, context_tokens: int, placement: Placement
) -> tuple[dict[int, float], bytes]:
    """Return compute buffers by device, and a mark of how sizes compared (``compute_path``)."""
    options = options_of(engine, context_tokens)
    return llama_cpp.compute_path(engine.llm, _file_type(engine, placement), options, placement)


def _file_type(engine: Engine, placement: Placement) -> str:
    """Return the type of the file; it matters only where weights are fetched."""
    return "q4_0" if placement.is_all_on_cards else engine.precision.weights


@functools.lru_cache(maxsize=512)
def _buffers(
    llm: Llm, file_type: str, options: Options, placement: Placement
) -> tuple[tuple[int, float], ...]:
    """Return compute buffers by device; a plan asks for the same ones for many files and cards."""
    return tuple(llama_cpp.compute_bytes(llm, file_type, options, placement).items())


@dataclass(frozen=True, slots=True)
class CardPart:
    """What one card holds whatever the context."""

    engine: Engine
    card: int
    weights: Component
    context: Component
    blocks: tuple[tuple[Block, int], ...]
    slots: SlotCache

    def share(self, working_bytes: dict[int, float]) -> CardShare:
        """Return the card's share with these compute buffers, by device."""
        compute = _compute(self.engine.llm, working_bytes.get(self.card, 0.0))
        return CardShare(
            fixed=(self.weights, compute, self.context),
            blocks=self.blocks,
            kv_bits=self.engine.kv_bits,
            ranks=1,
            step_tokens=self.engine.limits.max_batched_tokens,
            layout="slots",
            rule="exact",
            slots=self.slots,
        )


def parts_of(engine: Engine, placement: Placement) -> tuple[CardPart, ...]:
    """Return what each card holds whatever the context."""
    llm = engine.llm
    order = llm.layer_order
    stored = _stored_bytes(engine, placement)
    slots = SlotCache(llm, options_of(engine, 1))
    found = []
    for card in range(placement.cards_count):
        taken = [order[i] for i, device in enumerate(placement.devices) if device == card]
        blocks = tuple((llm.blocks[i], taken.count(i)) for i in sorted(set(taken)))
        weights = _weights(llm, stored.get(card, 0.0))
        found.append(CardPart(engine, card, weights, _context(engine), blocks, slots))
    return tuple(found)


def _stored_bytes(engine: Engine, placement: Placement) -> dict[int, float]:
    """Return the weights on each device, the host's too."""
    llm, file_type = engine.llm, engine.precision.weights
    found: dict[int, float] = {}
    sizes = llama_cpp.layer_weight_bytes(llm, file_type)
    for layer, (device, (total, experts)) in enumerate(zip(placement.devices, sizes, strict=True)):
        hosted = experts if layer in placement.host_experts else 0.0
        found[device] = found.get(device, 0.0) + total - hosted
        found[HOST] = found.get(HOST, 0.0) + hosted
    embedding, output = llama_cpp.vocabulary_bytes(llm, file_type)
    found[HOST] = found.get(HOST, 0.0) + embedding
    # Tied to the output matrix, the embedding is stored twice where that lies on a card.
    shared = embedding if llm.tied_embeddings and placement.output_device == HOST else 0.0
    found[placement.output_device] = found.get(placement.output_device, 0.0) + output - shared
    return found


def file_bytes(llm: Llm, file_type: str) -> float:
    """Return the bytes of the whole model's tensors in a file of this type."""
    embedding, output = llama_cpp.vocabulary_bytes(llm, file_type)
    layers = sum(total for total, _ in llama_cpp.layer_weight_bytes(llm, file_type))
    return layers + output + (0.0 if llm.tied_embeddings else embedding)


def _weights(llm: Llm, stored_bytes: float) -> Component:
    """Return the weights on one card."""
    if llm.checkpoint.class_bits:
        return Component("weights", Interval.exact(stored_bytes), "read from the file")
    basis = "tensor by tensor, by the rules of llama.cpp's quantiser"
    return Component("weights", _RULE_RATIO.scaled(stored_bytes), basis)


def _compute(llm: Llm, working_bytes: float) -> Component:
    """Return llama.cpp's compute buffer on one card."""
    key = "compute_ratio" if llama_cpp.is_exact(llm) else "compute_unchecked_ratio"
    ratio, source = overheads()["llama_cpp"][key]
    return Component("compute", ratio.scaled(working_bytes), source)


def _context(engine: Engine) -> Component:
    """Return what the driver's context takes of one card."""
    if engine.runtime == "ollama":
        reserved = Interval.exact(_OLLAMA_RESERVED_BYTES)
        return Component("context", reserved, "set aside by Ollama (ml/device.go)")
    return Component("context", *overheads()["llama_cpp"]["context_bytes"])


def host_bytes(
    engine: Engine, context_tokens: int, slots_count: int, placement: Placement
) -> float:
    """Return host memory for weights, caches and buffers that no card holds."""
    options = options_of(engine, context_tokens)
    caches = llama_cpp.layer_cache_bytes(engine.llm, options)
    cached = sum(
        size for size, device in zip(caches, placement.devices, strict=True) if device == HOST
    )
    working = working_bytes_of(engine, context_tokens, placement).get(HOST, 0.0)
    output = slots_count * llama_cpp.output_buffer_bytes(engine.llm, options)
    return _stored_bytes(engine, placement)[HOST] + slots_count * cached + working + output
