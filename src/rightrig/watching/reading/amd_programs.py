"""AMD's cards as ``amd-smi metric --json`` and ``rocm-smi … --json`` tell what they do now.

What they are is read as ``rightrig probe`` reads it. What these programs do not tell is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.probe.amd import OLD_COMMAND, parse_amd_smi, parse_rocm_smi

if TYPE_CHECKING:
    from rightrig.measuring.probe.readings import Card

STATIC: Final = ("amd-smi", "static", "--json")
METRIC: Final = ("amd-smi", "metric", "--json")
OLD: Final = (
    *OLD_COMMAND[:-1], "--showuse", "--showmemuse", "--showtemp", "--showpower", "--showclocks",
    "--showreplaycount", "--json",
)  # fmt: skip
_GENERATIONS: Final = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}
"""Transfers a second of one lane, in 10⁹ → generation of PCIe."""
_NUMBER: Final = re.compile(r"\(?\s*(-?\d{1,15}(?:\.\d{1,9})?)")
_BUS: Final = re.compile(r"\((\d+\.?\d*) ?GT/s x(\d{1,2})\)")
_MIB: Final = 1 << 20
_MT_PER_GT: Final = 1_000


def at(entry: object, *path: str) -> object:
    """Return what lies at a path, whatever the case of its names; ``None`` where nothing does."""
    node = entry
    for name in path:
        if not isinstance(node, dict):
            return None
        node = next((value for key, value in node.items() if str(key).lower() == name), None)
    return node


def scaled(value: object, by_ratio: float = 1.0) -> float | None:
    """Return a number that stands alone, in a text or beside its unit, in base units.

    >>> scaled({"value": 91, "unit": "%"}, 0.01), scaled("(300Mhz)", 1e6), scaled("N/A")
    (0.91, 300000000.0, None)
    """
    if isinstance(value, dict):
        return scaled(value.get("value"), by_ratio)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _NUMBER.match(str(value))
    return float(match[1]) * by_ratio if match else None


def whole(value: object, by_ratio: float = 1.0) -> int | None:
    """Return the same as a whole number."""
    number = scaled(value, by_ratio)
    return None if number is None else round(number)


def generation(speed: object) -> int | None:
    """Return the generation of PCIe that has a speed, in GT/s or, as some releases say, in MT/s."""
    number = scaled(speed)
    if number is None:
        return None
    return _GENERATIONS.get(number / _MT_PER_GT if number >= _MT_PER_GT else number)


def cards_of_amd_smi(static: object, metric: object) -> tuple[list[dict[str, Any]], str]:
    """Return the cards, as the lines of a reader have them, and the version of the driver.

    Args:
        static: What ``amd-smi static --json`` printed.
        metric: What ``amd-smi metric --json`` printed.
    """
    reading = parse_amd_smi(static)
    if reading is None:
        return [], ""
    entries = metric.get("gpu_data") if isinstance(metric, dict) else metric
    by_index = {
        index: one
        for one in (entries if isinstance(entries, list) else [])
        if (index := whole(at(one, "gpu"))) is not None
    }
    found = [_card(card, by_index.get(card.index)) for card in reading.cards]
    return found, reading.versions.get("amdgpu", "")


def _card(card: Card, entry: object) -> dict[str, Any]:
    """Return one card of ``amd-smi``; lost, where there is no word of what it does."""
    one: dict[str, Any] = {"index": card.index, "fixed": fixed(card)}
    if entry is None:
        return {**one, "lost": "GpuNotFound"}
    return {**one, "slow": _slow(card, entry), "fast": _fast(entry)}


def _fast(entry: object) -> dict[str, Any]:
    """Return what changes from second to second of a card of ``amd-smi``."""
    names = ("socket_power", "current_socket_power", "average_socket_power")
    powers = (scaled(at(entry, "power", name)) for name in names)
    edge = scaled(at(entry, "temperature", "edge"))
    return {
        "activity": {
            "gpu_ratio": scaled(at(entry, "usage", "gfx_activity"), 0.01),
            "memory_ratio": scaled(at(entry, "usage", "umc_activity"), 0.01),
        },
        "memory_used_bytes": whole(at(entry, "mem_usage", "used_vram"), _MIB),
        "heat": {
            "gpu_celsius": scaled(at(entry, "temperature", "hotspot")) if edge is None else edge,
            "memory_celsius": scaled(at(entry, "temperature", "mem")),
        },
        "power": {
            "draw_w": next((one for one in powers if one is not None), None),
            # A card that does not count its energy says 0.
            "energy_j": scaled(at(entry, "energy", "total_energy_consumption")) or None,
        },
        "clocks": {
            "sm_hz": scaled(at(entry, "clock", "gfx_0", "clk"), 1e6),
            "memory_hz": scaled(at(entry, "clock", "mem_0", "clk"), 1e6),
        },
        "bus": {
            "generation": generation(at(entry, "pcie", "speed")),
            "lanes": whole(at(entry, "pcie", "width")),
        },
    }


def _slow(card: Card, entry: object) -> dict[str, Any]:
    """Return what seldom changes of a card of ``amd-smi``."""
    kinds = {"corrected": "total_correctable_count", "uncorrected": "total_uncorrectable_count"}
    counts = {kind: whole(at(entry, "ecc", name)) for kind, name in kinds.items()}
    return {
        "power": {"limit_w": card.power.set_w},
        "clocks": {
            # Of a clock that it does not know the most of, the program says 0.
            "sm_max_hz": scaled(at(entry, "clock", "gfx_0", "max_clk"), 1e6) or None,
            "memory_max_hz": scaled(at(entry, "clock", "mem_0", "max_clk"), 1e6) or None,
        },
        "health": {"ecc_volatile": {kind: n for kind, n in counts.items() if n is not None}},
        "bus": {
            "max_generation": card.slot.most_generation,
            "max_lanes": card.slot.most_lanes,
            "replays_count": whole(at(entry, "pcie", "replay_count")),
        },
    }


def fixed(card: Card) -> dict[str, Any]:
    """Return what a card is."""
    memory = card.memory_mib
    return {
        "name": card.name,
        "uuid": card.uuid,
        "bus_id": card.bus_id,
        "memory_total_bytes": None if memory is None else memory * _MIB,
    }


def cards_of_rocm_smi(value: object) -> tuple[list[dict[str, Any]], str]:
    """Return the cards of ``rocm-smi``, and the version of the driver."""
    reading = parse_rocm_smi(value)
    if reading is None:
        return [], ""
    found = [_old_card(card, at(value, f"card{card.index}")) for card in reading.cards]
    return found, reading.versions.get("amdgpu", "")


def _old_card(card: Card, entry: object) -> dict[str, Any]:
    """Return one card of ``rocm-smi``."""
    edge = scaled(at(entry, "temperature (sensor edge) (c)"))
    junction = scaled(at(entry, "temperature (sensor junction) (c)"))
    draw = scaled(at(entry, "average graphics package power (w)"))
    if draw is None:
        draw = scaled(at(entry, "current socket graphics package power (w)"))
    bus = _BUS.search(str(at(entry, "pcie clock level")))
    return {
        "index": card.index,
        "fixed": fixed(card),
        "slow": {
            "power": {"limit_w": card.power.set_w},
            "bus": {"replays_count": whole(at(entry, "pcie replay count"))},
        },
        "fast": {
            "activity": {
                "gpu_ratio": scaled(at(entry, "gpu use (%)"), 0.01),
                "memory_ratio": scaled(at(entry, "gpu memory read/write activity (%)"), 0.01),
            },
            "memory_used_bytes": whole(at(entry, "vram total used memory (b)")),
            "heat": {
                "gpu_celsius": junction if edge is None else edge,
                "memory_celsius": scaled(at(entry, "temperature (sensor memory) (c)")),
            },
            "power": {"draw_w": draw},
            "clocks": {
                "sm_hz": scaled(at(entry, "sclk clock speed:"), 1e6),
                "memory_hz": scaled(at(entry, "mclk clock speed:"), 1e6),
            },
            "bus": {
                "generation": generation(bus[1]) if bus else None,
                "lanes": int(bus[2]) if bus else None,
            },
        },
    }
