"""Budgets: each within its end, more money never carries less, and what it does not reach."""

from __future__ import annotations

import functools
import itertools

import pytest
from hardware_questions import CATALOG, asked, few_cards

from rightrig.costs.goods import goods_of
from rightrig.planning.questions.market import card_good
from rightrig.planning.questions.tiers import Home, Tiers, tiers


@functools.cache
def found(model: str = "llama-3.3-70b", capital: float = 8000.0, power: float = 1440.0) -> Tiers:
    home = Home(capital, power)
    return tiers(CATALOG, CATALOG.llm(model), asked(), few_cards(), home)


def test_a_tier_keeps_its_budget() -> None:
    for tier in found().tiers:
        if tier.hire is not None:
            assert tier.hire.rent_usd_per_month <= tier.to_usd_per_month


def test_more_money_carries_no_less() -> None:
    carried = [
        0.0 if t.hire is None else t.hire.capacity_requests_per_s
        for t in found("llama-3.1-8b").tiers
    ]
    assert carried[0] > 0.0
    assert all(less <= more for less, more in itertools.pairwise(carried))


def test_what_500_dollars_do_not_reach_costs_more_than_500_dollars() -> None:
    low = found().tiers[0]
    assert low.cheapest_start
    assert all(rent > 500.0 for _, rent in low.cheapest_start)
    assert "checkpoint" in dict(low.cheapest_start)


def test_a_home_lab_keeps_capital_and_power() -> None:
    lab = found("llama-3.1-8b").home
    assert lab.option is not None
    cards = lab.engines_count * lab.option.split.engine_cards
    good = card_good(goods_of(CATALOG), lab.option.gpu)
    assert good is not None
    assert lab.capital_usd == pytest.approx(cards * good.usd)
    assert lab.capital_usd <= 8000.0
    assert cards * (lab.option.gpu.board_power_w or 0.0) <= 1440.0
    assert lab.option.gpu.tier in {"consumer", "professional", "embedded"}


def test_a_home_lab_without_money_is_empty() -> None:
    lab = found("llama-3.1-8b", 10.0).home
    assert lab.option is None
    assert lab.capacity_requests_per_s == 0.0


def test_electricity_is_that_of_the_rated_power_around_the_clock() -> None:
    lab = found("llama-3.1-8b").home
    assert lab.option is not None
    cards = lab.engines_count * lab.option.split.engine_cards
    power_kw = cards * (lab.option.gpu.board_power_w or 0.0) / 1e3
    tariff = CATALOG.power_fact("electricity-us-residential").high
    pue = CATALOG.power_fact("pue-home").high
    assert lab.energy_usd_per_month == pytest.approx(power_kw * 730.0 * tariff * pue)
