"""What one reading of a card shows, each as one condition of an alert."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_bytes
from rightrig.watching.rules.firing_text import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.watching.rules.thresholds import Thresholds
    from rightrig.watching.states import CardState

_NO_FABRIC: Final = frozenset({"", "not supported", "completed"})


def _holds(reason: str, words: str) -> Callable[[CardState, Thresholds], str]:
    """Return a condition: a reason holds clocks down."""

    def sentence(card: CardState, _thresholds: Thresholds) -> str:
        return words if reason in (card.clocks.reasons or ()) else ""

    return sentence


def _hw_slowdown(card: CardState, _thresholds: Thresholds) -> str:
    """Say that clocks are halved where the driver does not say for what."""
    reasons = set(card.clocks.reasons or ())
    told = {"hardware thermal slowdown", "hardware power brake"}
    plain = "hardware slowdown" in reasons and not reasons & told
    return "the hardware halves its clocks" if plain else ""


def _margin_small(card: CardState, thresholds: Thresholds) -> str:
    """Say how far a hot card is from slowing down."""
    margin = card.heat.margin_celsius
    if margin is None or not 0.0 < margin <= thresholds.margin_celsius:
        return ""
    return f"{margin:.0f} °C until it slows down"


def _margin_gone(card: CardState, _thresholds: Thresholds) -> str:
    """Say that a card is at the temperature at which it slows down."""
    margin = card.heat.margin_celsius
    return f"margin {margin:.0f} °C" if margin is not None and margin <= 0.0 else ""


def _limit(card: CardState, thresholds: Thresholds) -> str:
    """Say that the limit is below the plan's."""
    limit_w, planned_w = card.power.limit_w, thresholds.power_limit_w
    if limit_w is None or planned_w is None or limit_w >= planned_w:
        return ""
    return f"limit {limit_w:.0f} W, planned {planned_w:.0f} W"


def is_loaded(card: CardState, thresholds: Thresholds) -> bool:
    """Return whether a card works."""
    return (card.activity.gpu_ratio or 0.0) >= thresholds.busy_ratio


def _clock_drop(card: CardState, thresholds: Thresholds) -> str:
    """Say that a loaded card runs slowly for no reason that the driver names."""
    clocks = card.clocks
    named = set(clocks.reasons or ()) - {"hardware slowdown", "idle", "application clocks"}
    if not clocks.sm_hz or not clocks.sm_max_hz or named or not is_loaded(card, thresholds):
        return ""
    share_ratio = clocks.sm_hz / clocks.sm_max_hz
    slow = share_ratio < thresholds.clock_ratio
    return f"SMs at {percent(share_ratio)} of their highest clock under load" if slow else ""


def _uncorrected(card: CardState, *, repaired: bool) -> str:
    """Say how many errors were not corrected, by whether the row will be replaced."""
    health = card.health
    count = health.ecc_volatile.get("uncorrected", 0)
    is_repaired = bool(health.is_remap_pending) and not health.has_remap_failed
    if not count or is_repaired != repaired:
        return ""
    return f"{count} uncorrected memory errors since the driver was loaded"


def _remap_pending(card: CardState, _thresholds: Thresholds) -> str:
    """Say that a reset is due."""
    health = card.health
    waits = health.is_remap_pending and not health.has_remap_failed
    return "a bad row of its memory is replaced at the next reset" if waits else ""


def _recovery(card: CardState, _thresholds: Thresholds) -> str:
    """Say what the driver wants."""
    action = card.health.recovery_action
    return f"the driver asks for recovery action {action}" if action else ""


def _lanes(card: CardState) -> tuple[int, int]:
    """Return lanes now and at best; the same where one is not known."""
    now, best = card.bus.lanes, card.bus.max_lanes
    return (now, best) if now and best else (1, 1)


def _narrow(card: CardState, thresholds: Thresholds) -> str:
    """Say that lanes are missing, up to those that are critical."""
    now, best = _lanes(card)
    few = best * thresholds.pcie_lanes_ratio < now < best
    return f"PCIe x{now} of x{best}" if few else ""


def _very_narrow(card: CardState, thresholds: Thresholds) -> str:
    """Say that most lanes are missing."""
    now, best = _lanes(card)
    return f"PCIe x{now} of x{best}" if now <= best * thresholds.pcie_lanes_ratio else ""


def _slow_bus(card: CardState, thresholds: Thresholds) -> str:
    """Say that a loaded card runs below its generation."""
    now, best = card.bus.generation, card.bus.max_generation
    slow = now is not None and best is not None and now < best and is_loaded(card, thresholds)
    return f"PCIe generation {now} of {best} under load" if slow else ""


def _link_down(card: CardState, _thresholds: Thresholds) -> str:
    """Say which links are down while others of the card are up."""
    down = [str(link.number) for link in card.links if not link.is_up]
    if not down or len(down) == len(card.links):
        return ""
    return f"NVLinks down: {', '.join(down)} of {len(card.links)}"


def _links_fewer(card: CardState, thresholds: Thresholds) -> str:
    """Say that fewer links are up than planned."""
    up = sum(link.is_up for link in card.links)
    planned = thresholds.links_count
    fewer = planned is not None and card.links and up < planned
    return f"{up} NVLinks up, planned {planned}" if fewer else ""


def _fabric(card: CardState, _thresholds: Thresholds) -> str:
    """Say that a card has not joined its fabric."""
    return "" if card.fabric in _NO_FABRIC else f"NVSwitch fabric: {card.fabric}"


def _no_instance(card: CardState, _thresholds: Thresholds) -> str:
    """Say that nothing can use a card that is to be partitioned."""
    return "MIG mode without an instance" if card.mig and not card.instances else ""


def _memory_full(card: CardState, thresholds: Thresholds) -> str:
    """Say that memory is used up."""
    used, total = card.memory_used_bytes, card.memory_total_bytes
    if used is None or not total or used / total <= thresholds.memory_full_ratio:
        return ""
    return f"{percent(used / total)} of its memory in use"


def _memory_above(card: CardState, thresholds: Thresholds) -> str:
    """Say that more memory is in use than planned."""
    used, planned_bytes = card.memory_used_bytes, thresholds.memory_used_bytes
    if used is None or planned_bytes is None or used <= planned_bytes:
        return ""
    return f"{show_bytes(used)} in use, planned at most {show_bytes(planned_bytes)}"


def _broken(card: CardState, thresholds: Thresholds) -> str:
    """Say that two readings contradict each other."""
    activity = card.activity
    busy = (activity.gpu_ratio or 0.0) > thresholds.telemetry_ratio
    return "a kernel runs, and no SM is said to work" if busy and activity.sm_ratio == 0.0 else ""


def _always_busy(card: CardState, thresholds: Thresholds) -> bool:
    """Return whether a kernel runs all the time."""
    return (card.activity.gpu_ratio or 0.0) >= thresholds.hang_busy_ratio


def _without_work(card: CardState, thresholds: Thresholds) -> str:
    """Say that a kernel runs with hardly a warp."""
    occupancy_ratio = card.activity.occupancy_ratio
    if occupancy_ratio is None or not _always_busy(card, thresholds):
        return ""
    few = occupancy_ratio < thresholds.hang_occupancy_ratio
    return f"a kernel runs all the time with {percent(occupancy_ratio)} of warps" if few else ""


def _idle_power(card: CardState, thresholds: Thresholds) -> str:
    """Say that a kernel runs at the power of an idle card."""
    power = card.power
    if power.draw_w is None or not power.limit_w or not _always_busy(card, thresholds):
        return ""
    share_ratio = power.draw_w / power.limit_w
    few = share_ratio < thresholds.hang_power_ratio
    return f"a kernel runs all the time at {percent(share_ratio)} of its power limit" if few else ""


CONDITIONS: Final[Mapping[str, Callable[[CardState, Thresholds], str]]] = MappingProxyType(
    {
        "RowRemapFailed": lambda card, _: (
            "a bad row of its memory could not be replaced" if card.health.has_remap_failed else ""
        ),
        "EccUncorrectable": lambda card, _: _uncorrected(card, repaired=False),
        "EccUncorrectableContained": lambda card, _: _uncorrected(card, repaired=True),
        "RowRemapPending": _remap_pending,
        "RetiredPagePending": lambda card, _: (
            "a page of its memory is retired at the next reset"
            if card.health.is_page_pending
            else ""
        ),
        "RecoveryNeeded": _recovery,
        "HwThermalSlowdown": _holds("hardware thermal slowdown", "too hot: it halves its clocks"),
        "HwSlowdown": _hw_slowdown,
        "PowerBrake": _holds("hardware power brake", "a power brake holds it"),
        "SwThermalSlowdown": _holds(
            "software thermal slowdown", "the driver lowers its clocks for heat"
        ),
        "ThermalMarginGone": _margin_gone,
        "ThermalMarginSmall": _margin_small,
        "PowerCapped": _holds("software power cap", "at its power limit now"),
        "PowerLimitBelowPlan": _limit,
        "ClockDrop": _clock_drop,
        "PcieNarrow": _narrow,
        "PcieVeryNarrow": _very_narrow,
        "PcieSlow": _slow_bus,
        "NvlinkDown": _link_down,
        "NvlinksFewerThanPlan": _links_fewer,
        "FabricNotReady": _fabric,
        "MigWithoutInstances": _no_instance,
        "GpuMemoryFull": _memory_full,
        "GpuMemoryAbovePlan": _memory_above,
        "TelemetryBroken": _broken,
        "GpuBusyWithoutWork": _without_work,
        "GpuBusyAtIdlePower": _idle_power,
    }
)
"""Alert → what it says of a card; nothing where it does not hold."""
