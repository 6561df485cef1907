"""Apple computers as ``system_profiler … -json`` describes them."""

from __future__ import annotations

import re
from typing import Any, Final

from rightrig.measuring.probe.readings import Card, Host, Reading
from rightrig.quantities import GIB

COMMAND: Final = ("system_profiler", "SPHardwareDataType", "SPDisplaysDataType", "-json")
_MIB_PER_GIB: Final = 1024


def parse_system_profiler(value: object) -> Reading | None:
    """Return the chip and its memory; ``None`` where the JSON is of something else."""
    if not isinstance(value, dict) or not {"SPHardwareDataType", "SPDisplaysDataType"} & {*value}:
        return None
    hardware = _first(value.get("SPHardwareDataType"))
    memory_gib = _leading(str(hardware.get("physical_memory", "")))
    chip = str(hardware.get("chip_type") or hardware.get("cpu_type") or "")
    displays = value.get("SPDisplaysDataType")
    cards = tuple(
        Card(
            index=index,
            name=str(one.get("sppci_model") or one.get("_name") or ""),
            vendor="Apple",
            memory_mib=memory_gib * _MIB_PER_GIB if memory_gib else None,
            sm_count=_leading(str(one.get("sppci_cores", ""))),
        )
        for index, one in enumerate(displays if isinstance(displays, list) else [])
        # Computers of before 2020 have cards of other makers, for which there is no engine.
        if isinstance(one, dict) and "Apple" in str(one.get("spdisplays_vendor", ""))
    )
    host = Host(
        name=str(hardware.get("machine_name", "")),
        cpu=chip,
        cpu_vendor="Apple" if chip.startswith("Apple") else "Intel" if chip else "",
        threads_count=_threads(str(hardware.get("number_processors", ""))),
        memory_bytes=memory_gib * GIB if memory_gib else None,
    )
    return Reading(cards=cards, host=host)


def _first(value: object) -> dict[str, Any]:
    """Return the first entry of a list of entries."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return value[0]
    return {}


def _leading(text: str) -> int | None:
    """Return the number that a text begins with."""
    match = re.match(r"\d{1,6}", text.strip())
    return int(match[0]) if match else None


def _threads(text: str) -> int | None:
    """Return the cores of a text such as ``proc 16:12:4``."""
    match = re.search(r"\d{1,4}", text)
    return int(match[0]) if match else None
