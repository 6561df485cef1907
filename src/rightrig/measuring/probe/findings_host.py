"""Rules about the host: memory, disks, virtual machines, and machines without a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.measuring.probe.probed import memory_bytes
from rightrig.measuring.probe.processor import SLUG
from rightrig.prediction.host_loading import SHARD_BYTES
from rightrig.quantities import GB, show_gib

if TYPE_CHECKING:
    from rightrig.measuring.probe.findings import Severity
    from rightrig.measuring.probe.probed import Probed

_LEAST_DISK_BYTES: Final = 20.0 * GB


class MemoryLoads:
    """Host memory is enough to load weights on every card at once."""

    id: ClassVar[str] = "PROBE-RAM"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "end other programs, load with fewer ranks at once, or add memory"

    def check(self, subject: Probed) -> str | None:
        """Return why it is not."""
        host = subject.reading.host
        free_bytes = host.available_bytes or host.memory_bytes
        need_bytes = SHARD_BYTES * len(subject.read)
        if not subject.read or free_bytes is None or free_bytes >= need_bytes:
            return None
        return (
            f"{show_gib(free_bytes)} of host memory are free, and {len(subject.read)} ranks map "
            f"{show_gib(need_bytes)} of a checkpoint at once while they load"
        )


class MemoryCaches:
    """Host memory keeps the weights of the cards cached."""

    id: ClassVar[str] = "PROBE-RAM-CACHE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "a restart reads the disk again: keep models on a quick one"

    def check(self, subject: Probed) -> str | None:
        """Return why it does not."""
        host_bytes, cards_bytes = subject.reading.host.memory_bytes, memory_bytes(subject)
        unified = any(one.gpu and one.gpu.memory_is_unified for one in subject.read)
        if host_bytes is None or unified or host_bytes >= cards_bytes:
            return None
        return (
            f"the host has {show_gib(host_bytes)} and its cards {show_gib(cards_bytes)}: a "
            "checkpoint that fills them does not stay in memory"
        )


class DiskHolds:
    """A disk has room for weights that fill the cards."""

    id: ClassVar[str] = "PROBE-DISK"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "free some, or put models elsewhere with HF_HOME"

    def check(self, subject: Probed) -> str | None:
        """Return why it has not."""
        disks = subject.reading.host.disks
        if not disks:
            return None
        roomiest = max(disks, key=lambda one: one.free_bytes)
        need_bytes = max(memory_bytes(subject), _LEAST_DISK_BYTES)
        if roomiest.free_bytes >= need_bytes:
            return None
        return (
            f"{show_gib(roomiest.free_bytes)} are free on {roomiest.path}, and weights that fill "
            f"the cards take {show_gib(need_bytes)}"
        )


class Virtual:
    """The machine is no virtual one."""

    id: ClassVar[str] = "PROBE-VIRTUAL"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "links and memory nodes may look otherwise than they are, and others may share the host"
    )

    def check(self, subject: Probed) -> str | None:
        """Return what it runs in."""
        where = subject.reading.host.virtual
        return f"this runs in {where}" if where else None


class HasCard:
    """The machine has a card."""

    id: ClassVar[str] = "PROBE-CARD"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "'--on this' then means the processor: llama.cpp serves small models on it, slowly"
    )

    def check(self, subject: Probed) -> str | None:
        """Return what stands in its place."""
        if subject.knowns:
            return None
        if subject.processor is None:
            return "there is no card here that a model could run on"
        return (
            f"there is no GPU here: {subject.processor.name}, the processor, is described in its "
            f"place, as {SLUG}"
        )


RULES: Final = (MemoryLoads(), MemoryCaches(), DiskHolds(), Virtual(), HasCard())
