"""The metrics of ``rightrig watch export``, once: exporter, rules, dashboard and manual read this.

Names follow Prometheus and OpenMetrics: base units in the name, counters end in ``_total``. The
labels ``gpu`` (index), ``UUID`` and ``Hostname`` are those of NVIDIA's DCGM exporter, so that rules
and panels join with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["gauge", "counter"]
CARD: Final = ("gpu", "UUID", "Hostname")
"""Labels of whatever is of one card."""
ENGINE: Final = ("engine", "model", "Hostname")
"""Labels of whatever is of one engine: its address, and the model it names."""
PLAN: Final = ("deployment", "Hostname")
"""Labels of whatever is of the plan."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As scraped; of a counter with ``_total``.
        help: One sentence, without a full stop.
        labels: In order.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]


def _of(
    prefix: str, common: tuple[str, ...], *rows: tuple[str, Kind, str] | tuple[str, Kind, str, str]
) -> tuple[Metric, ...]:
    """Return metrics of one subject; the fourth of a row is its own labels, after the common."""
    return tuple(
        Metric(f"rightrig_{prefix}_{row[0]}", row[1], row[2], (*common, *"".join(row[3:]).split()))
        for row in rows
    )


_CARD_METRICS: Final = _of(
    "gpu",
    CARD,
    ("up", "gauge", "1 where the card answers its driver, 0 where it is lost"),
    ("info", "gauge", "Always 1; what the card is", "model_name pci_bus_id vendor driver_version"),
    ("trouble", "gauge", "1 for the reason for which the card could not be read", "reason"),
    ("utilization_ratio", "gauge", "Share of time in which any kernel ran"),
    ("memory_busy_ratio", "gauge", "Share of time in which memory was read or written"),
    ("sm_active_ratio", "gauge", "Share of SMs that had work"),
    ("sm_occupancy_ratio", "gauge", "Share of resident warps among those that could be"),
    ("tensor_active_ratio", "gauge", "Share of time in which tensor cores worked"),
    ("dram_active_ratio", "gauge", "Share of the memory's peak bandwidth"),
    ("memory_total_bytes", "gauge", "Memory of the card"),
    ("memory_used_bytes", "gauge", "Memory that programs and driver hold"),
    ("temperature_celsius", "gauge", "Temperature of the card"),
    ("memory_temperature_celsius", "gauge", "Temperature of its memory"),
    ("thermal_margin_celsius", "gauge", "Degrees until the card slows itself down"),
    ("power_watts", "gauge", "What the board draws"),
    ("power_limit_watts", "gauge", "What the board may draw"),
    ("power_default_limit_watts", "gauge", "What the board may draw as delivered"),
    ("energy_joules_total", "counter", "Energy since the driver was loaded"),
    ("sm_clock_hertz", "gauge", "Clock of the SMs"),
    ("sm_clock_max_hertz", "gauge", "Highest clock of the SMs"),
    ("memory_clock_hertz", "gauge", "Clock of the memory"),
    ("memory_clock_max_hertz", "gauge", "Highest clock of the memory"),
    ("clock_event_active", "gauge", "1 while this reason holds clocks down", "reason"),
    ("throttled_seconds_total", "counter", "Time in which a policy held clocks down", "policy"),
    ("ecc_errors_total", "counter", "Memory errors since the driver was loaded", "kind"),
    ("ecc_errors_ever_total", "counter", "Memory errors in the card's life", "kind"),
    ("remapped_rows_total", "counter", "Rows of memory that were replaced", "kind"),
    ("row_remap_pending", "gauge", "1 where a row is replaced at the next reset"),
    ("row_remap_failed", "gauge", "1 where a row could not be replaced"),
    ("retired_pages_total", "counter", "Pages of memory taken out of use", "kind"),
    ("retired_page_pending", "gauge", "1 where a page is retired at the next reset"),
    ("recovery_action", "gauge", "What the driver wants done: 0 nothing, 1 reset, 2 reboot …"),
    ("xid_events_total", "counter", "Error events of the driver seen since watching began", "xid"),
    ("pcie_link_generation", "gauge", "PCIe generation now (it falls while a card idles)"),
    ("pcie_link_generation_max", "gauge", "PCIe generation that card and slot can do"),
    ("pcie_link_lanes", "gauge", "PCIe lanes now"),
    ("pcie_link_lanes_max", "gauge", "PCIe lanes that card and slot can do"),
    ("pcie_replays_total", "counter", "Packets sent again over PCIe"),
    ("nvlink_up", "gauge", "1 where a link works", "link"),
    ("nvlink_errors_total", "counter", "Errors of a link", "link kind"),
    ("fabric_ready", "gauge", "1 where the card is a member of its NVSwitch fabric"),
    ("mig_enabled", "gauge", "1 where the card is partitioned"),
    ("mig_memory_total_bytes", "gauge", "Memory of a MIG instance", "instance_id profile"),
    ("mig_memory_used_bytes", "gauge", "Memory held in a MIG instance", "instance_id profile"),
    ("processes", "gauge", "Programs that hold memory of the card"),
    ("process_memory_bytes", "gauge", "Memory that a program holds", "pid process"),
)
_READER_METRICS: Final = _of(
    "watch",
    ("Hostname",),
    ("driver_up", "gauge", "1 where the driver answers"),
    ("driver_trouble", "gauge", "1 for the reason for which the driver does not answer", "reason"),
    ("gpus", "gauge", "Cards that answer"),
    ("gpus_expected", "gauge", "Cards that the plan names, or the most seen"),
    ("sample_age_seconds", "gauge", "Since cards were last read"),
    ("reader_restarts_total", "counter", "Times that the reader was started anew", "reason"),
)
_ENGINE_METRICS: Final = _of(
    "engine",
    ENGINE,
    ("up", "gauge", "1 where the engine's metrics can be read"),
    ("requests_running", "gauge", "Requests in the batch"),
    ("requests_waiting", "gauge", "Requests in the queue"),
    ("kv_cache_used_ratio", "gauge", "Share of the KV cache in use"),
    ("preemptions_total", "counter", "Requests thrown out of the batch for want of KV cache"),
    ("prompt_tokens_total", "counter", "Tokens of prompts read"),
    ("generation_tokens_total", "counter", "Tokens generated"),
    ("requests_total", "counter", "Requests that ended", "outcome"),
    ("prefix_cache_queries_total", "counter", "Tokens looked for in the prefix cache"),
    ("prefix_cache_hits_total", "counter", "Tokens found in the prefix cache"),
    ("latency_seconds_total", "counter", "Sum of a latency over requests", "metric"),
    ("latency_observations_total", "counter", "Observations of a latency", "metric"),
    (
        "within_objective_total",
        "counter",
        "Observations surely within the plan's objective: at the next lower bucket's bound",
        "metric",
    ),
    ("objective_bound_seconds", "gauge", "The bucket's bound that counts as within", "metric"),
)
_PLAN_METRICS: Final = _of(
    "deployment",
    PLAN,
    ("info", "gauge", "Always 1; what was planned", "model rig runtime"),
    ("rent_usd_per_hour", "gauge", "What the plan's machines cost"),
    ("output_tokens_per_second", "gauge", "Output tokens a second since the last reading"),
    ("output_tokens_per_joule", "gauge", "Output tokens by the energy that the cards counted"),
    ("usd_per_million_output_tokens", "gauge", "Rent over output tokens, since the last reading"),
    ("bandwidth_ratio", "gauge", "Share of peak memory bandwidth over all cards", "source"),
    ("prediction_ratio", "gauge", "Output tokens a second over those predicted for as many users"),
    (
        "expected_output_tokens_per_second",
        "gauge",
        "Predicted at the planned peak (bound: low, mid, high)",
        "bound",
    ),
    (
        "expected_usd_per_million_output_tokens",
        "gauge",
        "Predicted at the planned peak (bound: low, mid, high)",
        "bound",
    ),
    ("expected_gpu_power_watts", "gauge", "Predicted of one card under load", "bound"),
    ("peak_requests_per_second", "gauge", "Planned peak"),
)  # fmt: skip
ALL: Final = (*_CARD_METRICS, *_READER_METRICS, *_ENGINE_METRICS, *_PLAN_METRICS)
METRICS: Final = MappingProxyType({metric.name: metric for metric in ALL})
"""By name."""
