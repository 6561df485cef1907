"""The market of engines: brute force finds nothing cheaper, and no flip is missed on its grid."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hardware_questions import CATALOG, asked, few_cards
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.costs.goods import goods_of
from rightrig.costs.offers import cheapest
from rightrig.demand.objective import Limits, Slo
from rightrig.planning.questions.market import (
    Market,
    bought_usd,
    keeping_options,
    market,
)

SPACE = few_cards()
OPTIONS = keeping_options(CATALOG.llm("llama-3.1-8b"), asked(), SPACE)
EVERY = market(OPTIONS, SPACE.prices)
some = settings(max_examples=12, deadline=None)


@some
@given(rate=st.floats(1e-3, 200.0), spare=st.integers(0, 2), most=st.integers(1, 128))
def test_no_engine_and_offer_is_cheaper_than_the_cheapest(
    rate: float, spare: int, most: int
) -> None:
    found = EVERY.cheapest(rate, Limits(max_gpus_count=most), spare)
    rents = []
    for option in OPTIONS:
        engines = math.ceil(rate / option.rate_requests_per_s) + spare
        bought = cheapest(SPACE.prices, option.gpu.slug, option.split.engine_cards, engines)
        if bought is not None and engines * option.split.engine_cards <= most:
            rents.append(bought.rent_usd_per_month)
    assert (None if found is None else found.rent_usd_per_month) == (
        pytest.approx(min(rents)) if rents else None
    )


@some
@given(budget=st.floats(10.0, 1e6), most=st.integers(1, 128))
def test_the_busiest_keeps_budget_and_cards(budget: float, most: int) -> None:
    limits = Limits(max_gpus_count=most)
    found = EVERY.busiest(budget, limits)
    if found is None:
        least = EVERY.cheapest(1e-6, limits)
        assert least is None or least.rent_usd_per_month > budget
        return
    assert found.rent_usd_per_month <= budget * (1 + 1e-9)
    assert found.cards_count <= most
    richer = EVERY.busiest(2.0 * budget, limits)
    assert richer is not None
    assert richer.capacity_requests_per_s >= found.capacity_requests_per_s


@some
@given(rate=st.floats(1e-3, 200.0), power_w=st.floats(300.0, 20_000.0), stock=st.integers(0, 8))
def test_engines_keep_every_bound_of_a_plan(rate: float, power_w: float, stock: int) -> None:
    gpu = EVERY.gpus[0].slug
    limits = Limits(max_power_w=power_w, available={gpu: stock}, max_machines_count=4)
    for hire in (EVERY.cheapest(rate, limits), EVERY.busiest(1e5, limits)):
        if hire is None:
            continue
        assert hire.cards_count * (hire.option.gpu.board_power_w or math.inf) <= power_w
        assert hire.option.gpu.slug != gpu or hire.cards_count <= stock
        assert hire.instances_count <= 4


def test_a_market_without_engines_has_no_answer() -> None:
    empty: Market = market((), SPACE.prices)
    assert empty.cheapest(1.0, Limits()) is None
    assert empty.busiest(1e9, Limits()) is None
    assert empty.cheapest_when_full() is None


def test_the_cheapest_when_full_costs_least_a_request() -> None:
    best = EVERY.cheapest_when_full()
    assert best is not None
    least = min(
        cheap.rent_usd_per_month / cheap.capacity_requests_per_s
        for budget in (200.0, 1e3, 1e4)
        if (cheap := EVERY.busiest(budget, Limits())) is not None
    )
    assert best.rent_usd_per_month / best.capacity_requests_per_s <= least * (1 + 1e-9)


def test_a_card_costs_what_its_record_says() -> None:
    gpu = CATALOG.gpu("rtx-4090")
    assert gpu.street_price is not None
    middle = 0.5 * (gpu.street_price.low_usd + gpu.street_price.high_usd)
    assert bought_usd(goods_of(CATALOG), gpu, 16) == pytest.approx(16 * middle)


@pytest.mark.parametrize("confidence", ["likely", "surely"])
def test_every_option_keeps_the_objectives_at_its_largest_load(confidence: str) -> None:
    """No filter is wanted after the search: it judges every objective itself."""
    question = asked()
    limits = question.limits.model_copy(update={"confidence": confidence})
    slo = Slo(ttft_p99_s=0.6, tpot_p99_s=0.04, e2e_p90_s=20.0)
    llm = CATALOG.llm("llama-3.1-8b")
    options = keeping_options(llm, replace(question, limits=limits, slo=slo), SPACE)
    assert options
    assert max(option.ttft_p99_s for option in options) <= 0.6 * (1 + 1e-9)
    assert max(option.tpot_p99_s for option in options) <= 0.04 * (1 + 1e-9)
