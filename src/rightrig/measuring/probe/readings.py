"""What was read of a machine: values as the driver and the system state them, in base units.

Nothing here is judged. What could not be read is ``None``, an empty text or an empty tuple.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Vendor = Literal["NVIDIA", "AMD", "Apple"]
Pair: TypeAlias = tuple[int, int]
"""Indices of two cards, the smaller first."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Clocks of a card: now, and the highest that its driver allows."""

    sm_hz: float | None = None
    sm_max_hz: float | None = None
    memory_hz: float | None = None
    memory_max_hz: float | None = None


@dataclass(frozen=True, slots=True)
class PowerLimits:
    """What a card may draw: as it is set, and as delivered."""

    set_w: float | None = None
    default_w: float | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A card's PCIe link.

    Attributes:
        generation, lanes: Now; the generation falls when a card idles.
        most_generation, most_lanes: Of card and slot together.
        card_generation: Of the card, whatever its slot.
    """

    generation: int | None = None
    lanes: int | None = None
    most_generation: int | None = None
    most_lanes: int | None = None
    card_generation: int | None = None


@dataclass(frozen=True, slots=True)
class NvLink:
    """One NVLink of a card; ``remote`` is a bus id, ``switch``, or empty where nobody says."""

    number: int
    is_up: bool
    version: int | None = None
    remote: str = ""


@dataclass(frozen=True, slots=True)
class MigInstance:
    """One instance of a partitioned card; ``profile`` is its name where the driver gives it."""

    memory_mib: int
    sm_count: int | None = None
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card.

    Attributes:
        index: As the driver counts.
        memory_mib: What ``nvidia-smi`` prints.
        free_mib: What no program holds now.
        memory_cuda_bytes: What an engine sees, where PyTorch was asked.
        bus_bits: Width of the memory's bus.
        ecc, persistence, mig: On, off, or not said.
        slowdowns: Why its clocks are held down now, in the driver's words.
        fabric: State of its membership of an NVSwitch fabric.
        numa_node: Of the host, nearest to it.
        is_idle: Whether it did nothing while it was read.
        lost: Why it could not be read.
        lacks: Functions that the driver does not have.
    """

    index: int
    name: str
    vendor: Vendor
    uuid: str = ""
    bus_id: str = ""
    memory_mib: int | None = None
    free_mib: int | None = None
    memory_cuda_bytes: int | None = None
    compute_capability: str = ""
    sm_count: int | None = None
    bus_bits: int | None = None
    clocks: Clocks = field(default_factory=Clocks)
    power: PowerLimits = field(default_factory=PowerLimits)
    slot: Slot = field(default_factory=Slot)
    ecc: bool | None = None
    persistence: bool | None = None
    mig: bool | None = None
    instances: tuple[MigInstance, ...] = ()
    nvlinks: tuple[NvLink, ...] = ()
    slowdowns: tuple[str, ...] = ()
    fabric: str = ""
    numa_node: int | None = None
    cpu_affinity: str = ""
    is_idle: bool = True
    lost: str = ""
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """What joins cards, pair by pair.

    Attributes:
        paths: ``NV18``, or a path over PCIe as ``nvidia-smi topo -m`` calls it: ``PIX``, ``SYS`` …
        peer: Whether the driver lets the two exchange memory; ``OK`` or why not.
        nics: Names of network adapters that stand in the same matrix.
    """

    paths: Mapping[Pair, str] = field(default_factory=dict)
    peer: Mapping[Pair, str] = field(default_factory=dict)
    nics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system: where it is mounted, what remains, and on what."""

    path: str
    size_bytes: float
    free_bytes: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What stands around the cards.

    Attributes:
        cpu: Its name.
        cpu_vendor: AMD, Intel, Apple, ARM, or empty.
        threads_count: Hardware threads that this process may use.
        flags: Instructions that matter for language models.
        last_cache_bytes: The last level of cache, of one of its parts.
        available_bytes: Of the memory, what programs could still take.
        virtual: The hypervisor or container that it runs in, or empty.
    """

    name: str = ""
    cpu: str = ""
    cpu_vendor: str = ""
    threads_count: int | None = None
    sockets_count: int | None = None
    numa_nodes_count: int | None = None
    flags: tuple[str, ...] = ()
    last_cache_bytes: float | None = None
    memory_bytes: float | None = None
    available_bytes: float | None = None
    virtual: str = ""
    disks: tuple[Disk, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a network adapter, as ``ibstat`` lists it; the rate is of one direction."""

    adapter: str
    kind: str
    number: int
    state: str
    rate_bits_per_s: float
    link_layer: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read of one machine.

    Attributes:
        sources: What answered: ``NVML``, ``nvidia-smi -q -x``, a file's name.
        versions: Software → version.
        troubles: What did not answer although it should, a sentence each.
        is_partial: Whether a driver fell silent before it had told all its cards.
    """

    cards: tuple[Card, ...] = ()
    links: Links = field(default_factory=Links)
    host: Host = field(default_factory=Host)
    ports: tuple[Port, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    is_partial: bool = False
