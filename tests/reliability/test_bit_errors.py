"""Bit errors: expected numbers, classes with and without ECC, cards, and what an SLA allows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.interval import Interval
from rightrig.reliability.bit_errors import (
    by_class,
    concentration_count,
    no_error_ratio,
)
from rightrig.reliability.bit_risk import BitRisk, Cards, ErrorRates, bit_risk
from rightrig.reliability.rates import DAY_S, YEAR_S, rate_of, stated_rate
from rightrig.reliability.sla import Service, corrupted_per_event_requests

CATALOG = shipped()
LLAMA = CATALOG.failure_rate("llama-3")
DOUBLE, COMPUTE = rate_of(LLAMA, "memory"), rate_of(LLAMA, "silent")
TITAN = rate_of(CATALOG.failure_rate("titan-sbe"))
QUARTER_S = 0.25 * YEAR_S


def risk(count: int, gigabytes: float, per_gb_year: float, *, ecc: bool) -> BitRisk:
    rates = ErrorRates(stated_rate(per_gb_year, "gigabyte"), DOUBLE, COMPUTE)
    return bit_risk(Cards(count, gigabytes, ecc), rates, QUARTER_S)


def test_w105_f066_a_thousand_cards_of_80_gb_see_20_000_errors_in_a_quarter() -> None:
    """The article says 80,000: it forgot that a quarter is no year."""
    found = risk(1000, 80.0, 1.0, ecc=True)
    assert found.single_count.mid == pytest.approx(20_000.0)
    assert found.classes.corrected_count == found.single_count
    assert risk(1, 80.0, 1.0, ecc=True).single_count.mid == pytest.approx(20.0)


def test_f068_72_000_silent_errors_only_where_one_a_gigabyte_and_month_is_asserted() -> None:
    asserted = risk(1000, 24.0, 12.0, ecc=False)
    assert asserted.single_count.mid == pytest.approx(72_000.0)
    assert asserted.classes.silent_count.mid == pytest.approx(72_008.0, abs=0.1)
    published = bit_risk(
        Cards(1000, 24.0, ecc=False), ErrorRates(TITAN, DOUBLE, COMPUTE), QUARTER_S
    )
    assert published.single_count.mid == pytest.approx(6000.0 * 0.5837484433)
    assert asserted.single_count.mid / published.single_count.mid == pytest.approx(20.56, abs=0.01)


def test_w106_titan_saw_0_58_errors_a_gigabyte_and_year() -> None:
    assert TITAN.events_per_year.mid == pytest.approx(0.5837484433)


def test_f067_uncorrectable_errors_of_a_fleet_follow_from_33_6_gpu_years() -> None:
    found = risk(1000, 80.0, 1.0, ecc=True)
    assert found.classes.detected_count.mid == pytest.approx(250.0 / 33.64271047)


def test_ecc_moves_errors_between_classes_and_leaves_their_number() -> None:
    single, double, other = (Interval.exact(x) for x in (100.0, 10.0, 1.0))
    guarded, bare = (by_class(single, double, other, ecc=ecc) for ecc in (True, False))
    assert guarded.corrected_count.mid == 100.0
    assert guarded.detected_count.mid == 10.0
    assert guarded.silent_count.mid == 1.0
    assert bare.silent_count.mid == 111.0
    assert bare.corrected_count.mid == bare.detected_count.mid == 0.0


def test_titan_had_its_errors_on_fewer_cards_than_chance_gives() -> None:
    record = CATALOG.failure_rate("titan-dbe-new")
    shape = concentration_count(record)
    assert shape == pytest.approx(0.0405, abs=0.0005)
    mean = record.events_count / 11_370
    assert (1.0 - no_error_ratio(mean, shape)) * 11_370 == pytest.approx(99.0, abs=0.01)
    assert (1.0 - no_error_ratio(mean, math.inf)) * 11_370 == pytest.approx(110.5, abs=0.1)
    assert concentration_count(LLAMA) == math.inf


def test_the_share_of_cards_with_an_error_is_that_of_drawn_cards() -> None:
    """Rates of cards drawn from a gamma law of mean 0.5 and shape 0.3."""
    random = np.random.default_rng(3)
    rates = random.gamma(0.3, 0.5 / 0.3, 200_000)
    hit = (random.poisson(rates) > 0).mean()
    assert 1.0 - no_error_ratio(0.5, 0.3) == pytest.approx(hit, abs=0.004)


@given(mean=st.floats(1e-6, 1e3), shape=st.floats(1e-3, 1e6), cards=st.integers(1, 100_000))
def test_concentration_spares_cards_and_fleets(mean: float, shape: float, cards: int) -> None:
    spread, few = no_error_ratio(mean, math.inf), no_error_ratio(mean, shape)
    assert 0.0 <= spread <= few * (1.0 + 1e-9)
    assert no_error_ratio(mean, shape, cards) == pytest.approx(few**cards, abs=1e-9)


# Service levels.

RATES = ErrorRates(TITAN, DOUBLE, COMPUTE)
EIGHT_4090 = Cards(8, 24.0, ecc=False)
SERVICE = Service(1e6, 0.999, reload_s=30.0 * DAY_S)


def kept(cards: Cards, service: Service) -> str:
    found = bit_risk(cards, RATES, YEAR_S, service)
    assert found.sla is not None
    return found.sla.kept


def test_f202_errors_are_an_unacceptable_risk_to_a_strict_promise() -> None:
    found = bit_risk(EIGHT_4090, RATES, YEAR_S, replace(SERVICE, promised_ratio=0.9999))
    assert found.sla is not None
    assert found.sla.kept == "no"
    assert "an unacceptable risk to this promise" in found.explain().sentences[-1]


def test_f202_the_same_errors_are_not_significant_for_a_loose_one() -> None:
    found = bit_risk(EIGHT_4090, RATES, YEAR_S, replace(SERVICE, promised_ratio=0.8))
    assert found.sla is not None
    assert found.sla.kept == "surely"
    assert "not significant for this promise" in found.explain().sentences[-1]


def test_f180_ecc_keeps_the_strict_promise() -> None:
    strict = replace(SERVICE, promised_ratio=0.9999)
    assert (kept(EIGHT_4090, strict), kept(replace(EIGHT_4090, ecc=True), strict)) == (
        "no", "surely",
    )  # fmt: skip


def test_f069_weights_that_are_loaded_anew_keep_what_stale_ones_break() -> None:
    """An error in a weight lasts until the next load; one in a cache touches one answer."""
    daily = replace(SERVICE, reload_s=DAY_S)
    assert (kept(EIGHT_4090, SERVICE), kept(EIGHT_4090, daily)) == ("no", "likely")
    assert corrupted_per_event_requests(replace(SERVICE, weights_ratio=0.0), 8) == 1.0
    # 0.8 of the errors touch 125,000 answers a day for 15 days, the others one.
    assert corrupted_per_event_requests(SERVICE, 8) == pytest.approx(0.8 * 1_875_000.0 + 0.2)


@given(promised=st.floats(0.5, 0.999999), volume=st.floats(1.0, 1e9), reload_s=st.floats(60.0, 1e8))
def test_a_stricter_promise_is_never_kept_more_surely(
    promised: float, volume: float, reload_s: float
) -> None:
    order = ("no", "likely", "surely")
    service = Service(volume, promised, reload_s=reload_s)
    stricter = replace(service, promised_ratio=promised + (1.0 - promised) / 2.0)
    assert order.index(kept(EIGHT_4090, stricter)) <= order.index(kept(EIGHT_4090, service))
    found = bit_risk(EIGHT_4090, RATES, YEAR_S, service).sla
    assert found is not None
    assert found.corrupted_ratio.high <= 1.0 + 1e-12
