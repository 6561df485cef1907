"""Owning: present value, equal payments, the books, and what money at no price makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.ownership import (
    annuity_years,
    book_value_usd,
    capital_recovery_per_year,
    discount_ratio,
    equal_cost_usd_per_year,
    present_value_usd,
    straight_line_usd_per_year,
)

prices = st.floats(1.0, 1e7)
yearly = st.floats(0.0, 1e6)
rates = st.floats(0.0, 0.5)
spans = st.floats(0.5, 20.0)


def test_present_value_of_an_h100_over_three_years() -> None:
    # W112: 30,000 once, 490.56 a year, 30 % back, money at 8 %.
    found = present_value_usd(30_000.0, 490.56, 9_000.0, 0.08, 3.0)
    assert found == pytest.approx(24_119.73053, abs=1e-4)


def test_capital_recovery_at_8_percent_over_three_years() -> None:
    # W113
    assert capital_recovery_per_year(0.08, 3.0) == pytest.approx(0.388033514, abs=1e-9)


@pytest.mark.parametrize(
    ("price", "running", "total"),
    [(30_000.0, 490.56, 31_471.68), (1_800.0, 245.28, 2_535.84)],
)
def test_three_years_of_an_h100_and_of_a_4090(price: float, running: float, total: float) -> None:
    # F075: money at no price is the plain sum.
    found = present_value_usd(price, running, 0.0, 0.0, 3.0)
    assert found == pytest.approx(total, abs=1e-6)


def test_four_h100_for_200_000_dollars_cost_as_much_as_7_037_a_month() -> None:
    # F095: 8 %, 3 years, 5 kW at PUE 1.3 and $0.12/kWh; staff comes on top.
    found = equal_cost_usd_per_year(200_000.0, 6_832.80, 0.0, 0.08, 3.0) / 12.0
    assert found == pytest.approx(7_036.6, abs=0.1)


@given(prices, yearly, rates, spans)
def test_equal_payments_are_worth_what_owning_costs(
    price: float, running: float, rate: float, years: float
) -> None:
    payment = equal_cost_usd_per_year(price, running, 0.1 * price, rate, years)
    assert payment * annuity_years(rate, years) == pytest.approx(
        present_value_usd(price, running, 0.1 * price, rate, years), rel=1e-9
    )


@given(prices, yearly, rates, spans, st.floats(0.0, 1.0))
def test_resale_never_makes_owning_dearer(
    price: float, running: float, rate: float, years: float, share: float
) -> None:
    without = present_value_usd(price, running, 0.0, rate, years)
    assert present_value_usd(price, running, share * price, rate, years) <= without


@given(st.floats(1e-9, 1e-6), spans)
def test_money_at_almost_no_price_is_money_at_none(rate: float, years: float) -> None:
    assert annuity_years(rate, years) == pytest.approx(years, rel=1e-4)
    assert discount_ratio(rate, years) == pytest.approx(1.0, rel=1e-4)


@given(prices, st.floats(0.0, 1.0), spans, st.floats(0.0, 1.0))
def test_the_books_fall_in_a_straight_line_to_the_resale(
    price: float, share: float, life: float, part: float
) -> None:
    back = share * price
    age = part * life
    lost = straight_line_usd_per_year(price, back, life) * age
    assert book_value_usd(price, back, life, age) == pytest.approx(price - lost)
    assert book_value_usd(price, back, life, 2.0 * life) == pytest.approx(back)
