"""Renting: offers in the size of a rig, what is billed, and prices a card and an hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.rental import Billing, Need, billed_s, quote, rent_usd, rent_usd_per_hour
from rightrig.costs.spot import useful_usd_per_hour
from rightrig.facts.price import Price

DAY_S = 86_400.0


def offer(gpu: str = "a100-sxm-80gb", usd: float = 21.6, cards: int = 8, most: int = 8) -> Price:
    return Price(
        provider="x", region="x", instance="x", gpu=gpu, gpu_count=cards, max_gpu_count=most,
        on_demand_usd_per_hour=usd, spot_usd_per_hour=usd / 2.0, date="2026-11-01", source="x",
        trust="x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("usd", "hours", "total"),
    [(0.34, 24.0, 8.16), (1.19, 24.0, 28.56), (0.34, 720.0, 244.80), (1.19, 720.0, 856.80)],
)
def test_a_day_and_thirty_days(usd: float, hours: float, total: float) -> None:
    # F087
    assert rent_usd(usd, hours) == pytest.approx(total)


@pytest.mark.parametrize(("usd", "count", "hourly"), [(0.34, 4, 1.36), (1.19, 2, 2.38)])
def test_several_cards_an_hour(usd: float, count: int, hourly: float) -> None:
    # F088
    assert rent_usd_per_hour(usd, count) == pytest.approx(hourly)


def test_a_node_of_21_60_is_2_70_a_card() -> None:
    # F086
    found = quote(offer(), Need("a100-sxm-80gb", 8, 1, DAY_S), Billing())
    assert found is not None
    assert found.instance_usd_per_hour == 21.6
    assert found.card_usd_per_hour == pytest.approx(2.70)
    assert found.total_usd == pytest.approx(518.40)


def test_one_card_of_a_node_costs_the_whole_node() -> None:
    found = quote(offer(), Need("a100-sxm-80gb", 1, 1, 3_600.0), Billing())
    assert found is not None
    assert found.total_usd == pytest.approx(21.6)
    assert found.purchase.rented_cards == 8


def test_machines_that_need_more_cards_than_are_in_one_find_no_offer() -> None:
    assert quote(offer(), Need("a100-sxm-80gb", 16, 1, DAY_S), Billing()) is None
    assert quote(offer(), Need("h100-sxm", 8, 1, DAY_S), Billing()) is None


def test_two_machines_take_two_nodes_at_the_spot_price() -> None:
    found = quote(offer(), Need("a100-sxm-80gb", 8, 2, 3_600.0), Billing(), spot=True)
    assert found is not None
    assert found.purchase.is_spot
    assert found.total_usd == pytest.approx(21.6)


@given(st.floats(1.0, 1e7), st.sampled_from([1.0, 60.0, 3_600.0]), st.floats(0.0, 3_600.0))
def test_what_is_billed_is_never_less_than_the_use_and_at_most_a_step_more(
    used: float, step: float, least: float
) -> None:
    found = billed_s(used, step, least)
    assert found >= used - 1e-5
    assert found < max(used + step, least + 1e-9)


def test_half_an_hour_by_the_hour_is_a_whole_one() -> None:
    found = quote(offer(), Need("a100-sxm-80gb", 8, 1, 1_800.0), Billing(3_600.0))
    assert found is not None
    assert found.total_usd == pytest.approx(21.6)


@given(st.floats(0.01, 100.0), st.floats(0.0, 0.99))
def test_waste_never_makes_a_spot_hour_cheaper(usd: float, waste: float) -> None:
    assert useful_usd_per_hour(usd, waste) >= usd
    assert useful_usd_per_hour(usd, 1.0) == float("inf")


def test_a_short_use_is_billed_for_the_least_that_a_provider_bills() -> None:
    assert billed_s(10.0, 1.0, 60.0) == 60.0
    assert billed_s(61.0, 1.0, 60.0) == 61.0
