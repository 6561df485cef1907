"""Rates from counts: known numbers of published tables, and laws that their intervals keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.reliability.failures import Fleet, fleet_of
from rightrig.reliability.rates import (
    DAY_S,
    YEAR_S,
    at_most_ratio,
    counted_rate_per_s,
    events_range,
    rate_of,
    show_span,
    stated_rate,
)

CATALOG = shipped()
LLAMA = CATALOG.failure_rate("llama-3")


def test_w096_llama_3_is_interrupted_every_three_hours() -> None:
    fleet = fleet_of(rate_of(LLAMA), 16_384)
    assert fleet.mtbf_s.mid / 3600.0 == pytest.approx(3.093078759)
    assert fleet.mtbf_s.low < 3.0 * 3600.0 < fleet.mtbf_s.mid < fleet.mtbf_s.high
    assert fleet.expected_count(54.0 * DAY_S).mid == pytest.approx(419.0)


def test_w097_w098_a_gpu_year_is_observed_2422_times_and_fails_in_each_5_8() -> None:
    assert LLAMA.exposure_s / YEAR_S == pytest.approx(2422.275154)
    assert 1.0 / rate_of(LLAMA).events_per_year.mid == pytest.approx(5.781086286)


def test_w099_memory_of_h100_fails_once_in_33_6_gpu_years() -> None:
    years = rate_of(LLAMA, "memory").events_per_year.reciprocal()
    assert years.mid == pytest.approx(33.64271047)
    # 72 events are known to about 15 %: 80 % of the gamma law.
    assert (years.low, years.high) == pytest.approx((28.97, 39.18), abs=0.01)


def test_f067_silent_corruption_is_seen_once_in_404_gpu_years() -> None:
    years = rate_of(LLAMA, "silent").events_per_year.reciprocal()
    assert years.mid == pytest.approx(403.7, abs=0.1)
    assert years.high / years.low > 2.0


def test_w100_the_rate_of_rsc_1_gives_1_8_h_for_2048_nodes() -> None:
    record = CATALOG.failure_rate("meta-rsc-1")
    fleet = fleet_of(rate_of(record), 16_384, record.gpus_per_device_count or 1)
    assert fleet.devices_count == 2048
    assert fleet.mtbf_s.mid / 3600.0 == pytest.approx(1.802884615)
    assert fleet.mtbf_s.low == fleet.mtbf_s.high  # no count, no interval


def test_counts_and_not_the_percentages_of_the_table_are_kept() -> None:
    """The table prints 30.1 % for 148 of 419, and 58.7 % for rows that sum to 268."""
    assert LLAMA.events_count == 419
    faulty = next(cause for cause in LLAMA.causes if cause.name == "Faulty GPU")
    assert faulty.events_count / LLAMA.events_count == pytest.approx(0.353, abs=0.0005)
    gpu_rows = sum(LLAMA.events_of_count(part) for part in ("gpu", "memory", "silent"))
    assert gpu_rows == 268
    assert gpu_rows / LLAMA.events_count == pytest.approx(0.640, abs=0.0005)


def test_w107_titan_has_a_double_bit_error_in_358_gpu_years() -> None:
    rate = rate_of(CATALOG.failure_rate("titan-dbe"))
    assert 1.0 / rate.events_per_year.mid == pytest.approx(358.1546886)


def test_no_event_still_bounds_the_rate() -> None:
    rate = counted_rate_per_s(0.0, 1000.0)
    assert 0.0 < rate.low < rate.mid < rate.high < 2.0 / 1000.0


def test_a_rate_by_cause_or_over_time_that_is_not_published_is_refused() -> None:
    with pytest.raises(InputError, match="meta-rsc-1 states no rate of events by cause"):
        rate_of(CATALOG.failure_rate("meta-rsc-1"), "gpu")
    with pytest.raises(InputError, match="alibaba-2023 states no rate of events over time"):
        rate_of(CATALOG.failure_rate("alibaba-2023"))
    with pytest.raises(InputError, match="a time above 0"):
        counted_rate_per_s(1.0, 0.0)


def test_the_interval_of_a_count_holds_the_truth_four_times_in_five() -> None:
    """Counts are drawn from known rates: the 80 % interval holds about 80 % of them."""
    random = np.random.default_rng(7)
    truth = 20.0
    held = [
        (found := counted_rate_per_s(float(n), 1.0)).low <= truth <= found.high
        for n in random.poisson(truth, 4000)
    ]
    assert np.mean(held) == pytest.approx(0.8, abs=0.04)


@given(mean=st.floats(0.01, 1e4), shape=st.floats(0.05, 1e6))
def test_an_uncertain_rate_spreads_the_count_more(mean: float, shape: float) -> None:
    sure, unsure = events_range(mean), events_range(mean, shape)
    assert sure[0] <= sure[1]
    assert unsure[0] <= sure[0] + 1
    assert unsure[1] >= sure[1] - 1


@given(mean=st.floats(0.001, 300.0), count=st.integers(0, 400))
def test_a_sure_rate_is_the_poisson_law(mean: float, count: int) -> None:
    exact = math.fsum(
        math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1)
    )
    assert at_most_ratio(count, mean) == pytest.approx(exact, abs=1e-9)
    assert at_most_ratio(count, mean, 1e9) == pytest.approx(exact, abs=1e-5)


@given(devices=st.integers(1, 10**6), yearly=st.floats(1e-6, 1e3), days=st.floats(0.01, 3650.0))
def test_more_devices_fail_sooner(devices: int, yearly: float, days: float) -> None:
    one, more = (Fleet(stated_rate(yearly, "GPU"), n) for n in (devices, devices + 1))
    assert more.mtbf_s.mid < one.mtbf_s.mid
    assert one.mtbf_s.mid * devices == pytest.approx(YEAR_S / yearly)
    chance = one.interrupted_ratio(days * DAY_S).mid
    assert 0.0 <= chance <= more.interrupted_ratio(days * DAY_S).mid <= 1.0


def test_f070_sixteen_cards_are_sixteen_points_of_failure() -> None:
    """At 9 % a card and year: 1.44 failures, and at least one in 76 years of a hundred."""
    fleet = fleet_of(stated_rate(0.09, "GPU"), 16)
    assert fleet.failures_per_year.mid == pytest.approx(1.44)
    assert fleet.interrupted_ratio(YEAR_S).mid == pytest.approx(1.0 - math.exp(-1.44))


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(1116.3, "18.61 min"), (11_135.0, "3.093 h"), (20.0 * DAY_S, "20 days"), (60.0, "60 s")],
)
def test_spans_read_in_the_unit_that_people_use(time_s: float, text: str) -> None:
    assert show_span(time_s) == text
