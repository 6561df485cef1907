"""Renting: every offer in the size of a rig, for the time that it is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.costs.offers import instance_at
from rightrig.quantities import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from rightrig.costs.offers import Purchase
    from rightrig.facts.price import Price

_ROUNDING_S = 1e-6
"""Times of use that are whole steps but for rounding are not billed a step more."""


def billed_s(used_s: float, step_s: float, least_s: float) -> float:
    """Return the time that is billed: whole steps, and never less than the least.

    >>> billed_s(90.0, 60.0, 0.0), billed_s(10.0, 1.0, 60.0), billed_s(7_200.0, 3_600.0, 0.0)
    (120.0, 60.0, 7200.0)
    """
    return max(math.ceil((used_s - _ROUNDING_S) / step_s) * step_s, least_s)


def rent_usd(rig_usd_per_hour: float, hours_count: float) -> float:
    """Return what some hours cost: ``price · hours``.

    >>> round(rent_usd(0.34, 24.0), 2), round(rent_usd(1.19, 720.0), 2)
    (8.16, 856.8)
    """
    return rig_usd_per_hour * hours_count


def rent_usd_per_hour(instance_usd_per_hour: float, instances_count: int) -> float:
    """Return what several instances cost an hour: ``price · instances``.

    >>> round(rent_usd_per_hour(0.34, 4), 2), round(rent_usd_per_hour(1.19, 2), 2)
    (1.36, 2.38)
    """
    return instance_usd_per_hour * instances_count


@dataclass(frozen=True, slots=True)
class Need:
    """What is rented, and for how long.

    Attributes:
        gpu: Kind of card.
        machine_cards: Cards that must be in one machine.
        machines_count: Machines, with as many cards each.
        used_s: How long; one start.
    """

    gpu: str
    machine_cards: int
    machines_count: int
    used_s: float


@dataclass(frozen=True, slots=True)
class Billing:
    """How a provider counts time: ``step_s`` is ``None`` where nobody says."""

    step_s: float | None = None
    least_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Quote:
    """One offer in the size of what is needed.

    Attributes:
        purchase: Instances of it, and what they cost around the clock.
        usd_per_hour: Of all instances together.
        instance_usd_per_hour: Of one instance, with all its cards.
        paid_s: Time that is billed.
        total_usd: For that time.
    """

    purchase: Purchase
    usd_per_hour: float
    instance_usd_per_hour: float
    paid_s: float
    total_usd: float

    @property
    def price(self) -> Price:
        """The offer."""
        return self.purchase.price

    @property
    def card_usd_per_hour(self) -> float:
        """Price of one card an hour."""
        return self.instance_usd_per_hour / self.purchase.cards_per_instance


def quote(price: Price, need: Need, billing: Billing, *, spot: bool = False) -> Quote | None:
    """Return an offer in the size that is needed; ``None`` where it has no such price or size.

    Args:
        price: The offer; a prepaid one is quoted by the hour as well.
        need: What is rented; cards of one machine never span instances.
        billing: How the provider counts time.
        spot: Whether the price of what may be taken away counts, instead of the one on demand.
    """
    hourly = price.spot_usd_per_hour if spot else price.on_demand_usd_per_hour
    if hourly is None or price.gpu != need.gpu:
        return None
    instance = instance_at(price, hourly, need.machine_cards, is_spot=spot)
    if instance is None:
        return None
    purchase = instance.purchase(need.machines_count)
    rate = rent_usd_per_hour(instance.usd_per_hour, purchase.instances_count)
    paid = need.used_s
    if billing.step_s is not None:
        paid = billed_s(need.used_s, billing.step_s, billing.least_s)
    return Quote(
        purchase, rate, instance.usd_per_hour, paid, rent_usd(rate, paid / SECONDS_PER_HOUR)
    )
