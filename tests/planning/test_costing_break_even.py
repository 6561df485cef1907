"""Break-even of a deployment: months, tokens a month, and when it never pays."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Slo
from rightrig.facts.api_price import ApiPrice
from rightrig.interval import Interval
from rightrig.planning.costing.bills import Electricity, Owning, Renting
from rightrig.planning.costing.break_even import RENTED_BY_THE_HOUR, break_even
from rightrig.planning.costing.capacity import capacity_of
from rightrig.planning.costing.compare import Contender, Demand

CATALOG: Final = rightrig.shipped()
LENGTHS: Final = rightrig.Lengths(1000.0, 300.0)
CAPACITY: Final = capacity_of(
    rightrig.propose(CATALOG, CATALOG.llm("llama-2-7b"), rightrig.parse_rig("1xrtx-4090", CATALOG)),
    LENGTHS,
    Slo(),
)
HOME: Final = Electricity(Interval.exact(0.08), Interval.exact(1.0))
HOURLY: Final = Renting("rtx-4090", Interval.exact(0.34))
FULL: Final = Demand(None)


def owned(price: Interval, watts: float = 450.0, site: Electricity = HOME) -> Contender:
    bill = Owning("rtx-4090", price, site, power_w=Interval.exact(watts))
    return Contender("own", CAPACITY, bill)


def api(usd_per_million: float) -> Contender:
    price = ApiPrice(
        provider="acme", llm="x", offer="x", input_usd_per_million_tokens=usd_per_million,
        output_usd_per_million_tokens=usd_per_million, date="2026-11-01", source="user",
        trust="user",
    )  # fmt: skip
    return Contender("api:acme", api=price)


USED: Final = break_even(owned(Interval(600.0, 700.0, 800.0)), HOURLY, FULL)


def test_a_used_card_pays_in_2_7_to_3_6_months_and_2_4_to_3_2_without_electricity() -> None:
    # F081, F093, W115: $600 to $800 used, $0.34/h, 450 W at $0.08/kWh.
    months, gross = USED.months_count, USED.gross_months_count
    assert months is not None
    assert gross is not None
    assert (months.low, months.high) == pytest.approx((2.704, 3.605), rel=5e-3)
    assert (gross.low, gross.high) == pytest.approx((2.417, 3.223), rel=5e-3)
    assert USED.advice == "own, owned"
    assert USED.rival == RENTED_BY_THE_HOUR


def test_a_speed_that_is_not_known_does_not_change_the_hours_that_are_rented() -> None:
    # Both sides are the same card: only the price has a swing.
    assert [one.given.key for one in USED.swings] == ["price:rtx-4090"]


def test_the_threshold_is_the_work_at_which_both_cost_the_same() -> None:
    # F187: at what monthly volume to stop renting.
    share = USED.threshold_tokens_per_month / USED.full_tokens_per_month
    again = break_even(owned(Interval.exact(700.0)), HOURLY, Demand(None, Interval.exact(share)))
    assert again.own_usd_per_month == pytest.approx(again.rival_usd_per_month, rel=1e-6)
    assert again.months_count is not None
    # Idle power is paid too, so that it is just when the card is given up.
    assert again.months_count.mid == pytest.approx(36.0, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_less_work_never_pays_sooner(first: float, second: float) -> None:
    less, more = sorted((first, second))
    slow, fast = (
        break_even(owned(Interval.exact(700.0)), HOURLY, Demand(None, Interval.exact(use)))
        for use in (less, more)
    )
    assert slow.months_count is not None
    assert fast.months_count is not None
    assert slow.months_count.mid >= fast.months_count.mid * (1.0 - 1e-9)


def test_it_never_pays_where_electricity_costs_as_much_as_the_rent() -> None:
    site = Electricity(Interval.exact(0.80), Interval.exact(1.0))
    found = break_even(owned(Interval.exact(700.0), site=site), HOURLY, FULL)
    assert found.months_count is not None
    assert found.months_count.mid == math.inf
    assert not found.can_pay  # even around the clock
    assert not found.pays
    assert "buying never pays" in " ".join(found.explain().sentences)


def test_against_an_api_the_volume_decides() -> None:
    # F12.7: 1,300 tokens a request at $1 a million are $0.0013.
    rent = Contender("rented", CAPACITY, HOURLY)
    found = break_even(rent, api(1.0), Demand(Interval.exact(0.5)))
    assert found.rival_usd_per_month == pytest.approx(0.5 * 2.628e6 * 0.0013)
    assert found.threshold_tokens_per_month == pytest.approx(0.34 * 730.0 / 1e-6)
    assert found.months_count is None  # nothing is bought
    assert found.pays


def test_a_cheap_api_needs_more_than_the_rig_does() -> None:
    found = break_even(Contender("rented", CAPACITY, HOURLY), api(0.01), FULL)
    assert not found.can_pay
    assert found.advice == "api:acme"


def test_close_costs_are_too_close_to_call_and_the_input_that_decides_is_named() -> None:
    price = Interval(1500.0, 2500.0, 4000.0)
    found = break_even(owned(price), HOURLY, Demand(None, Interval.exact(0.35)))
    assert not found.is_sure
    assert found.advice == "too close to call"
    assert found.swings[0].given.key == "price:rtx-4090"
    assert found.swings[0].flip is not None
    again = break_even(
        owned(Interval.exact(found.swings[0].flip)), HOURLY, Demand(None, Interval.exact(0.35))
    )
    assert again.own_usd_per_month == pytest.approx(again.rival_usd_per_month, rel=1e-6)


def test_work_above_the_capacity_is_refused_as_an_answer() -> None:
    found = break_even(owned(Interval.exact(700.0)), HOURLY, Demand(Interval.exact(50.0)))
    assert "50 requests/s is above" in found.reason
    assert not found.pays


def test_the_curves_meet_in_the_month_of_the_break_even() -> None:
    months = USED.months_count
    assert months is not None
    before = [p for p in USED.curve if p.month_count < months.mid]
    after = [p for p in USED.curve if p.month_count > months.mid]
    assert before
    assert after
    assert all(p.own_usd.mid > p.rival_usd.mid for p in before)
    assert all(p.own_usd.mid < p.rival_usd.mid for p in after)
