"""Candidates: every card × runtime × format × split that could be one engine.

A row is one engine. The rows are a NumPy structured array, so that thousands of them are
evaluated at once; records and names are looked up by the indices in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.compatibility import broken, default_weights
from rightrig.deployment.compatibility_cache import usual_kv
from rightrig.deployment.compatibility_model import stages_reason
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import default_limits
from rightrig.deployment.parallelism import Parallelism, splits_of
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

ENGINE_CARDS: Final = (1, 2, 4, 8)
"""Sizes of an engine: what is sold and rented in one machine."""
VLLM_FORMATS: Final = ("fp8", "nvfp4", "awq")
LLAMA_CPP_FORMATS: Final = ("q8_0", "q4_k_m")
WORTHWHILE_RATIO: Final = 0.75
"""A format is tried when it takes less than this share of the checkpoint's bits."""
LLAMA_CPP_SLOTS: Final = 32
ROW: Final = np.dtype(
    [("gpu", "i4"), ("runtime", "i4"), ("format", "i4"), ("tp", "i4"), ("pp", "i4")]
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows and what their indices mean.

    Attributes:
        rows: One engine each, fields of ``ROW``.
        gpus, runtimes, formats: What the indices point at.
        barred: GPU index → the first rule, with its reason, that leaves the card no row at all.
    """

    rows: NDArray[np.void]
    gpus: tuple[Gpu, ...]
    runtimes: tuple[Runtime, ...]
    formats: tuple[str, ...]
    barred: dict[int, tuple[str, str]]


def enumerate_candidates(
    llm: Llm,
    gpus: Sequence[Gpu],
    runtimes: Sequence[Runtime],
    formats: Sequence[str] | None,
    kv: str | None,
) -> Candidates:
    """Return every engine that no rule of compatibility forbids.

    Args:
        llm: The model.
        gpus: Cards to consider.
        runtimes: Runtimes in order of preference: each card gets the first that runs on it.
        formats: Weight formats; ``None`` for the checkpoint's and every smaller common one.
        kv: Format of the KV cache; ``None`` for the runtime's usual one.
    """
    names: list[str] = []
    rows: list[tuple[int, int, int, int, int]] = []
    barred: dict[int, tuple[str, str]] = {}
    sizes = [splits_of(llm, cards) for cards in ENGINE_CARDS]
    for index, gpu in enumerate(gpus):
        options = _options(llm, gpu, runtimes, formats, kv)
        for runtime, name in options.allowed:
            if name not in names:
                names.append(name)
            place = (index, runtimes.index(runtime), names.index(name))
            splits = _splits(runtime, sizes, gpu)
            rows += [
                (*place, s.tp, s.pp) for s in splits if stages_reason(runtime, llm, s.pp) is None
            ]
        if options.reason is not None:
            barred[index] = options.reason
    return Candidates(np.array(rows, dtype=ROW), tuple(gpus), tuple(runtimes), tuple(names), barred)


@dataclass(frozen=True, slots=True)
class _Options:
    allowed: tuple[tuple[Runtime, str], ...]
    reason: tuple[str, str] | None


def _options(
    llm: Llm, gpu: Gpu, runtimes: Sequence[Runtime], formats: Sequence[str] | None, kv: str | None
) -> _Options:
    """Return the formats of the first runtime that runs on a card, or why none does.

    Cards with unified memory get those of every runtime: their owners use both kinds.
    """
    allowed: list[tuple[Runtime, str]] = []
    reasons: list[tuple[str, str]] = []
    for runtime in runtimes:
        for name in _formats_for(llm, runtime, gpu, formats):
            precision = Precision(name, kv or usual_kv(runtime, llm))
            bad = broken(single_card(llm, gpu, runtime, precision))
            if bad:
                reasons.append((bad[0].rule_id, bad[0].reason))
            else:
                allowed.append((runtime, name))
        if allowed and not gpu.memory_is_unified:
            break
    return _Options(tuple(allowed), None if allowed else reasons[0])


def single_card(llm: Llm, gpu: Gpu, runtime: Runtime, precision: Precision) -> Deployment:
    """Return a deployment on one card, for rules that do not depend on the split."""
    rig = Rig((CardGroup(1, gpu),))
    return Deployment(llm, rig, Parallelism(), precision, runtime, default_limits(runtime, gpu))


def _formats_for(
    llm: Llm, runtime: Runtime, gpu: Gpu, formats: Sequence[str] | None
) -> Iterator[str]:
    """Yield the weight formats worth trying: the usual one, and smaller ones."""
    if formats is not None:
        yield from formats
        return
    usual = default_weights(runtime, llm.checkpoint.format, gpu)
    if runtime.slug == "llama.cpp":
        yield from LLAMA_CPP_FORMATS
        return
    yield usual
    own_bits = _main_bits(llm, usual)
    most_bits = WORTHWHILE_RATIO * own_bits
    yield from (name for name in VLLM_FORMATS if _main_bits(llm, name) < most_bits)


def _main_bits(llm: Llm, name: str) -> float:
    """Return bits per weight of the largest tensor class."""
    bits = class_bits(llm, name)
    return bits["expert"] if llm.has_experts else bits["ffn"]


def _splits(
    runtime: Runtime, sizes: Iterable[tuple[Parallelism, ...]], gpu: Gpu
) -> Iterator[Parallelism]:
    """Yield the splits worth trying on one kind of card."""
    single = gpu.memory_is_unified and gpu.fabric is None
    for splits in sizes:
        if not splits or (single and splits[0].engine_cards > 1):
            continue
        if "layer" in runtime.splits:
            yield Parallelism(1, splits[0].engine_cards)
            continue
        # The most tensor-parallel split, and the one with half of it in stages.
        yield splits[0]
        cards = splits[0].engine_cards
        yield from (s for s in splits[1:] if s.tp * 2 == cards and s.tp > 1)
