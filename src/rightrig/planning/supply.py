"""Supply: the cheapest way to have every row's engines, in units that are sold or rented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.costs.goods import bought, cheapest_good, holding
from rightrig.costs.offers import instance_of
from rightrig.planning.layouts import machine_cards
from rightrig.quantities import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rightrig.costs.goods import Bought, Good
    from rightrig.costs.offers import Instance, Purchase
    from rightrig.demand.objective import Limits
    from rightrig.facts.price import Price
    from rightrig.planning.candidates import Candidates

    Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """What may be rented or bought.

    Attributes:
        prices: Offers to rent.
        goods: Cards and machines to buy.
    """

    prices: tuple[Price, ...]
    goods: tuple[Good, ...] = ()


@dataclass(frozen=True, slots=True)
class Supply:
    """What a row's engines cost, a value a row; NaN where nobody sells or rents them.

    Attributes:
        usd: Rent a month, or once when bought.
        machines_count: Instances, or machines: bought ones, and hosts around single cards.
        is_spot: Whether it is for what may be withdrawn at any time.
    """

    usd: Column
    machines_count: Column
    is_spot: NDArray[np.bool_]


class Suppliers:
    """The offers for parts of every size on every card."""

    def __init__(self, candidates: Candidates, market: Market, limits: Limits) -> None:
        """Sort the market by card."""
        self._candidates, self._limits = candidates, limits
        self._prices: dict[str, list[Price]] = {}
        for price in market.prices:
            self._prices.setdefault(price.gpu, []).append(price)
        self._goods = market.goods
        self._held: dict[tuple[int, int], tuple[Good, ...]] = {}
        self._instances: dict[tuple[int, int], tuple[Instance, ...]] = {}

    def instances(self, gpu_index: int, part_cards: int) -> tuple[Instance, ...]:
        """Return the offers that hold a part of an engine."""
        key = (gpu_index, part_cards)
        if key not in self._instances:
            prices = self._prices.get(self._candidates.gpus[gpu_index].slug, ())
            found = (instance_of(p, part_cards, spot=self._limits.spot) for p in prices)
            self._instances[key] = tuple(one for one in found if one is not None)
        return self._instances[key]

    def goods(self, gpu_index: int, engine_cards: int) -> tuple[Good, ...]:
        """Return what the cards of an engine are bought as."""
        key = (gpu_index, engine_cards)
        if key not in self._held:
            gpu = self._candidates.gpus[gpu_index]
            most = machine_cards(gpu)
            self._held[key] = tuple(
                good
                for good in holding(self._goods, gpu, engine_cards)
                if bought(good, engine_cards, 1, most) is not None
            )
        return self._held[key]

    def has_any(self) -> NDArray[np.bool_]:
        """Return which rows somebody rents (or sells) the cards of one engine for."""
        held = np.zeros(len(self._candidates.rows), bool)
        for (gpu_index, cards, parts), numbers in self._alike(np.arange(len(held))):
            if self._limits.buys:
                held[numbers] = bool(self.goods(gpu_index, cards * parts))
            else:
                held[numbers] = bool(self.instances(gpu_index, cards))
        return held

    def supply(self, numbers: NDArray[np.int64], engines_count: Column) -> Supply:
        """Return what the engines of some rows cost, cheapest of all offers."""
        usd, machines = np.full(len(numbers), np.nan), np.full(len(numbers), np.nan)
        spot = np.zeros(len(numbers), bool)
        for (gpu_index, cards, parts), places in self._alike(numbers):
            engines = engines_count[places]
            if self._limits.buys:
                usd[places], machines[places] = self._bought(gpu_index, cards * parts, engines)
            else:
                usd[places], machines[places], spot[places] = self._rented(
                    gpu_index, cards, engines * parts
                )
        return Supply(usd, machines, spot)

    def purchase(self, number: int, engines_count: int) -> Purchase:
        """Return the cheapest rental of one row's engines."""
        (gpu_index, cards, parts), _ = next(self._alike(np.array([number])))
        found = (one.purchase(engines_count * parts) for one in self.instances(gpu_index, cards))
        return min(found, key=lambda bought: bought.rent_usd_per_month)

    def bought(self, number: int, engines_count: int) -> Bought | None:
        """Return the cheapest way to buy one row's engines."""
        (gpu_index, cards, parts), _ = next(self._alike(np.array([number])))
        gpu = self._candidates.gpus[gpu_index]
        return cheapest_good(self._goods, gpu, cards * parts, engines_count, machine_cards(gpu))

    def _alike(
        self, numbers: NDArray[np.int64]
    ) -> Iterator[tuple[tuple[int, int, int], NDArray[np.int64]]]:
        """Yield (card, cards of a part, parts of an engine) with the places of such rows.

        An engine larger than a machine has a part in each of several.
        """
        if not len(numbers):
            return
        rows = self._candidates.rows[numbers]
        most = np.array([machine_cards(gpu) for gpu in self._candidates.gpus])[rows["gpu"]]
        cards = np.minimum(rows["cards"], most)
        keys = np.stack([rows["gpu"], cards, rows["cards"] // cards], axis=1)
        kinds, which = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(which.ravel(), minlength=len(kinds)))
        for kind, places in zip(kinds.tolist(), np.split(order, ends[:-1]), strict=True):
            yield (kind[0], kind[1], kind[2]), places

    def _rented(
        self, gpu_index: int, part_cards: int, parts_count: Column
    ) -> tuple[Column, Column, NDArray[np.bool_]]:
        """Return the least rent of some parts, the instances that it is for, and if of spot."""
        best, machines = np.full(len(parts_count), np.nan), np.full(len(parts_count), np.nan)
        spot = np.zeros(len(parts_count), bool)
        for one in self.instances(gpu_index, part_cards):
            count = np.ceil(parts_count / one.parts_count)
            rent = one.usd_per_hour * count * HOURS_PER_MONTH
            better = ~(rent >= best)
            best, machines = np.where(better, rent, best), np.where(better, count, machines)
            spot = np.where(better, one.is_spot, spot)
        return best, machines, spot

    def _bought(
        self, gpu_index: int, engine_cards: int, engines_count: Column
    ) -> tuple[Column, Column]:
        """Return the least price of some engines with their hosts, and the machines for it."""
        gpu, goods = self._candidates.gpus[gpu_index], self.goods(gpu_index, engine_cards)
        most = machine_cards(gpu)
        known: dict[float, tuple[float, float]] = {}
        for count in np.unique(engines_count).tolist():
            best = cheapest_good(goods, gpu, engine_cards, int(count), most)
            usd = (np.nan, np.nan) if best is None else (best.capex_usd, best.machines_count)
            known[count] = usd
        pairs = np.array([known[count] for count in engines_count.tolist()]).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
