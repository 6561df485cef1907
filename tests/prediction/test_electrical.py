"""Amperes, breakers, plugs, batteries, heat; supplies and their transients (formulas F13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.prediction.electrical import (
    IEC_BREAKERS_A,
    NEC_BREAKERS_A,
    Feed,
    air_cfm,
    battery_j,
    cooling_tons_count,
    heat_btu_per_hour,
    inlet_of,
    plug_of,
    ups_va,
)
from rightrig.prediction.power_supply import supplies_for, transients

DGX_W = 10_200.0
FEEDS = st.builds(
    Feed,
    st.sampled_from([120.0, 208.0, 230.0, 400.0]),
    st.sampled_from([1, 3]),
    st.floats(0.5, 1.0),
)


def test_a_dgx_h100_takes_thirty_amperes_of_three_phases_at_208_v() -> None:
    feed = Feed(208.0, 3, 0.95)
    # 10,200 / (√3 · 208 · 0.95).
    assert feed.load_a(DGX_W) == pytest.approx(29.80, abs=0.01)
    assert feed.breaker_a(feed.load_a(DGX_W)) == 40.0


def test_a_15_a_circuit_carries_1440_va_for_hours() -> None:
    assert Feed(120.0, 1, 1.0).continuous_w(15.0) == pytest.approx(1440.0)
    assert Feed(120.0, 1, 1.0).breaker_a(12.0) == 15.0
    assert Feed(120.0, 1, 1.0).breaker_a(12.1) == 20.0


def test_breakers_follow_the_voltage() -> None:
    assert Feed(400.0, 3).standard == "IEC"
    assert Feed(400.0, 3, 1.0).breaker_a(13.0) == 20.0
    assert Feed(208.0, 3, 1.0).breaker_a(13.0) == 20.0
    assert Feed(230.0, 1, 1.0).breaker_a(12.8) == 16.0
    assert Feed(208.0, 3).breaker_a(6_000.0) is None


def test_a_ups_and_its_batteries_for_a_dgx() -> None:
    assert ups_va(DGX_W, 0.95) == pytest.approx(13_421, abs=1)
    assert battery_j(DGX_W, 600.0) / 3.6e6 == pytest.approx(1.7 / (0.92 * 0.8))


def test_every_watt_becomes_heat() -> None:
    assert heat_btu_per_hour(DGX_W) == pytest.approx(34_804, abs=1)
    assert cooling_tons_count(3_517.0) == pytest.approx(1.0, rel=1e-3)
    # 3.16 · W / ΔT in °F: the rule of thumb of data centres.
    assert air_cfm(DGX_W, 20.0 / 1.8) == pytest.approx(3.16 * DGX_W / 20.0, rel=1e-3)


def test_inlets_and_plugs_end_where_their_rating_does() -> None:
    found = [inlet_of(current) for current in (10.0, 10.1, 16.0, 16.1)]
    assert [None if inlet is None else inlet.name for inlet in found] == [
        "C13/C14", "C19/C20", "C19/C20", None,
    ]  # fmt: skip
    plugs = {
        (120.0, 1, 15.0): "NEMA 5-15",
        (208.0, 1, 30.0): "NEMA L6-30",
        (208.0, 3, 60.0): "IEC 60309 63 A",
        (400.0, 3, 32.0): "IEC 60309 32 A",
    }
    for (volts, phases, breaker), name in plugs.items():
        plug = plug_of(Feed(volts, phases), breaker)
        assert plug is not None
        assert plug.name == name
    assert plug_of(Feed(400.0, 3), 160.0) is None


@given(FEEDS, st.floats(100.0, 200_000.0))
def test_a_breaker_carries_its_load_and_the_next_smaller_does_not(
    feed: Feed, power_w: float
) -> None:
    breaker = feed.breaker_a(feed.load_a(power_w))
    if breaker is not None:
        assert feed.continuous_w(breaker) >= power_w * (1 - 1e-6)
        below = [size for size in feed.breakers_a if size < breaker]
        assert not below or feed.continuous_w(below[-1]) < power_w


def test_standard_ratings_rise() -> None:
    assert list(NEC_BREAKERS_A) == sorted(set(NEC_BREAKERS_A))
    assert list(IEC_BREAKERS_A) == sorted(set(IEC_BREAKERS_A))


def test_intels_example_of_a_300_w_card_and_a_300_w_processor() -> None:
    # Intel: 750 W with ATX 3.0, 1100 W with ATX 2.x (record transient-psu-sizing-example). 600 W
    # for hours ask for 667; the next standard rating that leaves room is 750.
    found = transients(300.0, 300.0, 300.0)
    supplies = supplies_for(600.0, found, "desktop", "none")
    assert (supplies.count, supplies.rating_w) == (1, 750.0)
    # Without the excursions of ATX 3, the worst 100 µs alone ask for about what Intel says.
    assert found[0].power_w == pytest.approx(1200.0)
    assert found[0].power_w == pytest.approx(1100.0, rel=0.1)


def test_four_h100_reach_more_than_four_kilowatts_for_milliseconds() -> None:
    # Seeds: "4 × 700 W = 2800 W, transients can hit 4000 W"; 1.4 to 1.6 times is 3.9 to 4.5 kW.
    one_ms = transients(700.0, 2800.0, 0.0)[1]
    assert one_ms.duration_s == pytest.approx(1e-3)
    assert 3_900.0 <= one_ms.power_w <= 4_500.0


@pytest.mark.parametrize(("redundancy", "count"), [("none", 4), ("n+1", 5), ("2n", 8)])
def test_redundant_supplies_of_a_dgx(redundancy: str, count: int) -> None:
    found = transients(700.0, 5600.0, 4000.0)
    supplies = supplies_for(9_600.0, found, "server", redundancy)  # type: ignore[arg-type]
    assert supplies.count == count
    assert supplies.rating_w <= 3300.0
    assert supplies.working_count * supplies.rating_w * 0.9 >= 9_600.0


@given(st.floats(50.0, 1200.0), st.integers(1, 16), st.floats(0.0, 2000.0))
def test_longer_transients_are_never_worse_and_supplies_bear_them(
    card_w: float, cards: int, host_w: float
) -> None:
    cards_w = card_w * cards
    found = transients(card_w, cards_w, host_w)
    draws = [one.power_w for one in found]
    assert draws == sorted(draws, reverse=True)
    supplies = supplies_for(cards_w + host_w, found, "desktop", "none")
    whole_w = supplies.rating_w * supplies.count
    assert all(one.rating_w <= whole_w * (1 + 1e-9) for one in found)
