"""Why a device may be slow: what its driver and its host say of the time it was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.bench.nvml import FIXED_CLOCKS, POWER_BRAKE, POWER_CAP, THERMAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.bench.values import Condition, Measured

Kind = Literal["memory", "compute", "link", "result"]
_OTHERS_RATIO: Final = 0.1
"""Cores that others kept busy, above which they count."""
_CLOCK_RATIO: Final = 0.9
"""Share of the highest clock below which a clock counts as low."""
_LIMIT_RATIO: Final = 0.99
_MANY_ROWS: Final = 8
"""Replaced rows of memory above which they are worth a word."""


def likely_causes(measured: Measured, kind: Kind) -> tuple[str, ...]:
    """Return what may explain that one kind of figure is low, the likeliest first."""
    condition = measured.condition
    reasons = set(condition.reasons) | {r for sight in measured.sights for r in sight.reasons}
    found = [*_memory_errors(condition)] if kind in {"memory", "result"} else []
    if kind == "link":
        found += _link(condition)
    if kind != "result":
        found += _heat(measured, reasons)
        if kind == "compute":
            found += _power(condition, reasons)
        found += _clocks(measured, reasons)
        found += _others(condition)
    return tuple(found)


def _power(condition: Condition, reasons: set[str]) -> Iterator[str]:
    """Yield a limit of power below the factory's, or one that was met."""
    limit, usual = condition.limit_w, condition.usual_limit_w
    if limit is not None and usual is not None and limit < _LIMIT_RATIO * usual:
        yield f"power cap: {limit:.0f} W of the usual {usual:.0f} W"
    elif POWER_CAP in reasons:
        yield "power cap: the board's power limit was reached"
    if POWER_BRAKE in reasons:
        yield "power brake: the supply asked the card to slow down"


def _heat(measured: Measured, reasons: set[str]) -> Iterator[str]:
    """Yield that the card slowed down because it was hot."""
    if THERMAL in reasons:
        heats = [
            s.temperature_celsius for s in measured.sights if s.temperature_celsius is not None
        ]
        hottest = f" at up to {max(heats):.0f} °C" if heats else ""
        yield f"thermal throttling{hottest}: look at fans, filters and air"


def _link(condition: Condition) -> Iterator[str]:
    """Yield a PCIe link narrower or slower than it could be."""
    lanes, most = condition.lanes_count, condition.most_lanes_count
    if lanes is not None and most is not None and lanes < most:
        yield f"PCIe width: x{lanes} of x{most}; reseat the card, or take another slot"
    now, possible = condition.link_generation_count, condition.most_link_generation_count
    if now is not None and possible is not None and now < possible:
        yield f"PCIe generation: {now} of {possible}; look at risers and at the firmware's settings"


def _memory_errors(condition: Condition) -> Iterator[str]:
    """Yield errors of memory, and what correcting them costs."""
    if condition.uncorrected_count:
        yield f"ECC: {condition.uncorrected_count} uncorrected errors"
    if condition.remapped_count is not None and condition.remapped_count >= _MANY_ROWS:
        yield f"ECC: {condition.remapped_count} rows of memory were replaced"


def _clocks(measured: Measured, reasons: set[str]) -> Iterator[str]:
    """Yield clocks that somebody fixed, or that are low for no reason told."""
    if FIXED_CLOCKS in reasons:
        yield "clocks: fixed by application clocks or a lock (nvidia-smi -q -d CLOCK)"
        return
    most = measured.condition.most_clock_hz
    clocks = [f.timing.clock_hz for f in measured.figures if f.timing.clock_hz is not None]
    if most is not None and clocks and max(clocks) < _CLOCK_RATIO * most:
        yield f"clocks: at most {max(clocks) / 1e6:.0f} MHz of {most / 1e6:.0f} MHz"


def _others(condition: Condition) -> Iterator[str]:
    """Yield that others use the card or the host."""
    if condition.processes_count:
        yield f"another process: {condition.processes_count} more on this card"
    if condition.others_ratio is not None and condition.others_ratio > _OTHERS_RATIO:
        yield f"another process: others kept {condition.others_ratio:.0%} of the cores busy"
