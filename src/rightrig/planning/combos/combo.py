"""A combo: everything that the catalogue and the models of memory and speed say of one rig."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_matrix import Asked, matrix
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.combos.links import LINK_NAMES, topology
from rightrig.planning.combos.memory import MEMORY_RATIO, OVERHEAD_BYTES, pooled_memory
from rightrig.planning.combos.models import (
    CONTEXT_TOKENS,
    covered,
    held,
    largest_params_count,
    long_sequence,
    models_on,
)
from rightrig.planning.combos.rig_risk import CARD_PRESET, rig_risk
from rightrig.planning.combos.rivals import (
    alternatives,
    cards_price,
    peers,
    rented_gpus,
    rival,
)
from rightrig.planning.combos.speed import (
    SMALL_MODEL,
    card_truth,
    reference_speeds,
    split_flags,
    streams_of,
)
from rightrig.planning.combos.traits import avoid, bad_at, best_at, ranks
from rightrig.planning.combos.upkeep import upkeep
from rightrig.quantities import GIB, check_count, show_usd

if TYPE_CHECKING:
    from rightrig.deployment.compatibility_matrix import Support
    from rightrig.deployment.rule import Violation
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.combos.links import Topology
    from rightrig.planning.combos.memory import PooledMemory
    from rightrig.planning.combos.models import Coverage, LongSequence
    from rightrig.planning.combos.rig_risk import RigRisk
    from rightrig.planning.combos.rivals import CardsPrice, Rank, Rival
    from rightrig.planning.combos.speed import Streams
    from rightrig.planning.combos.upkeep import Upkeep
    from rightrig.planning.fits import ModelFit
    from rightrig.prediction.memory_fit import Fit

MOST_CARDS: Final = 576
"""Eight racks of 72: more is a cluster of many engines, not one rig."""
_QUICK_S: Final = 1.0 / 30.0
"""Time per token that one reader is content with: 30 tokens/s."""


@dataclass(frozen=True, slots=True)
class Combo:
    """One rig, computed.

    Attributes:
        support: What every runtime does on it, those that run first.
        models: The models that fit, most parameters first.
        models_count: Models of the catalogue.
        largest_params_count: Format → parameters of the largest dense model of usual shape.
        own: The rig with its price and its speed on the reference model.
        small: The same with a model of 8B.
        small_alternative: The cheapest rented card on which one reader of that is content,
            where it is cheaper.
        truth: The reference model and one long sequence, card by card.
        flags: Options that split a model as the quickest split does.
        peers: Rented rigs of as many cards, this one among them.
        same_rent, same_memory: Alternatives.
        upkeep: Watts, electricity, and the rent from which owning is cheaper.
        risk: What may fail, how often, and whether it is ready for production.
        best, bad: What it is best and bad at.
        avoid: Who should avoid it.
    """

    rig: Rig
    memory: PooledMemory
    topology: Topology
    support: tuple[Support, ...]
    models: tuple[ModelFit, ...]
    models_count: int
    largest_params_count: dict[str, float]
    coverage: tuple[Coverage, ...]
    long: LongSequence
    own: Rival
    small: Rival
    small_alternative: Rival | None
    truth: Fit | None
    flags: tuple[str, ...]
    streams: tuple[Streams, ...]
    peers: tuple[Rival, ...]
    ranks: tuple[Rank, ...]
    same_rent: tuple[Rival, ...]
    same_memory: tuple[Rival, ...]
    cards_price: CardsPrice | None
    upkeep: Upkeep
    risk: RigRisk
    best: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    avoid: tuple[Violation, ...] = ()

    def explain(self) -> Explanation:
        """Return what the rig is, in sentences, with its figures and sources."""
        return _explain(self)


def combo(
    catalog: Catalog,
    rig: Rig,
    memory_ratio: float = MEMORY_RATIO,
    overhead_bytes: float = OVERHEAD_BYTES,
) -> Combo:
    """Return everything that is known of a rig.

    Args:
        catalog: Cards, models, runtimes and prices.
        rig: The cards.
        memory_ratio: Share of the visible memory that the headline counts.
        overhead_bytes: What it takes off each card.

    Raises:
        InputError: for more than :data:`MOST_CARDS` cards.
    """
    check_count(rig.cards_count, name="cards of the rig", limit=MOST_CARDS)
    found = _computed(catalog, rig, pooled_memory(rig, memory_ratio, overhead_bytes))
    return replace(found, best=best_at(found), bad=bad_at(found), avoid=avoid(found))


def _computed(catalog: Catalog, rig: Rig, memory: PooledMemory) -> Combo:
    """Return everything but what follows from all of it together."""
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    models = models_on(catalog, rig, llms, CONTEXT_TOKENS)
    speeds, prices = reference_speeds(catalog, rig), catalog.prices()
    own = rival(catalog, rig, speeds.llm, prices)
    small = rival(catalog, rig, catalog.llm(SMALL_MODEL), prices)
    equals = peers(catalog, own)
    same_rent, same_memory = alternatives(catalog, own)
    support = matrix(catalog, Asked(rig))
    truth = card_truth(catalog, rig, speeds)
    return Combo(
        rig=rig,
        memory=memory,
        topology=topology(rig),
        support=support,
        models=held(models),
        models_count=len(models),
        largest_params_count=largest_params_count(catalog, rig),
        coverage=covered(catalog, rig, models),
        long=long_sequence(catalog, rig),
        own=own,
        small=small,
        small_alternative=_small_alternative(catalog, small),
        truth=truth,
        flags=split_flags(rig, support, speeds),
        streams=streams_of(catalog, rig, speeds),
        peers=equals,
        ranks=ranks(own, equals) if speeds.running else (),
        same_rent=same_rent,
        same_memory=same_memory,
        cards_price=cards_price(rig),
        upkeep=upkeep(catalog, rig, truth.deployment if truth else None, own.rent_usd_per_month),
        risk=rig_risk(rig, catalog.failure_rate(CARD_PRESET)),
    )


def _small_alternative(catalog: Catalog, small: Rival) -> Rival | None:
    """Return the cheapest rented card that gives one reader of a small model 30 tokens/s."""
    prices, rent = catalog.prices(), small.rent_usd_per_month
    found = (
        rival(catalog, Rig((CardGroup(1, gpu),)), small.speeds.llm, prices)
        for gpu in rented_gpus(catalog)
    )
    quick = [one for one in found if one.purchase and one.tpot_s <= _QUICK_S]
    best = min(quick, key=lambda one: one.rent_usd_per_month or 0.0, default=None)
    if best is None or best.rent_usd_per_month is None:
        return None
    return best if rent is None or best.rent_usd_per_month < rent else None


def _explain(found: Combo) -> Explanation:
    """Return sentences, figures and sources of a rig."""
    effective = found.memory.effective_bytes
    figures = [
        Figure(
            "effective_bytes", effective, f"{effective / GIB:.1f} GiB",
            "visible memory of the cards' records, by Σ u·M − n·O",
        )
    ]  # fmt: skip
    sentences = _sentences(found)
    sources = [s.reference for group in found.rig.groups for s in group.gpu.sources]
    if found.own.purchase is not None:
        price, rent = found.own.purchase.price, found.own.purchase.rent_usd_per_month
        sentences.append(
            f"Rent: {show_usd(rent)} a month, {price.provider} {price.instance}, {price.date}."
        )
        figures.append(Figure("rent_usd_per_month", rent, show_usd(rent), price.source))
        sources.append(price.source)
    for part in (found.upkeep.explain(), found.risk.explain()):
        sentences += part.sentences
        figures += part.figures
        sources += part.sources
    return Explanation(tuple(sentences), tuple(figures), tuple(dict.fromkeys(sources)))


def _sentences(found: Combo) -> list[str]:
    """Return what memory, links and models come to, and for whom."""
    memory, link = found.memory, found.topology.all_cards
    largest = f"; the largest is {found.models[0].llm.name}" if found.models else ""
    return [
        (
            f"Effective VRAM of {found.rig.text}: {memory.effective_bytes / GIB:.1f} GiB of "
            f"{memory.visible_bytes / GIB:.1f} GiB visible ({memory.memory_ratio:.0%} of what "
            f"drivers show, less {memory.overhead_bytes / GIB:g} GiB a card): a headline, as "
            "every verdict is per card."
        ),
        f"All cards are joined by {LINK_NAMES[link.kind]}.",
        (
            f"{len(found.models)} of {found.models_count} models fit for one sequence of "
            f"{CONTEXT_TOKENS:,} tokens{largest}."
        ),
        *(f"Best at {text}" for text in found.best),
        *(f"Bad at {text}" for text in found.bad),
        *(f"Avoid: {one.reason}" for one in found.avoid),
    ]
