"""What rigs ask of a room: question F198, and where cards can stand (F203)."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.electrifying import Circuit, Installation, Site, installation
from rightrig.planning.placing import placements
from rightrig.prediction.electrical import Feed

CATALOG: Final = rightrig.shipped()
HOME: Final = Feed(120.0, 1, 0.95)
HALL: Final = Feed(208.0, 3, 0.95)


def sized(rig: str, site: Site) -> Installation:
    return installation(parse_rig(rig, CATALOG), rig, site, CATALOG)


@pytest.mark.parametrize("rig", ["dgx-h100", "8xh100-sxm"])
def test_a_dgx_h100_draws_10_2_kw_by_any_name(rig: str) -> None:
    found = sized(rig, Site(HALL))
    assert found.peak_w.mid == pytest.approx(10_200.0)
    assert found.load_a == pytest.approx(29.80, abs=0.01)
    assert found.machine_breaker_a == 40.0
    assert found.ups_va == pytest.approx(13_421, abs=1)
    assert found.heat_btu_per_hour == pytest.approx(34_804, abs=1)
    assert found.units_count == 8
    assert "DGX H100" in found.machine.host.source


def test_a_lower_limit_takes_its_watts_off_a_known_machine() -> None:
    assert sized("8xh100-sxm@500w", Site(HALL)).peak_w.mid == pytest.approx(10_200.0 - 8 * 200.0)


def test_four_rtx_4090_do_not_run_on_an_ordinary_american_outlet() -> None:
    found = sized("4xrtx-4090", Site(HOME, circuit=Circuit(HOME, 15.0)))
    assert found.fits_circuit is False
    assert not found.yes
    assert found.circuits_count == 2
    # Nor with any limit above 60 %: 4 × 270 W and the host are more than 1,368 W.
    assert found.cap_w is None
    assert found.machine.supplies.count == 2


def test_a_limit_lets_two_cards_run_on_it() -> None:
    free = sized("2xrtx-4090", Site(HOME, circuit=Circuit(HOME, 15.0)))
    assert free.fits_circuit is False
    assert free.cap_w is not None
    assert free.cap_w % 5.0 == 0.0
    capped = f"2xrtx-4090@{free.cap_w:.0f}w"
    assert sized(capped, Site(HOME, circuit=Circuit(HOME, 15.0))).fits_circuit
    above = f"2xrtx-4090@{free.cap_w + 10:.0f}w"
    assert not sized(above, Site(HOME, circuit=Circuit(HOME, 15.0))).fits_circuit


def test_a_rack_of_17_kw_holds_one_dgx_and_of_41_kw_four() -> None:
    for limit_w, racks in ((17_000.0, 4), (41_000.0, 1), (10_000.0, None)):
        found = sized("dgx-h100", Site(HALL, 4, rack_limit_w=limit_w))
        assert found.racks_count == racks
        assert found.yes == (racks is not None)


def test_supplies_of_a_high_voltage_hang_on_one_phase() -> None:
    found = sized("dgx-h100", Site(Feed(400.0, 3, 1.0)))
    working = found.machine.supplies.working_count
    assert found.supply_a == pytest.approx(10_200.0 / working / (400.0 / 3**0.5))


def test_nodes_of_a_rig_are_machines() -> None:
    assert sized("2n:8xh100-sxm", Site(HALL, 3)).machines_count == 6


def test_a_rig_that_no_maker_sells_has_an_estimated_host_with_a_width() -> None:
    host = sized("4xl40s", Site(HALL)).machine.host
    assert host.source.startswith("host: estimated")
    assert 0.0 < host.power_w.low < host.power_w.mid < host.power_w.high


@given(
    st.sampled_from(["1xrtx-3090", "8xh200-sxm", "4xl40s", "mac-studio-m3-ultra"]),
    st.integers(1, 500),
)
def test_everything_grows_with_the_machines(rig: str, count: int) -> None:
    one, many = sized(rig, Site(HALL)), sized(rig, Site(HALL, count))
    for name in ("load_a", "ups_va", "battery_j", "heat_btu_per_hour", "air_cfm"):
        assert getattr(many, name) == pytest.approx(count * getattr(one, name))
    assert many.machine == one.machine
    assert (many.racks_count or 0) >= (one.racks_count or 0)


def test_a_machine_of_which_only_the_whole_is_published_draws_that() -> None:
    found = sized("mac-studio-m3-ultra", Site(HOME, circuit=Circuit(HOME, 15.0)))
    assert found.peak_w.mid == pytest.approx(480.0)
    assert found.fits_circuit
    assert "its chip alone is not published" in found.explain().sentences[0]


def test_parts_of_cards_and_unknown_watts_are_refused() -> None:
    with pytest.raises(InputError, match="counts MIG instances"):
        sized("2xa100-sxm-80gb@mig=1g.10gb", Site(HALL))
    with pytest.raises(InputError, match="name its limit, as @300w"):
        sized("1xtpu-v5e", Site(HALL))


@pytest.mark.parametrize(
    ("rig", "rule", "word", "says"),
    [
        ("4xrtx-4090", "PL1", "no", "4 cards of 3 slots need 12"),
        ("4xrtx-3090@350w", "PL2", "care", "inner ones breathe"),
        ("1xrtx-4090", "PL2", "fine", "in an ordinary case"),
        ("4xl40s", "PL3", "care", "has no fan"),
        # F203: 700 W run on air; liquid is a choice.
        ("8xh100-sxm", "PL4", "fine", "not a need"),
        ("8xgb200", "PL4", "care", "water loop"),
    ],
)
def test_cards_stand_where_their_cooling_lets_them(
    rig: str, rule: str, word: str, says: str
) -> None:
    found = {one.rule_id: one for one in placements(parse_rig(rig, CATALOG))}
    assert found[rule].word == word
    assert says in found[rule].sentence
