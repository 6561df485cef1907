"""What changes from second to second on one card; runs in the reader's own process.

Keys are those of :mod:`rightrig.watching.states`, values in its units.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.measuring.clock_reasons import clock_reasons

if TYPE_CHECKING:
    from rightrig.watching.reading.nvml_asking import Asker

_POLICIES: Final = (
    ("power", nvml.NVML_FI_DEV_PERF_POLICY_POWER, nvml.NVML_PERF_POLICY_POWER),
    ("thermal", nvml.NVML_FI_DEV_PERF_POLICY_THERMAL, nvml.NVML_PERF_POLICY_THERMAL),
    ("board_limit", nvml.NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT, nvml.NVML_PERF_POLICY_BOARD_LIMIT),
    ("reliability", nvml.NVML_FI_DEV_PERF_POLICY_RELIABILITY, nvml.NVML_PERF_POLICY_RELIABILITY),
)
_ENERGY: Final = nvml.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION
_MEMORY_TEMP: Final = nvml.NVML_FI_DEV_MEMORY_TEMP
_FIELDS: Final = (_ENERGY, _MEMORY_TEMP, *(field for _, field, _ in _POLICIES))
_GPM: Final = (("sm_ratio", 2), ("occupancy_ratio", 3), ("tensor_ratio", 5), ("dram_ratio", 10))
"""What GPM counts, by its numbers."""
_NS_PER_S: Final = 1e9


def scaled(value: Any, by_ratio: float) -> float | None:  # noqa: ANN401 - what a driver answers
    """Return a value in base units; ``None`` of what is not known."""
    return None if value is None else value * by_ratio


def fast(asker: Asker, handle: object, gpm: Gpm, slowdown_celsius: float | None) -> dict[str, Any]:
    """Return what is read at every period.

    Args:
        asker: Of this card.
        handle: Of this card.
        gpm: Its performance counters.
        slowdown_celsius: Where the card slows itself down, should it not tell its margin.
    """
    ask = asker.ask
    used = ask("nvmlDeviceGetUtilizationRates", handle)
    fields = asker.fields(handle, _FIELDS)
    return {
        "activity": {
            "gpu_ratio": None if used is None else used.gpu / 100.0,
            "memory_ratio": None if used is None else used.memory / 100.0,
            **gpm.read(asker, handle),
        },
        "memory_used_bytes": _memory_used_bytes(asker, handle),
        "heat": _heat(asker, handle, fields, slowdown_celsius),
        "power": {
            "draw_w": scaled(ask("nvmlDeviceGetPowerUsage", handle), 1e-3),
            "energy_j": scaled(_energy(asker, handle, fields), 1e-3),
        },
        "clocks": {
            "sm_hz": scaled(ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_SM), 1e6),
            "memory_hz": scaled(ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_MEM), 1e6),
            "reasons": _reasons(asker, handle),
            "held_s": _held_s(asker, handle, fields),
        },
        "bus": {
            "generation": ask("nvmlDeviceGetCurrPcieLinkGeneration", handle),
            "lanes": ask("nvmlDeviceGetCurrPcieLinkWidth", handle),
        },
    }


def _memory_used_bytes(asker: Asker, handle: object) -> int | None:
    """Return what is held; without the part that the driver reserves, as nvidia-smi counts."""
    memory = asker.ask("nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2)
    if memory is None:
        memory = asker.ask("nvmlDeviceGetMemoryInfo", handle)
    return None if memory is None else int(memory.used)


def _energy(asker: Asker, handle: object, fields: dict[int, Any]) -> int | None:
    """Return the energy since the driver was loaded, in millijoules."""
    value = fields.get(_ENERGY)
    found: int | None
    found = asker.ask("nvmlDeviceGetTotalEnergyConsumption", handle) if value is None else value
    return found


def _heat(
    asker: Asker, handle: object, fields: dict[int, Any], slowdown_celsius: float | None
) -> dict[str, float | None]:
    """Return temperatures, and how far it is to the one at which the card slows down."""
    gpu_celsius = asker.ask("nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU)
    margin_celsius = asker.ask("nvmlDeviceGetMarginTemperature", handle)
    if margin_celsius is None and None not in {gpu_celsius, slowdown_celsius}:
        margin_celsius = slowdown_celsius - gpu_celsius
    # A card whose memory has no sensor answers with 0.
    memory_celsius = fields.get(_MEMORY_TEMP) or None
    return {
        "gpu_celsius": gpu_celsius,
        "memory_celsius": memory_celsius,
        "margin_celsius": margin_celsius,
    }


def _reasons(asker: Asker, handle: object) -> list[str] | None:
    """Return what holds clocks down."""
    bits = asker.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if bits is None:  # the name that older drivers have
        bits = asker.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    return None if bits is None else clock_reasons(bits)


def _held_s(asker: Asker, handle: object, fields: dict[int, Any]) -> dict[str, float]:
    """Return for how long each policy held clocks down since the driver was loaded."""
    found: dict[str, float] = {}
    for name, field, policy in _POLICIES:
        held_ns = fields.get(field)
        if held_ns is None:
            status = asker.ask("nvmlDeviceGetViolationStatus", handle, policy)
            held_ns = None if status is None else status.violationTime
        if held_ns is not None:
            found[name] = held_ns / _NS_PER_S
    return found


class Gpm:
    """Performance counters of one card (Hopper and newer): shares between two samples."""

    def __init__(self) -> None:
        """Start without a sample."""
        self._request: Any = None
        self._samples: list[Any] = []
        self._is_off = False

    def read(self, asker: Asker, handle: object) -> dict[str, float]:
        """Take a sample; return the shares since the last, nothing at the first."""
        if self._is_off:
            return {}
        if self._request is None:
            self._start(asker, handle)
            return {}
        request = self._request
        # Not the structure's own members: those are views of it, and change as it does.
        self._samples.reverse()
        request.sample1, request.sample2 = self._samples
        if (
            asker.ask("nvmlGpmSampleGet", handle, self._samples[1]) is None
            or asker.ask("nvmlGpmMetricsGet", request) is None
        ):
            return {}
        told = {name: request.metrics[place] for place, (name, _) in enumerate(_GPM)}
        # Of two samples that lie too close the driver says that a share is not a number.
        return {
            name: one.value / 100.0
            for name, one in told.items()
            if not one.nvmlReturn and math.isfinite(one.value)
        }

    def _start(self, asker: Asker, handle: object) -> None:
        """Take the first sample, where the card can."""
        self._is_off = True
        support = asker.ask("nvmlGpmQueryDeviceSupport", handle)
        if support is None or not support.isSupportedDevice:
            return
        self._samples = [asker.ask("nvmlGpmSampleAlloc") for _ in range(2)]
        if None in self._samples:
            return
        request = nvml.c_nvmlGpmMetricsGet_t()
        request.version = nvml.NVML_GPM_METRICS_GET_VERSION
        request.numMetrics = len(_GPM)
        for place, (_, number) in enumerate(_GPM):
            request.metrics[place].metricId = number
        if asker.ask("nvmlGpmSampleGet", handle, self._samples[1]) is not None:
            self._request, self._is_off = request, False

    def free(self) -> None:
        """Give the samples back to the driver."""
        for sample in self._samples:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlGpmSampleFree(sample)
        self._samples, self._request = [], None
