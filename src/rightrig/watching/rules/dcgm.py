"""The fields of NVIDIA's DCGM that the rules read, as its exporter names them.

DCGM 4.6 renamed most fields and kept their numbers and units; an exporter emits the names that
its list of counters has. Names, numbers and units: NVIDIA/DCGM dcgmlib/dcgm_fields.h and
DcgmCacheManager.cpp at 72fa3fe (4.6.0, 2026-07-06), where GPU_UTIL_RATIO still counts to 100;
fields of 4.6.1 that are new, in base units: NVIDIA/go-dcgm pkg/dcgm/const_fields.go at b7fa315.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        key: What the rules call it.
        number: DCGM's.
        names: Until DCGM 4.5, and since 4.6 where that differs.
        factor: What makes the base unit of it, in PromQL.
        base_name: A field of its own that counts the same in base units, since 4.6.1.
    """

    key: str
    number: int
    names: tuple[str, ...]
    kind: Literal["gauge", "counter"]
    help: str
    factor: str = ""
    base_name: str = ""


_NVLINK: Final = ((409, "crc_flit"), (419, "crc_data"), (429, "replay"), (439, "recovery"))
_COUNTERS: Final = frozenset(
    {"power_capped", "corrected", "uncorrected", "pcie_replays"}
    | {f"nvlink_{kind}" for _, kind in _NVLINK}
)


def _field(
    number: int, key: str, names: str, words: str, factor: str = "", base: str = ""
) -> Field:
    """Return a field; ``names`` without the prefix that all share."""
    full = tuple(f"DCGM_FI_{name}" for name in names.split())
    kind: Literal["gauge", "counter"] = "counter" if key in _COUNTERS else "gauge"
    return Field(key, number, full, kind, words, factor, f"DCGM_FI_{base}" if base else "")


_PERCENT: Final = " / 100"
_MEBIBYTES: Final = " * 1048576"
_MEGAHERTZ: Final = " * 1e6"
_NANOSECONDS: Final = " / 1e9"
FIELDS: Final = (
    _field(203, "busy", "DEV_GPU_UTIL DEV_GPU_UTIL_RATIO", "Time with a kernel (%).", _PERCENT),
    _field(204, "memory_busy", "DEV_MEM_COPY_UTIL", "Time with memory at work (%).", _PERCENT),
    _field(1002, "sm_active", "PROF_SM_ACTIVE PROF_SM_UTIL_RATIO", "Share of SMs at work."),
    _field(
        1003, "occupancy", "PROF_SM_OCCUPANCY PROF_SM_OCCUPANCY_RATIO", "Share of resident warps."
    ),
    _field(
        1004, "tensor", "PROF_PIPE_TENSOR_ACTIVE PROF_TENSOR_UTIL_RATIO", "Tensor cores at work."
    ),
    _field(1005, "dram", "PROF_DRAM_ACTIVE PROF_DRAM_UTIL_RATIO", "Memory's bandwidth in use."),
    _field(250, "memory_total", "DEV_FB_TOTAL", "Memory of the card (MiB).", _MEBIBYTES),
    _field(252, "memory_used", "DEV_FB_USED", "Memory in use (MiB).", _MEBIBYTES),
    _field(150, "temperature", "DEV_GPU_TEMP DEV_GPU_TEMP_CELSIUS", "Temperature (C)."),
    _field(
        140, "memory_temperature", "DEV_MEMORY_TEMP DEV_MEMORY_TEMP_CELSIUS", "Of the memory (C)."
    ),
    _field(
        153, "margin", "DEV_GPU_TEMP_LIMIT DEV_GPU_TEMP_MARGIN_CELSIUS", "Until a slowdown (C)."
    ),
    _field(155, "power", "DEV_POWER_USAGE DEV_BOARD_POWER_WATTS", "Power of the board (W)."),
    _field(
        164,
        "power_limit",
        "DEV_ENFORCED_POWER_LIMIT DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS",
        "Power limit in force (W).",
    ),
    _field(
        100, "sm_clock", "DEV_SM_CLOCK", "Clock of the SMs (MHz).", _MEGAHERTZ, "DEV_SM_CLOCK_HERTZ"
    ),
    _field(
        113,
        "sm_clock_max",
        "DEV_MAX_SM_CLOCK",
        "Highest of it (MHz).",
        _MEGAHERTZ,
        "DEV_SM_MAX_CLOCK_HERTZ",
    ),
    _field(
        101,
        "memory_clock",
        "DEV_MEM_CLOCK",
        "Clock of the memory (MHz).",
        _MEGAHERTZ,
        "DEV_MEMORY_CLOCK_HERTZ",
    ),
    _field(
        112,
        "reasons",
        "DEV_CLOCK_THROTTLE_REASONS DEV_CLOCKS_EVENT_REASONS",
        "What holds clocks down (bits).",
    ),
    _field(
        240,
        "power_capped",
        "DEV_POWER_VIOLATION DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS",
        "Time at the power limit (ns).",
        _NANOSECONDS,
    ),
    _field(310, "corrected", "DEV_ECC_SBE_VOL_TOTAL", "Corrected errors."),
    _field(311, "uncorrected", "DEV_ECC_DBE_VOL_TOTAL", "Uncorrected errors."),
    _field(395, "remap_failed", "DEV_ROW_REMAP_FAILURE DEV_ROW_REMAP_FAILED", "A row stays bad."),
    _field(396, "remap_pending", "DEV_ROW_REMAP_PENDING", "A row waits for a reset."),
    _field(
        392, "page_pending", "DEV_RETIRED_PENDING DEV_PAGE_RETIRED_PENDING", "Pages wait for it."
    ),
    _field(230, "xid", "DEV_XID_ERRORS DEV_XID_ERROR", "The last error event."),
    _field(
        1523,
        "recovery",
        "DEV_GET_GPU_RECOVERY_ACTION DEV_GPU_RECOVERY_ACTION",
        "What the driver wants done.",
    ),
    _field(237, "pcie_generation", "DEV_PCIE_LINK_GEN", "PCIe generation now."),
    _field(235, "pcie_generation_max", "DEV_PCIE_MAX_LINK_GEN", "PCIe generation at best."),
    _field(238, "pcie_lanes", "DEV_PCIE_LINK_WIDTH", "PCIe lanes now."),
    _field(236, "pcie_lanes_max", "DEV_PCIE_MAX_LINK_WIDTH", "PCIe lanes at best."),
    _field(
        202,
        "pcie_replays",
        "DEV_PCIE_REPLAY_COUNTER DEV_PCIE_REPLAY_TOTAL",
        "Packets sent again.",
    ),
    *(
        _field(
            number,
            f"nvlink_{kind}",
            f"DEV_NVLINK_{kind.upper()}_ERROR_COUNT_TOTAL DEV_NVLINK_{kind.upper()}_ERROR_TOTAL",
            f"NVLink errors: {kind}.",
        )
        for number, kind in _NVLINK
    ),
    _field(170, "fabric", "DEV_FABRIC_MANAGER_STATUS", "Membership of a fabric; 3 is complete."),
)
"""Every field that a rule reads."""
BY_KEY: Final = MappingProxyType({field.key: field for field in FIELDS})
XID_COUNTS: Final = "DCGM_EXP_XID_ERRORS_COUNT"
"""Of the exporter itself: events by XID within its window."""
NAMES: Final = frozenset(
    (
        XID_COUNTS,
        *(name for field in FIELDS for name in (*field.names, field.base_name) if name),
    )
)
"""Every name that a rule may read."""
