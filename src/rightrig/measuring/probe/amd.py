"""AMD cards as ``amd-smi static --json`` and ``rocm-smi … --json`` print them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.probe.readings import Card, Links, PowerLimits, Reading, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND: Final = ("amd-smi", "static", "--json")
OLD_COMMAND: Final = (
    "rocm-smi", "--showproductname", "--showmeminfo", "vram", "--showmaxpower", "--showbus",
    "--showtopo", "--showdriverversion", "--showuniqueid", "--json",
)  # fmt: skip
_UNITS: Final = {"B": 2.0**-20, "KB": 2.0**-10, "MB": 1.0, "MIB": 1.0, "GB": 1024.0}
# Transfers a second of one lane → generation of PCIe.
_GENERATIONS: Final = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}
_MOST_CARDS: Final = 128
_BUS: Final = re.compile(r"\((\d+\.?\d*) ?GT/s x(\d{1,2})\)")
_LINK_TYPE: Final = re.compile(
    r"\(Topology\) Link type between DRM devices (\d{1,3}) and (\d{1,3})"
)


def parse_amd_smi(value: object) -> Reading | None:
    """Return what ``amd-smi static --json`` says; ``None`` where the JSON is of something else."""
    entries = value.get("gpu_data") if isinstance(value, dict) else value
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list):
        return None
    known = [one for one in entries[:_MOST_CARDS] if isinstance(one, dict) and "asic" in one]
    if not known:
        return None
    version = _text(_at(known[0], "driver", "version") or _at(known[0], "driver", "driver_version"))
    return Reading(
        cards=tuple(_static_card(index, one) for index, one in enumerate(known)),
        versions={"amdgpu": version} if version else {},
    )


def _static_card(index: int, entry: dict[str, Any]) -> Card:
    """Return one card of ``amd-smi``."""
    set_w = next(
        (
            w
            for name in ("socket_power", "current_power", "socket_power_limit", "power_cap")
            if (w := _power_w(_at(entry, "limit", name))) is not None
        ),
        None,
    )
    node = _digits(_at(entry, "numa", "node"))
    ecc = _text(_at(entry, "ras", "ecc")) or _text(_at(entry, "ras", "poison_schema"))
    return Card(
        index=index,
        name=_text(_at(entry, "asic", "market_name")),
        vendor="AMD",
        uuid=_text(_at(entry, "asic", "asic_serial")),
        bus_id=_text(_at(entry, "bus", "bdf")),
        memory_mib=_memory_mib(_at(entry, "vram", "size") or _at(entry, "vram", "vram_size")),
        sm_count=_whole(_at(entry, "asic", "num_compute_units")),
        bus_bits=_whole(_at(entry, "vram", "bit_width")),
        power=PowerLimits(set_w=set_w),
        slot=_static_slot(entry),
        ecc=True if ecc.upper() == "ENABLED" else None,
        numa_node=int(node) if node.isdigit() else None,
    )


def _static_slot(entry: dict[str, Any]) -> Slot:
    """Return the PCIe link that ``amd-smi static`` names: the most, not what is now."""
    speed = _digits(_at(entry, "bus", "max_pcie_speed"))
    return Slot(
        most_generation=_GENERATIONS.get(float(speed)) if speed else None,
        most_lanes=_whole(_at(entry, "bus", "max_pcie_width")),
    )


def _at(entry: object, *path: str) -> object:
    """Return what lies at a path, or ``None``; names agree whatever their case."""
    node = entry
    for name in path:
        if not isinstance(node, dict):
            return None
        node = next((v for k, v in node.items() if str(k).lower() == name), None)
    return node


def _text(value: object) -> str:
    """Return a text, but not ``N/A``."""
    return value if isinstance(value, str) and value != "N/A" else ""


def _digits(value: object) -> str:
    """Return a number that stands alone, before its unit, or beside it in ``value``; as a text."""
    if isinstance(value, dict):
        return _digits(value.get("value"))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    match = re.match(r"\s*(\d{1,15}(\.\d{1,9})?)", str(value))
    return match[1] if match else ""


def _power_w(value: object) -> float | None:
    """Return watts."""
    digits = _digits(value)
    return float(digits) if digits else None


def _whole(value: object) -> int | None:
    """Return a whole number above zero, or nothing."""
    digits = _digits(value)
    return (int(float(digits)) or None) if digits else None


def _memory_mib(value: object) -> int | None:
    """Return a size in MiB; what AMD's programs call MB is that."""
    digits = _digits(value)
    unit = str(value.get("unit", "MB")) if isinstance(value, dict) else "MB"
    if isinstance(value, str) and (words := value.split())[1:]:
        unit = words[1]
    scale = _UNITS.get(unit.upper())
    return int(float(digits) * scale) if digits and scale else None


def parse_rocm_smi(value: object) -> Reading | None:
    """Return what ``rocm-smi … --json`` says; ``None`` where the JSON is of something else."""
    if not isinstance(value, dict):
        return None
    entries = dict(sorted(_old_entries(value)))
    if not entries:
        return None
    system = value.get("system")
    version = _text(_at(system, "driver version"))
    return Reading(
        cards=tuple(_old_card(index, entry) for index, entry in entries.items()),
        links=Links(paths=_old_paths(system)),
        versions={"amdgpu": version} if version else {},
    )


def _old_entries(value: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the cards of ``rocm-smi`` by their numbers."""
    for name, entry in value.items():
        match = re.fullmatch(r"card(\d{1,3})", str(name))
        if match and isinstance(entry, dict) and int(match[1]) < _MOST_CARDS:
            yield int(match[1]), entry


def _old_card(index: int, entry: dict[str, Any]) -> Card:
    """Return one card of ``rocm-smi``."""
    size = _digits(_at(entry, "vram total memory (b)"))
    bus = _BUS.search(_text(_at(entry, "pcie clock level")))
    node = _digits(_at(entry, "(topology) numa node"))
    return Card(
        index=index,
        name=_old_name(_text(_at(entry, "card series"))),
        vendor="AMD",
        uuid=_text(_at(entry, "unique id")),
        bus_id=_text(_at(entry, "pci bus")),
        memory_mib=int(float(size)) >> 20 if size else None,
        power=PowerLimits(set_w=_power_w(_at(entry, "max graphics package power (w)"))),
        slot=Slot(_GENERATIONS.get(float(bus[1])), int(bus[2])) if bus else Slot(),
        numa_node=int(node) if node.isdigit() else None,
    )


def _old_name(series: str) -> str:
    """Return the name of a card, which older releases print behind its chip's.

    >>> _old_name("Arcturus GL-XL [Instinct MI100]")
    'Instinct MI100'
    """
    match = re.search(r"\[([^\]]+)\]", series)
    return (match[1] if match else series).strip()


def _old_paths(system: object) -> dict[tuple[int, int], str]:
    """Return what joins the cards: ``XGMI`` or ``PCIE``."""
    if not isinstance(system, dict):
        return {}
    return {
        (min(int(m[1]), int(m[2])), max(int(m[1]), int(m[2]))): _text(kind)
        for name, kind in system.items()
        if (m := _LINK_TYPE.fullmatch(str(name))) and m[1] != m[2]
    }
