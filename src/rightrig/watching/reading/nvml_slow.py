"""What seldom changes on one card, and what never does; runs in the reader's own process.

Keys are those of :mod:`rightrig.watching.states`, values in its units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.watching.reading.nvml_asking import Asker
from rightrig.watching.reading.nvml_fast import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

_ECC: Final = (
    ("corrected", nvml.NVML_FI_DEV_ECC_SBE_VOL_TOTAL, nvml.NVML_FI_DEV_ECC_SBE_AGG_TOTAL),
    ("uncorrected", nvml.NVML_FI_DEV_ECC_DBE_VOL_TOTAL, nvml.NVML_FI_DEV_ECC_DBE_AGG_TOTAL),
)
"""In the order of NVML's kinds of errors."""
_RETIRED: Final = (
    ("corrected", nvml.NVML_FI_DEV_RETIRED_SBE), ("uncorrected", nvml.NVML_FI_DEV_RETIRED_DBE),
)  # fmt: skip
"""In the order of NVML's causes."""
_PENDING: Final = nvml.NVML_FI_DEV_RETIRED_PENDING
_REMAPPED: Final = (
    nvml.NVML_FI_DEV_REMAPPED_COR, nvml.NVML_FI_DEV_REMAPPED_UNC,
    nvml.NVML_FI_DEV_REMAPPED_PENDING, nvml.NVML_FI_DEV_REMAPPED_FAILURE,
)  # fmt: skip
_REPLAYS: Final = nvml.NVML_FI_DEV_PCIE_REPLAY_COUNTER
_RECOVERY: Final = nvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION
_FIELDS: Final = (
    *(field for _, volatile, ever in _ECC for field in (volatile, ever)),
    *(field for _, field in _RETIRED),
    _PENDING, *_REMAPPED, _REPLAYS, _RECOVERY,
)  # fmt: skip
_LINK_ERRORS: Final = ("replay", "recovery", "crc_flit", "crc_data")
"""In the order of NVML's counters."""
_FABRIC: Final = ("", "not supported", "not started", "in progress", "completed")
_MOST_PROCESSES: Final = 128
_MOST_NAME: Final = 64

Names = dict[int, str]
"""Of programs, by process."""


def text(value: object) -> str:
    """Return what a driver calls something."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def fixed(asker: Asker, handle: object) -> dict[str, Any]:
    """Return what a card is."""
    pci = asker.ask("nvmlDeviceGetPciInfo", handle)
    memory = asker.ask("nvmlDeviceGetMemoryInfo", handle)
    return {
        "name": text(asker.ask("nvmlDeviceGetName", handle)),
        "uuid": text(asker.ask("nvmlDeviceGetUUID", handle)),
        "bus_id": "" if pci is None else text(pci.busId),
        "memory_total_bytes": None if memory is None else int(memory.total),
    }


def slowdown_celsius(asker: Asker, handle: object) -> float | None:
    """Return where a card slows itself down."""
    found: int | None = asker.ask(
        "nvmlDeviceGetTemperatureThreshold", handle, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
    )
    return found


def slow(asker: Asker, handle: object, names: Names) -> dict[str, Any]:
    """Return what is read every ten seconds.

    Args:
        asker: Of this card.
        handle: Of this card.
        names: Of the programs that were seen last; afterwards of those that are here now.
    """
    ask = asker.ask
    fields = asker.fields(handle, _FIELDS)
    mig = ask("nvmlDeviceGetMigMode", handle)
    limit_mw = ask("nvmlDeviceGetEnforcedPowerLimit", handle)
    if limit_mw is None:
        limit_mw = ask("nvmlDeviceGetPowerManagementLimit", handle)
    return {
        "power": {
            "limit_w": scaled(limit_mw, 1e-3),
            "default_limit_w": scaled(
                ask("nvmlDeviceGetPowerManagementDefaultLimit", handle), 1e-3
            ),
        },
        "clocks": {
            "sm_max_hz": scaled(ask("nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_SM), 1e6),
            "memory_max_hz": scaled(
                ask("nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_MEM), 1e6
            ),
        },
        "health": _health(asker, handle, fields),
        "bus": {
            "max_generation": ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
            "max_lanes": ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
            "replays_count": _either(
                asker, fields, _REPLAYS, "nvmlDeviceGetPcieReplayCounter", handle
            ),
        },
        "links": list(_links(asker, handle)),
        "fabric": _fabric(asker, handle),
        "mig": None if mig is None else bool(mig[0]),
        "instances": list(_instances(asker, handle)) if mig is not None and mig[0] else [],
        "processes": list(_processes(asker, handle, names)),
    }


def _either(asker: Asker, fields: dict[int, Any], field: int, name: str, *words: Any) -> Any:  # noqa: ANN401 - what a driver answers
    """Return a counter by its number, or from the function that older drivers have for it."""
    value = fields.get(field)
    return asker.ask(name, *words) if value is None else value


def _health(asker: Asker, handle: object, fields: dict[int, Any]) -> dict[str, Any]:
    """Return errors of memory, and what the driver did about them."""
    volatile: dict[str, int] = {}
    ever: dict[str, int] = {}
    for kind, (name, now_field, ever_field) in enumerate(_ECC):
        for scope, (counts, field) in enumerate(((volatile, now_field), (ever, ever_field))):
            value = _either(
                asker, fields, field, "nvmlDeviceGetTotalEccErrors", handle, kind, scope
            )
            if value is not None:
                counts[name] = int(value)
    return {
        "ecc_volatile": volatile,
        "ecc_aggregate": ever,
        "recovery_action": fields.get(_RECOVERY),
        **_rows(asker, handle, fields),
        **_pages(asker, handle, fields),
    }


def _rows(asker: Asker, handle: object, fields: dict[int, Any]) -> dict[str, Any]:
    """Return rows of memory that were replaced."""
    values: Any = [fields.get(field) for field in _REMAPPED]
    if None in values:
        values = asker.ask("nvmlDeviceGetRemappedRows", handle)
    if values is None:
        return {}
    corrected, uncorrected, pending, failed = values
    return {
        "remapped_rows": {"corrected": int(corrected), "uncorrected": int(uncorrected)},
        "is_remap_pending": bool(pending),
        "has_remap_failed": bool(failed),
    }


def _pages(asker: Asker, handle: object, fields: dict[int, Any]) -> dict[str, Any]:
    """Return pages of memory that were taken out of use."""
    counts: dict[str, int] = {}
    for cause, (name, field) in enumerate(_RETIRED):
        value = fields.get(field)
        if value is None:
            pages = asker.ask("nvmlDeviceGetRetiredPages", handle, cause)
            value = None if pages is None else len(pages)
        if value is not None:
            counts[name] = int(value)
    pending = _either(asker, fields, _PENDING, "nvmlDeviceGetRetiredPagesPendingStatus", handle)
    return {
        "retired_pages": counts,
        "is_page_pending": None if pending is None else bool(pending),
    }


def _links(asker: Asker, handle: object) -> Iterator[dict[str, Any]]:
    """Yield the NVLinks of a card."""
    for number in range(nvml.NVML_NVLINK_MAX_LINKS):
        is_up = asker.ask("nvmlDeviceGetNvLinkState", handle, number)
        if is_up is None:
            continue
        errors: dict[str, int] = {}
        for counter, name in enumerate(_LINK_ERRORS):
            value = asker.ask("nvmlDeviceGetNvLinkErrorCounter", handle, number, counter)
            if value is not None:
                errors[name] = int(value)
        yield {"number": number, "is_up": bool(is_up), "errors": errors}


def _fabric(asker: Asker, handle: object) -> str:
    """Return how far a card is a member of an NVSwitch fabric; empty where it is none."""
    try:
        info = nvml.c_nvmlGpuFabricInfo_t()
    except AttributeError:  # an older nvidia-ml-py
        return ""
    if asker.ask("nvmlDeviceGetGpuFabricInfo", handle, nvml.byref(info)) is None:
        return ""
    return _FABRIC[info.state + 1] if 0 < info.state < len(_FABRIC) - 1 else ""


def _instances(asker: Asker, handle: object) -> Iterator[dict[str, Any]]:
    """Yield the MIG instances of a card."""
    part_asker = Asker()  # what a part cannot say, its card may
    for number in range(asker.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = part_asker.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        if part is None:
            continue
        memory = part_asker.ask("nvmlDeviceGetMemoryInfo", part)
        yield {
            "number": number,
            "uuid": text(part_asker.ask("nvmlDeviceGetUUID", part)),
            "profile": text(part_asker.ask("nvmlDeviceGetName", part)).partition(" MIG ")[2],
            "memory_total_bytes": None if memory is None else int(memory.total),
            "memory_used_bytes": None if memory is None else int(memory.used),
        }


def _processes(asker: Asker, handle: object, names: Names) -> Iterator[dict[str, Any]]:
    """Yield the programs that hold memory of a card."""
    found: dict[int, int | None] = {}
    for kind in ("Compute", "Graphics"):
        # By version: the name without one refuses where library and nvidia-ml-py differ.
        functions = (f"nvmlDeviceGet{kind}RunningProcesses_v{number}" for number in (3, 2))
        answers = (asker.ask(name, handle) for name in functions)
        for one in next((answer for answer in answers if answer is not None), ()):
            found.setdefault(int(one.pid), one.usedGpuMemory)
    for pid in names.keys() - found.keys():
        del names[pid]  # the number may become another program's
    for pid in sorted(found)[:_MOST_PROCESSES]:
        if pid not in names:
            path = text(Asker().ask("nvmlSystemGetProcessName", pid))
            names[pid] = path.rpartition("/")[2][:_MOST_NAME]
        yield {"pid": pid, "name": names[pid], "memory_bytes": found[pid]}
