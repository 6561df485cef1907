"""Offers: the cheapest way to rent some engines, in units that are sold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.costs.money import rent_usd_per_month

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.price import Price


@dataclass(frozen=True, slots=True)
class Purchase:
    """What to rent, and what it costs.

    Attributes:
        price: The offer.
        instances_count: Instances, of ``cards_per_instance`` cards each.
        rented_cards: Cards paid for, used or not.
        rent_usd_per_month: Around the clock.
    """

    price: Price
    instances_count: int
    cards_per_instance: int
    rent_usd_per_month: float

    @property
    def rented_cards(self) -> int:
        """Cards paid for, whether an engine uses them or not."""
        return self.instances_count * self.cards_per_instance

    @property
    def text(self) -> str:
        """As people say it."""
        unit = f"{self.cards_per_instance}×" if self.cards_per_instance > 1 else ""
        return f"{self.instances_count} × {self.price.provider} {unit}{self.price.instance}"


def purchase(price: Price, engine_cards: int, engines_count: int) -> Purchase | None:
    """Return what it takes to rent some engines at one offer, or ``None`` if it cannot hold one.

    An engine never spans instances. Where the provider sells multiples of a card in one machine
    at the same price per card, an instance is as large as an engine.
    """
    hourly = price.on_demand_usd_per_hour
    if hourly is None or price.terms != "on-demand" or engine_cards > price.max_gpu_count:
        return None
    if engine_cards > price.gpu_count:
        units = math.ceil(engine_cards / price.gpu_count)
        cards, hourly = units * price.gpu_count, hourly * units
    else:
        cards = price.gpu_count
    instances = math.ceil(engines_count / (cards // engine_cards))
    rent = rent_usd_per_month(hourly, instances)
    return Purchase(price, instances, cards, rent)


def cheapest(
    prices: Iterable[Price], gpu: str, engine_cards: int, engines_count: int
) -> Purchase | None:
    """Return the cheapest purchase of engines on one kind of card, or ``None``."""
    found = [
        bought
        for price in prices
        if price.gpu == gpu and (bought := purchase(price, engine_cards, engines_count))
    ]
    return min(found, key=lambda bought: bought.rent_usd_per_month, default=None)
