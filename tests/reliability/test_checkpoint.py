"""Intervals between saves: known numbers, the exact optimum, and runs whose failures are drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.reliability.checkpoint import (
    Saving,
    availability_period_s,
    choices,
    daly_s,
    expected_s,
    first_order_waste_ratio,
    kept_saves_count,
    optimal_s,
    save_time_s,
    useful_ratio,
    waste_ratio,
    young_s,
)
from rightrig.reliability.checkpoint_simulation import draw_runs
from rightrig.reliability.failures import Fleet, fleet_of
from rightrig.reliability.rates import DAY_S, YEAR_S, rate_of, stated_rate
from rightrig.reliability.run_risk import run_risk

MTBF_S = 3.093078759 * 3600.0
LLAMA = Saving(MTBF_S, 60.0, 600.0)
SAVINGS = st.builds(
    Saving,
    mtbf_s=st.floats(1e3, 1e7),
    save_s=st.floats(0.1, 100.0),
    restart_s=st.floats(0.0, 500.0),
    detection_s=st.floats(0.0, 500.0),
)


def test_w101_young() -> None:
    assert young_s(60.0, MTBF_S) == pytest.approx(1155.945511)


def test_w102_daly() -> None:
    assert daly_s(60.0, MTBF_S) == pytest.approx(1116.291548)
    assert daly_s(60.0, 20.0) == 20.0  # saves take longer than machines live


def test_w103_most_availability() -> None:
    assert availability_period_s(60.0, MTBF_S, 600.0) == pytest.approx(1248.196122)


def test_w104_first_order_waste() -> None:
    saving = Saving(11_136.0, 60.0, 600.0)
    assert first_order_waste_ratio(young_s(60.0, 11_136.0), saving) == pytest.approx(
        0.1576948665, rel=1e-4
    )


def test_w116_waste_of_a_spot_machine_makes_its_dollar_an_hour_1_15() -> None:
    saving = Saving(6.0 * 3600.0, 120.0, 600.0)
    waste = first_order_waste_ratio(young_s(120.0, saving.mtbf_s), saving)
    assert 1.0 / (1.0 - waste) == pytest.approx(1.153651408)


@given(saving=SAVINGS)
def test_the_closed_form_is_where_the_expected_time_is_least(saving: Saving) -> None:
    best = optimal_s(saving.save_s, saving.mtbf_s)
    bounds = (best / 10.0, best * 10.0)
    found = minimize_scalar(
        lambda interval_s: expected_s(1.0, interval_s, saving),
        bounds=bounds, method="bounded", options={"xatol": best * 1e-9},
    )  # fmt: skip
    assert expected_s(1.0, best, saving) <= found.fun * (1.0 + 1e-9)
    assert best == pytest.approx(found.x, rel=1e-3)


@given(saving=SAVINGS)
def test_published_intervals_waste_no_less_than_the_optimum(saving: Saving) -> None:
    best, *others = choices(saving)
    assert all(other.useful_ratio <= best.useful_ratio + 1e-12 for other in others)
    assert 0.0 < best.useful_ratio < 1.0
    # Daly's series is the optimum's, as far as saves are short.
    if saving.save_s < 0.01 * saving.mtbf_s:
        assert daly_s(saving.save_s, saving.mtbf_s) == pytest.approx(best.interval_s, rel=0.01)


@pytest.mark.parametrize(
    "saving",
    [
        LLAMA,
        replace(LLAMA, detection_s=300.0),
        replace(LLAMA, save_s=5.0, flush_s=120.0),
        Saving(1200.0, 60.0, 60.0),
        Saving(30.0 * 3600.0, 20.0, 600.0),
    ],
)
def test_drawn_runs_take_the_expected_time_within_2_percent(saving: Saving) -> None:
    interval = optimal_s(saving.save_s, saving.mtbf_s)
    work = 500.0 * interval
    drawn = draw_runs(work, interval, saving)
    assert drawn.mean_s == pytest.approx(expected_s(work, interval, saving), rel=0.02)
    assert drawn.mean_error_s < 0.005 * drawn.mean_s
    assert drawn.elapsed_s.low < drawn.mean_s < drawn.elapsed_s.high


def test_the_optimum_is_that_of_drawn_runs_within_2_percent() -> None:
    """The interval of least drawn time, by a parabola through its times at several intervals."""
    best = optimal_s(60.0, MTBF_S)
    work = 2000.0 * best
    factors = [0.5, 0.7, 1.0, 1.4, 2.0]
    times = [draw_runs(work, best * x, LLAMA, runs_count=4000, seed=5).mean_s for x in factors]
    assert min(times) == times[2]
    # Time is A/τ + B + D·τ to first order: A and D by the ends, the least at √(A/D).
    low, mid, high = times[0], times[2], times[4]
    # A·(2 − 1) + D·(½ − 1) = low − mid, A·(½ − 1) + D·(2 − 1) = high − mid.
    a = ((low - mid) + 0.5 * (high - mid)) / 0.75
    d = ((high - mid) + 0.5 * (low - mid)) / 0.75
    assert expected_s(work, best * math.sqrt(a / d), LLAMA) == pytest.approx(
        expected_s(work, best, LLAMA), rel=0.002
    )
    assert math.sqrt(a / d) == pytest.approx(1.0, abs=0.1)


def test_a_run_without_failures_takes_its_work_and_its_saves() -> None:
    drawn = draw_runs(1000.0, 300.0, Saving(1e15, 10.0))
    assert drawn.mean_s == 1000.0 + 4 * 10.0
    assert drawn.failures_count == 0.0


def test_a_save_in_the_background_stops_the_run_less_and_loses_more() -> None:
    blocking, background = Saving(MTBF_S, 60.0, 600.0), Saving(MTBF_S, 5.0, 600.0, 0.0, 60.0)
    assert choices(background)[0].useful_ratio > choices(blocking)[0].useful_ratio
    instant = replace(background, flush_s=0.0)
    assert choices(instant)[0].useful_ratio > choices(background)[0].useful_ratio
    slow = replace(background, flush_s=5000.0)
    assert all(one.interval_s >= 5000.0 for one in choices(slow))


def test_late_detection_asks_for_older_saves() -> None:
    assert kept_saves_count(600.0, Saving(MTBF_S, 60.0)) == 1
    assert kept_saves_count(600.0, Saving(MTBF_S, 60.0, detection_s=3600.0)) == 7


def test_a_save_takes_its_bytes_over_the_bandwidth() -> None:
    assert save_time_s(2e12, 1e11) == 20.0


def test_no_run_ends_whose_saves_take_longer_than_machines_live() -> None:
    hopeless = Saving(1.0, 1000.0)
    assert useful_ratio(optimal_s(1000.0, 1.0), hopeless) == 0.0
    assert waste_ratio(10.0, hopeless) == 1.0
    with pytest.raises(InputError, match="at least 1 % of its time"):
        draw_runs(100.0, 10.0, hopeless)
    fleet = Fleet(stated_rate(YEAR_S, "whole system"), 1)
    assert run_risk(fleet, 8, DAY_S, hopeless).drawn is None


def test_a_run_of_very_many_failures_is_told_by_its_mean() -> None:
    fleet = fleet_of(rate_of(shipped().failure_rate("llama-3")), 16_384)
    found = run_risk(fleet, 16_384, 3000.0 * DAY_S, LLAMA)
    assert found.drawn is None
    assert "3000 days of work take 3,51" in found.explain().sentences[-1]


@pytest.mark.parametrize("times", [(0.0, 60.0), (100.0, 0.0), (100.0, 60.0, -1.0)])
def test_times_that_no_run_has_are_refused(times: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        Saving(*times)


def test_f073_a_month_on_16384_gpus_is_interrupted_233_times() -> None:
    record = shipped().failure_rate("llama-3")
    fleet = fleet_of(rate_of(record), 16_384)
    found = run_risk(fleet, 16_384, 30.0 * DAY_S, LLAMA)
    assert found.expected_count.mid == pytest.approx(419.0 * 30.0 / 54.0)
    assert found.interrupted_ratio.mid == pytest.approx(1.0)
    assert found.useful_ratio.mid == pytest.approx(0.8526, abs=0.0005)
    assert found.lost_s.mid / 3600.0 == pytest.approx(106.2, abs=0.5)
    assert found.drawn is not None
    assert found.work_s.mid / found.span_s == pytest.approx(
        found.span_s / found.drawn.mean_s, rel=0.02
    )


def test_f073_a_month_on_8_gpus_is_interrupted_one_time_in_nine() -> None:
    fleet = fleet_of(rate_of(shipped().failure_rate("llama-3")), 8)
    found = run_risk(fleet, 8, 30.0 * DAY_S, LLAMA)
    assert found.interrupted_ratio.mid == pytest.approx(0.1075, abs=0.001)
    assert found.useful_ratio.mid > 0.98
