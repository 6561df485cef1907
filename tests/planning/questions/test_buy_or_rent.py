"""Buy or rent: the months of the worked examples, the same work, and figures from records."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.planning.questions.buy_or_rent import (
    Terms,
    buy_or_rent,
    cheapest_hour,
    known_price,
)

CATALOG = rightrig.shipped()
TERMS = Terms(
    name="rtx-4090",
    price_low_usd=600.0,
    price_high_usd=800.0,
    resale_usd=0.0,
    rent_usd_per_hour=0.34,
    power_w=450.0,
    tariff_usd_per_kwh=0.08,
    pue_ratio=1.0,
    use_ratio=1.0,
    speed_ratio=1.0,
    owned_years=3.0,
)


def test_600_to_800_dollars_against_34_cents_pay_in_2_4_to_3_2_months() -> None:
    found = buy_or_rent(TERMS)
    assert found.gross_low_months_count == pytest.approx(2.42, abs=0.01)
    assert found.gross_high_months_count == pytest.approx(3.22, abs=0.01)
    assert found.low_months_count == pytest.approx(2.70, abs=0.01)
    assert found.high_months_count == pytest.approx(3.60, abs=0.01)
    assert found.advice == "buy"


def test_a_share_that_comes_back_is_taken_from_the_lowest_and_the_highest_price() -> None:
    found = buy_or_rent(replace(TERMS, resale_ratio=0.5))
    plain = buy_or_rent(TERMS)
    assert found.low_months_count == pytest.approx(0.5 * plain.low_months_count)
    assert found.high_months_count == pytest.approx(0.5 * plain.high_months_count)


def test_buying_never_pays_where_electricity_costs_more_than_rent() -> None:
    found = buy_or_rent(replace(TERMS, rent_usd_per_hour=0.03))
    assert found.low_months_count == math.inf
    assert found.advice == "rent"
    assert "never pays" in found.explain().sentences[1]


def test_a_slower_own_card_works_longer_and_where_the_day_ends_takes_a_second() -> None:
    half_day = buy_or_rent(replace(TERMS, use_ratio=0.5, speed_ratio=0.5))
    whole_day = buy_or_rent(replace(TERMS, speed_ratio=0.5))
    assert (half_day.machines_count, whole_day.machines_count) == (1, 2)
    # Twice the hours for the work: as much electricity as a card of full speed all day.
    assert half_day.running_usd_per_month == pytest.approx(buy_or_rent(TERMS).running_usd_per_month)
    assert whole_day.owned_low_usd > 2.0 * TERMS.price_low_usd


def test_between_the_months_of_two_prices_it_depends_on_the_price() -> None:
    terms = replace(TERMS, price_low_usd=1000.0, price_high_usd=9000.0)
    assert buy_or_rent(terms).advice == "depends on the price"


@given(st.floats(0.05, 1.0), st.floats(0.1, 5.0), st.floats(100.0, 5000.0), st.floats(1.0, 6.0))
def test_buying_has_paid_before_the_end_exactly_when_the_totals_say_so(
    use: float, rent: float, price: float, years: float
) -> None:
    found = buy_or_rent(
        replace(
            TERMS, use_ratio=use, rent_usd_per_hour=rent, price_low_usd=price,
            price_high_usd=price, owned_years=years,
        )
    )  # fmt: skip
    cheaper = found.owned_low_usd < found.rented_usd
    if abs(found.owned_low_usd / found.rented_usd - 1.0) > 1e-6:
        assert (found.advice == "buy") == cheaper
        assert (use > found.least_use_ratio) == cheaper


def test_prices_of_records_come_with_their_date_and_source() -> None:
    gpu = CATALOG.gpu("rtx-4090")
    known, hourly = known_price(gpu), cheapest_hour(gpu, CATALOG.prices())
    assert known is not None
    assert hourly is not None
    assert known[0] <= known[1]
    assert gpu.street_price is not None
    assert gpu.street_price.date in known[2]
    on_demand = [p for p in CATALOG.prices() if p.gpu == gpu.slug and p.terms == "on-demand"]
    rents = [r for p in on_demand if (r := p.per_gpu_usd_per_hour) is not None]
    assert hourly[0] == min(rents)
