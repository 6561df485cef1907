"""Read NVIDIA's driver, and print a line of JSON for each thing read. Run as a program.

A call into the driver may hang for ever; this runs in a process of its own, whose parent waits
only so long (:mod:`rightrig.measuring.probe.nvml`). Lines are written at once, so that what was
read before a hang is kept. A function that the driver lacks and a card that is lost are lines
too, never an exception. ``memory.bandwidth`` is no property that a driver knows: none is asked for.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.measuring.clock_reasons import clock_reasons
from rightrig.measuring.probe.wording import spans

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS: Final = 16
"""Of 64 bits, in a set of processors or of memory nodes."""
_GRACEFUL: Final = "FunctionNotFound"
_LOST: Final = ("GpuIsLost", "ResetRequired", "GpuNotFound")
_HARMLESS: Final = ("idle", "display clocks")
_PATHS: Final = {0: "PIX", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}
_PEER: Final = ("OK", "CNS", "GNS", "TNS", "DR", "NS", "U")
_FABRIC: Final = ("not supported", "not started", "in progress", "completed")
_SWITCH: Final = 2
"""A remote device that is an NVSwitch."""


class LostError(Exception):
    """A card that does not answer any more."""


def say(**line: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def kind_of(error: nvml.NVMLError) -> str:
    """Return the name of an error: ``GpuIsLost``."""
    return type(error).__name__.removeprefix("NVMLError_").removeprefix("NVMLError") or "Unknown"


class Asked:
    """Asks about one card, and remembers which functions the driver lacks."""

    def __init__(self, index: int) -> None:
        """Start with nothing missing."""
        self.index = index
        self.lacks: list[str] = []

    def ask(self, name: str, *words: Any) -> Any:  # noqa: ANN401 - what a driver answers
        """Return what a function says, or ``None`` where the card or the driver cannot say.

        Raises:
            LostError: when the card is lost.
        """
        say(at=name, card=self.index)
        try:
            return getattr(nvml, name)(*words)
        except nvml.NVMLError as error:
            kind = kind_of(error)
            if kind in _LOST:
                raise LostError(kind) from error
            if kind == _GRACEFUL:
                self.lacks.append(name)
            return None
        except AttributeError:
            # An older nvidia-ml-py does not have the function.
            self.lacks.append(name)
            return None

    def first(self, names: tuple[str, ...], *words: Any) -> Any:  # noqa: ANN401 - as above
        """Return what the first of several names of one function says; only the last is missed."""
        for name in names[:-1]:
            answer = self.ask(name, *words)
            if answer is not None:
                return answer
            if name in self.lacks:
                self.lacks.remove(name)
        return self.ask(names[-1], *words)


def _hz(mega: int | None) -> float | None:
    """Return megahertz in hertz."""
    return None if mega is None else mega * 1e6


def _w(milli: int | None) -> float | None:
    """Return milliwatts in watts."""
    return None if milli is None else milli / 1e3


def _on(state: object) -> bool | None:
    """Return an enabled state as a truth."""
    return None if state is None else bool(state)


def _text(value: object) -> str:
    """Return what a driver calls something."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def ranges(words: Any) -> str:  # noqa: ANN401 - an array of the binding
    """Return the members of a set of bits: ``0-15,32-47``."""
    members = [
        64 * place + bit for place, word in enumerate(words or ()) for bit in range(64)
        if word >> bit & 1
    ]  # fmt: skip
    return ",".join(spans(members))


def identity(asked: Asked, handle: object) -> dict[str, object]:
    """Return what a card is."""
    ask = asked.ask
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    capability = ask("nvmlDeviceGetCudaComputeCapability", handle)
    pci = ask("nvmlDeviceGetPciInfo", handle)
    affinity = ask("nvmlDeviceGetMemoryAffinity", handle, _WORDS, 0)
    node = ranges(affinity)
    return {
        "name": _text(ask("nvmlDeviceGetName", handle)),
        "uuid": _text(ask("nvmlDeviceGetUUID", handle)),
        "bus_id": "" if pci is None else _text(pci.busId),
        "memory_mib": None if memory is None else int(memory.total) >> 20,
        "free_mib": None if memory is None else int(memory.free) >> 20,
        "compute_capability": "" if capability is None else ".".join(map(str, capability)),
        "bus_bits": ask("nvmlDeviceGetMemoryBusWidth", handle),
        "numa_node": int(node) if node.isdigit() else None,
        "cpu_affinity": ranges(ask("nvmlDeviceGetCpuAffinity", handle, _WORDS)),
    }


def state(asked: Asked, handle: object) -> dict[str, object]:
    """Return how a card is set and what it does now."""
    ask = asked.ask
    ecc = ask("nvmlDeviceGetEccMode", handle)
    mig = ask("nvmlDeviceGetMigMode", handle)
    used = ask("nvmlDeviceGetUtilizationRates", handle)
    reasons = asked.first(
        ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        handle,
    )
    return {
        "ecc": _on(None if ecc is None else ecc[0]),
        "mig": _on(None if mig is None else mig[0]),
        "persistence": _on(ask("nvmlDeviceGetPersistenceMode", handle)),
        "is_idle": not (used is not None and used.gpu > 0),
        "slowdowns": [one for one in clock_reasons(int(reasons or 0)) if one not in _HARMLESS],
        "fabric": _fabric(asked, handle),
    }


def _fabric(asked: Asked, handle: object) -> str:
    """Return how far a card is a member of an NVSwitch fabric; empty where it is none."""
    try:
        info = nvml.c_nvmlGpuFabricInfo_t()
    except AttributeError:
        return ""
    if asked.ask("nvmlDeviceGetGpuFabricInfo", handle, nvml.byref(info)) is None:
        if "nvmlDeviceGetGpuFabricInfo" in asked.lacks:
            asked.lacks.remove("nvmlDeviceGetGpuFabricInfo")
        return ""
    known = 0 < info.state < len(_FABRIC)
    return _FABRIC[info.state] if known else ""


def clocks(asked: Asked, handle: object) -> dict[str, object]:
    """Return clocks and power limits."""
    ask = asked.ask
    return {
        "clocks": {
            "sm_hz": _hz(ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_SM)),
            "sm_max_hz": _hz(ask("nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_SM)),
            "memory_hz": _hz(ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_MEM)),
            "memory_max_hz": _hz(ask("nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_MEM)),
        },
        "power": {
            "set_w": _w(
                asked.first(
                    ("nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementLimit"), handle
                )
            ),
            "default_w": _w(ask("nvmlDeviceGetPowerManagementDefaultLimit", handle)),
        },
        "slot": {
            "generation": ask("nvmlDeviceGetCurrPcieLinkGeneration", handle),
            "lanes": ask("nvmlDeviceGetCurrPcieLinkWidth", handle),
            "most_generation": ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
            "most_lanes": ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
            "card_generation": ask("nvmlDeviceGetGpuMaxPcieLinkGeneration", handle),
        },
    }


def nvlinks(asked: Asked, handle: object) -> list[dict[str, object]]:
    """Return the NVLinks of a card, of which each kind has fewer than the driver counts to."""
    found: list[dict[str, object]] = []
    for number in range(nvml.NVML_NVLINK_MAX_LINKS):
        up = asked.ask("nvmlDeviceGetNvLinkState", handle, number)
        if up is None:
            continue
        found.append(
            {
                "number": number,
                "is_up": bool(up),
                "version": asked.ask("nvmlDeviceGetNvLinkVersion", handle, number),
                "remote": _remote(asked, handle, number) if up else "",
            }
        )
    return found


def _remote(asked: Asked, handle: object, number: int) -> str:
    """Return what an NVLink leads to: ``switch``, or the bus id of a card."""
    if asked.ask("nvmlDeviceGetNvLinkRemoteDeviceType", handle, number) == _SWITCH:
        return "switch"
    pci = asked.ask("nvmlDeviceGetNvLinkRemotePciInfo", handle, number)
    return "" if pci is None else _text(pci.busId)


def instances(asked: Asked, handle: object) -> list[dict[str, object]]:
    """Return the MIG instances of a card."""
    most = asked.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
    found: list[dict[str, object]] = []
    for number in range(most):
        part = asked.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        if part is None:
            continue
        attributes = asked.ask("nvmlDeviceGetAttributes_v2", part)
        memory = asked.ask("nvmlDeviceGetMemoryInfo", part)
        name = _text(asked.ask("nvmlDeviceGetName", part))
        if memory is not None:
            found.append(
                {
                    "memory_mib": int(memory.total) >> 20,
                    "sm_count": getattr(attributes, "multiprocessorCount", None),
                    "profile": name.partition(" MIG ")[2],
                }
            )
    return found


def card(index: int) -> object:
    """Write one card, whole or as far as it answers, and return its handle."""
    asked = Asked(index)
    found: dict[str, object] = {"index": index}
    handle: object = None
    parts: tuple[Callable[[Asked, object], dict[str, object]], ...] = (identity, state, clocks)
    try:
        handle = asked.ask("nvmlDeviceGetHandleByIndex", index)
        if handle is not None:
            for part in parts:
                found |= part(asked, handle)
            found["nvlinks"] = nvlinks(asked, handle)
            found["instances"] = instances(asked, handle) if found["mig"] else []
        else:
            found["lost"] = "it cannot be opened"
    except LostError as error:
        found["lost"] = str(error)
        handle = None
    found["lacks"] = sorted(set(asked.lacks))
    say(found=found)
    return handle


def pairs(handles: list[object]) -> None:
    """Write what joins each two cards."""
    for first, one in enumerate(handles):
        for second in range(first + 1, len(handles)):
            other = handles[second]
            if one is None or other is None:
                continue
            asked = Asked(first)
            try:
                level = asked.ask("nvmlDeviceGetTopologyCommonAncestor", one, other)
                peer = asked.ask("nvmlDeviceGetP2PStatus", one, other, 0)
            except LostError:
                continue
            say(
                pair=[first, second],
                path=_PATHS.get(level, "") if level is not None else "",
                peer=_PEER[peer] if peer is not None and 0 <= peer < len(_PEER) else "",
            )


def main() -> None:
    """Read everything."""
    say(at="nvmlInit", card=None)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        say(error=kind_of(error))
        return
    system = Asked(-1)
    version = system.ask("nvmlSystemGetCudaDriverVersion")
    say(
        driver=_text(system.ask("nvmlSystemGetDriverVersion")),
        cuda="" if version is None else f"{version // 1000}.{version % 1000 // 10}",
    )
    handles = [card(index) for index in range(system.ask("nvmlDeviceGetCount") or 0)]
    pairs(handles)
    say(done=True)


if __name__ == "__main__":
    main()
