"""What memory leaves for traffic: for all candidates at once.

Engines that are alike on cards that are alike are worked out once; what differs between their
rows is the size of the card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.deployment import Precision
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts.quantization import KV_BITS
from rightrig.interval import Interval, sum_if_independent
from rightrig.planning.limits import limits_for
from rightrig.prediction.engine_memory import Engine, runtime_bytes, weights_component
from rightrig.prediction.layered_engines import layered_shares, placement_of
from rightrig.prediction.paged_engines import paged_shares, paged_weight_bytes
from rightrig.work.weights import distinct_stages, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Confidence
    from rightrig.deployment.deployment import EngineLimits
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Llm
    from rightrig.planning.candidates import Candidates
    from rightrig.prediction.engine_memory import CardShare

    Column = NDArray[np.float64]
    Part = tuple[float, ...]
    Parts = NDArray[np.float64]
    """Several quantities, along the last axis."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What memory leaves for traffic, a value a row.

    Attributes:
        capacity_seqs: Sequences of the asked length that one engine holds; 0 when it does not fit.
        short_bytes: What the worst card lacks for one sequence; 0 when it fits.
        is_bounded: Rows that were ruled out by the bytes of the weights alone.
    """

    capacity_seqs: Column
    short_bytes: Column
    is_bounded: NDArray[np.bool_]

    def joined(self, longer: Memory) -> Memory:
        """Return what is known of these rows, and of those behind them from another memory."""
        known = len(self.capacity_seqs)
        return Memory(
            np.concatenate([self.capacity_seqs, longer.capacity_seqs[known:]]),
            np.concatenate([self.short_bytes, longer.short_bytes[known:]]),
            np.concatenate([self.is_bounded, longer.is_bounded[known:]]),
        )


def memory(
    llm: Llm,
    candidates: Candidates,
    numbers: NDArray[np.int64],
    tokens: int,
    confidence: Confidence,
) -> Memory:
    """Return the capacity of some rows; of the others nothing is known (0, 0).

    Args:
        llm: The model.
        candidates: All rows.
        numbers: The rows that are asked about.
        tokens: Of one sequence, prompt and answer.
        confidence: ``surely`` takes the pessimistic ends of memory.
    """
    count = len(candidates.rows)
    capacity, short = np.zeros(count), np.zeros(count)
    bounded = np.zeros(count, bool)
    totals = np.array([gpu.memory_bytes.mid for gpu in candidates.gpus])
    lacking = _beyond_cards_bytes(llm, candidates, numbers, totals)
    bounded[numbers] = lacking > 0.0
    short[numbers] = np.maximum(lacking, 0.0)
    left = numbers[lacking <= 0.0]
    if len(left):
        capacity[left], short[left] = _exact(llm, candidates, left, tokens, confidence)
    return Memory(capacity, short, bounded)


def _beyond_cards_bytes(
    llm: Llm, candidates: Candidates, numbers: NDArray[np.int64], totals_bytes: Column
) -> Column:
    """Return by how much the weights alone, divided evenly, pass the memory of a card."""
    rows = candidates.rows[numbers]
    stored = np.array([weight_bytes(llm, name) for name in candidates.formats])
    # What may lie on the host (the input embedding of llama.cpp) is left out of the bound.
    embedding = 2.0 * llm.vocab_size * llm.hidden_size
    least = np.maximum(stored[rows["format"]] - embedding, 0.0) / rows["cards"]
    return np.asarray(least - totals_bytes[rows["gpu"]])


def _exact(
    llm: Llm,
    candidates: Candidates,
    numbers: NDArray[np.int64],
    tokens: int,
    confidence: Confidence,
) -> tuple[Column, Column]:
    """Return capacity and lack of some rows.

    The parts of an engine's memory are worked out apart and put together in arrays: what does
    not depend on formats (``Frame``), weights, and the cache of a sequence.
    """
    book = Book(llm, candidates, tokens)
    places = np.array([book.places(candidates.rows[n].item()) for n in numbers], dtype=np.intp)
    frames, stored, cached = book.tables(confidence)
    frame, weights = frames[places[:, 0]], stored[places[:, 1]]
    first, further, shared = np.moveaxis(cached[places[:, 2]], -1, 0)
    is_sure = confidence == "surely"
    totals = np.array([
        gpu.memory_bytes.low if is_sure else gpu.memory_bytes.mid for gpu in candidates.gpus
    ])[candidates.rows["gpu"][numbers], None]  # fmt: skip
    ratio = places[:, 3, None] / _PARTS_COUNT
    room = _rooms_bytes(frame, weights, totals, ratio)
    lacking = np.maximum(first - room, 0.0).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        held = np.maximum(np.floor(room / first), np.floor((room - shared) / further))
    # A stage whose layers all share keys, or have none, caches nothing itself.
    held = np.where(first > 0.0, np.maximum(held, 0.0), np.inf).min(axis=1)
    most, groups = places[:, 4], candidates.rows["dp"][numbers]
    return np.minimum(held, most) * groups, lacking


_PARTS_COUNT: Final = 1e6
"""Memory fractions travel as whole millionths beside indices."""
_RULES: Final = ("of-total", "static-share", "of-free", "exact")


def _rooms_bytes(frame: Parts, weights: Parts, totals_bytes: Column, ratio: Column) -> Column:
    """Return what each stage's cards have for the cache, by the rules of ``CardShare``.

    Args:
        frame: Per row and stage: rule, fixed parts but weights (middle, spread up and down), parts
            outside the engine's share, the runtime's own part.
        weights: Per row and stage: weights (middle, spread up and down).
        totals_bytes: Of the card.
        ratio: The engine's memory fraction.
    """
    rule, fixed_mid, fixed_up, fixed_down, outside, own = np.moveaxis(frame, -1, 0)
    mid, up, down = np.moveaxis(weights, -1, 0)
    fixed = fixed_mid + mid + np.hypot(fixed_up, up)
    # What "0.9 of what is free" leaves is judged with the smaller share that a smaller need grants.
    low_fixed = fixed_mid + mid - np.hypot(fixed_down, down)
    granted = np.where(rule == 1, ratio * (totals_bytes - own) + own, ratio * totals_bytes)
    granted = np.minimum(granted, totals_bytes - outside)
    free = low_fixed + ratio * np.maximum(totals_bytes - low_fixed, 0.0)
    granted = np.where(rule == _OF_FREE, np.minimum(totals_bytes, free), granted)
    return np.asarray(granted - fixed)


_OF_FREE: Final = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """An engine but for its formats.

    Attributes:
        shares: One a stage, of those that are alike the first.
        stages: Which stages these are.
        has_formats: Whether the shares' own weights count (engines that place whole layers);
            else they are left out.
    """

    shares: tuple[CardShare, ...]
    stages: tuple[int, ...]
    has_formats: bool


class Book:
    """Frames, weights and caches by kind, numbered in the order in which rows ask for them."""

    def __init__(self, llm: Llm, candidates: Candidates, tokens: int) -> None:
        """Start empty."""
        self._llm, self._candidates, self._tokens = llm, candidates, tokens
        self._limits: dict[tuple[int, ...], EngineLimits] = {}
        self._switched: dict[tuple[int, int], bool] = {}
        self._alike: dict[int, tuple[int, ...]] = {}
        self._frames: dict[tuple[object, ...], tuple[int, Frame]] = {}
        self._stored: dict[tuple[object, ...], tuple[int, tuple[Interval, ...]]] = {}
        self._cached: dict[tuple[object, ...], tuple[int, tuple[tuple[float, ...], ...]]] = {}

    def places(self, row: tuple[int, ...]) -> tuple[int, int, int, int, int]:
        """Return the places of a row's frame, weights and cache, its fraction and sequences."""
        gpu_index, runtime_index, format_index, kv_index, layout, step_tokens = row[:6]
        split = self._candidates.layouts[layout]
        limits = self._limits_of(gpu_index, runtime_index, step_tokens, split)
        switched = self._is_switched(gpu_index, split)
        layered = self._candidates.runtimes[runtime_index].slug in LAYERED
        formats = (format_index, kv_index) if layered else ()
        frame_key = (runtime_index, layout, step_tokens, limits.max_seqs, switched, *formats)
        found = self._frames.get(frame_key)
        if found is None:
            engine = self._engine(row, limits, is_switched=switched)
            found = self._frames[frame_key] = (len(self._frames), self._frame(engine))
        frame = found[1]
        stored_key = (runtime_index, format_index, layout)
        if stored_key not in self._stored:
            self._stored[stored_key] = (len(self._stored), self._weight_bytes(frame, row, split))
        cached_key = (runtime_index, kv_index, layout, step_tokens, *formats)
        if cached_key not in self._cached:
            bits = KV_BITS[self._candidates.kvs[kv_index]]
            self._cached[cached_key] = (
                len(self._cached),
                tuple(
                    replace(share, kv_bits=bits).sequences_bytes(self._tokens)
                    for share in frame.shares
                ),
            )
        ratio = round(limits.memory_ratio * _PARTS_COUNT)
        return (
            found[0], self._stored[stored_key][0], self._cached[cached_key][0], ratio,
            limits.max_seqs,
        )  # fmt: skip

    def tables(self, confidence: Confidence) -> tuple[Parts, Parts, Parts]:
        """Return frames, weights and caches as arrays (kind, stage, value).

        Kinds of fewer stages repeat their last one, which changes no minimum.
        """
        is_sure = confidence == "surely"
        stages = max(len(frame.shares) for _, frame in self._frames.values())
        frames = [
            [_frame_values(share, frame, is_sure=is_sure) for share in frame.shares]
            for _, frame in self._frames.values()
        ]
        stored = [
            [(part.mid, *(_spreads_bytes(part) if is_sure else (0.0, 0.0))) for part in parts]
            for _, parts in self._stored.values()
        ]
        cached = [list(parts) for _, parts in self._cached.values()]
        return _padded(frames, stages), _padded(stored, stages), _padded(cached, stages)

    def _limits_of(
        self, gpu_index: int, runtime_index: int, step_tokens: int, split: Parallelism
    ) -> EngineLimits:
        """Return the engine limits of a row."""
        key = (gpu_index, runtime_index, step_tokens, split.tp, split.pp, split.attention_dp)
        if key not in self._limits:
            runtime = self._candidates.runtimes[runtime_index]
            gpu = self._candidates.gpus[gpu_index]
            self._limits[key] = limits_for(runtime, gpu, split, step_tokens)
        return self._limits[key]

    def _is_switched(self, gpu_index: int, split: Parallelism) -> bool:
        """Say whether a switch joins the ranks of a row."""
        ranks = split.expert_ranks
        if (gpu_index, ranks) not in self._switched:
            rig = Rig((CardGroup(ranks, self._candidates.gpus[gpu_index]),))
            self._switched[gpu_index, ranks] = rig.has_switch(ranks)
        return self._switched[gpu_index, ranks]

    def _engine(self, row: tuple[int, ...], limits: EngineLimits, *, is_switched: bool) -> Engine:
        """Return the engine of a row."""
        runtime = self._candidates.runtimes[row[1]]
        precision = Precision(self._candidates.formats[row[2]], self._candidates.kvs[row[3]])
        split = self._candidates.layouts[row[4]]
        return Engine(
            self._llm, precision, split, limits, runtime.slug, runtime.version,
            has_switch=is_switched,
        )  # fmt: skip

    def _frame(self, engine: Engine) -> Frame:
        """Return the shares of an engine, one of each that are alike."""
        if engine.runtime in LAYERED:
            placement = placement_of(engine, (1.0,) * engine.split.pp)
            shares = layered_shares(engine, self._tokens, placement)
            return Frame(shares, tuple(range(len(shares))), has_formats=True)
        stages = self._stages(engine.split.pp)
        return Frame(paged_shares(engine, stages), stages, has_formats=False)

    def _stages(self, stages_count: int) -> tuple[int, ...]:
        """Return the stages that differ, worked out once a number of stages."""
        if stages_count not in self._alike:
            self._alike[stages_count] = distinct_stages(self._llm, stages_count)
        return self._alike[stages_count]

    def _weight_bytes(
        self, frame: Frame, row: tuple[int, ...], split: Parallelism
    ) -> tuple[Interval, ...]:
        """Return the weights of the frame's stages in a format; nothing where they are in it."""
        if frame.has_formats:
            return tuple(Interval.exact(0.0) for _ in frame.stages)
        name, runtime = self._candidates.formats[row[2]], self._candidates.runtimes[row[1]]
        stored = paged_weight_bytes(self._llm, name, split, runtime.slug)
        return tuple(
            weights_component(self._llm, name, stored[stage]).size_bytes for stage in frame.stages
        )


def _frame_values(
    share: CardShare, frame: Frame, *, is_sure: bool
) -> Part:  # fmt: skip
    """Return a share as numbers: rule, fixed parts (middle, spreads), parts outside, own part."""
    parts = [p for p in share.fixed if p.is_budgeted and (frame.has_formats or p.name != "weights")]
    fixed = sum_if_independent(part.size_bytes for part in parts)
    outside, own = share.outside_bytes, runtime_bytes(share.fixed)
    spreads = _spreads_bytes(fixed) if is_sure else (0.0, 0.0)
    return (
        float(_RULES.index(share.rule)), fixed.mid, *spreads,
        outside.high if is_sure else outside.mid, own.low if is_sure else own.mid,
    )  # fmt: skip


def _spreads_bytes(size_bytes: Interval) -> tuple[float, float]:
    """Return how far the ends of an interval lie above and below its middle."""
    return size_bytes.high - size_bytes.mid, size_bytes.mid - size_bytes.low


def _padded(kinds: Sequence[Sequence[Part]], stages_count: int) -> Parts:
    """Return lists of tuples as one array; short lists repeat their last tuple."""
    return np.array([[*kind, *([kind[-1]] * (stages_count - len(kind)))] for kind in kinds])
