"""NVIDIA cards as ``nvidia-smi -q`` and ``nvidia-smi -q -x`` print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe.readings import (
    Card,
    Clocks,
    MigInstance,
    PowerLimits,
    Reading,
    Slot,
)
from rightrig.measuring.probe.smi_tree import at, branches, digits_of, parse_text, parse_xml
from rightrig.quantities import MILLION

if TYPE_CHECKING:
    from rightrig.measuring.probe.smi_tree import Tree

COMMAND: Final = ("nvidia-smi", "-q", "-x")
# XML calls a reason clocks_event_reason_…, before driver 530 clocks_throttle_reason_…
_REASONS: Final = (
    ("applications_clocks_setting", "Applications Clocks Setting", "application clocks"),
    ("sw_power_cap", "SW Power Cap", "software power cap"),
    ("hw_slowdown", "HW Slowdown", "hardware slowdown"),
    ("hw_thermal_slowdown", "HW Thermal Slowdown", "hardware thermal slowdown"),
    ("hw_power_brake_slowdown", "HW Power Brake Slowdown", "hardware power brake"),
    ("sync_boost", "Sync Boost", "sync boost"),
    ("sw_thermal_slowdown", "SW Thermal Slowdown", "software thermal slowdown"),
)
_REASON_BRANCHES: Final = (
    ("clocks_event_reasons", "clocks_event_reason_"),
    ("clocks_throttle_reasons", "clocks_throttle_reason_"),
)
_REASON_TEXTS: Final = ("Clocks Event Reasons", "Clocks Throttle Reasons")


def parse_smi(text: str) -> Reading | None:
    """Return what ``nvidia-smi -q``, with or without ``-x``, says; ``None`` for another text."""
    found = parse_xml(text) if text.lstrip().startswith("<") else parse_text(text)
    if found is None:
        return None
    head, cards = found
    versions = {
        "driver": at(head, ("driver_version",), ("Driver Version",)),
        "cuda": at(head, ("cuda_version",), ("CUDA Version",)),
    }
    return Reading(
        cards=tuple(_card(index, tree) for index, tree in enumerate(cards)),
        versions={key: value for key, value in versions.items() if value},
    )


def _card(index: int, tree: Tree) -> Card:
    """Return one card.

    Its number is its place in the list, which is the order of NVML; ``minor_number`` is another.
    """
    used = _whole(tree, ("utilization", "gpu_util"), ("Utilization", "Gpu"))
    return Card(
        index=index,
        name=at(tree, ("product_name",), ("Product Name",)),
        vendor="NVIDIA",
        uuid=at(tree, ("uuid",), ("GPU UUID",)),
        bus_id=at(tree, ("bus_id",), ("pci", "pci_bus_id"), ("PCI", "Bus Id")),
        memory_mib=_whole(tree, ("fb_memory_usage", "total"), ("FB Memory Usage", "Total")),
        free_mib=_whole(tree, ("fb_memory_usage", "free"), ("FB Memory Usage", "Free")),
        clocks=_clocks(tree),
        power=_power(tree),
        slot=_slot(tree),
        ecc=_on(tree, ("ecc_mode", "current_ecc"), ("ECC Mode", "Current")),
        persistence=_on(tree, ("persistence_mode",), ("Persistence Mode",)),
        mig=_on(tree, ("mig_mode", "current_mig"), ("MIG Mode", "Current")),
        instances=_instances(tree),
        slowdowns=_slowdowns(tree),
        fabric=at(tree, ("fabric", "state"), ("Fabric", "State")).lower(),
        is_idle=not used,
    )


def _whole(tree: Tree, *paths: tuple[str, ...]) -> int | None:
    """Return a whole number at a path."""
    digits = digits_of(at(tree, *paths))
    return int(float(digits)) if digits else None


def _on(tree: Tree, *paths: tuple[str, ...]) -> bool | None:
    """Return whether something is enabled; ``None`` where nothing is said."""
    return {"Enabled": True, "Disabled": False}.get(at(tree, *paths))


def _hz(tree: Tree, *paths: tuple[str, ...]) -> float | None:
    """Return a clock in hertz."""
    digits = digits_of(at(tree, *paths))
    return float(digits) * MILLION if digits else None


def _clocks(tree: Tree) -> Clocks:
    """Return the clocks of a card."""
    return Clocks(
        sm_hz=_hz(tree, ("clocks", "sm_clock"), ("Clocks", "SM")),
        sm_max_hz=_hz(tree, ("max_clocks", "sm_clock"), ("Max Clocks", "SM")),
        memory_hz=_hz(tree, ("clocks", "mem_clock"), ("Clocks", "Memory")),
        memory_max_hz=_hz(tree, ("max_clocks", "mem_clock"), ("Max Clocks", "Memory")),
    )


def _power(tree: Tree) -> PowerLimits:
    """Return the power limits; drivers before 535 have another branch, with fewer names."""

    def limit_w(xml: str, text: str) -> float | None:
        digits = digits_of(
            at(
                tree,
                ("gpu_power_readings", xml), ("GPU Power Readings", text),
                ("power_readings", xml), ("Power Readings", text),
            )
        )  # fmt: skip
        return float(digits) if digits else None

    set_w = limit_w("current_power_limit", "Current Power Limit")
    return PowerLimits(
        set_w=set_w
        or limit_w("enforced_power_limit", "Enforced Power Limit")
        or limit_w("power_limit", "Power Limit"),
        default_w=limit_w("default_power_limit", "Default Power Limit"),
    )


def _slot(tree: Tree) -> Slot:
    """Return the PCIe link."""

    def number(xml: tuple[str, str], text: tuple[str, str]) -> int | None:
        return _whole(tree, ("pci", "pci_gpu_link_info", *xml), ("PCI", "GPU Link Info", *text))

    generation, width = "PCIe Generation", "Link Width"
    return Slot(
        generation=number(("pcie_gen", "current_link_gen"), (generation, "Current")),
        lanes=number(("link_widths", "current_link_width"), (width, "Current")),
        most_generation=number(("pcie_gen", "max_link_gen"), (generation, "Max")),
        most_lanes=number(("link_widths", "max_link_width"), (width, "Max")),
        card_generation=number(("pcie_gen", "max_device_link_gen"), (generation, "Device Max")),
    )


def _instances(tree: Tree) -> tuple[MigInstance, ...]:
    """Return the MIG instances."""
    found = []
    for part in (*branches(tree, "mig_devices", "mig_device"), *branches(tree, "MIG Device")):
        memory_mib = _whole(part, ("fb_memory_usage", "total"), ("FB Memory Usage", "Total"))
        sm_count = _whole(
            part,
            ("device_attributes", "shared", "multiprocessor_count"),
            ("Device Attributes", "Shared", "Multiprocessor count"),
        )
        if memory_mib is not None:
            found.append(MigInstance(memory_mib, sm_count))
    return tuple(found)


def _slowdowns(tree: Tree) -> tuple[str, ...]:
    """Return why the clocks are held down now."""
    found = []
    for xml, text, words in _REASONS:
        paths = [(branch, f"{prefix}{xml}") for branch, prefix in _REASON_BRANCHES]
        # Two reasons stand below "HW Slowdown", whose own line has a value.
        paths += [(branch, text) for branch in _REASON_TEXTS]
        if at(tree, *paths) == "Active":
            found.append(words)
    return tuple(found)
