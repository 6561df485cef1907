"""Recording rules: one series a quantity, whoever exports it.

Ours, else NVIDIA's DCGM exporter under its old names, else under its new ones, in base units, by
``Hostname``, ``gpu`` and ``UUID``. Where both exporters run, ours counts and a card appears once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rightrig.measuring.clock_reasons import CLOCK_REASONS
from rightrig.watching.rules.alert import CARD_LABELS
from rightrig.watching.rules.dcgm import BY_KEY, XID_COUNTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLANK_GAUGE: Final = "1.4e14"
"""DCGM says "no value" by 2^47 and by numbers near 2^63, and old exporters print them."""
_BLANK_COUNT: Final = "9.2e18"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording rule.

    Attributes:
        labels: Added to every series of it.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


def _either(ours: str, theirs: str, by: str = CARD_LABELS) -> str:
    """Return our reading of each card, else DCGM's.

    The exporter renamed its label Hostname to hostname in 2026 (NVIDIA/dcgm-exporter d5e5f51).
    """
    renamed = f'label_replace({theirs}, "Hostname", "$1", "hostname", "(.+)")'
    return f"max by ({by}) ({ours})\nor\n(max by ({by}) ({renamed}) unless on (UUID) ({ours}))"


def _gauge(key: str) -> str:
    """Return a field of DCGM in its base unit, under whichever name it comes."""
    one = BY_KEY[key]
    scaled = f"(({' or '.join(one.names)}) < {_BLANK_GAUGE}){one.factor}"
    return f"({scaled} or {one.base_name} < {_BLANK_GAUGE})" if one.base_name else scaled


def _counted(key: str, function: str, window: str) -> str:
    """Return how much a field of DCGM grew, under whichever name it comes."""
    one = BY_KEY[key]
    parts = (f"{function}({name}[{window}])" for name in one.names)
    return f"(({' or '.join(parts)}) < {_BLANK_COUNT}){one.factor}"


def _gauges() -> tuple[Recorded, ...]:
    """Return what is read as it is."""
    return tuple(
        Recorded(f"gpu:{name}", _either(f"rightrig_gpu_{name}", _gauge(key)))
        for name, key in GAUGES.items()
    )


GAUGES: Final = MappingProxyType(
    {
        "utilization_ratio": "busy",
        "memory_busy_ratio": "memory_busy",
        "sm_active_ratio": "sm_active",
        "sm_occupancy_ratio": "occupancy",
        "tensor_active_ratio": "tensor",
        "dram_active_ratio": "dram",
        "memory_total_bytes": "memory_total",
        "memory_used_bytes": "memory_used",
        "temperature_celsius": "temperature",
        "memory_temperature_celsius": "memory_temperature",
        "thermal_margin_celsius": "margin",
        "power_watts": "power",
        "power_limit_watts": "power_limit",
        "sm_clock_hertz": "sm_clock",
        "sm_clock_max_hertz": "sm_clock_max",
        "memory_clock_hertz": "memory_clock",
        "row_remap_failed": "remap_failed",
        "row_remap_pending": "remap_pending",
        "retired_page_pending": "page_pending",
        "recovery_action": "recovery",
        "pcie_link_generation": "pcie_generation",
        "pcie_link_generation_max": "pcie_generation_max",
        "pcie_link_lanes": "pcie_lanes",
        "pcie_link_lanes_max": "pcie_lanes_max",
    }
)
"""Our metric without its prefix → the field of DCGM."""
REASONS: Final = MappingProxyType(
    {
        reason: CLOCK_REASONS[reason]
        for reason in (
            "software power cap", "hardware slowdown", "software thermal slowdown",
            "hardware thermal slowdown", "hardware power brake",
        )
    }
)  # fmt: skip
"""What holds clocks down, as our label says it → bit of NVML and DCGM."""
_LINK_KINDS: Final = ("replay", "recovery", "crc_flit", "crc_data")
REPLAYS_PER_LANE: Final = (
    ("== bool 1", "0.15"), ("== bool 2", "0.3"), ("== bool 3", "0.48"), ("== bool 4", "0.96"),
    ("== bool 5", "1.92"), (">= bool 6", "3.84"),
)  # fmt: skip
"""PCIe generation → replays a minute and lane at a bit error rate of 1e-12, as NVIDIA's DCGM
reckons (NVIDIA/DCGM modules/health/DcgmHealthWatch.cpp)."""


def _reasons() -> tuple[Recorded, ...]:
    """Return 1 while a reason holds clocks down; DCGM packs all of them into one number."""
    return tuple(
        Recorded(
            "gpu:clock_event_active",
            _either(
                f'rightrig_gpu_clock_event_active{{reason="{reason}"}}',
                f"floor({_gauge('reasons')} / {bit}) % 2",
            ),
            {"reason": reason},
        )
        for reason, bit in REASONS.items()
    )


def _ecc(kind: str, window: str) -> Recorded:
    """Return how many errors a window had."""
    ours = f'increase(rightrig_gpu_ecc_errors_total{{kind="{kind}"}}[{window}])'
    return Recorded(
        f"gpu:ecc_{kind}:increase{window}", _either(ours, _counted(kind, "increase", window))
    )


def _power_capped() -> Recorded:
    """Return the share of ten minutes at the power limit; as seen where no card counts it."""
    told = 'rate(rightrig_gpu_throttled_seconds_total{policy="power"}[10m])'
    seen = 'avg_over_time(rightrig_gpu_clock_event_active{reason="software power cap"}[10m])'
    ours = f"max by ({CARD_LABELS}) ({told}) or max by ({CARD_LABELS}) ({seen})"
    return Recorded(
        "gpu:power_capped:ratio10m", _either(ours, _counted("power_capped", "rate", "10m"))
    )


def _xids() -> Recorded:
    """Return error events of the last ten minutes.

    A count that appears with its first event has no increase yet, so a new series counts too; one
    that was there before a gap in the scrapes is not new.
    DCGM's gauge keeps the last XID for ever: only its changes are events.
    """
    ours = "rightrig_gpu_xid_events_total"
    known = f"last_over_time({ours}[1d] offset 10m)"
    new = f"(increase({ours}[10m]) > 0)\nor ({ours} > {known})\nor ({ours} unless {known})"
    sticky = " or ".join(
        f"(({name} < {_BLANK_GAUGE}) > 0 and changes({name}[10m]) > 0)"
        for name in BY_KEY["xid"].names
    )
    renamed = f'label_replace({sticky}, "Hostname", "$1", "hostname", "(.+)")'
    counted = f'label_replace({XID_COUNTS}{{xid!=""}} > 0, "Hostname", "$1", "hostname", "(.+)")'
    by = f"{CARD_LABELS}, xid"
    return Recorded(
        "gpu:xid_events:new10m",
        f"max by ({by}) ({new})\n"
        f"or\n(max by ({by}) ({counted}) unless on (UUID, xid) ({new}))\n"
        f'or\n(count_values by ({CARD_LABELS}) ("xid", {renamed})'
        f' unless on (UUID, xid) ({XID_COUNTS}{{xid!=""}} > 0 or ({new})))',
    )


def _links() -> tuple[Recorded, ...]:
    """Return what links of all kinds did."""
    replays = _either(
        "rate(rightrig_gpu_pcie_replays_total[5m])", _counted("pcie_replays", "rate", "5m")
    )
    # What it sent again in the last minutes it did at its quickest, though it idles by now.
    quickest = "max_over_time(gpu:pcie_link_generation[10m])"
    per_lane = "\n + ".join(
        f"{rate} * ({quickest} {generation})" for generation, rate in REPLAYS_PER_LANE
    )
    errors = (
        Recorded(
            "gpu:nvlink_errors:increase15m",
            _either(
                f"sum by ({CARD_LABELS}) "
                f'(increase(rightrig_gpu_nvlink_errors_total{{kind="{kind}"}}[15m]))',
                _counted(f"nvlink_{kind}", "increase", "15m"),
            ),
            {"kind": kind},
        )
        for kind in _LINK_KINDS
    )
    return (
        Recorded("gpu:pcie_replays:per_minute5m", f"60 * ({replays})"),
        Recorded(
            "gpu:pcie_replays_expected:per_minute", f"ceil(gpu:pcie_link_lanes * ({per_lane}))"
        ),
        *errors,
        Recorded("gpu:nvlinks_up", f"sum by ({CARD_LABELS}) (rightrig_gpu_nvlink_up)"),
        Recorded(
            "gpu:fabric_ready",
            # 0 and above 4: there is no fabric, or nobody can tell.
            _either(
                "rightrig_gpu_fabric_ready",
                "({0} > 0 and {0} < 5) == bool 3".format(BY_KEY["fabric"].names[0]),
            ),
        ),
    )


def _hosts() -> tuple[Recorded, ...]:
    """Return how many cards answer, and should."""
    theirs = f"count by (Hostname) ({_renamed_busy()})"
    known = "max by (Hostname) (rightrig_watch_gpus)"
    # An exporter that starts after a card was lost knows of the others alone.
    seen = 'label_replace(max_over_time(host:gpus[1d]), "seen", "day", "", "")'
    should = f"max by (Hostname) (rightrig_watch_gpus_expected or {seen})"
    return (
        Recorded("host:gpus", f"{known}\nor\n({theirs} unless on (Hostname) {known})"),
        Recorded("host:gpus_expected", should),
    )


def _renamed_busy() -> str:
    """Return a series a card of DCGM, which every list of counters has."""
    labels = f"max by ({CARD_LABELS})"
    names = " or ".join((*BY_KEY["temperature"].names, *BY_KEY["busy"].names))
    return f'{labels} (label_replace({names}, "Hostname", "$1", "hostname", "(.+)"))'


def _engine() -> tuple[Recorded, ...]:
    """Return rates of engines."""
    ended = "rate(rightrig_engine_requests_total[5m])"
    failed = 'rate(rightrig_engine_requests_total{outcome="error"}[5m])'
    keep = "engine, model, Hostname"
    missed = (
        Recorded(
            f"engine:objective_missed:ratio{window}",
            "1 - (\n"
            f"  increase(rightrig_engine_within_objective_total[{window}])\n"
            f"  / (increase(rightrig_engine_latency_observations_total[{window}]) > 0)\n)",
        )
        for window in BURN_WINDOWS
    )
    return (
        Recorded("engine:requests:rate5m", f"sum by ({keep}) ({ended})"),
        Recorded(
            "engine:requests_failed:ratio5m",
            f"sum by ({keep}) ({failed}) / (sum by ({keep}) ({ended}) > 0)",
        ),
        Recorded(
            "engine:generation_tokens:rate5m", "rate(rightrig_engine_generation_tokens_total[5m])"
        ),
        Recorded(
            "engine:preemptions:increase5m", "increase(rightrig_engine_preemptions_total[5m])"
        ),
        *missed,
    )


BURN_WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Spans over which missed objectives are counted."""
RECORDED: Final = (
    ("rightrig-cards", (*_gauges(), *_reasons(), _power_capped())),
    (
        "rightrig-errors",
        (_ecc("uncorrected", "15m"), _ecc("corrected", "1h"), _xids(), *_links(), *_hosts()),
    ),
    ("rightrig-engines", _engine()),
)
"""Group → its rules, in the order in which they need each other."""
