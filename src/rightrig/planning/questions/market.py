"""The market: every engine that keeps the objectives, with every offer that it can be rented at.

Which engine is cheapest changes with the traffic. What one engine carries does not, so that the
options are computed once and any rate is then a matter of counting instances.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rightrig.costs.goods import Good
from rightrig.costs.offers import purchase
from rightrig.demand.workload import MAX_RATE_PER_S
from rightrig.planning.bounds import Amounts, is_beyond, most_cards_count
from rightrig.planning.options import engine_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.demand.objective import Limits
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price
    from rightrig.planning.constraints import Question
    from rightrig.planning.options import EngineOption
    from rightrig.planning.search import Space


def keeping_options(llm: Llm, question: Question, space: Space) -> tuple[EngineOption, ...]:
    """Return the engines that keep the objectives, with their latency at the largest load.

    Args:
        llm: The model.
        question: Lengths, objectives, limits; its rate and headroom play no part.
        space: What may be chosen from; cards that are neither rented nor, where the limits say
            that they are bought, sold have no engine.
    """
    return engine_options(llm, question.at_rate(MAX_RATE_PER_S).without_headroom(), space)


def to_buy(question: Question, space: Space, goods: tuple[Good, ...]) -> tuple[Question, Space]:
    """Return a question and a space in which cards are bought; a budget is of rent."""
    limits = question.limits.model_copy(update={"buys": True, "budget_usd_per_month": None})
    return replace(question, limits=limits), replace(space, goods=goods)


def at_any_price(question: Question, space: Space, gpu: Gpu) -> tuple[Question, Space]:
    """Return a question and a space of one card, whether anybody rents or sells it or not.

    A plan leaves cards without a price alone; the stand-in is for what a card carries, which no
    price changes.
    """
    stand_in = Good(gpu.slug, gpu.slug, 1, 1.0, 1.0, "", "", has_host=False)
    return to_buy(question, replace(space, gpus=(gpu,)), (stand_in,))


def weights_text(name: str) -> str:
    """Return a weight format as people read it."""
    return "as published" if name == "checkpoint" else name


def card_good(goods: Iterable[Good], gpu: Gpu) -> Good | None:
    """Return what one card alone costs to buy: on the street, else at its launch.

    Of a card that is its own machine, that machine.
    """
    is_whole = gpu.mount == "system"
    return next(
        (g for g in goods if g.gpu == gpu.slug and g.cards_count == 1 and g.has_host == is_whole),
        None,
    )


def bought_usd(goods: Iterable[Good], gpu: Gpu, cards_count: int) -> float | None:
    """Return what some cards cost to buy; ``None`` where no price is known."""
    good = card_good(goods, gpu)
    return None if good is None else good.usd * cards_count


def engine_text(option: EngineOption) -> str:
    """Return one engine as people read it: ``2xl40s (tp2, fp8, vllm)``."""
    split, weights = option.split, weights_text(option.weights)
    return f"{split.engine_cards}x{option.gpu.slug} ({split.text}, {weights}, {option.runtime})"


@dataclass(frozen=True, slots=True)
class Hire:
    """Engines of one kind that are rented.

    Attributes:
        rent_usd_per_month: Of the whole instances around the clock.
        capacity_requests_per_s: What the engines carry within the objectives, without headroom.
    """

    option: EngineOption
    engines_count: int
    instances_count: int
    price: Price
    rent_usd_per_month: float

    @property
    def cards_count(self) -> int:
        """Cards that work."""
        return self.engines_count * self.option.split.engine_cards

    @property
    def capacity_requests_per_s(self) -> float:
        """What all engines carry."""
        return self.engines_count * self.option.rate_requests_per_s

    @property
    def text(self) -> str:
        """The engines as people read them."""
        return f"{self.engines_count} × {engine_text(self.option)}"


@dataclass(frozen=True, slots=True)
class Market:
    """Engines × offers, one a row.

    Attributes:
        options: The engine of each row.
        offers: One instance of the offer of each row.
        gpus: The kinds of card.
        kinds: Which of them each row is on; shape (rows,).
        engine_cards: Cards of one engine; shape (rows,).
        rate_requests_per_s: What one engine carries; shape (rows,).
        engines_per_instance: Whole engines in one instance; shape (rows,).
        instance_usd_per_month: Rent of one instance; shape (rows,).
    """

    options: tuple[EngineOption, ...]
    offers: tuple[Purchase, ...]
    gpus: tuple[Gpu, ...]
    kinds: NDArray[np.int64]
    engine_cards: NDArray[np.int64]
    rate_requests_per_s: NDArray[np.float64]
    engines_per_instance: NDArray[np.int64]
    instance_usd_per_month: NDArray[np.float64]

    def cheapest(
        self, wanted_requests_per_s: float, limits: Limits, spare_count: int = 0
    ) -> Hire | None:
        """Return the cheapest engines that carry a rate, or ``None`` where none do.

        Args:
            wanted_requests_per_s: Headroom included.
            limits: What the engines may take.
            spare_count: Engines more than the rate takes.
        """
        if not self.options:
            return None
        engines = np.ceil(wanted_requests_per_s / self.rate_requests_per_s) + spare_count
        instances = np.ceil(engines / self.engines_per_instance)
        rent = instances * self.instance_usd_per_month
        cards = np.asarray(engines * self.engine_cards, dtype=float)
        beyond = is_beyond(Amounts(self.gpus, self.kinds, cards, instances, rent), limits)
        rent = np.where(beyond, np.inf, rent)
        best = int(np.argmin(rent))
        return self._hire(best, int(engines[best])) if np.isfinite(rent[best]) else None

    def busiest(self, budget_usd_per_month: float, limits: Limits) -> Hire | None:
        """Return the engines that carry most for a budget, or ``None`` where it rents none.

        Among equals, the cheapest.
        """
        if not self.options:
            return None
        rented = np.minimum(
            np.floor(budget_usd_per_month / self.instance_usd_per_month),
            np.inf if limits.max_machines_count is None else limits.max_machines_count,
        )
        most = most_cards_count(self.gpus, limits)[self.kinds] // self.engine_cards
        engines = np.minimum(rented * self.engines_per_instance, most)
        carried = engines * self.rate_requests_per_s
        instances = np.ceil(engines / self.engines_per_instance)
        best = int(np.lexsort((instances * self.instance_usd_per_month, -carried))[0])
        return self._hire(best, int(engines[best])) if engines[best] >= 1 else None

    def cheapest_when_full(self) -> Hire | None:
        """Return one full instance of the row that costs least for what it carries."""
        if not self.options:
            return None
        carried = self.engines_per_instance * self.rate_requests_per_s
        best = int(np.argmin(self.instance_usd_per_month / carried))
        return self._hire(best, int(self.engines_per_instance[best]))

    def _hire(self, number: int, engines: int) -> Hire:
        """Return engines of one row."""
        instances = math.ceil(engines / int(self.engines_per_instance[number]))
        rent = instances * float(self.instance_usd_per_month[number])
        return Hire(self.options[number], engines, instances, self.offers[number].price, rent)


def market_of(rows: Iterable[tuple[EngineOption, Purchase]]) -> Market:
    """Return the market of some rows: an engine, and one instance that holds it."""
    kept = tuple(rows)
    options, offers = tuple(o for o, _ in kept), tuple(p for _, p in kept)
    cards = np.array([o.split.engine_cards for o in options], dtype=np.int64)
    sold = np.array([p.cards_per_instance for p in offers], dtype=np.int64)
    gpus = {o.gpu.slug: o.gpu for o in options}
    places = {slug: place for place, slug in enumerate(gpus)}
    return Market(
        options,
        offers,
        tuple(gpus.values()),
        np.array([places[o.gpu.slug] for o in options], dtype=np.int64),
        cards,
        np.array([o.rate_requests_per_s for o in options], dtype=float),
        sold // cards,
        np.array([p.rent_usd_per_month for p in offers], dtype=float),
    )


def market(options: Iterable[EngineOption], prices: Sequence[Price]) -> Market:
    """Return every engine with every offer of its card that holds it in one machine."""
    by_card: dict[str, list[Price]] = defaultdict(list)
    for price in prices:
        by_card[price.gpu].append(price)
    return market_of(
        (option, bought)
        for option in options
        for price in by_card[option.gpu.slug]
        if (bought := purchase(price, option.split.engine_cards, 1)) is not None
    )
