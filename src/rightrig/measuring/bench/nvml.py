"""What NVIDIA's driver says of one card: clocks, power, heat, link, errors. It never sets any."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.values import Condition, Sight
from rightrig.quantities import MILLION

if TYPE_CHECKING:
    from collections.abc import Callable

POWER_CAP: Final = "power cap"
THERMAL: Final = "thermal"
POWER_BRAKE: Final = "power brake"
FIXED_CLOCKS: Final = "fixed clocks"
_REASONS: Final = (
    (0x4, POWER_CAP), (0x8, "hardware slowdown"), (0x20, THERMAL), (0x40, THERMAL),
    (0x80, POWER_BRAKE), (0x2, FIXED_CLOCKS), (0x10, "sync boost"),
    (0x100, "display clocks"),
)  # fmt: skip
"""Bits of the reasons for slow clocks (``nvmlClocksEventReason…``); idle is no reason here."""
_SM_CLOCK: Final = 1
_CORRECTED_NOT: Final = 1
_SINCE_START: Final = 0
_DIE: Final = 0


@dataclass(frozen=True, slots=True)
class Driver:
    """NVML's handle of one card; without one, everything is unknown.

    Attributes:
        library: ``pynvml``.
        handle: The card.
    """

    library: Any = None
    handle: Any = None

    def clock_hz(self) -> float | None:
        """Return the clock of the multiprocessors now."""
        clock_mhz = self._said("nvmlDeviceGetClockInfo", _SM_CLOCK)
        return None if clock_mhz is None else float(clock_mhz) * MILLION

    def sight(self, at_s: float) -> Sight:
        """Return clock, power, temperature and reasons for slow clocks now."""
        power_milliwatts = self._said("nvmlDeviceGetPowerUsage")
        heat = self._said("nvmlDeviceGetTemperature", _DIE)
        return Sight(
            at_s,
            self.clock_hz(),
            None if power_milliwatts is None else float(power_milliwatts) / 1e3,
            None if heat is None else float(heat),
            self._reasons(),
        )

    def condition(self) -> Condition:
        """Return what may explain that the card is slow; ask under load, when links are awake."""
        limit = self._said("nvmlDeviceGetEnforcedPowerLimit")
        usual = self._said("nvmlDeviceGetPowerManagementDefaultLimit")
        clock_mhz = self._said("nvmlDeviceGetMaxClockInfo", _SM_CLOCK)
        rows = self._said("nvmlDeviceGetRemappedRows")
        ecc = self._said("nvmlDeviceGetEccMode")
        processes = self._said("nvmlDeviceGetComputeRunningProcesses")
        return Condition(
            limit_w=None if limit is None else float(limit) / 1e3,
            usual_limit_w=None if usual is None else float(usual) / 1e3,
            lanes_count=self._said("nvmlDeviceGetCurrPcieLinkWidth"),
            most_lanes_count=self._said("nvmlDeviceGetMaxPcieLinkWidth"),
            link_generation_count=self._said("nvmlDeviceGetCurrPcieLinkGeneration"),
            most_link_generation_count=self._said("nvmlDeviceGetMaxPcieLinkGeneration"),
            uncorrected_count=self._said(
                "nvmlDeviceGetTotalEccErrors", _CORRECTED_NOT, _SINCE_START
            ),
            remapped_count=None if rows is None else int(rows[0]) + int(rows[1]),
            ecc_on=None if ecc is None else bool(ecc[0]),
            most_clock_hz=None if clock_mhz is None else float(clock_mhz) * MILLION,
            processes_count=None
            if processes is None
            else sum(process.pid != os.getpid() for process in processes),
            reasons=self._reasons(),
        )

    def _reasons(self) -> tuple[str, ...]:
        """Return why clocks are low now; drivers before 535 have another name for the question."""
        bits = self._said("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self._said("nvmlDeviceGetCurrentClocksThrottleReasons")
        return reasons_of(bits)

    def version(self) -> str:
        """Return the driver's version; empty where nobody tells."""
        if self.library is None:
            return ""
        with contextlib.suppress(self.library.NVMLError):
            return str(self.library.nvmlSystemGetDriverVersion())
        return ""

    def _said(self, name: str, *arguments: int) -> Any:  # noqa: ANN401 - whatever NVML answers
        """Return NVML's answer; ``None`` where the card, or this driver, has none."""
        # An older binding lacks some functions, as an older driver does.
        ask: Callable[..., Any] | None = getattr(self.library, name, None)
        if ask is None:
            return None
        # A driver older than the binding refuses some functions with an error of another family.
        mismatch = getattr(self.library, "NVMLLibraryMismatchError", self.library.NVMLError)
        with contextlib.suppress(self.library.NVMLError, mismatch):
            return ask(self.handle, *arguments)
        return None


def reasons_of(bits: int | None) -> tuple[str, ...]:
    """Return the words for the bits of a clock's reasons.

    >>> reasons_of(0x4 | 0x20 | 0x1)
    ('power cap', 'thermal')
    """
    return tuple(dict.fromkeys(word for bit, word in _REASONS if (bits or 0) & bit))


def driver_of(identity: str, number: int) -> Driver:
    """Return NVML's handle of a card that PyTorch sees; an empty one without NVML.

    Args:
        identity: Its UUID, which PyTorch writes without ``GPU-``; empty where it does not tell.
        number: Its number, which is NVML's too unless somebody hides cards.
    """
    try:
        import pynvml  # noqa: PLC0415 - an extra, and only where a card is measured
    except ImportError:
        return Driver()
    try:
        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(pynvml.nvmlDeviceGetCount())
        ]
        for handle in handles:
            if identity and str(pynvml.nvmlDeviceGetUUID(handle)).endswith(identity):
                return Driver(pynvml, handle)
    except pynvml.NVMLError:
        return Driver()
    if identity or number >= len(handles) or os.environ.get("CUDA_VISIBLE_DEVICES"):
        return Driver()
    return Driver(pynvml, handles[number])
