"""What an engine puts on each card: fixed parts, and cache a sequence.

One ``CardShare`` a pipeline stage (engines that page) or card (llama.cpp, Ollama); it knows no
card's size, so that one share serves every card it may be tried on.
"""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig.deployment.deployment import Companions, Placement
from rightrig.facts.quantization import KV_BITS
from rightrig.interval import Interval, sum_if_independent
from rightrig.work import kv_cache, llama_cpp
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits, Precision
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Block, Llm
    from rightrig.work.llama_cpp_options import Options

DATA: Final = Path(__file__).parent / "data"
ComponentName = Literal[
    "weights", "kv", "activation", "graphs", "runtime", "compute", "context", "encoder", "draft",
    "adapters", "steps_ahead",
]  # fmt: skip
MemoryRule = Literal["of-total", "static-share", "of-free", "exact"]
CacheLayout = Literal["paged", "pool", "blocks", "slots"]
SWA_POOL_RATIO: Final = 0.8
"""Tokens that SGLang's pool for sliding layers holds of those in the full layers' pool
(``swa_full_tokens_ratio``, 0.5.23)."""
_SIXTEEN_BITS: Final = 16.0
_ENDLESS_TOKENS: Final = 1 << 24
"""A context longer than any window and what is in flight."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a card's memory, in bytes, and how it is known.

    Attributes:
        is_budgeted: Whether the engine counts it in the share that its memory fraction grants;
            else it must find room beside that share.
    """

    name: ComponentName
    size_bytes: Interval
    basis: str
    is_budgeted: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """What decides an engine's memory beside the cards.

    Attributes:
        runtime: The runtime's slug.
        version: Its version, ``"0.33.0"``.
        has_switch: Whether a switch joins the tensor-parallel ranks: NCCL then keeps buffers for
            reductions inside it.
    """

    llm: Llm
    precision: Precision
    split: Parallelism
    limits: EngineLimits
    runtime: str
    version: str
    companions: Companions = field(default_factory=Companions)
    placement: Placement = field(default_factory=Placement)
    has_switch: bool = False

    @property
    def kv_bits(self) -> float:
        """Bits of one cached value."""
        return KV_BITS[self.precision.kv]


@dataclass(frozen=True, slots=True)
class SlotCache:
    """The cache of llama.cpp's slots: a stream of cells for each.

    Attributes:
        llm: The model; llama.cpp ignores the windows of some families.
        options: How the server is started, for one slot; its context is set by each question.
    """

    llm: Llm
    options: Options

    def slot_bytes(self, blocks: tuple[tuple[Block, int], ...], context_tokens: int) -> float:
        """Return the bytes of one slot over some layers."""
        options = replace(self.options, context_tokens=max(1, context_tokens))
        return sum(
            count * llama_cpp.block_cache_bytes(self.llm, block, options) for block, count in blocks
        )


@dataclass(frozen=True, slots=True)
class CardShare:
    """What one card of an engine holds.

    Attributes:
        fixed: Parts that do not grow with the traffic.
        blocks: The kinds of layers on this card and how many of each, a draft's included.
        kv_bits: Bits of one cached value.
        ranks: Tensor-parallel ranks that share the heads.
        step_tokens: Tokens in flight in one step, over all sequences.
        ahead_tokens: Tokens of the steps that are scheduled before one ends, over all sequences.
        layout: How the cache is laid out: ``paged`` (vLLM), ``pool`` (SGLang), ``blocks``
            (TensorRT-LLM, LMDeploy), ``slots`` (llama.cpp, Ollama).
        rule: What the engine's memory fraction multiplies.
        block_tokens: Tokens of one block of a ``blocks`` cache.
        context_ranks: Ranks over which one sequence's cache is spread.
        slots: The cache of a ``slots`` layout.
    """

    fixed: tuple[Component, ...]
    blocks: tuple[tuple[Block, int], ...]
    kv_bits: float
    ranks: int
    step_tokens: int
    layout: CacheLayout
    rule: MemoryRule = "of-total"
    block_tokens: int = kv_cache.BLOCK_TOKENS
    context_ranks: int = 1
    slots: SlotCache | None = None
    ahead_tokens: int = 0

    @property
    def fixed_bytes(self) -> Interval:
        """All fixed parts that count in the engine's share."""
        return sum_if_independent(part.size_bytes for part in self.fixed if part.is_budgeted)

    @property
    def outside_bytes(self) -> Interval:
        """All fixed parts beside the engine's share."""
        return sum_if_independent(part.size_bytes for part in self.fixed if not part.is_budgeted)

    @property
    def kv_bytes_per_token(self) -> float:
        """Cache bytes of one token on this card, as long as no window is full."""
        return kv_cache.kv_bytes_per_token(self.blocks, self.kv_bits, self.ranks) / (
            self.context_ranks
        )

    def budget_bytes(self, total_bytes: Interval, memory_ratio: float) -> Interval:
        """Return what weights, cache and all budgeted parts may take of a card, in bytes.

        ``of-total``: the fraction of the card, as long as the rest has room beside it.
        ``static-share``: the fraction of what is free once the runtime is up, and the runtime.
        ``of-free``: the fixed parts, and the fraction of what they leave. ``exact``: the card.
        """
        outside = self.outside_bytes
        granted = self.granted_bytes(total_bytes, memory_ratio)
        if self.rule == "of-free":
            return granted
        return Interval(
            min(granted.low, total_bytes.low - outside.high),
            min(granted.mid, total_bytes.mid - outside.mid),
            min(granted.high, total_bytes.high - outside.low),
        )

    def granted_bytes(self, total_bytes: Interval, memory_ratio: float) -> Interval:
        """Return what the fraction grants of a card, in bytes, whether or not the rest has room.

        This is what engines print; one that grants itself too much fails later.
        """
        if self.rule == "of-free":
            fixed = self.fixed_bytes
            return Interval(*(
                min(t, f + memory_ratio * max(0.0, t - f))
                for f, t in zip(_ends(fixed), _ends(total_bytes), strict=True)
            ))  # fmt: skip
        if self.rule == "static-share":
            runtime = runtime_bytes(self.fixed)
            return Interval(*(
                memory_ratio * (t - r) + r
                for t, r in zip(_ends(total_bytes), _ends(runtime), strict=True)
            ))  # fmt: skip
        return total_bytes.scaled(memory_ratio)

    def kv_bytes(self, context_tokens: int) -> float:
        """Return cache bytes of one sequence of this length on this card, as the engine rounds.

        Where layers have windows, with the tokens of one step in flight.
        """
        if self.slots is not None:
            return self.slots.slot_bytes(self.blocks, context_tokens)
        if self.layout == "paged":
            return self._paged_bytes(context_tokens, self.step_tokens)
        local_tokens = math.ceil(context_tokens / self.context_ranks)
        if self.layout == "pool":
            return kv_cache.pooled_sequence_kv_bytes(
                self.blocks, local_tokens, self.kv_bits, self.ranks, SWA_POOL_RATIO
            )
        tokens = math.ceil(local_tokens / self.block_tokens) * self.block_tokens
        return kv_cache.sequence_kv_bytes(self.blocks, tokens, self.kv_bits, self.ranks)

    def cache_bytes(self, context_tokens: int, sequences_count: float) -> float:
        """Return cache bytes of several sequences of this length on this card.

        ``min(n·first, n·further + shared)``: tokens in flight, which windowed layers hold beside
        their windows, are bounded over all sequences together. Steps ahead are included: of one
        sequence it is what vLLM asks for to admit it.
        """
        first, further, shared = self.sequences_bytes(context_tokens)
        return min(sequences_count * first, sequences_count * further + shared)

    def ahead_bytes(self, context_tokens: int, sequences_count: float) -> float:
        """Return the part of ``cache_bytes`` that only steps scheduled ahead take."""
        if not self.ahead_tokens:
            return 0.0
        in_step = replace(self, ahead_tokens=0)
        return self.cache_bytes(context_tokens, sequences_count) - in_step.cache_bytes(
            context_tokens, sequences_count
        )

    def held_count(self, context_tokens: int, room_bytes: float) -> float:
        """Return how many sequences of this length a room takes; infinitely many of no bytes."""
        first, further, shared = self.sequences_bytes(context_tokens)
        if first <= 0.0:
            return math.inf
        return max(0.0, room_bytes // first, (room_bytes - shared) // further)

    def sequences_bytes(self, context_tokens: int) -> tuple[float, float, float]:
        """Return bytes of a sequence with all tokens in flight and with none, and of those."""
        if self.layout != "paged" or not any(
            b.attention is not None and kv_cache.window_of(b.attention) for b, _ in self.blocks
        ):
            first = self.kv_bytes(context_tokens)
            return first, first, 0.0
        in_flight = self.step_tokens + self.ahead_tokens
        shared = self._paged_bytes(_ENDLESS_TOKENS, in_flight) - self._paged_bytes(
            _ENDLESS_TOKENS, 0
        )
        return (
            self._paged_bytes(context_tokens, in_flight),
            self._paged_bytes(context_tokens, 0),
            shared,
        )

    def _paged_bytes(self, context_tokens: int, in_flight_tokens: int) -> float:
        """Return cache bytes of one sequence in vLLM's pages."""
        return kv_cache.paged_sequence_kv_bytes(
            self.blocks,
            context_tokens,
            self.kv_bits,
            self.ranks,
            in_flight_tokens,
            self.context_ranks,
        )


def _ends(interval: Interval) -> tuple[float, float, float]:
    """Return low, middle and high."""
    return interval.low, interval.mid, interval.high


def runtime_bytes(parts: tuple[Component, ...]) -> Interval:
    """Return the part that is the runtime's own."""
    return sum_if_independent(part.size_bytes for part in parts if part.name == "runtime")


@functools.cache
def _data() -> dict[str, Any]:
    """Return ``data/memory.toml``."""
    return tomllib.loads((DATA / "memory.toml").read_text(encoding="utf-8"))


def _known(entry: dict[str, Any]) -> tuple[Interval, str]:
    """Return an entry's interval and source."""
    return Interval(entry["low"], entry["mid"], entry["high"]), entry["source"]


@functools.cache
def overheads() -> dict[str, dict[str, tuple[Interval, str]]]:
    """Return engine → overhead → its interval and source, for what no version changes."""
    return {
        engine: {name: _known(entry) for name, entry in entries.items()}
        for engine, entries in _data().items()
        if isinstance(entries, dict)
    }


@dataclass(frozen=True, slots=True)
class Era:
    """What one range of an engine's versions keeps beside weights and cache.

    Attributes:
        since: First version.
        graphs_are_budgeted: Whether CUDA graphs count in the share that the fraction grants.
        overheads: Overhead → its interval and source.
    """

    since: str
    graphs_are_budgeted: bool
    overheads: dict[str, tuple[Interval, str]]


@functools.cache
def eras() -> tuple[Era, ...]:
    """Return vLLM's eras, newest first."""
    return tuple(
        Era(
            entry["since"],
            entry["graphs_are_budgeted"],
            {name: _known(value) for name, value in entry.items() if isinstance(value, dict)},
        )
        for entry in _data()["vllm"]
    )


def weights_component(llm: Llm, format_name: str, stored_bytes: float) -> Component:
    """Return the loaded weights: stored bytes, a little more where kernels pad."""
    known = class_bits(llm, format_name)
    bits = max(known[kind] for kind in ("attention", "ffn", "expert"))
    key = "loaded_16bit_ratio" if bits >= _SIXTEEN_BITS else "loaded_quantised_ratio"
    ratio, source = overheads()["weights"][key]
    return Component("weights", ratio.scaled(stored_bytes), f"tensor by tensor; {source}")
