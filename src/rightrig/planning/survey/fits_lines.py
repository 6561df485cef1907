"""What an engine puts on each of its cards, as numbers that know no card's size.

Made by the same functions as the scalar fit (``paged_shares``, ``parts_of``), once for every
engine; a survey puts the numbers of many together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.planning.survey.fits_caches import Cache, caches_of
from rightrig.planning.survey.fits_working import Working
from rightrig.prediction.engine_memory import runtime_bytes
from rightrig.prediction.layered_engines import file_bytes, parts_of, placement_of
from rightrig.prediction.memory_fit import engine_of, engines_of, visible_bytes
from rightrig.prediction.paged_engines import paged_shares
from rightrig.work.weights import distinct_stages, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.llm import Block, Llm
    from rightrig.interval import Interval
    from rightrig.prediction.engine_memory import CardShare, Engine, MemoryRule
    from rightrig.prediction.layered_engines import CardPart
    from rightrig.work.llama_cpp_options import Placement

Numbers = tuple[float, ...]
"""Several quantities."""
RULES: Final[tuple[MemoryRule, ...]] = ("of-total", "static-share", "of-free", "exact")
_UNIT_BYTES: Final = 1.0
NUMBERS_COUNT: Final = 12
"""Numbers of a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One card of an engine, or several that hold the same.

    Attributes:
        numbers: Place in ``RULES``; fixed parts (middle, spread up, spread down); parts outside
            the engine's share (middle, high); the runtime's own (low, middle); bytes in flight
            over all sequences; compute buffer of llama.cpp over the bytes worked out for it
            (low, middle, high).
        first, further: The cache of a sequence with all tokens in flight, and with none.
        kind: Place of the card among the rig's kinds of cards.
        working: The compute buffers of llama.cpp; ``None`` for engines that page.
        device: The card's number in them.
    """

    numbers: Numbers
    first: Cache
    further: Cache
    kind: int = 0
    working: Working | None = None
    device: int = 0


class Lines:
    """The lines of engines, each engine worked out once."""

    def __init__(self) -> None:
        """Start empty."""
        self._shares: dict[tuple[object, ...], tuple[Line, ...]] = {}
        self._caches: dict[tuple[object, ...], tuple[Cache, Cache, float]] = {}
        self._workings: dict[tuple[object, ...], Working] = {}
        self._weights_bytes: dict[tuple[object, ...], float] = {}
        self._placements: dict[tuple[object, ...], Placement] = {}

    @property
    def count(self) -> int:
        """Engines that have been worked out."""
        return len(self._shares)

    def of(self, deployment: Deployment) -> tuple[Line, ...]:
        """Return the lines of a deployment's engines; of equal engines, those of one."""
        engine = engine_of(deployment)
        if deployment.runtime.slug in LAYERED:
            return tuple(self._layered(deployment, engine))
        if deployment.rig.is_uniform:
            return self._paged(engine, distinct_stages(engine.llm, engine.split.pp))
        return self._paged_on_unequal(deployment, engine)

    def _paged(self, engine: Engine, stages: tuple[int, ...]) -> tuple[Line, ...]:
        """Return the lines of some stages of an engine that pages."""
        key = (*_key(engine), engine.precision.weights, stages)
        if key not in self._shares:
            shares = paged_shares(engine, stages)
            self._shares[key] = tuple(
                _paged_line(share, self._caches_of(engine, share, stage))
                for share, stage in zip(shares, stages, strict=True)
            )
        return self._shares[key]

    def _paged_on_unequal(self, deployment: Deployment, engine: Engine) -> tuple[Line, ...]:
        """Return the lines of every stage on every kind of card that it lies on."""
        lines = self._paged(engine, tuple(range(engine.split.pp)))
        kinds, ranks = kinds_of(deployment), engine.split.expert_ranks
        seats = dict.fromkeys(
            (place // ranks, kinds[card.gpu.slug])
            for cards in engines_of(deployment)
            for place, card in enumerate(cards)
        )
        return tuple(replace(lines[stage], kind=kind) for stage, kind in seats)

    def _layered(self, deployment: Deployment, engine: Engine) -> Iterator[Line]:
        """Yield the lines of engines that put whole layers on cards."""
        kinds = kinds_of(deployment)
        for cards in engines_of(deployment):
            placement = self._placement(engine, visible_bytes(cards))
            key = (*_key(engine), placement, engine.precision.weights)
            if key not in self._shares:
                working = self._working(engine, placement)
                self._shares[key] = tuple(
                    self._layered_line(engine, part, working)
                    for part in parts_of(engine, placement)
                )
            for line, card in zip(self._shares[key], cards, strict=True):
                kind = kinds[card.gpu.slug]
                yield replace(line, kind=kind) if kind else line

    def _layered_line(self, engine: Engine, part: CardPart, working: Working) -> Line:
        """Return the line of one card."""
        share = part.share({part.card: _UNIT_BYTES})
        # Of a compute buffer of one byte: what the buffer is multiplied by.
        compute = next(part for part in share.fixed if part.name == "compute").size_bytes
        others = tuple(part for part in share.fixed if part.name != "compute")
        first, further, in_flight_bytes = self._caches_of(engine, share, _layers_key(share.blocks))
        numbers = _numbers(replace(share, fixed=others), in_flight_bytes, compute)
        return Line(numbers, first, further, working=working, device=part.card)

    def _placement(self, engine: Engine, sizes_bytes: tuple[float, ...]) -> Placement:
        """Return where the layers lie; models of as many layers lie alike."""
        key = (engine.llm.layer_count, sizes_bytes, engine.placement)
        if key not in self._placements:
            self._placements[key] = placement_of(engine, sizes_bytes)
        return self._placements[key]

    def _working(self, engine: Engine, placement: Placement) -> Working:
        """Return the compute buffers of an engine: one for all models of the same graph."""
        key = (_graph_key(engine.llm), *_key(engine)[1:], placement)
        if key not in self._workings:
            self._workings[key] = Working(engine, placement)
        return self._workings[key]

    def weights_bytes(self, deployment: Deployment) -> float:
        """Return the bytes of a whole model, as the fit states them."""
        llm, name = deployment.llm, deployment.precision.weights
        is_layered = deployment.runtime.slug in LAYERED
        key = (llm, name, is_layered)
        if key not in self._weights_bytes:
            self._weights_bytes[key] = (file_bytes if is_layered else weight_bytes)(llm, name)
        return self._weights_bytes[key]

    def _caches_of(
        self, engine: Engine, share: CardShare, seat: object
    ) -> tuple[Cache, Cache, float]:
        """Return the caches of a share: the same whatever the format of the weights."""
        key = (*_key(engine), seat)
        if key not in self._caches:
            self._caches[key] = caches_of(share)
        return self._caches[key]


def _paged_line(share: CardShare, caches: tuple[Cache, Cache, float]) -> Line:
    """Return the line of a stage of an engine that pages."""
    first, further, in_flight_bytes = caches
    return Line(_numbers(share, in_flight_bytes), first, further)


def kinds_of(deployment: Deployment) -> dict[str, int]:
    """Return the places of a rig's kinds of cards, by slug."""
    slugs = dict.fromkeys(group.gpu.slug for group in deployment.rig.groups)
    return {slug: place for place, slug in enumerate(slugs)}


def _key(engine: Engine) -> tuple[object, ...]:
    """Return what decides an engine's memory beside the weights' format and the fraction."""
    split, limits = engine.split, engine.limits
    return (
        engine.llm, engine.runtime, engine.version, engine.precision.kv, split.tp, split.pp,
        split.attention_dp, split.context_parallel, split.ep, limits.max_seqs,
        limits.max_batched_tokens, limits.flash_attention, engine.companions, engine.has_switch,
    )  # fmt: skip


def _numbers(
    share: CardShare, in_flight_bytes: float, compute_ratio: Interval | None = None
) -> Numbers:
    """Return a share as the numbers of ``Line``."""
    fixed, outside, own = share.fixed_bytes, share.outside_bytes, runtime_bytes(share.fixed)
    compute = (0.0, 0.0, 0.0)
    if compute_ratio is not None:
        compute = (compute_ratio.low, compute_ratio.mid, compute_ratio.high)
    return (
        float(RULES.index(share.rule)), fixed.mid, fixed.high - fixed.mid, fixed.mid - fixed.low,
        outside.mid, outside.high, own.low, own.mid, in_flight_bytes, *compute,
    )  # fmt: skip


def _graph_key(llm: Llm) -> tuple[object, ...]:
    """Return what llama.cpp's graph reads of a model whose weights it does not fetch."""
    return llm.family, llm.hidden_size, llm.vocab_size, llm.tied_embeddings, llm.blocks, llm.layout


def _layers_key(blocks: tuple[tuple[Block, int], ...]) -> tuple[tuple[int, int], ...]:
    """Return which layers a card holds; blocks of a model are told apart by identity."""
    return tuple((id(block), count) for block, count in blocks)
