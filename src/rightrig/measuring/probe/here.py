"""Read this machine: every program and file that says something, each for a bounded time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe import amd, apple, ports, smi
from rightrig.measuring.probe.host import read_host
from rightrig.measuring.probe.joining import joined
from rightrig.measuring.probe.nvml import is_readable, read_nvml
from rightrig.measuring.probe.readings import Reading
from rightrig.measuring.probe.running import run
from rightrig.measuring.probe.saved import from_topology
from rightrig.measuring.probe.software import (
    installed_versions,
    llama_server_version,
    read_torch,
    seen_by_torch,
    torch_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SMI_LIMIT_S: Final = 30.0
_OTHER_LIMIT_S: Final = 20.0
_TOPOLOGY: Final = ("nvidia-smi", "topo", "-m")
_DRIVER_FILE: Final = Path("/proc/driver/nvidia/version")
_BUS: Final = Path("/sys/bus/pci/devices")
_UNREAD: Final = (
    "a driver of NVIDIA is loaded, but neither nvidia-ml-py nor nvidia-smi is here: "
    "pip install 'rightrig[nvidia]'"
)
_MAKERS: Final = {"0x10de": "NVIDIA", "0x1002": "AMD"}
# Display controllers, and processing accelerators; AMD's of the first kind may only show a screen.
_CLASSES: Final = {"NVIDIA": ("0x03",), "AMD": ("0x0380", "0x12")}


def read_here() -> Reading:
    """Return what this machine says of itself."""
    cards = joined((_nvidia(), _amd(), _apple()))
    software = Reading(versions={**installed_versions(), **llama_server_version()})
    # A build for processors sees no cards, and takes seconds to say so.
    is_asked = not software.versions.get("torch", "+cpu").endswith("+cpu")
    told = read_torch() if cards.cards and is_asked else {}
    found = joined(
        (
            replace(cards, cards=seen_by_torch(cards.cards, told)),
            Reading(versions=torch_versions(told)),
            software,
            Reading(host=read_host()),
            Reading(ports=ports.parse_ibstat(run(ports.COMMAND, _OTHER_LIMIT_S).text)),
        )
    )
    return replace(found, troubles=(*found.troubles, *_undriven(found, _BUS)))


def _nvidia() -> Reading:
    """Return NVIDIA's cards: through the driver, else through its program."""
    found = read_nvml() if is_readable() else Reading()
    if found.troubles:
        # What hangs the library hangs the program.
        return found
    if not found.cards:
        found = _of_program()
    if len(found.cards) > 1:
        return joined((found, from_topology(run(_TOPOLOGY, SMI_LIMIT_S).text)))
    return found


def _of_program() -> Reading:
    """Return what ``nvidia-smi`` says."""
    output = run(smi.COMMAND, SMI_LIMIT_S)
    found = smi.parse_smi(output.text)
    if found is not None and found.cards:
        return replace(found, sources=(" ".join(smi.COMMAND),))
    if output.problem and not output.is_missing:
        return Reading(troubles=(f"{output.problem}: NVIDIA's driver does not answer",))
    if _DRIVER_FILE.exists() and output.is_missing and not is_readable():
        return Reading(troubles=(_UNREAD,))
    return Reading()


def _amd() -> Reading:
    """Return AMD's cards, through the newer program or the older."""
    for command, parse in (
        (amd.COMMAND, amd.parse_amd_smi),
        (amd.OLD_COMMAND, amd.parse_rocm_smi),
    ):
        found = _told(command, parse)
        if found.cards or found.troubles:
            return found
    return Reading()


def _apple() -> Reading:
    """Return what macOS says."""
    return _told(apple.COMMAND, apple.parse_system_profiler)


def _told(command: Sequence[str], parse: Callable[[object], Reading | None]) -> Reading:
    """Return what a program says in JSON."""
    output = run(command, _OTHER_LIMIT_S)
    if output.is_missing:
        return Reading()
    try:
        found = parse(json.loads(output.text))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        problem = output.problem or f"{command[0]} printed no JSON that is understood"
        return Reading(troubles=(f"{problem}: its cards are not known",))
    return replace(found, sources=(" ".join(command[:2]),))


def _undriven(found: Reading, bus: Path) -> Iterator[str]:
    """Yield makers whose cards are on the PCIe bus although no driver speaks for them."""
    heard = {card.vendor for card in found.cards}
    counts: dict[str, int] = {}
    for device in sorted(bus.glob("*")):
        try:
            maker = _MAKERS.get((device / "vendor").read_text("ascii").strip(), "")
            kind = (device / "class").read_text("ascii").strip()
        except (OSError, ValueError):
            continue
        if maker and kind.startswith(_CLASSES[maker]):
            counts[maker] = counts.get(maker, 0) + 1
    for maker, count in counts.items():
        if maker not in heard and not found.troubles:
            many = f"{count} devices" if count > 1 else "a device"
            yield f"{many} of {maker} on the PCIe bus, but no driver speaks for it: install it"
