"""Dollars a token, a request and a slot: the worked figures, and shares that make the bill."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.money import owned_cost_usd_per_token
from rightrig.costs.token_price import (
    Shares,
    affordable_duty_ratio,
    idle_usd_per_month,
    request_usd,
    slot_usd_per_hour,
    token_prices,
    work_per_usd_ratios,
)

H100_USD, RTX_4090_USD = 31_470.0, 2_535.0


@pytest.mark.parametrize(
    ("total", "speed", "usd_per_million"),
    [
        (H100_USD, 95.0, 3.501),
        (RTX_4090_USD, 42.0, 0.638),
        (H100_USD, 2800.0, 0.1188),
        (RTX_4090_USD, 320.0, 0.0837),
    ],
)
def test_the_four_costs_of_a_million_tokens(
    total: float, speed: float, usd_per_million: float
) -> None:
    # F076, W108 to W111: three years around the clock.
    found = owned_cost_usd_per_token(total, speed, 3.0) * 1e6
    assert found == pytest.approx(usd_per_million, rel=5e-4)


def test_the_4090_costs_less_at_batch_1_and_at_batch_32_on_those_inputs() -> None:
    # F077: 5.49 times at batch 1, and 1.42 times, not the H100 seven times, at batch 32.
    for speeds, ratio in (((95.0, 42.0), 5.49), ((2800.0, 320.0), 1.42)):
        h100 = owned_cost_usd_per_token(H100_USD, speeds[0], 3.0)
        rtx = owned_cost_usd_per_token(RTX_4090_USD, speeds[1], 3.0)
        assert h100 / rtx == pytest.approx(ratio, abs=0.005)


def test_work_for_a_dollar_has_no_value_without_a_price() -> None:
    # F080: an undefined denominator is N/A.
    found = work_per_usd_ratios({"h100": 0.1188e-6, "4090": 0.0837e-6, "13B on 4090": None})
    assert found["h100"] == pytest.approx(0.7045, abs=1e-3)
    assert found["4090"] == 1.0
    assert found["13B on 4090"] is None


def test_a_place_on_the_4090_costs_a_seventh_more_and_not_four_times_as_much() -> None:
    # F083: $0.34/h for 8 sequences and $1.19/h for 32.
    ratio = slot_usd_per_hour(0.34, 8) / slot_usd_per_hour(1.19, 32)
    assert ratio == pytest.approx(1.1429, abs=1e-4)


def test_a_request_costs_what_it_does_up_to_the_capacity_and_has_no_cost_above() -> None:
    # F084: 9.44e-7 at 100 requests/s for $0.34/h; 80 is what the card carries.
    assert request_usd(0.34, 100.0) == pytest.approx(9.444e-7, rel=1e-3)
    assert request_usd(0.34, 100.0, 80.0) is None
    assert request_usd(0.34, 80.0, 80.0) == pytest.approx(1.1806e-6, rel=1e-3)


def test_500_dollars_a_month_rent_an_l40s_for_46_to_86_percent_of_the_hours() -> None:
    # F094: at $1.50 and $0.80 an hour.
    assert affordable_duty_ratio(500.0, 1.50) == pytest.approx(0.4566, abs=1e-3)
    assert affordable_duty_ratio(500.0, 0.80) == pytest.approx(0.8562, abs=1e-3)
    assert affordable_duty_ratio(5000.0, 0.80) == 1.0


@given(
    st.floats(1e-7, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(2, 10_000),
    st.integers(1, 2_000), st.floats(0.0, 0.95),
)  # fmt: skip
def test_the_tokens_of_a_request_cost_together_what_it_costs(
    usd: float, output: float, cached: float, reads: int, writes: int, hit: float
) -> None:
    held = float(int(hit * reads))
    rest = 1.0 - output
    shares = Shares(output, rest * (1.0 - cached), rest * cached) if held else Shares(
        output, rest, 0.0
    )  # fmt: skip
    found = token_prices(usd, shares, float(reads), float(writes), held)
    total = found.input_usd_per_token * (reads - held) + found.output_usd_per_token * writes
    total += (found.cached_usd_per_token or 0.0) * held
    assert total == pytest.approx(usd, rel=1e-9)
    assert (found.cached_usd_per_token is None) == (held == 0.0)


@given(st.floats(0.1, 1e6), st.floats(0.01, 1.0))
def test_idle_and_busy_time_make_the_bill(usd: float, use: float) -> None:
    assert idle_usd_per_month(usd, use) + usd * use == pytest.approx(usd)
