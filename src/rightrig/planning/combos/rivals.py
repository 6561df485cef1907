"""What else the money or the memory of a rig would buy, and where it stands among its equals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.offers import cheapest
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.combos.memory import pooled_memory
from rightrig.planning.combos.speed import speeds_of
from rightrig.quantities import SECONDS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.costs.offers import Purchase
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price
    from rightrig.planning.combos.speed import Speeds

SIZES: Final = (1, 2, 4, 8)
"""Cards of the rigs that are offered as alternatives."""
ALIKE_RATIO: Final = 1.3
"""Budgets and memories are the same within this factor."""
_MOST_ALTERNATIVES: Final = 3


@dataclass(frozen=True, slots=True)
class CardsPrice:
    """What the cards of a rig cost to buy, without a machine around them.

    Attributes:
        notes: Condition, date and source, one a kind of card.
    """

    low_usd: float
    high_usd: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rival:
    """A rig with its price, its memory and its speed, all by one rule.

    Attributes:
        purchase: The cheapest on-demand offer; ``None`` where none is known.
        effective_bytes: By the rule of :class:`~rightrig.planning.combos.memory.PooledMemory`.
        peak_flop_per_s: Dense, of all cards, in FP8, else in BF16 or FP16.
        peak_format: Which of them.
        speeds: A reference model on it.
    """

    rig: Rig
    purchase: Purchase | None
    effective_bytes: float
    peak_flop_per_s: float | None
    peak_format: str
    speeds: Speeds

    @property
    def rent_usd_per_month(self) -> float | None:
        """Around the clock; ``None`` where no offer is known."""
        return self.purchase.rent_usd_per_month if self.purchase else None

    @property
    def tpot_s(self) -> float:
        """Of one user alone; infinite where the model does not fit."""
        best = self.speeds.quickest
        return best.tpot_s.mid if best and best.tpot_s else math.inf

    @property
    def tokens_per_s(self) -> float:
        """Of as many users as fit; 0 where the model does not."""
        best = self.speeds.widest
        return best.tokens_per_s.mid if best and best.tokens_per_s else 0.0

    @property
    def tokens_per_usd(self) -> float | None:
        """Output tokens for a dollar of rent, at full load around the clock."""
        rent = self.rent_usd_per_month
        return None if rent is None else self.tokens_per_s * SECONDS_PER_MONTH / rent


@dataclass(frozen=True, slots=True)
class Rank:
    """Where a rig stands in one quantity among rigs of as many cards.

    Attributes:
        place: From 1, the best.
        of_count: Rigs that have the quantity, this one among them.
        best: The rig that leads.
    """

    name: str
    place: int
    of_count: int
    value_text: str
    best: str
    best_text: str

    @property
    def is_high(self) -> bool:
        """Whether it is in the first quarter."""
        return self.place <= max(1, self.of_count // 4)

    @property
    def is_low(self) -> bool:
        """Whether it is in the last quarter."""
        return self.of_count > 1 and self.place > self.of_count - max(1, self.of_count // 4)


def purchase_of(prices: Iterable[Price], rig: Rig) -> Purchase | None:
    """Return the cheapest on-demand offer of a rig of one kind of card, in one machine a node."""
    if not rig.is_uniform or any(group.mig for group in rig.groups):
        return None
    return cheapest(prices, rig.gpu.slug, rig.cards_per_node, rig.nodes_count)


def cards_price(rig: Rig) -> CardsPrice | None:
    """Return what the cards cost to buy; ``None`` where the price of one kind is not known."""
    low = high = 0.0
    notes = []
    for group in rig.groups:
        street = group.gpu.street_price
        if street is None or group.mig:
            return None
        count = group.count * rig.nodes_count
        low, high = low + count * street.low_usd, high + count * street.high_usd
        notes.append(f"{group.gpu.slug}: {street.condition}, {street.date}, {street.source}")
    return CardsPrice(low, high, tuple(notes))


def rival(catalog: Catalog, rig: Rig, llm: Llm, prices: Sequence[Price]) -> Rival:
    """Return a rig with its price, memory and speed."""
    return _rival(rig, purchase_of(prices, rig), speeds_of(catalog, rig, llm))


def _rival(rig: Rig, purchase: Purchase | None, speeds: Speeds) -> Rival:
    """Return a rig whose price and speed are known."""
    effective = pooled_memory(rig).effective_bytes
    name, peak = _peak(rig)
    return Rival(rig, purchase, effective, peak, name, speeds)


def _peak(rig: Rig) -> tuple[str, float | None]:
    """Return the format of 8 or 16 bits in which all cards multiply, and their dense rate."""
    for name in ("fp8", "bf16", "fp16"):
        rate = dense_flop_per_s(rig, name)
        if rate is not None:
            return name, rate
    return "", None


def dense_flop_per_s(rig: Rig, name: str) -> float | None:
    """Return the dense rate of all cards in a format; ``None`` where one does not state it."""
    rates = [(g.count, getattr(g.gpu.peak, f"{name}_flop_per_s")) for g in rig.groups]
    if any(rate is None for _, rate in rates):
        return None
    return float(rig.nodes_count * sum(count * rate for count, rate in rates))


def rented_gpus(catalog: Catalog) -> tuple[Gpu, ...]:
    """Return the cards of which an on-demand price is known."""
    known = {p.gpu for p in catalog.prices() if p.on_demand_usd_per_hour is not None}
    return tuple(catalog.gpu(slug) for slug in sorted(known))


def peers(catalog: Catalog, own: Rival) -> tuple[Rival, ...]:
    """Return the rented rigs of as many cards in one machine, the rig itself among them."""
    prices = catalog.prices()
    count = own.rig.cards_count
    found = [own]
    for gpu in rented_gpus(catalog):
        if own.rig.is_uniform and gpu.slug == own.rig.gpu.slug:
            continue
        rig = Rig((CardGroup(count, gpu),))
        if purchase_of(prices, rig) is not None:
            found.append(rival(catalog, rig, own.speeds.llm, prices))
    return tuple(found)


def alternatives(catalog: Catalog, own: Rival) -> tuple[tuple[Rival, ...], tuple[Rival, ...]]:
    """Return the rigs of the same budget, and those of the same memory (``alike_rigs``)."""

    def shown(pairs: Sequence[tuple[Rig, Purchase]]) -> tuple[Rival, ...]:
        return tuple(_rival(rig, b, speeds_of(catalog, rig, own.speeds.llm)) for rig, b in pairs)

    same_rent, same_memory = alike_rigs(catalog, own.rig, own.rent_usd_per_month)
    return shown(same_rent), shown(same_memory)


def alike_rigs(
    catalog: Catalog, own: Rig, rent_usd_per_month: float | None
) -> tuple[tuple[tuple[Rig, Purchase], ...], tuple[tuple[Rig, Purchase], ...]]:
    """Return the rented rigs of the same budget, and those of the same memory.

    Of the same rent within :data:`ALIKE_RATIO` those with the most effective memory; of the same
    effective memory the cheapest; three of each at most, of other cards than the rig's own.
    """
    rigs = [
        pair
        for pair in rented_rigs(catalog)
        if not (own.is_uniform and pair[0].gpu.slug == own.gpu.slug)
    ]
    memory = {rig.text: pooled_memory(rig).effective_bytes for rig, _ in rigs}
    effective, rent = pooled_memory(own).effective_bytes, rent_usd_per_month
    same_rent = [(rig, b) for rig, b in rigs if rent and _is_alike(b.rent_usd_per_month / rent)]
    same_rent.sort(key=lambda pair: (-memory[pair[0].text], pair[1].rent_usd_per_month))
    same_memory = [(rig, b) for rig, b in rigs if _is_alike(memory[rig.text] / max(effective, 1.0))]
    same_memory.sort(key=lambda pair: pair[1].rent_usd_per_month)
    return tuple(same_rent[:_MOST_ALTERNATIVES]), tuple(same_memory[:_MOST_ALTERNATIVES])


def rented_rigs(catalog: Catalog) -> tuple[tuple[Rig, Purchase], ...]:
    """Return every rig of a usual size that somebody rents out, with its cheapest offer."""
    prices = catalog.prices()
    return tuple(
        (rig, bought)
        for gpu in rented_gpus(catalog)
        for count in SIZES
        if (bought := purchase_of(prices, rig := Rig((CardGroup(count, gpu),)))) is not None
    )


def _is_alike(ratio: float) -> bool:
    """Whether two values are the same within the factor."""
    return 1.0 / ALIKE_RATIO <= ratio <= ALIKE_RATIO
