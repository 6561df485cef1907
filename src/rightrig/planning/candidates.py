"""Candidates: every card × runtime × formats × layout × step size that could be one engine.

A row is one engine. The rows are a NumPy structured array, so that thousands of them are
evaluated at once; records and names are looked up by the indices in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.compatibility import broken, default_weights
from rightrig.deployment.compatibility_cache import kv_formats_on, usual_kv
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import LAYERED, default_limits
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.layouts import MOST_CARDS, machine_cards, machine_layouts, spanning_layouts
from rightrig.planning.limits import limits_for
from rightrig.work.weights import class_bits, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

VLLM_FORMATS: Final = ("fp8", "nvfp4", "awq")
"""Smaller formats that are tried beside the checkpoint's, on engines that page their cache."""
LLAMA_CPP_FORMATS: Final = ("q8_0", "q4_k_m")
SMALL_KV: Final = ("fp8", "q8_0")
"""Formats of half the usual cache; each runtime knows at most one of them."""
_MORE_MACHINES: Final = 1
"""Machines that an engine may span beyond those that its weights fill."""
WORTHWHILE_RATIO: Final = 0.75
"""A format is tried when it takes less than this share of the checkpoint's bits."""
SMALL_STEP_TOKENS: Final = 2048
"""A smaller step than the runtime's default, for tight objectives of TPOT."""
ROW: Final = np.dtype(
    [(name, "i4") for name in (
        "gpu", "runtime", "format", "kv", "layout", "step_tokens",
        "tp", "pp", "dp", "ep", "cp", "cards",
    )]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be chosen from, beside the cards.

    Attributes:
        runtimes: Engines to try; of several that carry as much, the quickest wins.
        formats: Weight formats; ``None`` for the checkpoint's and every smaller common one.
        kv: Format of the KV cache; ``None`` for the runtime's usual one and one of half its size.
    """

    runtimes: tuple[Runtime, ...]
    formats: tuple[str, ...] | None = None
    kv: str | None = None


@dataclass(slots=True)
class Names:
    """What the indices of the rows point at; grows while rows are enumerated."""

    formats: list[str] = field(default_factory=list)
    kvs: list[str] = field(default_factory=list)
    layouts: list[Parallelism] = field(default_factory=list)
    _places: dict[Parallelism, int] = field(default_factory=dict)

    def layout(self, split: Parallelism) -> int:
        """Return the index of a layout."""
        place = self._places.get(split)
        if place is None:
            place = self._places[split] = len(self.layouts)
            self.layouts.append(split)
        return place


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows and what their indices mean.

    Attributes:
        rows: One engine each, fields of ``ROW``.
        gpus, runtimes, formats, kvs, layouts: What the indices point at.
        barred: GPU index → the first rule, with its reason, that leaves the card no row at all.
    """

    rows: NDArray[np.void]
    gpus: tuple[Gpu, ...]
    runtimes: tuple[Runtime, ...]
    formats: tuple[str, ...]
    kvs: tuple[str, ...]
    layouts: tuple[Parallelism, ...]
    barred: dict[int, tuple[str, str]]


Option = tuple[int, int, int]
"""Indices of a runtime, a weight format and a cache format."""


def enumerate_candidates(llm: Llm, gpus: Sequence[Gpu], choice: Choice) -> Candidates:
    """Return every engine inside one machine that no rule of compatibility forbids."""
    names = Names()
    options, barred = _options_by_gpu(llm, gpus, choice, names)
    shapes = _Shapes(llm, choice, names)
    parts = [_rows(gpu, index, options[index], shapes) for index, gpu in enumerate(gpus)]
    return _candidates(parts, gpus, choice, names, barred)


def spanning_candidates(
    llm: Llm, whole: Candidates, choice: Choice, wanted: Iterable[tuple[int, Option]], most: int
) -> Candidates:
    """Return engines over several machines, for cards and formats that one cannot hold.

    Over as many as their weights fill, and over one more: pipelines over the network lower no
    latency, and replicas carry more traffic.

    Args:
        llm: The model.
        whole: The candidates inside one machine.
        choice: What may be chosen.
        wanted: Pairs of a card's index and an option, as ``options_of_rows`` names them.
        most: Most cards of one engine.
    """
    names = Names(list(whole.formats), list(whole.kvs))
    for split in whole.layouts:
        names.layout(split)
    shapes, parts = _Shapes(llm, choice, names), []
    for index, option in wanted:
        gpu = whole.gpus[index]
        held_bytes = machine_cards(gpu) * gpu.memory_bytes.mid
        fewest = math.ceil(weight_bytes(llm, names.formats[option[1]]) / held_bytes)
        largest = min(most, MOST_CARDS) // machine_cards(gpu)
        last = min(max(fewest, 2) + _MORE_MACHINES, largest)
        parts += [
            _rows(gpu, index, (option,), shapes, machines)
            for machines in range(max(fewest, 2), last + 1)
        ]
    return _candidates(parts, whole.gpus, choice, names, whole.barred)


def _candidates(
    parts: Sequence[NDArray[np.void]],
    gpus: Sequence[Gpu],
    choice: Choice,
    names: Names,
    barred: dict[int, tuple[str, str]],
) -> Candidates:
    """Return rows with what their indices mean."""
    return Candidates(
        rows=np.concatenate(parts) if parts else np.zeros(0, ROW),
        gpus=tuple(gpus),
        runtimes=choice.runtimes,
        formats=tuple(names.formats),
        kvs=tuple(names.kvs),
        layouts=tuple(names.layouts),
        barred=barred,
    )


def _options_by_gpu(
    llm: Llm, gpus: Sequence[Gpu], choice: Choice, names: Names
) -> tuple[list[tuple[Option, ...]], dict[int, tuple[str, str]]]:
    """Return the options of every card, and the first rule broken on those that have none.

    Rules read only what a card is to an engine; cards that are alike in it are asked once.
    """
    known: dict[tuple[object, ...], tuple[Option, ...]] = {}
    found, barred = [], {}
    for index, gpu in enumerate(gpus):
        alike = (
            gpu.vendor, gpu.architecture, gpu.compute_capability, gpu.memory_is_unified,
            gpu.peak.fp8_flop_per_s is None,
        )  # fmt: skip
        if alike not in known:
            known[alike] = tuple(_options(llm, gpu, choice, names))
        found.append(known[alike])
        if not known[alike]:
            barred[index] = _first_reason(llm, gpu, choice)
    return found, barred


def _options(llm: Llm, gpu: Gpu, choice: Choice, names: Names) -> Iterator[Option]:
    """Yield the runtimes and formats that no rule forbids on a card."""
    for place, runtime in enumerate(choice.runtimes):
        for name in _formats_for(llm, runtime, gpu, choice.formats):
            for kv in _caches_for(llm, runtime, gpu, choice.kv):
                if not broken(single_card(llm, gpu, runtime, Precision(name, kv))):
                    yield place, _index(names.formats, name), _index(names.kvs, kv)


def _index(known: list[str], name: str) -> int:
    """Return the place of a name, which is added where it is new."""
    if name not in known:
        known.append(name)
    return known.index(name)


def _first_reason(llm: Llm, gpu: Gpu, choice: Choice) -> tuple[str, str]:
    """Return the first rule that the first option of a card breaks, with its reason."""
    for runtime in choice.runtimes:
        for name in _formats_for(llm, runtime, gpu, choice.formats):
            kv = choice.kv or usual_kv(runtime, llm)
            bad = broken(single_card(llm, gpu, runtime, Precision(name, kv)))
            if bad:
                return bad[0].rule_id, bad[0].reason
    return "RT-FORMAT", "no runtime was allowed"


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
    if runtime.slug in LAYERED:
        yield from LLAMA_CPP_FORMATS
        return
    yield usual
    most_bits = WORTHWHILE_RATIO * _main_bits(llm, usual)
    yield from (name for name in VLLM_FORMATS if _main_bits(llm, name) < most_bits)


def _caches_for(llm: Llm, runtime: Runtime, gpu: Gpu, kv: str | None) -> Iterator[str]:
    """Yield the cache formats worth trying: the usual one, and one of half its size."""
    if kv is not None:
        yield kv
        return
    usual = usual_kv(runtime, llm)
    yield usual
    read = kv_formats_on(runtime, gpu, llm)
    yield from (name for name in SMALL_KV if name != usual and name in read)


def _main_bits(llm: Llm, name: str) -> float:
    """Return bits per weight of the largest tensor class."""
    bits = class_bits(llm, name)
    return bits["expert"] if llm.has_experts else bits["ffn"]


@dataclass(frozen=True, slots=True)
class _Shapes:
    """How engines are laid out.

    Attributes:
        known: What was found, by runtime, cards of a machine, its usual step and machines.
        usual: The usual step, by runtime and card.
    """

    llm: Llm
    choice: Choice
    names: Names
    known: dict[tuple[int, int, int, int], NDArray[np.void]] = field(default_factory=dict)
    usual: dict[tuple[int, str], int] = field(default_factory=dict)

    def places(self, runtime_index: int, gpu: Gpu, machines: int) -> NDArray[np.void]:
        """Return the rows of one runtime on machines of one card, formats left open."""
        runtime, cards = self.choice.runtimes[runtime_index], machine_cards(gpu)
        usual = self.usual.get((runtime_index, gpu.slug))
        if usual is None:
            usual = limits_for(runtime, gpu, Parallelism()).max_batched_tokens
            self.usual[runtime_index, gpu.slug] = usual
        key = (runtime_index, cards, usual, machines)
        if key not in self.known:
            is_large = runtime.slug not in LAYERED and usual > SMALL_STEP_TOKENS
            steps = (usual, SMALL_STEP_TOKENS) if is_large else (usual,)
            self.known[key] = np.array(
                [
                    (0, runtime_index, 0, 0, self.names.layout(s), tokens, *_sizes(s))
                    for s in self._layouts(runtime, cards, machines)
                    for tokens in steps
                ],
                dtype=ROW,
            )
        return self.known[key]

    def _layouts(
        self, runtime: Runtime, cards_count: int, machines: int
    ) -> tuple[Parallelism, ...]:
        """Return the layouts on machines of some cards."""
        if machines > 1:
            return spanning_layouts(self.llm, runtime, cards_count, machines)
        return machine_layouts(self.llm, runtime, cards_count)


def _sizes(split: Parallelism) -> tuple[int, ...]:
    """Return the last columns of a row."""
    return (split.tp, split.pp, split.attention_dp, split.experts_over,
            split.context_parallel, split.engine_cards)  # fmt: skip


def _rows(
    gpu: Gpu, index: int, options: Sequence[Option], shapes: _Shapes, machines: int = 1
) -> NDArray[np.void]:
    """Return the rows of one card, of engines over some machines."""
    parts = []
    for runtime_index, format_index, kv_index in options:
        part = shapes.places(runtime_index, gpu, machines).copy()
        part["gpu"], part["format"], part["kv"] = index, format_index, kv_index
        parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, ROW)
