"""Costs without an invoice: hours, lost requests, gained work, and bandwidth between cards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.bandwidth_loss import lost_bandwidth_usd_per_year, lost_work_ratio
from rightrig.costs.soft import Labour, abandoned_usd_per_month, debugging_usd, gain_usd_per_year
from rightrig.planning.questions.scaling import cost_with_overhead_usd

shares = st.floats(0.0, 1.0)
losses = st.floats(0.0, 0.95)


def test_twenty_hours_of_an_engineer() -> None:
    # F092
    assert debugging_usd(Labour(20.0, 100.0)) == 2_000.0


def test_one_percent_of_two_requests_a_second_lost_at_5_cents() -> None:
    # F085: 2/s · 1 % · $0.05 · 2,628,000 s.
    assert abandoned_usd_per_month(2.0, 0.01, 0.05) == pytest.approx(2_628.0)


def test_ten_percent_of_a_thousand_cards_is_worth_2_2_million_a_year() -> None:
    # F098
    assert gain_usd_per_year(0.1, 1_000, 2.5) == pytest.approx(2_190_000.0)


def test_a_fifth_of_the_bandwidth_of_8000_cards_fully_exposed_costs_35_million() -> None:
    # F064
    assert lost_bandwidth_usd_per_year(0.2, 1.0, 8_000, 2.5) == pytest.approx(35_040_000.0)


@given(losses, st.integers(1, 10_000))
def test_hidden_communication_costs_nothing(loss: float, cards: int) -> None:
    # F064
    assert lost_bandwidth_usd_per_year(loss, 0.0, cards, 2.5) == 0.0


@given(losses, shares)
def test_lost_work_is_between_nothing_and_the_lost_bandwidth(loss: float, exposed: float) -> None:
    # F064
    assert -1e-12 <= lost_work_ratio(loss, exposed) <= loss + 1e-12


@given(losses, shares, st.integers(1, 1_000))
def test_a_thousand_times_the_cards_lose_a_thousand_times_the_money(
    loss: float, exposed: float, cards: int
) -> None:
    # F064: the same exposed share, 8 → 8000 cards.
    few = lost_bandwidth_usd_per_year(loss, exposed, cards, 2.5)
    many = lost_bandwidth_usd_per_year(loss, exposed, 1_000 * cards, 2.5)
    assert many == pytest.approx(1_000.0 * few)


@pytest.mark.parametrize(
    ("cost", "overhead", "effective"), [(136.0, 0.05, 143.16), (238.0, 0.02, 242.86)]
)
def test_a_training_that_waits_costs_more(cost: float, overhead: float, effective: float) -> None:
    # F058
    assert cost_with_overhead_usd(cost, overhead) == pytest.approx(effective, abs=5e-3)
