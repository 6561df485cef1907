"""The metrics that the checklist looks for, by rightrig's names and by those of NVIDIA's DCGM."""

from __future__ import annotations

from typing import Final

from rightrig.watching.engines.names import ENGINES
from rightrig.watching.metrics import METRICS
from rightrig.watching.rules.dcgm import BY_KEY, XID_COUNTS


def _both(ours: str, *keys: str) -> tuple[str, ...]:
    """Return the name of a metric here, and those of DCGM."""
    return (METRICS[ours].name, *(name for key in keys for name in BY_KEY[key].names))


GPU: Final = _both("rightrig_gpu_utilization_ratio", "busy")
MEMORY: Final = _both("rightrig_gpu_memory_busy_ratio", "memory_busy")
OCCUPANCY: Final = _both("rightrig_gpu_sm_occupancy_ratio", "occupancy")
LANES: Final = _both("rightrig_gpu_pcie_link_lanes", "pcie_lanes")
LANES_MAX: Final = _both("rightrig_gpu_pcie_link_lanes_max", "pcie_lanes_max")
NVLINK: Final = _both("rightrig_gpu_nvlink_up")
XIDS: Final = (*_both("rightrig_gpu_xid_events_total", "xid"), XID_COUNTS)
CARDS_UP: Final = _both("rightrig_gpu_up")
ENGINE: Final = _both("rightrig_engine_up")
ENGINES_OWN: Final = tuple(
    f"{engine.prefix}{mark}{name}"
    for engine in ENGINES
    for name in engine.numbers["running_count"]
    for mark in (":", "_")
)
"""Of engines themselves, where Prometheus scrapes them without an exporter between."""
AGE: Final = METRICS["rightrig_watch_sample_age_seconds"].name
PLAN: Final = METRICS["rightrig_deployment_info"].name
NAMES: Final = frozenset(
    (PLAN, *GPU, *MEMORY, *OCCUPANCY, *LANES, *LANES_MAX, *NVLINK, *XIDS, *CARDS_UP, *ENGINE,
     *ENGINES_OWN)
)  # fmt: skip
"""All of them."""
