"""What fires at one moment, under the names of the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from alert_cases import PLAN
from hypothesis import given
from hypothesis import strategies as st

from rightrig.watching.rules.alerts import BY_NAME
from rightrig.watching.rules.firing import Firing, firing
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.states import (
    Activity,
    BusState,
    CardState,
    ClockState,
    Derived,
    EngineState,
    Health,
    Heat,
    InstanceState,
    LinkState,
    Moment,
    Power,
    Snapshot,
)

THRESHOLDS: Final = replace(thresholds_of(PLAN), cards_count=None)
SOUND: Final = CardState(
    index=0,
    name="NVIDIA H100 80GB HBM3",
    uuid="GPU-0",
    activity=Activity(gpu_ratio=0.99, sm_ratio=0.8, occupancy_ratio=0.3),
    memory_total_bytes=85_000_000_000,
    memory_used_bytes=73_000_000_000,
    heat=Heat(gpu_celsius=65.0, margin_celsius=20.0),
    power=Power(draw_w=600.0, limit_w=700.0),
    clocks=ClockState(sm_hz=1.8e9, sm_max_hz=1.98e9, reasons=()),
    health=Health(ecc_volatile={"corrected": 3, "uncorrected": 0}, recovery_action=0),
    bus=BusState(generation=5, lanes=16, max_generation=5, max_lanes=16),
    links=tuple(LinkState(number, is_up=True) for number in range(18)),
    fabric="completed",
    mig=False,
)
IDLE: Final = Activity(gpu_ratio=0.0, sm_ratio=0.0, occupancy_ratio=0.0)


def seen(*cards: CardState, trouble: str = "", **more: Any) -> tuple[Firing, ...]:
    """Return what fires of some cards."""
    return firing(Moment(Snapshot(0.0, cards, trouble=trouble), **more), THRESHOLDS)


def names(found: tuple[Firing, ...]) -> list[str]:
    return [one.alert for one in found]


def clocked(*reasons: str) -> CardState:
    return replace(SOUND, clocks=replace(SOUND.clocks, reasons=reasons))


def healthy(**changed: Any) -> CardState:
    return replace(SOUND, health=replace(SOUND.health, **changed))


def at_work(**changed: Any) -> CardState:
    return replace(SOUND, activity=replace(SOUND.activity, **changed))


def test_nothing_fires_of_a_sound_machine() -> None:
    assert seen(SOUND, replace(SOUND, index=1)) == ()


@pytest.mark.parametrize(
    ("alert", "card"),
    [
        ("HwThermalSlowdown", clocked("hardware slowdown", "hardware thermal slowdown")),
        ("HwSlowdown", clocked("hardware slowdown")),
        ("SwThermalSlowdown", clocked("software thermal slowdown")),
        ("PowerBrake", clocked("hardware power brake", "hardware slowdown")),
        ("PowerCapped", clocked("software power cap")),
        ("ThermalMarginSmall", replace(SOUND, heat=Heat(margin_celsius=5.0))),
        ("ThermalMarginGone", replace(SOUND, heat=Heat(margin_celsius=0.0))),
        ("PowerLimitBelowPlan", replace(SOUND, power=Power(draw_w=400.0, limit_w=500.0))),
        ("ClockDrop", replace(SOUND, clocks=replace(SOUND.clocks, sm_hz=1.1e9))),
        ("EccUncorrectable", healthy(ecc_volatile={"uncorrected": 1})),
        ("RowRemapFailed", healthy(has_remap_failed=True)),
        ("RowRemapPending", healthy(is_remap_pending=True)),
        ("RetiredPagePending", healthy(is_page_pending=True)),
        ("RecoveryNeeded", healthy(recovery_action=1)),
        ("XidCritical", healthy(xids={79: 1})),
        ("XidWarning", healthy(xids={13: 2})),
        ("XidWarning", healthy(xids={999: 1})),
        ("XidInfo", healthy(xids={43: 1})),
        ("PcieNarrow", replace(SOUND, bus=replace(SOUND.bus, lanes=8))),
        ("PcieVeryNarrow", replace(SOUND, bus=replace(SOUND.bus, lanes=4))),
        ("PcieSlow", replace(SOUND, bus=replace(SOUND.bus, generation=1))),
        ("FabricNotReady", replace(SOUND, fabric="in progress")),
        ("MigWithoutInstances", replace(SOUND, mig=True)),
        ("GpuMemoryFull", replace(SOUND, memory_total_bytes=74_000_000_000)),
        ("GpuMemoryAbovePlan", replace(SOUND, memory_used_bytes=80_000_000_000)),
        ("TelemetryBroken", at_work(sm_ratio=0.0)),
        ("GpuBusyWithoutWork", at_work(occupancy_ratio=0.04)),
        ("GpuBusyAtIdlePower", replace(SOUND, power=Power(draw_w=200.0, limit_w=700.0))),
        ("GpuLost", replace(SOUND, trouble="GpuIsLost")),
    ],
)
def test_a_fault_of_a_card_fires_its_alert_alone(alert: str, card: CardState) -> None:
    (found,) = seen(card)
    rule = BY_NAME[alert]
    assert (found.alert, found.subject) == (alert, "GPU 0")
    assert (found.severity, found.runbook) == (rule.severity, rule.runbook)
    assert found.sentence


@pytest.mark.parametrize(
    "card",
    [
        replace(SOUND, heat=Heat(margin_celsius=5.1)),
        replace(SOUND, activity=IDLE, bus=replace(SOUND.bus, generation=1)),
        replace(SOUND, activity=IDLE, clocks=ClockState(3e8, 1.98e9, reasons=("idle",))),
        replace(SOUND, links=tuple(LinkState(n, is_up=n < 18) for n in range(18))),
        replace(SOUND, fabric=""),
        replace(SOUND, fabric="not supported"),
        replace(SOUND, mig=True, instances=(InstanceState(1),)),
        replace(SOUND, bus=BusState()),
        CardState(0, "of which nothing is known"),
    ],
)
def test_what_is_no_fault_fires_nothing(card: CardState) -> None:
    assert seen(card) == ()


def test_a_clock_that_a_power_cap_holds_is_no_drop() -> None:
    capped = replace(SOUND, clocks=ClockState(1.1e9, 1.98e9, reasons=("software power cap",)))
    assert names(seen(capped)) == ["PowerCapped"]


def test_uncorrected_errors_whose_row_is_replaced_are_a_warning() -> None:
    contained = healthy(ecc_volatile={"uncorrected": 2}, is_remap_pending=True)
    assert names(seen(contained)) == ["EccUncorrectableContained", "RowRemapPending"]
    failed = healthy(ecc_volatile={"uncorrected": 2}, is_remap_pending=True, has_remap_failed=True)
    assert set(names(seen(failed))) == {"EccUncorrectable", "RowRemapFailed"}


def test_a_link_that_is_down_is_told_by_its_number() -> None:
    down = replace(SOUND, links=(LinkState(0, is_up=False), *SOUND.links[1:]))
    found = {one.alert: one.sentence for one in seen(down)}
    assert found == {
        "NvlinkDown": "NVLinks down: 0 of 18",
        "NvlinksFewerThanPlan": "17 NVLinks up, planned 18",
    }


def test_links_that_nobody_uses_are_no_fault_without_a_plan() -> None:
    unused = replace(SOUND, links=tuple(LinkState(n, is_up=False) for n in range(4)))
    assert firing(Moment(Snapshot(0.0, (unused,))), thresholds_of(None)) == ()


def test_of_a_lost_card_only_that_and_its_xid_are_told() -> None:
    lost = replace(clocked("hardware slowdown"), trouble="GpuIsLost", health=Health(xids={79: 1}))
    found = seen(lost, replace(SOUND, index=1))
    assert set(names(found)) == {"GpuLost", "XidCritical"}
    assert {one.subject for one in found} == {"GPU 0"}


def test_an_xid_is_told_with_its_meaning_and_count() -> None:
    (found,) = seen(healthy(xids={79: 2}))
    assert found.sentence.startswith("XID 79, 2 times: ")


@pytest.mark.parametrize(
    ("trouble", "alert"),
    [
        ("hung", "DriverDown"),
        ("DriverNotLoaded", "DriverDown"),
        ("LibRmVersionMismatch", "DriverVersionMismatch"),
    ],
)
def test_a_driver_that_does_not_answer_fires_alone(trouble: str, alert: str) -> None:
    """The cards are then the last known: what they said is old."""
    assert names(seen(clocked("hardware slowdown"), trouble=trouble)) == [alert]


def test_a_machine_that_never_had_a_driver_is_not_broken() -> None:
    assert seen(trouble="LibraryNotFound") == ()
    assert names(seen(SOUND, trouble="LibraryNotFound")) == ["DriverDown"]


def test_fewer_cards_than_planned_are_missing() -> None:
    seven = tuple(replace(SOUND, index=index) for index in range(7))
    found = firing(Moment(Snapshot(0.0, seven)), thresholds_of(PLAN))
    assert [(one.alert, one.sentence) for one in found] == [
        ("GpusMissing", "7 GPUs, planned 8 a machine")
    ]
    lost = (*seven, replace(SOUND, index=7, trouble="GpuIsLost"))
    assert names(firing(Moment(Snapshot(0.0, lost)), thresholds_of(PLAN))) == ["GpuLost"]


def test_one_slow_card_among_loaded_ones_is_told() -> None:
    slow = replace(SOUND, index=3, clocks=replace(SOUND.clocks, sm_hz=1.4e9))
    cards = (*(replace(SOUND, index=index) for index in range(3)), slow)
    (found,) = seen(*cards)
    assert (found.alert, found.subject) == ("GpuSlowAmongPeers", "GPU 3")
    assert "78 %" in found.sentence


def test_one_weak_card_among_loaded_ones_is_told() -> None:
    weak = replace(SOUND, index=3, power=Power(draw_w=300.0, limit_w=700.0))
    cards = (*(replace(SOUND, index=index) for index in range(3)), weak)
    assert names(seen(*cards)) == ["GpuWeakAmongPeers"]


def test_an_idle_card_is_no_slow_one() -> None:
    idle = replace(SOUND, index=1, activity=IDLE, clocks=ClockState(3e8, 1.98e9, reasons=("idle",)))
    assert seen(SOUND, idle) == ()


ENGINE: Final = EngineState("http://e", 0.0, "vllm", running_count=8, waiting_count=3)


def test_an_engine_that_cannot_be_read_is_down() -> None:
    found = seen(SOUND, engine=EngineState("http://e", 0.0, trouble="connection refused"))
    assert [(one.alert, one.subject) for one in found] == [("EngineDown", "http://e")]


@pytest.mark.parametrize(
    ("used", "waiting", "fires"), [(0.9, 1, True), (0.89, 1, False), (0.95, 0, False)]
)
def test_a_cache_that_is_nearly_full_matters_while_requests_wait(
    used: float, waiting: int, *, fires: bool
) -> None:
    engine = replace(ENGINE, kv_used_ratio=used, waiting_count=waiting)
    assert names(seen(SOUND, engine=engine)) == ["KvCacheNearlyFull"] * fires


@pytest.mark.parametrize(("over_s", "fires"), [(60.0, True), (2.0, False)])
def test_an_engine_without_tokens_is_stalled_only_after_long(over_s: float, *, fires: bool) -> None:
    derived = Derived(over_s, output_tokens_per_s=0.0)
    found = names(seen(SOUND, engine=ENGINE, derived=derived))
    assert found == ["EngineStalled"] * fires


def test_output_below_the_plan_and_a_power_cap_are_told_together() -> None:
    derived = Derived(10.0, output_tokens_per_s=500.0, prediction_ratio=0.7)
    found = seen(clocked("software power cap"), engine=ENGINE, derived=derived)
    assert names(found) == ["OutputBelowPlan", "PowerCapSlows", "PowerCapped"]
    assert found[0].sentence == "70 % of the predicted output, at least 80 %"


def test_an_engine_without_requests_is_not_behind_its_plan() -> None:
    derived = Derived(10.0, prediction_ratio=0.1, cost_usd_per_output_token=1.0)
    idle = replace(ENGINE, running_count=0)
    assert seen(SOUND, engine=idle, derived=derived) == ()


@pytest.mark.parametrize(("rate", "fires"), [(9.0, True), (8.9, False)])
def test_a_cost_above_the_plan_matters_at_the_planned_traffic(rate: float, *, fires: bool) -> None:
    derived = Derived(10.0, requests_per_s=rate, cost_usd_per_output_token=9e-6)
    found = seen(SOUND, engine=ENGINE, derived=derived)
    assert names(found) == ["CostAbovePlan"] * fires
    assert all("$9.00" in one.sentence and "$8.00" in one.sentence for one in found)


def test_the_worst_comes_first() -> None:
    found = seen(
        healthy(xids={43: 1}, is_remap_pending=True), replace(SOUND, index=1, trouble="GpuIsLost")
    )
    assert [one.severity for one in found] == ["critical", "warning", "info"]


_SHARES: Final = st.none() | st.floats(0.0, 1.0)
_AMOUNTS: Final = st.none() | st.floats(0.0, 1e12)
_SMALL: Final = st.none() | st.integers(0, 16)
_FLAGS: Final = st.none() | st.booleans()
_COUNTS: Final = st.dictionaries(st.sampled_from(["corrected", "uncorrected"]), st.integers(0, 9))
CARDS: Final = st.builds(
    CardState,
    index=st.integers(0, 7),
    name=st.just("any"),
    trouble=st.sampled_from(["", "", "GpuIsLost"]),
    activity=st.builds(Activity, _SHARES, _SHARES, _SHARES, _SHARES),
    memory_total_bytes=st.none() | st.integers(0, 10**12),
    memory_used_bytes=st.none() | st.integers(0, 10**12),
    heat=st.builds(Heat, _AMOUNTS, _AMOUNTS, st.none() | st.floats(-50.0, 100.0)),
    power=st.builds(Power, _AMOUNTS, _AMOUNTS),
    clocks=st.builds(
        ClockState,
        _AMOUNTS,
        _AMOUNTS,
        reasons=st.none() | st.just(("hardware slowdown", "idle")),
    ),
    health=st.builds(
        Health, _COUNTS, is_remap_pending=_FLAGS, has_remap_failed=_FLAGS, recovery_action=_SMALL,
        xids=st.dictionaries(st.integers(1, 200), st.integers(1, 5), max_size=2),
    ),
    bus=st.builds(BusState, _SMALL, _SMALL, _SMALL, _SMALL),
    fabric=st.sampled_from(["", "completed", "in progress"]),
    mig=_FLAGS,
)  # fmt: skip


@given(st.lists(CARDS, max_size=4))
def test_whatever_a_driver_says_is_judged_under_names_of_the_table(cards: list[CardState]) -> None:
    found = seen(*cards)
    order = ["critical", "warning", "info"]
    places = [order.index(one.severity) for one in found]
    assert places == sorted(places)
    for one in found:
        rule = BY_NAME[one.alert]
        assert (one.severity, one.runbook) == (rule.severity, rule.runbook)
        assert one.sentence
    lost = {f"GPU {card.index}" for card in cards if card.trouble}
    assert lost == {one.subject for one in found if one.alert == "GpuLost"}
