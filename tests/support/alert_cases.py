"""For every alert: samples at which it fires, and samples just short of that.

Samples are those of our exporter. Those of NVIDIA's DCGM exporter that mean the same are made of
them in ``alert_dcgm``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from promtool import Run, Series

from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.watching.expected import Expected, ExpectedCard
from rightrig.watching.rules.thresholds import thresholds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST: Final = "a"
PLAN: Final = Expected(
    name="llama-3.1-8b on 8xh100-sxm, vllm",
    model="llama-3.1-8b",
    rig="8xh100-sxm",
    runtime="vllm",
    cards=(ExpectedCard("h100-sxm", "H100", 8, 18, 5, 16, 700.0, 85e9, 3.35e12),),
    peak_requests_per_s=10.0,
    slo=Slo(ttft_p99_s=0.5, tpot_p99_s=0.05, e2e_p99_s=10.0, itl_p99_s=0.1),
    cost_usd_per_hour=20.0,
    output_tokens_per_s=Interval(800.0, 1000.0, 1200.0),
    cost_usd_per_output_token=Interval(5e-6, 6e-6, 8e-6),
    memory_used_bytes=Interval(6e10, 7e10, 7.5e10),
)
"""Whoever serves so is promised everything that an alert may be about."""
THRESHOLDS: Final = thresholds_of(PLAN)
EVEN: Final = 300
"""Samples of the last run of a series: longer than any test looks."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which an alert fires.

    Attributes:
        since_s: When its condition becomes true.
        value: Of the expression, as its description prints it.
        labels: Of what fires, but for severity and family.
        healthy: Samples just short of it, each for another reason.
        in_dcgm: The same in DCGM's metrics, where it cannot be made of ours; firing first.
    """

    alert: str
    since_s: int
    value: float
    labels: Mapping[str, str]
    firing: tuple[Series, ...]
    healthy: tuple[tuple[Series, ...], ...]
    step_s: int = 15
    in_dcgm: tuple[tuple[Series, ...], ...] = field(default=())


def series(name: str, labels: Mapping[str, str], *runs: Run | float) -> Series:
    """Return a series; a number stands for itself, for ever."""
    made = tuple(run if isinstance(run, Run) else Run(run, 0.0, EVEN) for run in runs)
    return Series(name, labels, made)


def card_labels(gpu: int = 0, host: str = HOST) -> dict[str, str]:
    """Return the labels of a card."""
    return {"gpu": str(gpu), "UUID": f"GPU-{gpu}", "Hostname": host}


def card(name: str, *runs: Run | float, gpu: int = 0, **labels: str) -> Series:
    """Return a series of a card."""
    return series(f"rightrig_gpu_{name}", {**card_labels(gpu), **labels}, *runs)


ENGINE: Final = {"engine": "http://e:8000", "model": "m", "Hostname": HOST}
DEPLOYMENT: Final = {"deployment": PLAN.name, "Hostname": HOST}
INFO: Final = series(
    "rightrig_deployment_info", {**DEPLOYMENT, "rig": PLAN.rig}, Run(1, 0.0, 4 * EVEN)
)


def engine(name: str, *runs: Run | float, **labels: str) -> Series:
    """Return a series of the engine."""
    return series(f"rightrig_engine_{name}", {**ENGINE, **labels}, *runs)


def deployment(name: str, *runs: Run | float) -> Series:
    """Return a series of the deployment."""
    return series(f"rightrig_deployment_{name}", DEPLOYMENT, *runs)


def watch(name: str, *runs: Run | float, host: str = HOST, **labels: str) -> Series:
    """Return a series of the reader."""
    return series(f"rightrig_watch_{name}", {"Hostname": host, **labels}, *runs)


def at_60(before: float, after: float) -> tuple[Run, Run]:
    """Return what changes after a minute of samples at 15 s."""
    return Run(before, 0.0, 3), Run(after, 0.0, EVEN)


APPEARS: Final = (Run(None, 0.0, 4), Run(1.0, 0.0, EVEN))
_CARD: Final = card_labels()
_THERMAL, _BRAKE = "hardware thermal slowdown", "hardware power brake"


def _held(alert: str, reason: str) -> Case:
    """Return a case of an alert about what holds clocks down."""
    return Case(
        alert,
        60,
        1.0,
        _CARD,
        (card("clock_event_active", *at_60(0, 1), reason=reason),),
        (
            (card("clock_event_active", 0, reason=reason),),
            (card("clock_event_active", 1, reason="software power cap"),),
        ),
    )


def _flag(alert: str, name: str) -> Case:
    """Return a case of an alert about a flag of a card."""
    return Case(alert, 60, 1.0, _CARD, (card(name, *at_60(0, 1)),), ((card(name, 0),),))


def _capped(share: float) -> Series:
    return card("throttled_seconds_total", Run(1e4, 15 * share, EVEN), policy="power")


_HEAT: Final = (
    _held("HwThermalSlowdown", _THERMAL),
    _held("SwThermalSlowdown", "software thermal slowdown"),
    _held("PowerBrake", _BRAKE),
    Case(
        "HwSlowdown",
        60,
        1.0,
        _CARD,
        (
            card("clock_event_active", *at_60(0, 1), reason="hardware slowdown"),
            card("clock_event_active", 0, reason=_THERMAL),
        ),
        tuple(
            (
                card("clock_event_active", 1, reason="hardware slowdown"),
                card("clock_event_active", 1, reason=told),
            )
            for told in (_THERMAL, _BRAKE)
        ),
    ),
    Case(
        "ThermalMarginSmall",
        60,
        4.9,
        _CARD,
        (card("thermal_margin_celsius", *at_60(20, 4.9)),),
        ((card("thermal_margin_celsius", 5.1),),),
    ),
    Case(
        "ThermalMarginGone",
        60,
        0.0,
        _CARD,
        (card("thermal_margin_celsius", *at_60(20, 0)),),
        ((card("thermal_margin_celsius", 0.5),),),
    ),
    Case("PowerCapped", 540, 0.55, _CARD, (_capped(0.55),), ((_capped(0.48),),)),
    Case(
        "PowerCapSlows",
        540,
        0.55,
        _CARD,
        (_capped(0.55), deployment("prediction_ratio", 0.75), INFO),
        (
            (_capped(0.48), deployment("prediction_ratio", 0.75), INFO),
            (_capped(0.55), deployment("prediction_ratio", 0.85), INFO),
            (_capped(0.55), deployment("prediction_ratio", 0.75)),
        ),
    ),
    Case(
        "PowerLimitBelowPlan",
        60,
        650.0,
        _CARD,
        (card("power_limit_watts", *at_60(700, 650)), INFO),
        ((card("power_limit_watts", 700), INFO), (card("power_limit_watts", 650),)),
    ),
    Case(
        "ClockDrop",
        60,
        0.55,
        _CARD,
        (
            card("sm_clock_hertz", *at_60(1.9e9, 1.1e9)),
            card("sm_clock_max_hertz", 2e9),
            card("utilization_ratio", 0.55),
            card("clock_event_active", 0, reason="software power cap"),
        ),
        tuple(
            (
                card("sm_clock_hertz", clock),
                card("sm_clock_max_hertz", 2e9),
                card("utilization_ratio", busy),
                card("clock_event_active", capped, reason="software power cap"),
            )
            for clock, busy, capped in ((1.26e9, 0.55, 0), (1.1e9, 0.45, 0), (1.1e9, 0.55, 1))
        ),
    ),
)


def _ecc(kind: str, *runs: Run | float) -> Series:
    return card("ecc_errors_total", *runs, kind=kind)


def _xid(number: int, *runs: Run) -> Series:
    return card("xid_events_total", *runs, xid=str(number))


def _xids(alert: str, numbers: tuple[int, ...], others: tuple[int, ...]) -> tuple[Case, ...]:
    """Return a case an XID; those of other severities, and old events, are healthy."""
    quiet = tuple((_xid(number, *APPEARS),) for number in others)
    return tuple(
        Case(alert, 60, 1.0, {**_CARD, "xid": str(number)}, (_xid(number, *APPEARS),), quiet)
        for number in numbers
    )


_ERRORS: Final = (
    Case(
        "EccUncorrectable",
        60,
        1.0,
        _CARD,
        (_ecc("uncorrected", *at_60(0, 1)),),
        (
            (_ecc("uncorrected", 5),),
            (_ecc("uncorrected", *at_60(0, 1)), card("row_remap_pending", 1)),
            (_ecc("corrected", *at_60(0, 1)),),
        ),
    ),
    Case(
        "EccUncorrectable",
        60,
        1.0,
        _CARD,
        (
            _ecc("uncorrected", *at_60(0, 1)),
            card("row_remap_pending", 1),
            card("row_remap_failed", 1),
        ),
        (),
    ),
    Case(
        "EccUncorrectableContained",
        60,
        1.0,
        _CARD,
        (
            _ecc("uncorrected", *at_60(0, 1)),
            card("row_remap_pending", 1),
            card("row_remap_failed", 0),
        ),
        (
            (_ecc("uncorrected", *at_60(0, 1)), card("row_remap_pending", 0)),
            (_ecc("uncorrected", 1), card("row_remap_pending", 1)),
            (
                _ecc("uncorrected", *at_60(0, 1)),
                card("row_remap_pending", 1),
                card("row_remap_failed", 1),
            ),
        ),
    ),
    Case(
        "EccCorrectedRises",
        60,
        55.1,
        _CARD,
        (_ecc("corrected", *at_60(100, 154)),),
        ((_ecc("corrected", *at_60(100, 146)),),),
    ),
    _flag("RowRemapFailed", "row_remap_failed"),
    Case(
        "RowRemapPending",
        60,
        1.0,
        _CARD,
        (card("row_remap_pending", *at_60(0, 1)), card("row_remap_failed", 0)),
        (
            (card("row_remap_pending", 0),),
            (card("row_remap_pending", 1), card("row_remap_failed", 1)),
        ),
    ),
    _flag("RetiredPagePending", "retired_page_pending"),
    *_xids("XidCritical", (79, 48), (13, 43, 999)),
    *_xids("XidWarning", (13, 999), (79, 43)),
    *_xids("XidInfo", (43,), (79, 13, 999)),
    _flag("RecoveryNeeded", "recovery_action"),
)


def _link(number: int, *runs: Run | float) -> Series:
    return card("nvlink_up", *runs, link=str(number))


def _link_errors(kind: str, *runs: Run | float) -> Series:
    return card("nvlink_errors_total", *runs, link="0", kind=kind)


def _lanes(best: float, *now: Run | float) -> tuple[Series, ...]:
    return card("pcie_link_lanes", *now), card("pcie_link_lanes_max", best)


def _generation(busy: float, *now: Run | float) -> tuple[Series, ...]:
    return (
        card("pcie_link_generation", *now),
        card("pcie_link_generation_max", 5),
        card("utilization_ratio", busy),
    )


def _replays(per_minute: float, *generation: Run | float) -> tuple[Series, ...]:
    return (
        card("pcie_replays_total", Run(1000, per_minute / 4, EVEN)),
        card("pcie_link_generation", *(generation or (4,))),
        card("pcie_link_lanes", 16),
    )


_LINKS: Final = (
    Case(
        "PcieNarrow",
        60,
        0.5,
        _CARD,
        _lanes(16, *at_60(16, 8)),
        (_lanes(16, 16), _lanes(8, 8)),
    ),
    Case(
        "PcieVeryNarrow",
        60,
        0.25,
        _CARD,
        _lanes(16, *at_60(16, 4)),
        (_lanes(32, 9), _lanes(16, 8)),
    ),
    Case(
        "PcieSlow",
        60,
        4.0,
        _CARD,
        _generation(0.55, *at_60(5, 4)),
        (_generation(0.55, 5), _generation(0.45, 1)),
    ),
    Case(
        "PcieReplays",
        285,
        17.0,
        _CARD,
        _replays(17),
        (_replays(15), _replays(15, Run(4, 0.0, 17), Run(1, 0.0, EVEN))),
    ),
    Case(
        "NvlinkDown",
        60,
        2.0,
        _CARD,
        (_link(2, *at_60(1, 0)), _link(3, *at_60(1, 0)), _link(4, 1), _link(5, 0)),
        ((_link(3, 0), _link(4, 1)), (_link(3, 1),)),
    ),
    Case(
        "NvlinksFewerThanPlan",
        60,
        17.0,
        _CARD,
        (_link(0, *at_60(1, 0)), *(_link(number, 1) for number in range(1, 18)), INFO),
        (
            (*(_link(number, 1) for number in range(18)), INFO),
            (_link(0, 0), *(_link(number, 1) for number in range(1, 18))),
        ),
    ),
    Case(
        "NvlinkRetries",
        60,
        2.1,
        _CARD,
        (_link_errors("replay", *at_60(10, 12)),),
        (
            (_link_errors("replay", 10), _link_errors("recovery", 3)),
            (_link_errors("crc_flit", *at_60(10, 12)), _link_errors("replay", 0)),
        ),
    ),
    Case(
        "NvlinkCrcErrors",
        855,
        105.0,
        _CARD,
        (_link_errors("crc_data", Run(1e6, 15 * 105, EVEN)),),
        ((_link_errors("crc_data", Run(1e6, 15 * 95, EVEN)),),),
    ),
    Case(
        "FabricNotReady",
        60,
        0.0,
        _CARD,
        (card("fabric_ready", *at_60(1, 0)),),
        ((card("fabric_ready", 1),),),
    ),
)


def _of_dcgm(gpu: int, *runs: Run | float) -> Series:
    labels = {"gpu": str(gpu), "UUID": f"GPU-{gpu}", "hostname": HOST}
    return series("DCGM_FI_DEV_GPU_TEMP", labels, *runs)


def _of_pod(pod: str, *runs: Run | float) -> Series:
    labels = {"gpu": "0", "UUID": "GPU-0", "Hostname": pod}
    return series("DCGM_FI_DEV_GPU_TEMP", labels, *runs)


_ENDS: Final = (Run(2, 0.0, 3), Run("stale"))
_ANYTHING: Final = series("up", {"job": "other"}, 1)
_PRESENCE: Final = (
    Case("GpuLost", 60, 0.0, _CARD, (card("up", *at_60(1, 0)),), ((card("up", 1),),)),
    Case(
        "GpusMissing",
        60,
        1.0,
        {"Hostname": HOST},
        (watch("gpus", *at_60(2, 1)), watch("gpus_expected", 2)),
        ((watch("gpus", 2), watch("gpus_expected", 2)),),
        in_dcgm=((_of_dcgm(0, 50), _of_dcgm(1, *_ENDS)), (_of_dcgm(0, 50), _of_dcgm(1, 50))),
    ),
    Case(
        # An exporter that started anew, after the card was lost, knows of one alone.
        "GpusMissing",
        60,
        1.0,
        {"Hostname": HOST},
        (watch("gpus", *at_60(2, 1)), watch("gpus_expected", *at_60(2, 1))),
        ((watch("gpus", 1), watch("gpus_expected", 1)),),
        in_dcgm=((_of_dcgm(0, 50), _of_dcgm(1, *_ENDS)), (_of_dcgm(0, 50),)),
    ),
    Case(
        "DriverDown",
        60,
        0.0,
        {"Hostname": HOST},
        (watch("driver_up", *at_60(1, 0)),),
        (
            (watch("driver_up", 1),),
            (
                watch("driver_up", 0),
                watch("driver_trouble", 1, reason="LibRmVersionMismatch"),
            ),
        ),
    ),
    Case(
        "DriverVersionMismatch",
        60,
        1.0,
        {"Hostname": HOST},
        (watch("driver_trouble", *APPEARS, reason="LibRmVersionMismatch"),),
        ((watch("driver_trouble", 1, reason="hung"),),),
    ),
    Case(
        "ReaderHung",
        60,
        33.0,
        {"Hostname": HOST},
        (watch("sample_age_seconds", *at_60(1, 33)),),
        ((watch("sample_age_seconds", 27),),),
    ),
    Case(
        "ReaderRestarts",
        60,
        3.6,
        {"Hostname": HOST},
        (watch("reader_restarts_total", *at_60(10, 13.2), reason="hung"),),
        ((watch("reader_restarts_total", *at_60(10, 12.6), reason="hung"),),),
    ),
    Case(
        "TelemetryAbsent",
        0,
        1.0,
        {},
        (_ANYTHING,),
        ((watch("gpus", 1),),),
        in_dcgm=((_ANYTHING,), (_of_dcgm(0, 50),)),
    ),
    Case(
        "HostSilent",
        60,
        2.0,
        {"Hostname": HOST},
        (watch("gpus", *_ENDS), watch("gpus", 4, host="b")),
        ((watch("gpus", 2),),),
        in_dcgm=(
            (_of_dcgm(0, *_ENDS), _of_dcgm(1, *_ENDS)),
            (_of_dcgm(0, 50), _of_dcgm(1, 50)),
        ),
    ),
    Case(
        # Our exporter ends, and DCGM's of the same cards goes on under the name of its pod.
        "HostSilent",
        60,
        2.0,
        {"Hostname": HOST},
        (watch("gpus", *_ENDS), _of_pod("dcgm-1", 50)),
        ((watch("gpus", 2), _of_pod("dcgm-1", 50)),),
        in_dcgm=(
            (_of_dcgm(0, *_ENDS), _of_dcgm(1, *_ENDS)),
            # A pod that was replaced reads the same card.
            (_of_pod("dcgm-1", *_ENDS), _of_pod("dcgm-2", 50)),
        ),
    ),
    Case("PlanUnwatched", 0, 1.0, {"deployment": PLAN.name}, (_ANYTHING,), ((INFO,),)),
    Case(
        "TelemetryBroken",
        60,
        0.92,
        _CARD,
        (card("utilization_ratio", 0.92), card("sm_active_ratio", *at_60(0.3, 0))),
        (
            (card("utilization_ratio", 0.88), card("sm_active_ratio", 0)),
            (card("utilization_ratio", 0.92), card("sm_active_ratio", 0.01)),
        ),
    ),
    Case(
        "MigWithoutInstances",
        60,
        1.0,
        _CARD,
        (card("mig_enabled", *at_60(0, 1)),),
        (
            (card("mig_enabled", 0),),
            (
                card("mig_enabled", 1),
                card("mig_memory_total_bytes", 1e10, instance_id="1", profile="1g.10gb"),
            ),
        ),
    ),
)
CASES_OF_CARDS: Final = (*_HEAT, *_ERRORS, *_LINKS, *_PRESENCE)
"""Of cards and of what reads them."""
