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
        is_spot: Whether it is the price of what may be withdrawn at any time.
    """

    price: Price
    instances_count: int
    cards_per_instance: int
    rent_usd_per_month: float
    is_spot: bool = False

    @property
    def rented_cards(self) -> int:
        """Cards paid for, whether an engine uses them or not."""
        return self.instances_count * self.cards_per_instance

    @property
    def text(self) -> str:
        """As people say it: instances, never mistaken for their cards."""
        cards = f" of {self.cards_per_instance} cards" if self.cards_per_instance > 1 else ""
        spot = " spot" if self.is_spot else ""
        return f"{self.instances_count} × {self.price.provider} {self.price.instance}{cards}{spot}"


@dataclass(frozen=True, slots=True)
class Instance:
    """An offer in the size that some cards of an engine need.

    Attributes:
        cards_count: Accelerators in one instance.
        usd_per_hour: Of one instance.
        parts_count: Engines, or machines' shares of one engine, that one instance holds.
        is_spot: Whether it may be withdrawn at any time.
    """

    price: Price
    cards_count: int
    usd_per_hour: float
    parts_count: int
    is_spot: bool = False

    def purchase(self, shares_count: int) -> Purchase:
        """Return what it takes to rent room for so many parts."""
        count = math.ceil(shares_count / self.parts_count)
        rent = rent_usd_per_month(self.usd_per_hour, count)
        return Purchase(self.price, count, self.cards_count, rent, self.is_spot)


def instance_of(price: Price, part_cards: int, *, spot: bool = False) -> Instance | None:
    """Return an offer in the size for parts of ``part_cards`` cards, or ``None``.

    A part never spans instances. Where the provider sells multiples of a card in one machine at
    the same price per card, an instance is as large as a part. With ``spot`` the lower of the
    two prices counts.
    """
    hourly, is_spot = price.on_demand_usd_per_hour, False
    if spot and price.spot_usd_per_hour and price.spot_usd_per_hour < (hourly or math.inf):
        hourly, is_spot = price.spot_usd_per_hour, True
    if hourly is None or price.terms != "on-demand":
        return None
    return instance_at(price, hourly, part_cards, is_spot=is_spot)


def instance_at(
    price: Price, unit_usd_per_hour: float, part_cards: int, *, is_spot: bool = False
) -> Instance | None:
    """Return an offer in the size for parts of ``part_cards`` cards, whatever its terms.

    ``None`` where no machine of it is that large.
    """
    if part_cards > price.max_gpu_count:
        return None
    units = math.ceil(part_cards / price.gpu_count)
    cards = units * price.gpu_count
    return Instance(price, cards, unit_usd_per_hour * units, cards // part_cards, is_spot)


def purchase(price: Price, engine_cards: int, engines_count: int) -> Purchase | None:
    """Return what it takes to rent some engines at one offer, or ``None`` if it cannot hold one."""
    instance = instance_of(price, engine_cards)
    return None if instance is None else instance.purchase(engines_count)


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
