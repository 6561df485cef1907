"""Upgrades: what to add to cards that one has, for a capital and a demand.

Own cards stay. Bought ones either join those of their kind in one machine, so that larger engines
become possible, or stand beside them. The engines that carry most on some cards are found exactly,
by dynamic programming over the cards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.goods import Good, goods_of
from rightrig.facts.explanation import Explanation
from rightrig.planning.layouts import machine_cards
from rightrig.planning.options import engine_options
from rightrig.planning.search import space_of
from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.options import EngineOption

_OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class Pool:
    """Cards of one kind and the engines that carry most on them.

    Attributes:
        engines: Option and how many of it.
        rate_requests_per_s: Of all of them, within the objectives.
    """

    gpu: str
    cards_count: int
    engines: tuple[tuple[EngineOption, int], ...]
    rate_requests_per_s: float

    @property
    def text(self) -> str:
        """The engines in words."""
        parts = [
            f"{count} × {option.split.engine_cards}x{self.gpu} "
            f"({option.split.text}, {option.weights}, {option.runtime})"
            for option, count in self.engines
        ]
        return " + ".join(parts) or f"{self.cards_count}x{self.gpu} (carries nothing)"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Something to buy, and what all cards carry then.

    Attributes:
        good: What is bought; ``None`` for nothing.
        units_count: How many of it.
        pools: All cards afterwards, by kind.
        is_enough: Whether they carry the traffic with headroom.
    """

    good: Good | None
    units_count: int
    capex_usd: float
    pools: tuple[Pool, ...]
    rate_requests_per_s: float
    is_enough: bool

    @property
    def text(self) -> str:
        """What is bought, in words."""
        return "nothing" if self.good is None else f"{self.units_count} × {self.good.name}"


@dataclass(frozen=True, slots=True)
class Upgrades:
    """Own cards and what might be added.

    Attributes:
        own: What they carry as they are.
        found: Best first: those that carry the traffic by price, then the others by what they
            carry.
        wanted_requests_per_s: The traffic with headroom.
    """

    rig: Rig
    capex_usd: float
    own: Upgrade
    found: tuple[Upgrade, ...]
    wanted_requests_per_s: float

    @property
    def best(self) -> Upgrade | None:
        """The first upgrade, if there is any."""
        return self.found[0] if self.found else None

    def explain(self) -> Explanation:
        """Return what the best one brings, or why none does."""
        now = (
            f"{self.rig.text} carries {self.own.rate_requests_per_s:.3g} requests/s within the "
            f"objectives; {self.wanted_requests_per_s:.3g} are wanted, headroom included."
        )
        if self.own.is_enough:
            return Explanation((now, "It is enough: nothing needs to be bought."))
        best = self.best
        if best is None or best.good is None:
            return Explanation((
                now, f"Nothing that {show_usd(self.capex_usd)} buys adds to it.",
            ))  # fmt: skip
        host = "" if best.good.has_host else "; a host with room for them is not in the price"
        gain = best.rate_requests_per_s - self.own.rate_requests_per_s
        bought = (
            f"{best.text} for {show_usd(best.capex_usd)}{host}: together "
            f"{best.rate_requests_per_s:.3g} requests/s, {gain:.3g} more, "
            f"{'enough' if best.is_enough else 'not enough, and the most that the money buys'}."
        )
        told = [
            now,
            bought,
            f"Price: {best.good.date} ({best.good.source}).",
        ]
        return Explanation(tuple(told), (), (best.good.source,))


def upgrades(
    llm: Llm, question: Question, catalog: Catalog, rig: Rig, *, top: int = 10
) -> Upgrades:
    """Return what to add to a rig, with the capital of the question's limits.

    Args:
        llm: The model.
        question: Traffic, objectives, limits; ``max_capex_usd`` is what may be spent.
        catalog: Where cards, machines and their prices are.
        rig: What one has; its cards stay.
        top: How many upgrades to return.
    """
    limits = question.limits.model_copy(update={"buys": True})
    asked = replace(question, limits=limits)
    capex = limits.max_capex_usd or 0.0
    goods = [good for good in goods_of(catalog) if good.usd <= capex]
    held = {group.gpu.slug: group.count * rig.nodes_count for group in rig.groups}
    options = _options(llm, asked, catalog, goods, held)
    wanted = question.wanted_requests_per_s
    book = _Book(catalog, options, wanted)
    own = book.upgrade(held, None, 0)
    found = [
        book.upgrade(held, good, units)
        for good in goods
        for units in _units(good, held, capex, limits.max_gpus_count)
    ]
    better = [one for one in found if one.rate_requests_per_s > own.rate_requests_per_s]
    better.sort(key=lambda u: (
        not u.is_enough, u.capex_usd if u.is_enough else -u.rate_requests_per_s, u.capex_usd,
    ))  # fmt: skip
    best: dict[str, Upgrade] = {}
    for one in better:
        best.setdefault(one.good.name if one.good else "", one)
    return Upgrades(rig, capex, own, tuple(best.values())[:top], wanted)


def _options(
    llm: Llm,
    question: Question,
    catalog: Catalog,
    goods: Sequence[Good],
    held: dict[str, int],
) -> dict[str, list[EngineOption]]:
    """Return the engines on every card that one has or may buy."""
    names = {good.gpu for good in goods} | set(held)
    space = space_of(catalog, question)
    gpus = tuple(gpu for gpu in space.gpus if gpu.slug in names)
    # What one has costs nothing: a good of its own makes its cards eligible.
    own = tuple(Good(_OWN, slug, 1, 0.0, 0.0, "", _OWN, has_host=True) for slug in held)
    found: dict[str, list[EngineOption]] = {}
    for option in engine_options(llm, question, replace(space, gpus=gpus, goods=(*goods, *own))):
        found.setdefault(option.gpu.slug, []).append(option)
    return found


def _units(
    good: Good, held: dict[str, int], capex_usd: float, max_gpus_count: int
) -> Iterator[int]:
    """Yield how many of a good may be bought."""
    most = min(int(capex_usd // good.usd), 64)
    for units in range(1, most + 1):
        if sum(held.values()) + units * good.cards_count > max_gpus_count:
            return
        yield units


class _Book:
    """Pools by kind and number of cards, each worked out once."""

    def __init__(
        self, catalog: Catalog, options: dict[str, list[EngineOption]], wanted_per_s: float
    ) -> None:
        """Start empty."""
        self._catalog, self._options, self._wanted = catalog, options, wanted_per_s
        self._pools: dict[tuple[str, int], Pool] = {}

    def upgrade(self, held: dict[str, int], good: Good | None, units: int) -> Upgrade:
        """Return what all cards carry with some more of them."""
        cards = dict(held)
        if good is not None:
            cards[good.gpu] = cards.get(good.gpu, 0) + units * good.cards_count
        pools = tuple(self.pool(gpu, count) for gpu, count in cards.items())
        rate = sum(pool.rate_requests_per_s for pool in pools)
        usd = 0.0 if good is None else good.usd * units
        return Upgrade(good, units, usd, pools, rate, rate >= self._wanted)

    def pool(self, gpu: str, cards_count: int) -> Pool:
        """Return the engines that carry most on some cards of one kind."""
        key = (gpu, cards_count)
        if key not in self._pools:
            most = machine_cards(self._catalog.gpu(gpu))
            parts = [
                most_carried(self._options.get(gpu, ()), size)
                for size in _machines(cards_count, most)
            ]
            counts: dict[EngineOption, int] = {}
            for part in parts:
                for option in part:
                    counts[option] = counts.get(option, 0) + 1
            rate = math.fsum(o.rate_requests_per_s * n for o, n in counts.items())
            self._pools[key] = Pool(gpu, cards_count, tuple(counts.items()), rate)
        return self._pools[key]


def _machines(cards_count: int, most: int) -> Iterator[int]:
    """Yield the cards of each machine, full ones first."""
    while cards_count > 0:
        yield min(cards_count, most)
        cards_count -= most


def most_carried(options: Iterable[EngineOption], cards_count: int) -> tuple[EngineOption, ...]:
    """Return the engines that carry most on the cards of one machine (unbounded knapsack).

    ``best(n) = max over options of best(n − cards) + rate``; cards may stay idle.
    """
    strongest: dict[int, EngineOption] = {}
    for option in options:
        size = option.split.engine_cards
        held = strongest.get(size)
        if held is None or option.rate_requests_per_s > held.rate_requests_per_s:
            strongest[size] = option
    best: list[tuple[float, tuple[EngineOption, ...]]] = [(0.0, ())]
    for cards in range(1, cards_count + 1):
        found = best[cards - 1]
        for size, option in strongest.items():
            if size <= cards:
                rate, chosen = best[cards - size]
                total = rate + option.rate_requests_per_s
                if total > found[0] * (1.0 + 1e-12):
                    found = (total, (*chosen, option))
        best.append(found)
    return best[cards_count][1]
