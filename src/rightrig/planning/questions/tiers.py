"""What a monthly budget, or cards bought for the home, can carry."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.goods import goods_of
from rightrig.costs.money import energy_usd_per_month
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.questions.market import (
    card_good,
    engine_text,
    keeping_options,
    market,
    to_buy,
    weights_text,
)
from rightrig.quantities import show_number, show_seconds, show_usd

if TYPE_CHECKING:
    from rightrig.costs.goods import Good
    from rightrig.demand.objective import Limits
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.power import PowerFact
    from rightrig.planning.constraints import Question
    from rightrig.planning.options import EngineOption
    from rightrig.planning.questions.market import Hire, Market
    from rightrig.planning.search import Space

BOUNDS_USD_PER_MONTH: Final = (500.0, 5000.0)
"""Where the tiers of rent end, as people ask for them; the last tier has no end."""
HOME_TIERS: Final = ("consumer", "professional", "embedded")
"""Markets whose cards or machines stand in a home."""
HOME_TARIFF_FACT: Final = "electricity-us-residential"
HOME_PUE_FACT: Final = "pue-home"


@dataclass(frozen=True, slots=True)
class Home:
    """What a home lab may cost and draw.

    Attributes:
        capital_usd: For the cards alone.
        power_w: Of the cards at their rating.
    """

    capital_usd: float
    power_w: float


@dataclass(frozen=True, slots=True)
class Tier:
    """One budget and the engines that carry most for it.

    Attributes:
        from_usd_per_month, to_usd_per_month: The budget; without an end it is limited by cards.
        hire: The engines; ``None`` where the budget rents none.
        cheapest_start: (weight format, least rent) of formats that the budget does not reach.
    """

    name: str
    from_usd_per_month: float
    to_usd_per_month: float
    hire: Hire | None
    cheapest_start: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class HomeLab:
    """Bought cards that carry most within capital and power.

    Attributes:
        option: The engine; ``None`` where no card can be bought and fed for so much.
        capital_usd: What the cards cost.
        energy_usd_per_month: At their rated power around the clock: an upper end.
        price_basis: Where the price comes from, with its date.
    """

    home: Home
    option: EngineOption | None
    engines_count: int
    capital_usd: float
    energy_usd_per_month: float
    price_basis: str

    @property
    def capacity_requests_per_s(self) -> float:
        """What the engines carry."""
        return 0.0 if self.option is None else self.engines_count * self.option.rate_requests_per_s


@dataclass(frozen=True, slots=True)
class Tiers:
    """The answer of ``ask tiers``."""

    llm: Llm
    question: Question
    tiers: tuple[Tier, ...]
    home: HomeLab

    @property
    def is_answered(self) -> bool:
        """Whether some tier serves the model."""
        return self.home.option is not None or any(t.hire is not None for t in self.tiers)

    def explain(self) -> Explanation:
        """Return, tier by tier, what it carries and what it does not reach."""
        sentences = (*(_tier_sentence(t) for t in self.tiers), _home_sentence(self.home))
        figures = tuple(
            Figure(f"{t.name}_capacity_requests_per_s", t.hire.capacity_requests_per_s,
                   show_number(t.hire.capacity_requests_per_s), t.hire.price.source)
            for t in self.tiers if t.hire is not None
        )  # fmt: skip
        sources = tuple(dict.fromkeys(t.hire.price.source for t in self.tiers if t.hire))
        return Explanation(sentences, figures, sources)


def tiers(catalog: Catalog, llm: Llm, question: Question, space: Space, home: Home) -> Tiers:
    """Return what each budget carries of a model's traffic within the objectives.

    Args:
        catalog: Where the tariff of a home is looked up.
        llm: The model.
        question: Lengths, objectives, most cards.
        space: What may be chosen from.
        home: Capital and power of a home lab.
    """
    options = keeping_options(llm, question, space)
    rented = market(options, space.prices)
    bounds = (0.0, *BOUNDS_USD_PER_MONTH, math.inf)
    found = tuple(_tier(rented, ends, question.limits) for ends in itertools.pairwise(bounds))
    tariff, pue = catalog.power_fact(HOME_TARIFF_FACT), catalog.power_fact(HOME_PUE_FACT)
    goods = goods_of(catalog)
    bought = to_buy(question, replace(space, gpus=_home_cards(space, goods)), goods)
    lab = _home_lab(keeping_options(llm, *bought), home, goods, tariff, pue)
    return Tiers(llm, question, found, lab)


def _tier(rented: Market, ends_usd_per_month: tuple[float, float], limits: Limits) -> Tier:
    """Return the engines that carry most for one budget."""
    from_usd, to_usd = ends_usd_per_month
    starts: dict[str, float] = {}
    for option, offer in zip(rented.options, rented.offers, strict=True):
        known = starts.get(option.weights, math.inf)
        starts[option.weights] = min(known, offer.rent_usd_per_month)
    missing = sorted((rent, name) for name, rent in starts.items() if rent > to_usd)
    name = f"above {show_usd(from_usd)}" if math.isinf(to_usd) else f"up to {show_usd(to_usd)}"
    hire = rented.busiest(to_usd, limits)
    return Tier(name, from_usd, to_usd, hire, tuple((n, rent) for rent, n in missing))


@dataclass(frozen=True, slots=True)
class _Bought:
    """Engines of one option that capital and power allow."""

    option: EngineOption
    good: Good
    engines_count: int

    @property
    def rate_requests_per_s(self) -> float:
        """What they carry."""
        return self.engines_count * self.option.rate_requests_per_s

    @property
    def capital_usd(self) -> float:
        """What their cards cost."""
        return self.good.usd * self.engines_count * self.option.split.engine_cards


def _home_cards(space: Space, goods: tuple[Good, ...]) -> tuple[Gpu, ...]:
    """Return the cards that stand in homes and that have a price."""
    return tuple(
        gpu for gpu in space.gpus if gpu.tier in HOME_TIERS and card_good(goods, gpu) is not None
    )


def _home_lab(
    options: tuple[EngineOption, ...],
    home: Home,
    goods: tuple[Good, ...],
    tariff: PowerFact,
    pue: PowerFact,
) -> HomeLab:
    """Return the bought cards that carry most within capital and power."""
    rows = [
        _Bought(o, good, _home_engines(o, good, home))
        for o in options
        if (good := card_good(goods, o.gpu)) is not None
    ]
    best = max(rows, key=lambda row: (row.rate_requests_per_s, -row.capital_usd), default=None)
    if best is None or not best.engines_count:
        return HomeLab(home, None, 0, 0.0, 0.0, "")
    gpu, good = best.option.gpu, best.good
    power_w = best.engines_count * best.option.split.engine_cards * (gpu.board_power_w or 0.0)
    return HomeLab(
        home=home,
        option=best.option,
        engines_count=best.engines_count,
        capital_usd=best.capital_usd,
        energy_usd_per_month=energy_usd_per_month(power_w, pue.high, tariff.high),
        price_basis=f"{good.name}, {good.date}, {good.source}",
    )


def _home_engines(option: EngineOption, good: Good, home: Home) -> int:
    """Return the engines that capital and power allow; 0 where the power is not published."""
    if option.gpu.board_power_w is None:
        return 0
    cards = min(home.capital_usd // good.usd, home.power_w // option.gpu.board_power_w)
    return int(cards // option.split.engine_cards)


def _tier_sentence(tier: Tier) -> str:
    """Return what one tier carries, and what it does not reach."""
    name = f"{tier.name} a month"
    missing = ", ".join(
        f"{weights_text(weights)} (from {show_usd(rent)})" for weights, rent in tier.cheapest_start
    )
    lost = f" Out of reach: {missing}." if missing else ""
    if tier.hire is None:
        return f"{name}: nothing that is rented serves the model within the objectives.{lost}"
    hire = tier.hire
    return (
        f"{name}: {hire.text} carries {show_number(hire.capacity_requests_per_s)} requests/s for "
        f"{show_usd(hire.rent_usd_per_month)}, TTFT p99 {show_seconds(hire.option.ttft_p99_s)}, "
        f"TPOT p99 {show_seconds(hire.option.tpot_p99_s)} at that load.{lost}"
    )


def _home_sentence(lab: HomeLab) -> str:
    """Return what bought cards carry."""
    limits = f"{show_usd(lab.home.capital_usd)} of cards, {lab.home.power_w:,.0f} W"
    if lab.option is None:
        return f"home lab ({limits}): no card with a known price serves the model."
    return (
        f"home lab ({limits}): {lab.engines_count} × {engine_text(lab.option)} carries "
        f"{show_number(lab.capacity_requests_per_s)} requests/s; the cards cost "
        f"{show_usd(lab.capital_usd)} ({lab.price_basis}) and at most "
        f"{show_usd(lab.energy_usd_per_month)} of electricity a month, the computer around them "
        "left out."
    )
