"""Several engines on one card without partitions: which have room, how each slows the others.

The memory is divided: each engine is started with its part of ``--gpu-memory-utilization``, and
takes no more. Nothing else is: the engines take turns (time slicing) or run side by side (MPS).
**Assumption**: while ``n`` engines are busy, each has at best ``1/n`` of the card's bandwidth and
compute, and its own launch and host time in full. Switching from one process to another and the
cache of the card that they take from each other come on top, so this is the best case.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.gpu import PeakRates
from rightrig.planning.tenancy.cost import Cost, cost_of
from rightrig.planning.tenancy.engine import (
    Tenant,
    TenantEngine,
    check_tenants,
    engine_on,
    missed_objectives,
)
from rightrig.planning.tenancy.packing import Counts, Fill, fewest_cards
from rightrig.prediction.predict import predict
from rightrig.quantities import show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.prediction.predict import Prediction

_STEPS_PER_CARD: Final = 1000
"""A memory fraction is written with three digits."""
_LEAST_STEPS: Final = 100
"""``--gpu-memory-utilization`` is at least a tenth."""
_MOST_ENGINES: Final = 48
"""Clients that MPS takes on one card."""
_DEVICE_PLUGIN: Final = "https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus"
_MPS: Final = "https://docs.nvidia.com/deploy/mps/index.html"


@dataclass(frozen=True, slots=True)
class SharedEngine:
    """One engine beside others.

    Attributes:
        memory_ratio: Its part of the card, for ``--gpu-memory-utilization``; ``None`` for
            engines that take what they need.
        engine: With that part, while the others idle.
        busy: The same while every engine of the card is busy, at best.
    """

    memory_ratio: float | None
    engine: TenantEngine
    busy: Prediction


@dataclass(frozen=True, slots=True)
class Sharing:
    """Tenants that share cards without partitions.

    Attributes:
        gpu: The card.
        has_mig: Whether MIG could partition the card.
        cards: The engines of each card; none where a tenant fits no card.
        refused: Why tenants are not served on a card of their own, in words.
    """

    gpu: Gpu
    has_mig: bool
    tenants: tuple[Tenant, ...]
    cards: tuple[tuple[SharedEngine, ...], ...]
    cost: Cost | None
    refused: tuple[str, ...]

    @property
    def tenants_count(self) -> int:
        """Tenants that have room."""
        return sum(len(engines) for engines in self.cards)

    @property
    def most_busy_count(self) -> int:
        """Engines of the fullest card."""
        return max((len(engines) for engines in self.cards), default=0)

    def explain(self) -> Explanation:
        """Return what the engines have alone and together, with figures and sources."""
        return _explained(self)


def sharing(
    catalog: Catalog,
    gpu: Gpu,
    tenants: Sequence[Tenant],
    *,
    price_usd: float | None = None,
    fill_one: bool = False,
) -> Sharing:
    """Return the fewest cards that hold all tenants' engines side by side.

    A card holds engines whose parts of the memory fit together, and which keep their objectives
    while all of them are busy, at best.

    Args:
        catalog: For runtimes and offers.
        gpu: The card.
        tenants: The kinds; their counts say how many of each.
        price_usd: Purchase price of one card.
        fill_one: As many of the only kind as one card holds, whatever its count.

    Raises:
        InputError: for runtimes whose memory fraction is no part of the whole card.
    """
    check_tenants(tenants)
    rig = parse_rig(f"1x{gpu.slug}", catalog)
    usual = [propose(catalog, tenant.llm, rig, tenant.choices) for tenant in tenants]
    for deployment in usual:
        _check_rule(deployment)
    has_mig = catalog.mig_table(gpu.slug) is not None
    served = [e for tenant in tenants if (e := engine_on(catalog, rig, tenant)) is not None]
    refused = tuple(f"{e.tenant.name}: {e.reason}" for e in served if not e.is_served)
    if refused:
        return Sharing(gpu, has_mig, tuple(tenants), (), None, refused)
    needs = _Needs(
        steps=tuple(_least_steps(engine) for engine in served),
        whole=math.floor(min(d.limits.memory_ratio for d in usual) * _STEPS_PER_CARD),
        most_busy=tuple(_most_busy_count(engine) for engine in served),
    )
    wanted = tuple(tenant.count for tenant in tenants)
    if fill_one:
        alone = _fills(needs, (_MOST_ENGINES,))
        wanted = max((fill.counts for fill in alone), default=wanted)
    chosen = fewest_cards(tuple(_fills(needs, wanted)), wanted) or ()
    known = {fill.counts: _card(catalog, rig, served, needs, fill.counts) for fill in chosen}
    cards = tuple(known[fill.counts] for fill in chosen)
    cost = cost_of(catalog, gpu, len(cards), sum(wanted), price_usd) if cards else None
    return Sharing(gpu, has_mig, tuple(tenants), cards, cost, ())


def shared_gpu(gpu: Gpu, busy_count: int) -> Gpu:
    """Return what one of some busy engines has of a card at best: ``1/n`` of its rates.

    Its memory stays: engines hold their parts whether they are busy or not.
    """
    rates = {k: rate / busy_count for k, rate in gpu.peak.model_dump(exclude_none=True).items()}
    return gpu.model_copy(
        update={
            "memory_bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s / busy_count,
            "peak": PeakRates.model_validate(rates),
        }
    )


def busy_prediction(engine: TenantEngine, busy_count: int) -> Prediction:
    """Return the speed of an engine while so many engines of its card are busy, at best."""
    deployment, tenant = engine.fit.deployment, engine.tenant
    rig = deployment.rig
    group = replace(rig.groups[0], gpu=shared_gpu(rig.gpu, busy_count))
    beside = replace(deployment, rig=replace(rig, groups=(group,)))
    return predict(beside, tenant.lengths, tenant.concurrency)


def _check_rule(deployment: Deployment) -> None:
    """Refuse engines whose memory fraction cannot be divided."""
    if deployment.runtime.memory_rule not in {"of-total", "exact"}:
        raise InputError(
            f"--mode shared divides the memory of a card among engines, and the memory fraction of "
            f"{deployment.runtime.name} is no part of the whole card; use --runtime vllm or "
            "llama.cpp"
        )


def _least_steps(engine: TenantEngine) -> int:
    """Return the thousandths of a card that an engine needs, parts outside its budget included."""
    card = engine.fit.binding
    steps = math.ceil(card.required_bytes.mid / card.total_bytes.mid * _STEPS_PER_CARD)
    if engine.fit.deployment.runtime.memory_rule == "exact":
        return steps
    return max(steps, _LEAST_STEPS) + _outside_steps(engine)


def _outside_steps(engine: TenantEngine) -> int:
    """Return the thousandths of a card that an engine takes beside its memory fraction."""
    card = engine.fit.binding
    outside_bytes = sum(p.size_bytes.mid for p in card.components if not p.is_budgeted)
    return math.ceil(outside_bytes / card.total_bytes.mid * _STEPS_PER_CARD)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What decides which engines fit one card together.

    Attributes:
        steps: Thousandths of a card that an engine of each kind needs.
        whole: Thousandths that all may have together.
        most_busy: Engines that may be busy at once before a kind misses its objectives.
    """

    steps: tuple[int, ...]
    whole: int
    most_busy: tuple[int, ...]

    def holds(self, counts: Counts) -> bool:
        """Whether a card holds so many engines of each kind."""
        busy = sum(counts)
        used = sum(step * count for step, count in zip(self.steps, counts, strict=True))
        return used <= self.whole and all(
            busy <= most for most, count in zip(self.most_busy, counts, strict=True) if count
        )


def _most_busy_count(engine: TenantEngine) -> int:
    """Return how many engines may be busy at once before this one misses an objective."""
    tenant = engine.tenant
    if tenant.ttft_s is None and tenant.tpot_s is None and tenant.rate_requests_per_s is None:
        return _MOST_ENGINES
    for busy_count in range(2, _MOST_ENGINES + 1):
        if missed_objectives(tenant, busy_prediction(engine, busy_count)):
            return busy_count - 1
    return _MOST_ENGINES


def _fills(needs: _Needs, wanted: Counts) -> Iterator[Fill[None]]:
    """Yield every number of engines of each kind that one card holds.

    Every fill is worth the same: only the number of cards counts, since engines that are busy
    together share what the card can do.
    """
    most = [
        min(count, needs.whole // step, _MOST_ENGINES)
        for count, step in zip(wanted, needs.steps, strict=True)
    ]
    for counts in itertools.product(*(range(count + 1) for count in most)):
        if needs.holds(counts):
            yield Fill(counts, 0.0, None)


def _card(
    catalog: Catalog,
    rig: Rig,
    engines: Sequence[TenantEngine],
    needs: _Needs,
    counts: Counts,
) -> tuple[SharedEngine, ...]:
    """Return the engines of one card; what nobody needs is given to all alike."""
    busy_count = sum(counts)
    used = sum(step * count for step, count in zip(needs.steps, counts, strict=True))
    extra = (needs.whole - used) // busy_count
    found: list[SharedEngine] = []
    for engine, step, count in zip(engines, needs.steps, counts, strict=True):
        if count:
            one = _shared(catalog, rig, engine, step + extra, busy_count)
            found += [one] * count
    return tuple(found)


def _shared(
    catalog: Catalog, rig: Rig, engine: TenantEngine, steps: int, busy_count: int
) -> SharedEngine:
    """Return one engine with its part of the memory."""
    ratio = None
    if engine.fit.deployment.runtime.memory_rule != "exact":
        ratio = (steps - _outside_steps(engine)) / _STEPS_PER_CARD
    own = engine_on(catalog, rig, engine.tenant, ratio) or engine
    return SharedEngine(ratio, own, busy_prediction(own, busy_count))


def _explained(found: Sharing) -> Explanation:
    """Return sentences, figures and sources of an answer."""
    if not found.cards:
        return Explanation(tuple(f"{reason}" for reason in found.refused), (), (_MPS,))
    engines = found.cards[0]
    alone, busy = engines[0].engine.prediction, engines[0].busy
    kinds = Counter(engine.engine.tenant.name for engine in engines)
    text = " + ".join(f"{count}×{name}" for name, count in kinds.items())
    sentences = [
        f"{len(found.cards)} × {found.gpu.slug} for {found.tenants_count} tenants; card 0: {text}.",
    ]
    if alone is not None and len(engines) > 1:
        sentences.append(
            f"Alone, {engines[0].engine.tenant.name} gives a token in "
            f"{show_seconds(alone.tpot_s.mid)}; while all {len(engines)} are busy in "
            f"{show_seconds(busy.tpot_s.mid)} at best, each with 1/{len(engines)} of bandwidth and "
            "compute."
        )
    figures = (
        Figure("tenants_count", found.tenants_count, show_number(found.tenants_count), "memory"),
        Figure("busy_tpot_s", busy.tpot_s.mid, show_seconds(busy.tpot_s.mid), "1/n of the card"),
    )
    return Explanation(tuple(sentences), figures, (_MPS, _DEVICE_PLUGIN))
