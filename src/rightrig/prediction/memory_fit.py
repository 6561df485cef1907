"""Does it fit: per card, never pooled.

A card's budget is what the engine may use of what the driver shows; what the engine needs
is its fixed parts and one KV cache a concurrent sequence. The verdict is the worst card's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.limits import LAYERED
from rightrig.facts.quantization import KV_BITS
from rightrig.interval import Interval, sum_if_independent
from rightrig.prediction.card_room import cache_parts, longest_context, most_sequences
from rightrig.prediction.engine_memory import CardShare, Component, Engine
from rightrig.prediction.layered_engines import (
    file_bytes,
    host_bytes,
    layered_shares,
    parts_of,
    placement_of,
    shares_by_context,
)
from rightrig.prediction.paged_engines import paged_shares
from rightrig.work import kv_cache, weights
from rightrig.work.ggml_alloc import HOST

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import CardGroup
    from rightrig.facts.explanation import Explanation

Verdict = Literal["fits", "tight", "offload", "no"]
SharesAt = Callable[[int], tuple["CardShare", ...]]
COMFORT_RATIO: Final = 0.08
"""Free share of the budget from which a fit is more than tight."""
HOST_RATIO: Final = 0.85
"""Share of the host's memory that offloaded layers may take."""
VERDICT_RANK: Final[dict[Verdict, int]] = {"fits": 0, "tight": 1, "offload": 2, "no": 3}
"""Best verdict first."""


@dataclass(frozen=True, slots=True)
class CardFit:
    """The memory of one card.

    Attributes:
        budget_bytes: What the engine may use, in bytes.
        components: What it needs, KV cache included.
        kv_bytes_per_token: KV cache of one token on this card.
        kv_sequence_bytes: KV cache of one sequence of the asked length on this card.
        max_context_tokens: Longest context at the asked concurrency, by this card's middle.
        max_seqs: Most sequences of the asked length, by this card's middle.
    """

    card: int
    gpu: str
    total_bytes: Interval
    budget_bytes: Interval
    components: tuple[Component, ...]
    kv_bytes_per_token: float
    kv_sequence_bytes: float
    max_context_tokens: int
    max_seqs: int
    verdict: Verdict

    @property
    def required_bytes(self) -> Interval:
        """All components that count in the budget, in bytes."""
        return sum_if_independent(p.size_bytes for p in self.components if p.is_budgeted)

    @property
    def free_bytes(self) -> float:
        """Budget less need, by the middle; negative when it does not fit."""
        return self.budget_bytes.mid - self.required_bytes.mid

    @property
    def headroom_ratio(self) -> float:
        """Free share of the budget."""
        return self.free_bytes / self.budget_bytes.mid


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer of ``fit``: a verdict for a context and a concurrency, card by card.

    Attributes:
        context_tokens, concurrency: What the verdict is for (concurrency over all replicas).
        weights_bytes: The whole model, once.
        kv_bytes_per_token: Of one token over the whole model, before sharding.
        kv_sequence_bytes: One sequence over all cards of an engine, as the engine stores it.
        kv_sequence_ideal_bytes: The same without pages, padding and replication.
        max_context_tokens, max_concurrency: The largest possible, each with the other as asked.
        host_bytes: Host memory that llama.cpp needs.
        offloaded_layers: Those that lie in host memory.
    """

    deployment: Deployment
    context_tokens: int
    concurrency: int
    verdict: Verdict
    cards: tuple[CardFit, ...]
    weights_bytes: float
    kv_bytes_per_token: float
    kv_sequence_bytes: float
    kv_sequence_ideal_bytes: float
    max_context_tokens: int
    max_concurrency: int
    host_bytes: float = 0.0
    offloaded_layers: int = 0

    @property
    def binding(self) -> CardFit:
        """The card that decides: worst verdict, then least headroom."""
        return max(self.cards, key=lambda card: (VERDICT_RANK[card.verdict], -card.headroom_ratio))

    @property
    def lies_on_host(self) -> bool:
        """Whether layers or experts lie in host memory."""
        return bool(self.offloaded_layers or self.deployment.placement.host_expert_layers)

    @property
    def host_budget_bytes(self) -> float:
        """What may lie in host memory: endless where the rig does not name it."""
        limit = self.deployment.rig.host_memory_bytes
        return math.inf if limit is None else HOST_RATIO * limit

    @property
    def is_short_of_host(self) -> bool:
        """Whether the host has too little memory for the layers or experts that lie there."""
        return self.lies_on_host and self.host_bytes > self.host_budget_bytes

    def explain(self) -> Explanation:
        """Return the reasons of the verdict."""
        from rightrig.prediction.fit_explanation import explained  # noqa: PLC0415 - it knows fits

        return explained(self)


def fit(deployment: Deployment, context_tokens: int, concurrency: int) -> Fit:
    """Return whether a deployment fits for a context length and a concurrency.

    Args:
        deployment: A deployment whose rules hold (``deployment.compatibility.broken``).
        context_tokens: Prompt and answer of one sequence together.
        concurrency: Sequences at once over all replicas.
    """
    groups = deployment.parallelism.engine_seqs_groups
    per_group = math.ceil(concurrency / groups)
    fits: list[CardFit] = []
    for cards in engines_of(deployment):
        shares_at = _shares_at(deployment, cards, context_tokens)
        fits += _fit_engine(deployment, cards, shares_at, context_tokens, per_group)
    verdict = max((card.verdict for card in fits), key=lambda v: VERDICT_RANK[v])
    result = _assemble(deployment, tuple(fits), verdict, context_tokens, concurrency)
    if verdict == "no" and _is_layered(deployment) and deployment.placement.gpu_layers is None:
        return _try_offload(result)
    return result


def _is_layered(deployment: Deployment) -> bool:
    """Whether the runtime puts whole layers on cards."""
    return deployment.runtime.slug in LAYERED


def engine_of(deployment: Deployment) -> Engine:
    """Return what decides the memory of one engine of a deployment."""
    return Engine(
        deployment.llm, deployment.precision, deployment.parallelism, deployment.limits,
        deployment.runtime.slug, deployment.version or deployment.runtime.version,
        deployment.companions, deployment.placement,
        deployment.rig.has_switch(deployment.parallelism.expert_ranks),
    )  # fmt: skip


def _assemble(
    deployment: Deployment,
    cards: tuple[CardFit, ...],
    verdict: Verdict,
    context_tokens: int,
    concurrency: int,
) -> Fit:
    """Return the whole answer from its cards."""
    llm, precision = deployment.llm, deployment.precision
    kv_bits = KV_BITS[precision.kv]
    groups = deployment.parallelism.engine_seqs_groups
    result = Fit(
        deployment=deployment,
        context_tokens=context_tokens,
        concurrency=concurrency,
        verdict=verdict,
        cards=cards,
        weights_bytes=weights.weight_bytes(llm, precision.weights),
        kv_bytes_per_token=kv_cache.model_kv_bytes_per_token(llm, kv_bits),
        kv_sequence_bytes=sum(card.kv_sequence_bytes for card in cards)
        / deployment.parallelism.attention_dp,
        kv_sequence_ideal_bytes=kv_cache.sequence_kv_bytes(
            llm.block_counts, context_tokens, kv_bits
        ),
        max_context_tokens=min(card.max_context_tokens for card in cards),
        max_concurrency=min(card.max_seqs for card in cards) * groups,
    )
    return _with_host(result) if _is_layered(deployment) else result


def _with_host(result: Fit) -> Fit:
    """Return a layered engine's fit with what lies in host memory."""
    deployment, replicas = result.deployment, result.deployment.parallelism.replicas
    engine = engine_of(deployment)
    placement = placement_of(engine, visible_bytes(engines_of(deployment)[0]))
    slots = math.ceil(result.concurrency / replicas)
    found = replace(
        result,
        weights_bytes=file_bytes(deployment.llm, deployment.precision.weights),
        host_bytes=replicas * host_bytes(engine, result.context_tokens, slots, placement),
        offloaded_layers=placement.devices.count(HOST),
    )
    if result.verdict == "no" or not found.lies_on_host:
        return found
    return replace(found, verdict="no" if found.is_short_of_host else "offload")


def engines_of(deployment: Deployment) -> tuple[tuple[CardGroup, ...], ...]:
    """Return the cards of each engine; of equal engines, those of the first."""
    rig, split = deployment.rig, deployment.parallelism
    cards = rig.node_cards * rig.nodes_count
    size = split.engine_cards
    starts = range(0, size * (1 if rig.is_uniform else split.replicas), size)
    return tuple(cards[start : start + size] for start in starts)


def visible_bytes(cards: tuple[CardGroup, ...]) -> tuple[float, ...]:
    """Return what each card shows, by the middle."""
    return tuple(card.gpu.memory_bytes.mid for card in cards)


def _shares_at(
    deployment: Deployment, cards: tuple[CardGroup, ...], context_tokens: int
) -> SharesAt:
    """Return the cards' shares by context; engines that page do not depend on it.

    llama.cpp's buffers are exact at the context asked for, elsewhere on a line.
    """
    engine = engine_of(deployment)
    if not _is_layered(deployment):
        ranks = deployment.parallelism.expert_ranks
        shares = tuple(share for share in paged_shares(engine) for _ in range(ranks))
        return lambda _: shares
    return shares_by_context(engine, context_tokens, placement_of(engine, visible_bytes(cards)))


def _fit_engine(
    deployment: Deployment,
    cards: tuple[CardGroup, ...],
    shares_at: SharesAt,
    context_tokens: int,
    concurrency: int,
) -> list[CardFit]:
    """Return the memory of each card of one engine.

    ``shares_at`` gives the cards' shares for a context: buffers may grow with it. Ranks of a stage
    on equal cards have one share, and are fitted once.
    """
    known: dict[tuple[int, str], CardFit] = {}
    found = []
    for index, card in enumerate(cards):
        key = (id(shares_at(context_tokens)[index]), card.gpu.slug)
        if key not in known:
            seat = _Seat(index, card, shares_at)
            known[key] = _fit_card(seat, deployment, context_tokens, concurrency)
        found.append(replace(known[key], card=index))
    return found


@dataclass(frozen=True, slots=True)
class _Seat:
    """One card of an engine and what it would hold at a context."""

    index: int
    group: CardGroup
    shares_at: SharesAt

    def share(self, context_tokens: int) -> CardShare:
        """Return what this card holds at a context."""
        return self.shares_at(context_tokens)[self.index]


def _fit_card(
    seat: _Seat, deployment: Deployment, context_tokens: int, concurrency: int
) -> CardFit:
    """Return the memory of one card."""
    limits = deployment.limits
    total = seat.group.gpu.memory_bytes
    share = seat.share(context_tokens)
    budget = share.budget_bytes(total, limits.memory_ratio)
    parts = (*share.fixed, *cache_parts(share, context_tokens, concurrency))
    room_bytes = budget.mid - share.fixed_bytes.mid
    return CardFit(
        card=seat.index,
        gpu=seat.group.gpu.slug,
        total_bytes=total,
        budget_bytes=budget,
        components=parts,
        kv_bytes_per_token=share.kv_bytes_per_token,
        kv_sequence_bytes=share.kv_bytes(context_tokens),
        max_context_tokens=longest_context(seat.share, total, concurrency, deployment),
        max_seqs=most_sequences(share, context_tokens, room_bytes, deployment),
        verdict=card_verdict(
            budget, sum_if_independent(part.size_bytes for part in parts if part.is_budgeted)
        ),
    )


def card_verdict(budget_bytes: Interval, required_bytes: Interval) -> Verdict:
    """Return ``fits`` (surely, with 8 % to spare), ``tight`` (likely) or ``no``."""
    spare = budget_bytes.mid - required_bytes.mid
    doubt = math.hypot(
        budget_bytes.mid - budget_bytes.low, required_bytes.high - required_bytes.mid
    )
    if spare - doubt >= 0.0 and spare >= COMFORT_RATIO * budget_bytes.mid:
        return "fits"
    return "tight" if spare >= 0.0 else "no"


def _try_offload(result: Fit) -> Fit:
    """Return the fit with layers moved to host memory, when the rig names enough of it.

    As many layers as fit stay on the cards (``-ngl``), found by halving.
    """
    deployment = result.deployment
    if deployment.rig.host_memory_bytes is None or len(engines_of(deployment)) > 1:
        return result
    low, high = -1, deployment.llm.layer_count
    while high - low > 1:
        middle = (low + high) // 2
        placed = _with_gpu_layers(deployment, middle)
        low, high = (middle, high) if _holds(placed, result) else (low, middle)
    if low < 0:
        return result
    found = fit(_with_gpu_layers(deployment, low), result.context_tokens, result.concurrency)
    return result if found.is_short_of_host else replace(found, deployment=deployment)


def _with_gpu_layers(deployment: Deployment, count: int) -> Deployment:
    """Return the deployment with this many layers on the cards, the output matrix among them."""
    return replace(deployment, placement=replace(deployment.placement, gpu_layers=count))


def _holds(deployment: Deployment, asked: Fit) -> bool:
    """Whether the cards hold what the placement leaves on them, by the middle."""
    cards = engines_of(deployment)[0]
    engine, tokens = engine_of(deployment), asked.context_tokens
    placement = placement_of(engine, visible_bytes(cards))
    slots = math.ceil(asked.concurrency / deployment.parallelism.replicas)

    def hold(shares: tuple[CardShare, ...]) -> bool:
        return all(
            share.fixed_bytes.mid + slots * share.kv_bytes(tokens)
            <= share.budget_bytes(card.gpu.memory_bytes, deployment.limits.memory_ratio).mid
            for share, card in zip(shares, cards, strict=True)
        )

    # Where weights and caches alone are too much, no graph need be built for the buffers.
    return hold(tuple(part.share({}) for part in parts_of(engine, placement))) and hold(
        layered_shares(engine, tokens, placement)
    )
