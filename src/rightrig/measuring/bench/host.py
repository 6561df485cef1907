"""The host's processor: what it is called, its memory, and who else keeps it busy."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rightrig.measuring.probe.host import own_cpuinfo, own_memory_bytes, text_of, threads_count
from rightrig.quantities import GIB

_USUAL_FREE_BYTES: Final = 4.0 * GIB
"""What is taken to be free where the system does not tell."""


def processor_title() -> str:
    """Return what the processor calls itself, and how many of its cores this process may use."""
    title = own_cpuinfo().cpu or platform.processor() or platform.machine() or "processor"
    return f"{title}, {threads_count()} cores"


def free_memory_bytes() -> float:
    """Return the memory that programs may still take."""
    return own_memory_bytes()[1] or _USUAL_FREE_BYTES


@dataclass(frozen=True, slots=True)
class Busy:
    """Seconds of cores: all that were busy since the start, and those of this process's family."""

    all_s: float
    own_s: float
    at_s: float


def busy_now(at_s: float) -> Busy | None:
    """Return how busy cores were until now; ``None`` where the system does not tell.

    Busy is user, nice, system, interrupts and what a hypervisor took (``/proc/stat``).
    """
    said = text_of(Path("/proc/stat")).partition("\n")[0].split()
    if len(said) < 9 or said[0] != "cpu":  # noqa: PLR2004 - to the column of stolen time
        return None
    user, nice, system, _, _, interrupts, soft, stolen = (float(word) for word in said[1:9])
    ticks = os.sysconf("SC_CLK_TCK")
    own = os.times()
    own_s = own.user + own.system + own.children_user + own.children_system
    return Busy((user + nice + system + interrupts + soft + stolen) / ticks, own_s, at_s)


def others_ratio(before: Busy | None, after: Busy | None) -> float | None:
    """Return the share of all cores that other programs kept busy between two moments.

    >>> others_ratio(Busy(10.0, 2.0, 0.0), Busy(20.0, 6.0, 10.0)) == 6.0 / 10.0 / os.cpu_count()
    True
    """
    if before is None or after is None or after.at_s <= before.at_s:
        return None
    others_s = (after.all_s - before.all_s) - (after.own_s - before.own_s)
    return max(others_s, 0.0) / (after.at_s - before.at_s) / (os.cpu_count() or 1)
