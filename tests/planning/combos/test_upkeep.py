"""What a rig takes to run and to own, on its page: watts, electricity, threshold, failures."""

from __future__ import annotations

import functools

import pytest

import rightrig
from rightrig.planning.combos.combo import Combo, combo
from rightrig.planning.combos.failure_modes import failure_modes, whole_cards_count
from rightrig.planning.combos.memory import pooled_memory
from rightrig.planning.combos.rig_risk import CARD_PRESET, rig_risk
from rightrig.planning.combos.upkeep import LIMITS, Power, upkeep
from rightrig.planning.costing.electricity import EnergyBill, draw_of_rig
from rightrig.quantities import GIB

CATALOG = rightrig.shipped()
SLICES = "7xh100-sxm@mig=1g.10gb"


def rig(text: str) -> rightrig.Rig:
    return rightrig.parse_rig(text, CATALOG)


@functools.cache
def page(text: str) -> Combo:
    return combo(CATALOG, rig(text))


def power(text: str) -> Power:
    found = page(text).upkeep.power
    assert found is not None
    return found


def test_cards_draw_least_idle_and_most_at_their_limits() -> None:
    draws = {one.name: one for one in power("4xh100-sxm").draws}
    mids = [one.power_w.mid for one in draws.values()]
    assert list(draws) == [
        "idle", "prompts", "decoding, one user", "decoding, full load", LIMITS,
    ]  # fmt: skip
    assert min(mids) == mids[0] == pytest.approx(0.12 * 2800.0)
    assert max(mids) == mids[-1] == 2800.0
    assert draws["decoding, one user"].power_w.mid < draws["decoding, full load"].power_w.mid


def test_a_year_on_the_page_is_the_year_of_the_energy_bill() -> None:
    found = power("8xh100-sxm")
    draw = draw_of_rig(rig("8xh100-sxm"), 1.0, found.host_w.mid)
    # 5,600 W of cards and 4,600 W beside them: the 10.2 kW of a DGX H100.
    assert draw.busy_power_w == pytest.approx(10_200.0)
    bill = EnergyBill(draw, found.tariff, 1.0)
    assert found.draws[-1].cost_usd_per_year == pytest.approx(bill.usd_per_year)


def test_machines_of_a_rig_add_up() -> None:
    one, two = power("8xh100-sxm"), power("2n:8xh100-sxm")
    assert two.host_w.mid == pytest.approx(2.0 * one.host_w.mid)
    assert two.draws[-1].power_w.mid == pytest.approx(2.0 * one.draws[-1].power_w.mid)
    assert two.draws[-1].cost_usd_per_year == pytest.approx(2.0 * one.draws[-1].cost_usd_per_year)


def test_all_in_is_cards_host_and_network() -> None:
    # F096: four RTX 4090 are bought one by one and want a host; one node wants no network.
    bill = page("4xrtx-4090").upkeep.bill
    assert bill is not None
    lines = {line.key: line.amount_usd.mid for line in bill.lines}
    assert lines["hardware"] > 0.0
    assert lines["host"] > 0.0
    assert lines["network"] == 0.0
    assert bill.price_usd.mid == pytest.approx(lines["hardware"] + lines["host"])


@pytest.mark.parametrize(
    ("rent_ratio", "cheaper"),
    [(None, "not known"), (0.5, "renting"), (1.0, "too close to call"), (2.0, "owning")],
)
def test_the_rent_decides_against_the_range_of_the_threshold(
    rent_ratio: float | None, cheaper: str
) -> None:
    # F095
    bill = page("4xrtx-4090").upkeep.bill
    assert bill is not None
    threshold = bill.equal_usd_per_month
    rent = None if rent_ratio is None else rent_ratio * threshold.mid
    assert threshold.low > 0.5 * threshold.mid
    assert threshold.high < 2.0 * threshold.mid
    assert upkeep(CATALOG, rig("4xrtx-4090"), None, rent).cheaper == cheaper


def test_without_a_model_that_fits_only_the_limits_are_known() -> None:
    found = upkeep(CATALOG, rig("1xh100-sxm"), None, None).power
    assert found is not None
    assert [one.name for one in found.draws] == [LIMITS]


@pytest.mark.parametrize(
    ("text", "power_reason", "bill_reason"),
    [
        (SLICES, "counts MIG instances", "sold by nobody as a whole"),
        ("1xtpu-v6e", "is not published", "no price of tpu-v6e is known"),
        ("4xrtx-4090+1xa100-sxm-80gb", "", "sold by nobody as a whole"),
    ],
)
def test_what_nobody_publishes_has_a_reason_and_no_number(
    text: str, power_reason: str, bill_reason: str
) -> None:
    found = upkeep(CATALOG, rig(text), None, None)
    assert power_reason in found.power_reason
    assert (found.power is None) == bool(power_reason)
    assert bill_reason in found.bill_reason
    assert found.bill is None
    assert found.cheaper == "not known"


def test_a_year_counts_every_hour_the_host_and_the_site() -> None:
    found = power("1xh100-sxm")
    usd = found.draws[-1].cost_usd_per_year
    site = found.tariff.pue_ratio * found.tariff.usd_per_kwh
    assert usd == pytest.approx((700.0 + found.host_w.mid) / 1e3 * 8760.0 * site)


def test_instances_of_one_card_are_one_point_of_failure() -> None:
    # F070
    assert (whole_cards_count(rig(SLICES)), whole_cards_count(rig("2n:8xh100-sxm"))) == (1, 16)
    record = CATALOG.failure_rate(CARD_PRESET)
    slices, card = (rig_risk(rig(text), record).fleet for text in (SLICES, "1xh100-sxm"))
    assert slices.failures_per_year == card.failures_per_year
    assert "FAIL-RANKS" not in {mode.id for mode in failure_modes(rig(SLICES))}


def test_the_page_says_how_often_and_how_a_rig_fails() -> None:
    # F071, F072
    found = page("4xh100-sxm").risk
    assert found.fleet.devices_count == 4
    assert found.readiness.word == "with limits"
    assert all(mode.symptom and mode.check and mode.fix for mode in found.modes)


def test_the_page_explains_its_power_its_threshold_and_its_failures() -> None:
    explanation = page("4xh100-sxm").explain()
    text = " ".join(explanation.sentences)
    for words in ("W at the wall at most", "Owning is cheaper from a rent of", "of failure"):
        assert words in text
    names = {figure.name for figure in explanation.figures}
    assert {"peak_w", "equal_usd_per_month", "failures_per_year"} <= names


def test_two_pcie_cards_pool_48_gb_of_which_44_serve() -> None:
    # F063
    found = pooled_memory(rig("2xrtx-4090"), 0.92, 0.0)
    assert found.marketed_bytes / GIB == 48.0
    assert found.effective_bytes / GIB == pytest.approx(44.0, abs=1.0)
    assert page("2xrtx-4090").topology.all_cards.kind == "pcie-host"
