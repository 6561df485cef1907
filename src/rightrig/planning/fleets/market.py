"""Machines that a fleet may be made of: what can be rented, and what is owned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.money import rent_usd_per_month
from rightrig.facts.price import Price
from rightrig.planning.fleets.model import Machine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rightrig.facts.gpu import Gpu

ENGINE_SIZES: Final = (1, 2, 4, 8, 16)
"""Cards of one engine: each divides the next, for which the program's room rule is exact."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Equal machines that are there already and cost no rent."""

    gpu: Gpu
    cards_count: int
    machines_count: int

    @property
    def machine(self) -> Machine:
        """As the program sees them."""
        return Machine(self.gpu.slug, self.cards_count, 0.0, most_count=self.machines_count)

    @property
    def offer(self) -> Price:
        """As an offer: the search looks at cards only that somebody offers.

        Its price plays no part, since owned machines enter the program without a rent.
        """
        return Price(
            provider="owned",
            region="own",
            instance=self.gpu.slug,
            gpu=self.gpu.slug,
            gpu_count=1,
            max_gpu_count=self.cards_count,
            on_demand_usd_per_hour=1.0,
            date="",
            source="owned",
            trust="user",
        )


@dataclass(frozen=True, slots=True)
class FleetMarket:
    """What a fleet may be made of.

    Attributes:
        prices: Offers.
        owned: Machines that are there already.
        stock: (card or instance, how many of it can be rented).
        named_gpus: Cards that the user asked about by name.
    """

    prices: tuple[Price, ...]
    owned: tuple[Owned, ...] = ()
    stock: tuple[tuple[str, int], ...] = ()
    named_gpus: tuple[str, ...] = ()

    @property
    def offers(self) -> tuple[Price, ...]:
        """Offers, owned machines among them."""
        return (*self.prices, *(one.offer for one in self.owned))

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Every kind of machine, those that can be rented first."""
        rented = rented_machines(self.prices, [name for name, _ in self.stock])
        return (*rented, *(one.machine for one in self.owned))


def rented_machines(prices: Iterable[Price], limited: Collection[str]) -> tuple[Machine, ...]:
    """Return the machines that can be rented, the cheapest of each card and size.

    Where a provider puts several units of a card into one machine at the same price per card,
    the sizes are those that hold one engine each. A machine whose number is limited stays beside
    one that costs more.

    Args:
        prices: Offers; those without an on-demand price are left out.
        limited: Instances of which there are only so many.
    """
    best: dict[tuple[str, int, str], Machine] = {}
    for price in prices:
        hourly = price.on_demand_usd_per_hour
        if hourly is None or price.terms != "on-demand":
            continue
        name = price.instance if price.instance in limited else ""
        for units in _units(price):
            cards = units * price.gpu_count
            machine = Machine(price.gpu, cards, rent_usd_per_month(hourly * units, 1), price=price)
            key = (price.gpu, cards, name)
            if key not in best or machine.rent_usd_per_month < best[key].rent_usd_per_month:
                best[key] = machine
    return tuple(best[key] for key in sorted(best))


def _units(price: Price) -> list[int]:
    """Return how many units of an offer one machine may have: as few as hold an engine."""
    most = price.max_gpu_count // price.gpu_count
    wanted = {math.ceil(size / price.gpu_count) for size in ENGINE_SIZES}
    return sorted(units for units in wanted if units <= most)


def stock_use(machine: Machine, name: str) -> int:
    """Return what a rented machine takes of a stock: cards, or units of an instance."""
    if machine.price is None:
        return 0
    if machine.price.instance == name:
        return machine.cards_count // machine.price.gpu_count
    return machine.cards_count if machine.gpu == name else 0
