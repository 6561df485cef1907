"""What a machine draws beside its cards: processors, memory, fans, switches, adapters, losses.

From machines whose makers say the most that all of it draws: DGX A100 6.5 kW around 3.2 kW of
cards, DGX H100 10.2 around 5.6, DGX B200 14.3 around 8.0 (0.79 to 1.03 of the cards); one estimate
by parts has 7.0 kW for the H100 machine at work, 0.25 (records ``server-overhead-*``).
Workstations: 300 W around one card to 600 W around four (records ``workstation-*``, low trust).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu

HostKind = Literal["workstation", "server", "baseboard", "system"]
_OF_CARDS: Final[dict[HostKind, tuple[float, float, float]]] = {
    "baseboard": (0.25, 0.5, 0.9),
    "server": (0.1, 0.2, 0.35),
    "workstation": (0.0, 0.0, 0.0),
    "system": (0.0, 0.0, 0.0),
}
"""Share of the cards' power: cooling, switches and losses grow with it."""
_BASE_W: Final[dict[HostKind, tuple[float, float, float]]] = {
    "baseboard": (0.0, 200.0, 400.0),
    "server": (350.0, 600.0, 1000.0),
    "workstation": (120.0, 200.0, 300.0),
    "system": (0.0, 0.0, 0.0),
}
_A_CARD_W: Final[dict[HostKind, tuple[float, float, float]]] = {
    "baseboard": (0.0, 0.0, 0.0),
    "server": (0.0, 0.0, 0.0),
    "workstation": (60.0, 100.0, 150.0),
    "system": (0.0, 0.0, 0.0),
}
_UNITS_COUNT: Final[dict[HostKind, tuple[tuple[int, int], ...]]] = {
    "baseboard": ((4, 4), (8, 8)),
    "server": ((2, 2), (4, 4), (8, 4), (16, 8)),
    "workstation": ((2, 4), (4, 5), (8, 6)),
    "system": ((1, 1), (72, 48)),
}
"""Cards up to which a machine takes so many rack units: DGX H100 has 8; the others as sold."""


_ESTIMATED: Final = "host: estimated from published machines of its kind"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine without its cards.

    Attributes:
        power_w: What it draws beside the cards.
        units_count: Rack units of the whole machine.
        source: Where its power comes from.
    """

    kind: HostKind
    power_w: Interval
    units_count: int
    source: str


def host_kind(gpu: Gpu) -> HostKind:
    """Return the kind of machine that a card goes into."""
    if gpu.mount == "slot":
        return "workstation" if gpu.cooling == "own fans" else "server"
    return "baseboard" if gpu.mount == "board" else "system"


def host_of(gpu: Gpu, cards_w: float, cards_count: int) -> Host:
    """Return the estimated host of the cards of one machine."""
    kind, watts = host_kind(gpu), beside_w(gpu, cards_w, cards_count, 1)
    return Host(kind, watts, units_count(kind, cards_count), _ESTIMATED)


def beside_w(gpu: Gpu, cards_w: float, cards_count: int, machines_count: int) -> Interval:
    """Return what machines draw beside their cards, estimated from published ones of the kind.

    ``base · machines + share · cards' power + W a card · cards``.

    Args:
        gpu: The card.
        cards_w: Limits of all cards together.
        cards_count: Of all machines.
        machines_count: Over which they are spread.
    """
    kind = host_kind(gpu)
    ends = zip(_BASE_W[kind], _OF_CARDS[kind], _A_CARD_W[kind], strict=True)
    return Interval(*(
        base * machines_count + share * cards_w + each * cards_count for base, share, each in ends
    ))  # fmt: skip


def hosts_power_w(rig: Rig) -> Interval:
    """Return what all machines of a rig draw beside its cards at their limits, estimated."""
    cards_w = sum((group.card_power_w or 0.0) * group.count for group in rig.groups)
    return host_of(rig.gpu, cards_w, rig.cards_per_node).power_w.scaled(rig.nodes_count)


def known_host(gpu: Gpu, host_w: float, cards_count: int, source: str) -> Host:
    """Return the host of a machine whose most draw is published, less its cards."""
    kind = host_kind(gpu)
    low = 0.3 * host_w if kind == "baseboard" else 0.6 * host_w
    return Host(kind, Interval(low, host_w, host_w), units_count(kind, cards_count), source)


def units_count(kind: HostKind, cards_count: int) -> int:
    """Return the rack units of a machine with so many cards."""
    sizes = _UNITS_COUNT[kind]
    return next((units for most, units in sizes if cards_count <= most), sizes[-1][1])
