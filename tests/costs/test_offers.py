"""Offers: whole instances are paid, engines never span them, and the cheapest way is found."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.costs.offers import Purchase, cheapest, purchase
from rightrig.facts.price import Price
from rightrig.quantities import HOURS_PER_MONTH

OFFERS = rightrig.shipped().prices()


def offer(cards: int, most: int, usd_per_hour: float | None, gpu: str = "h100-sxm") -> Price:
    return Price(
        provider="test",
        region="here",
        instance=f"{cards}x",
        gpu=gpu,
        gpu_count=cards,
        max_gpu_count=most,
        on_demand_usd_per_hour=usd_per_hour,
        date="2026-11-01",
        source="a test",
        trust="list",
    )


def bought(price: Price, engine_cards: int, engines: int = 1) -> Purchase:
    found = purchase(price, engine_cards, engines)
    assert found is not None
    return found


def test_two_cards_from_a_node_of_eight_pay_for_eight() -> None:
    node = bought(offer(8, 8, 55.04), engine_cards=2)
    assert (node.instances_count, node.rented_cards) == (1, 8)
    assert node.rent_usd_per_month == pytest.approx(55.04 * 730)


def test_a_node_holds_as_many_engines_as_fit_whole() -> None:
    node = offer(8, 8, 80.0)
    assert bought(node, 2, 4).instances_count == 1
    assert bought(node, 2, 5).instances_count == 2
    assert bought(node, 3, 2).instances_count == 1
    assert bought(node, 3, 3).instances_count == 2  # the last two cards of a node stay idle


def test_an_engine_never_spans_instances() -> None:
    assert purchase(offer(8, 8, 80.0), 16, 1) is None
    assert purchase(offer(1, 1, 2.0), 2, 1) is None
    assert purchase(offer(4, 8, 12.0), 9, 1) is None


def test_cards_sold_in_multiples_come_in_instances_as_large_as_an_engine() -> None:
    four = bought(offer(1, 8, 2.0), engine_cards=4, engines=3)
    assert (four.cards_per_instance, four.instances_count, four.rented_cards) == (4, 3, 12)
    assert four.rent_usd_per_month == pytest.approx(12 * 2.0 * 730)


def test_odd_engines_are_rounded_up_to_what_is_sold() -> None:
    three = bought(offer(2, 8, 6.0), engine_cards=3)
    assert three.rented_cards == 4
    assert three.rent_usd_per_month == pytest.approx(12.0 * 730)


def test_an_offer_without_an_on_demand_price_sells_nothing() -> None:
    assert purchase(offer(8, 8, None), 1, 1) is None


def test_the_cheapest_offer_depends_on_how_many_cards_are_needed() -> None:
    offers = [offer(8, 8, 16.0), offer(1, 1, 3.0)]
    one, seven = cheapest(offers, "h100-sxm", 1, 1), cheapest(offers, "h100-sxm", 1, 7)
    assert one is not None
    assert seven is not None
    assert (one.price.gpu_count, seven.price.gpu_count) == (1, 8)


def test_offers_for_other_cards_do_not_count() -> None:
    assert cheapest([offer(8, 8, 16.0, "a100-sxm-80gb")], "h100-sxm", 1, 1) is None
    assert cheapest([], "h100-sxm", 1, 1) is None


def test_a_purchase_reads_as_people_say_it() -> None:
    assert bought(offer(8, 8, 55.0), 8, 2).text == "2 × test 8x of 8 cards"
    assert bought(offer(1, 1, 2.0), 1, 3).text == "3 × test 1x"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OFFERS), st.sampled_from((1, 2, 4, 8)), st.integers(1, 500))
def test_a_purchase_holds_its_engines_and_pays_whole_instances(
    price: Price, engine_cards: int, engines: int
) -> None:
    found = purchase(price, engine_cards, engines)
    if found is None:
        sold = price.on_demand_usd_per_hour is not None and price.terms == "on-demand"
        assert not sold or engine_cards > price.max_gpu_count
        return
    per_instance = found.cards_per_instance // engine_cards
    assert found.cards_per_instance <= max(price.gpu_count, price.max_gpu_count)
    assert found.cards_per_instance % price.gpu_count == 0
    assert found.instances_count == math.ceil(engines / per_instance)
    assert found.rented_cards >= engines * engine_cards
    per_card = price.per_gpu_usd_per_hour
    assert per_card is not None
    assert found.rent_usd_per_month == pytest.approx(
        found.rented_cards * per_card * HOURS_PER_MONTH
    )


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(OFFERS), st.sampled_from((1, 2, 4, 8)), st.integers(1, 500))
def test_more_engines_never_cost_less(price: Price, engine_cards: int, engines: int) -> None:
    few = cheapest(OFFERS, price.gpu, engine_cards, engines)
    more = cheapest(OFFERS, price.gpu, engine_cards, engines + 1)
    assert (few is None) == (more is None)
    if few is not None and more is not None:
        assert more.rent_usd_per_month >= few.rent_usd_per_month


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(OFFERS), st.sampled_from((1, 2, 4, 8)), st.integers(1, 200))
def test_no_single_offer_is_cheaper_than_the_cheapest(
    price: Price, engine_cards: int, engines: int
) -> None:
    best = cheapest(OFFERS, price.gpu, engine_cards, engines)
    rents = [
        found.rent_usd_per_month
        for other in OFFERS
        if other.gpu == price.gpu and (found := purchase(other, engine_cards, engines))
    ]
    assert (best is None) == (not rents)
    if best is not None:
        assert best.rent_usd_per_month == pytest.approx(min(rents))
