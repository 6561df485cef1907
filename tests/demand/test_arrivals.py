"""Arrival processes: rates, burstiness, common random numbers, and what a user may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rightrig.demand.arrival_text import parse_arrivals
from rightrig.demand.arrivals import (
    AnyArrivals,
    AtOnce,
    ClosedLoop,
    Diurnal,
    GammaArrivals,
    MarkovModulated,
    Poisson,
    Replay,
    relative_rates_ratio,
)
from rightrig.demand.pauses import Pause
from rightrig.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

OPEN: tuple[Poisson | GammaArrivals | MarkovModulated | Diurnal, ...] = (
    Poisson(),
    GammaArrivals(burstiness_ratio=0.3),
    GammaArrivals(burstiness_ratio=4.0),
    MarkovModulated(rates_requests_per_s=(1.0, 20.0), sojourns_s=(60.0, 5.0)),
    MarkovModulated(rates_requests_per_s=(0.0, 9.0, 3.0), sojourns_s=(2.0, 1.0, 4.0)),
    Diurnal(peak_ratio=2.0, period_s=600.0),
    Diurnal(peak_ratio=8.0, period_s=600.0, start_ratio=0.5),
)


def times(law: AnyArrivals, count: int, seed: int = 3) -> np.ndarray:
    assert not isinstance(law, ClosedLoop)
    return law.sampled_s(count, np.random.default_rng(seed))


@pytest.mark.parametrize("law", OPEN, ids=str)
@pytest.mark.parametrize("rate", [0.5, 3.0])
def test_the_mean_rate_is_the_one_asked(law: Poisson, rate: float) -> None:
    found = times(law.at_rate(rate), 200_000)
    assert len(found) / found[-1] == pytest.approx(rate, rel=0.06)


@pytest.mark.parametrize("law", OPEN, ids=str)
def test_times_rise_from_zero_and_are_the_same_for_a_seed(law: Poisson) -> None:
    found = times(law, 5_000)
    assert found[0] >= 0.0
    assert (np.diff(found) >= 0.0).all()
    np.testing.assert_array_equal(found, times(law, 5_000))


@pytest.mark.parametrize("law", OPEN[:3], ids=str)
def test_another_rate_scales_the_same_gaps(law: Poisson) -> None:
    np.testing.assert_allclose(times(law.at_rate(4.0), 100) * 4.0, times(law.at_rate(1.0), 100))


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gaps_vary_as_one_over_the_root_of_burstiness(burstiness: float) -> None:
    gaps = np.diff(times(GammaArrivals(burstiness_ratio=burstiness), 200_000))
    assert gaps.std() / gaps.mean() == pytest.approx(burstiness**-0.5, rel=0.02)


def test_mmpp_counts_have_the_index_of_dispersion_of_theory() -> None:
    # Var/mean of counts over long windows of a two-state MMPP (Heffes and Lucantoni 1986).
    (fast, slow), (stay_fast, stay_slow) = (20.0, 1.0), (5.0, 60.0)
    leave_fast, leave_slow = 1.0 / stay_fast, 1.0 / stay_slow
    both = leave_fast + leave_slow
    mean = (fast * leave_slow + slow * leave_fast) / both
    expected = 1.0 + 2.0 * (fast - slow) ** 2 * leave_fast * leave_slow / (both**3 * mean)
    law = MarkovModulated(rates_requests_per_s=(fast, slow), sojourns_s=(stay_fast, stay_slow))
    found = times(law, 2_000_000)
    counts = np.bincount((found / 500.0).astype(int))[:-1]
    assert counts.var() / counts.mean() == pytest.approx(expected, rel=0.15)


def test_mmpp_of_equal_rates_is_poisson() -> None:
    law = MarkovModulated(rates_requests_per_s=(5.0, 5.0), sojourns_s=(1.0, 9.0))
    gaps = np.diff(times(law, 100_000))
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, rel=0.02)


def test_a_state_of_rate_zero_is_silent() -> None:
    law = MarkovModulated(rates_requests_per_s=(0.0, 100.0), sojourns_s=(1000.0, 1000.0))
    gaps = np.diff(times(law, 1_000_000))
    assert gaps.max() > 500.0
    assert np.median(gaps) < 0.02


def test_states_that_change_too_often_are_refused() -> None:
    law = MarkovModulated(rates_requests_per_s=(0.001, 0.002), sojourns_s=(1e-6, 1e-6))
    with pytest.raises(InputError, match="use longer sojourns or poisson"):
        times(law, 1000)


@pytest.mark.parametrize("peak", [1.0, 1.5, 2.0, 5.0, 40.0])
def test_the_busiest_moment_has_the_peak_rate(peak: float) -> None:
    curve = relative_rates_ratio(peak)
    assert curve.mean() == pytest.approx(1.0)
    assert curve.max() == pytest.approx(peak, rel=1e-3)
    assert curve[0] == curve.min()


def test_a_day_is_busiest_in_its_middle() -> None:
    law = Diurnal(rate_requests_per_s=10.0, peak_ratio=2.0, period_s=86_400.0)
    hours = np.histogram(times(law, 864_000) / 3600.0, np.arange(25))[0]
    assert hours[11:13].mean() / 36_000.0 == pytest.approx(2.0, rel=0.02)
    assert hours[[0, 23]].mean() == pytest.approx(0.36 * 36_000.0, rel=0.05)
    np.testing.assert_allclose(hours[:12], hours[:11:-1], rtol=0.06)


def test_a_day_may_begin_at_its_peak() -> None:
    law = Diurnal(rate_requests_per_s=10.0, peak_ratio=2.0, start_ratio=0.5)
    assert 20_000 / times(law, 20_000)[-1] == pytest.approx(20.0, rel=0.03)


def test_a_batch_is_there_at_once() -> None:
    assert times(AtOnce(), 4).tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("law", [AtOnce(), ClosedLoop(users=3)], ids=str)
def test_what_has_no_rate_cannot_be_scaled(law: AtOnce) -> None:
    with pytest.raises(InputError, match="use poisson"):
        law.at_rate(5.0)


def test_a_trace_lends_its_arrivals(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,5,5\n1,5,5\n3,5,5\n")
    np.testing.assert_allclose(times(Replay(path=str(path)), 5), (0.0, 1.0, 3.0, 4.5, 5.5))
    scaled = Replay(path=str(path)).at_rate(4.0 / 3.0)
    np.testing.assert_allclose(times(scaled, 3), (0.0, 0.5, 1.5))


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("poisson", Poisson()),
        ("poisson:rate=5/s", Poisson(rate_requests_per_s=5.0)),
        ("gamma:burstiness=0.5", GammaArrivals(burstiness_ratio=0.5)),
        (
            "mmpp:rates=0/s+20/s,sojourns=1min+5s",
            MarkovModulated(rates_requests_per_s=(0.0, 20.0), sojourns_s=(60.0, 5.0)),
        ),
        ("diurnal:peak=2,period=24h", Diurnal(peak_ratio=2.0)),
        ("diurnal:peak=2,start=0", Diurnal(peak_ratio=2.0)),
        ("closed:users=32,think=2s", ClosedLoop(users=32, think=Pause(mean_s=2.0))),
        (
            "closed:users=32,think=2s,spread=constant",
            ClosedLoop(users=32, think=Pause(kind="constant", mean_s=2.0)),
        ),
        ("closed:users=8", ClosedLoop(users=8)),
        ("at-once", AtOnce()),
        ("replay:trace=1.csv", Replay(path="trace=1.csv")),
    ],
)
def test_a_user_may_write(text: str, law: AnyArrivals) -> None:
    assert parse_arrivals(text) == law


def test_a_rate_from_elsewhere_scales_what_is_written() -> None:
    law = parse_arrivals("mmpp:rates=1/s+10/s,sojourns=60s+5s", 22.0)
    assert isinstance(law, MarkovModulated)
    assert law.rate_requests_per_s == pytest.approx(22.0)
    assert law.sojourns_s == (60.0, 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weibull", "'weibull' is no kind of arrivals"),
        ("poisson:5", "'5' is no key=value"),
        ("poisson:rate=0/s", "rate is 0"),
        ("gamma", "gamma needs burstiness"),
        ("gamma:burstiness=0", "burstiness is 0"),
        ("mmpp:rates=1/s+2/s,sojourns=3s", "sojourns_s"),
        ("mmpp:rates=1/s,sojourns=3s", "at least 2"),
        ("mmpp", "rates is ''"),
        ("diurnal:period=24h", "diurnal needs peak"),
        ("diurnal:peak=0.5", "peak_ratio"),
        ("closed:think=2s", "users"),
        ("closed:users=0", "users is 0"),
        ("closed:users=2,spread=wide", "neither constant nor exponential"),
        ("replay:", "needs the path"),
        ("poisson:colour=3", "knows no colour"),
    ],
)
def test_a_wrong_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arrivals(text)


@settings(max_examples=30)
@given(st.floats(0.01, 100.0), st.floats(0.01, 0.99))
def test_a_lognormal_pause_has_its_mean_and_median(mean_s: float, share: float) -> None:
    pause = Pause(kind="lognormal", mean_s=mean_s, median_s=mean_s * share)
    found = pause.sampled_s(20_001, np.random.default_rng(0))
    assert np.median(found) == pytest.approx(mean_s * share, rel=0.15)


def test_a_median_belongs_to_the_lognormal_alone() -> None:
    with pytest.raises(ValidationError):
        Pause(mean_s=2.0, median_s=1.0)
    with pytest.raises(ValidationError):
        Pause(kind="lognormal", mean_s=1.0, median_s=2.0)
