"""Break-even: the worked figures, the guard, and the same work on both sides."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.break_even import (
    break_even_months_count,
    break_even_use_ratio,
    running_usd_per_hour,
    same_work_count,
    threshold_tokens_per_month,
)
from rightrig.quantities import HOURS_PER_MONTH

RENT_USD_PER_MONTH = 0.34 * HOURS_PER_MONTH
amounts = st.floats(1.0, 1e6)


def test_a_card_of_800_dollars_pays_in_3_6_months_net_of_power() -> None:
    # W115: $0.34/h against 450 W at $0.08/kWh.
    running = running_usd_per_hour(450.0, 1.0, 0.08) * HOURS_PER_MONTH
    found = break_even_months_count(800.0, RENT_USD_PER_MONTH, running)
    assert found == pytest.approx(3.604902668)


@pytest.mark.parametrize(("price", "months"), [(600.0, 2.417), (800.0, 3.223)])
def test_cards_of_600_to_800_dollars_pay_in_2_4_to_3_2_months_gross(
    price: float, months: float
) -> None:
    assert break_even_months_count(price, RENT_USD_PER_MONTH, 0.0) == pytest.approx(
        months, abs=1e-3
    )


@given(amounts, amounts, st.floats(0.0, 1e6))
def test_buying_never_pays_where_running_costs_as_much_as_rent(
    price: float, rent: float, more: float
) -> None:
    assert break_even_months_count(price, rent, rent + more) == math.inf
    assert break_even_use_ratio(price, rent, rent + more, 3.0) == math.inf


@given(amounts, amounts, st.floats(0.0, 0.9), st.floats(0.5, 10.0))
def test_at_the_least_use_the_card_pays_just_when_it_is_given_up(
    price: float, rent: float, share: float, years: float
) -> None:
    use = break_even_use_ratio(price, rent, share * rent, years)
    hours = use * HOURS_PER_MONTH
    months = break_even_months_count(price, rent * hours, share * rent * hours)
    assert months == pytest.approx(12.0 * years, rel=1e-6)


@given(st.floats(0.01, 1.0), st.floats(0.05, 20.0))
def test_own_machines_have_enough_hours_for_the_work_and_one_less_has_not(
    use: float, speed: float
) -> None:
    count = same_work_count(use, speed)
    assert count * speed >= use * (1.0 - 1e-6)
    assert count == 1 or (count - 1) * speed < use


def test_a_rig_pays_from_its_fixed_cost_over_what_a_token_saves() -> None:
    # F12.7, F187: $1.00/h against $0.60 a million tokens, with $0.10 of electricity a million.
    found = threshold_tokens_per_month(730.0, 0.60e-6, 0.10e-6)
    assert found == pytest.approx(1.46e9)
    assert threshold_tokens_per_month(0.0, 0.60e-6) == 0.0


@given(amounts, st.floats(1e-9, 1e-3), st.floats(0.0, 1e-3))
def test_no_volume_pays_where_an_own_token_costs_as_much_as_a_bought_one(
    fixed: float, price: float, more: float
) -> None:
    assert threshold_tokens_per_month(fixed, price, price + more) == math.inf


@given(amounts, st.floats(1e-9, 1e-3), st.floats(0.0, 0.99))
def test_at_the_threshold_both_ways_cost_the_same(fixed: float, price: float, share: float) -> None:
    tokens = threshold_tokens_per_month(fixed, price, share * price)
    assert fixed + share * price * tokens == pytest.approx(price * tokens, rel=1e-6)
