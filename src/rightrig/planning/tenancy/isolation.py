"""What separates tenants on one card, by the way in which they share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Isolation:
    """One thing that tenants of a card share or do not.

    Attributes:
        what: The thing.
        mig: What MIG instances have of it.
        shared: What engines without partitions have of it.
    """

    what: str
    mig: str
    shared: str


ISOLATION: Final = (
    Isolation("memory", "own slices", "divided by the limit that each engine keeps"),
    Isolation("bandwidth, L2", "own slices", "shared: 1/n at best while n are busy"),
    Isolation("SMs", "own", "shared: in turns, or side by side with MPS"),
    Isolation("faults", "stay in the instance", "may end every engine, as with MPS"),
    Isolation("ECC counters", "one an instance", "one for the card"),
    Isolation("utilisation", "from DCGM, not from NVML", "of the card, not of a tenant"),
    Isolation("PCIe", "shared", "shared"),
    Isolation("power, clocks", "shared: one limit for the card", "shared"),
    Isolation("NVLink, P2P", "off", "as on the whole card"),
)
ISOLATION_SOURCES: Final = (
    "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
    "https://docs.nvidia.com/deploy/mps/index.html",
)
