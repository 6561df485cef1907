"""Why a card's clocks are held down: the bits of NVIDIA's driver, in our words.

``nvmlClocksEventReason…`` of the NVML API reference; DCGM's field 112 has the same bits. Importing
this loads nothing: processes that read the driver do it too.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CLOCK_REASONS: Final = MappingProxyType({
    "idle": 0x1,
    "application clocks": 0x2,
    "software power cap": 0x4,
    "hardware slowdown": 0x8,
    "sync boost": 0x10,
    "software thermal slowdown": 0x20,
    "hardware thermal slowdown": 0x40,
    "hardware power brake": 0x80,
    "display clocks": 0x100,
})  # fmt: skip
"""Reason → its bit."""


def clock_reasons(bits: int) -> list[str]:
    """Return what a driver's bits say.

    >>> clock_reasons(0x4 | 0x20)
    ['software power cap', 'software thermal slowdown']
    """
    return [reason for reason, bit in CLOCK_REASONS.items() if bits & bit]
