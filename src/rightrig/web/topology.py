"""A rig's links as a drawing: cards, what joins them, their host, and other machines.

Places and sizes only; ``rigs_topology.html.jinja`` draws them. Every rate is of one direction, by
specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.planning.combos.links import LINK_NAMES, topology
from rightrig.quantities import GB, show_gib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import CardGroup, LinkKind, Rig
    from rightrig.planning.combos.links import Topology

MOST_DRAWN: Final = 8
"""Cards of a machine that are drawn; a box says how many more there are."""
_WIDE: Final = 96
_GAP: Final = 16
_EDGE: Final = 16
_HOST_TOP: Final = 34
_HOST_HIGH: Final = 40
_CARD_TOP: Final = 132
_CARD_HIGH: Final = 56
_SWITCH_TOP: Final = 248
_SWITCH_HIGH: Final = 30
_ARC_DEEP: Final = 22
_MOST_DEEP: Final = 90
_NODE_LOW: Final = 26
_NET_HIGH: Final = 74
_CARD_LETTERS: Final = 12
"""Of a name that have room on a card."""
_DIRECT: Final[tuple[LinkKind, ...]] = ("nvlink-bridge", "mesh")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the rig: a rectangle with a line or two of words in it."""

    kind: Literal["card", "host", "switch", "machine", "more"]
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A link: ``path`` in the words of SVG."""

    kind: Literal["pcie", "fabric", "network"]
    path: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside a link."""

    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a rig.

    Attributes:
        title: What it is, in a few words.
        about: The same as the drawing, in sentences.
    """

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    title: str
    about: str


def drawing_of(rig: Rig) -> Drawing:
    """Return the drawing of a rig: one machine, and what joins it to the others."""
    links = topology(rig)
    groups = rig.node_cards
    shown = groups[:MOST_DRAWN]
    places = [_EDGE * 2 + place * (_WIDE + _GAP) for place in range(len(shown))]
    boxes = [_card(group, x) for group, x in zip(shown, places, strict=True)]
    if len(groups) > len(shown):
        x = places[-1] + _WIDE + _GAP
        more = (f"{len(groups) - len(shown)} more", "of the same")
        boxes.append(Box("more", x, _CARD_TOP, _WIDE, _CARD_HIGH, more))
    # A machine of one card is as wide as the words on it.
    inner = max(boxes[-1].x + _WIDE - places[0], 3 * _WIDE)
    lines, labels = _host_links(shown, places)
    fabric = _fabric(links, boxes, inner)
    low = fabric.low
    bottom = low + _NODE_LOW
    host = Box("host", _EDGE * 2, _HOST_TOP, inner, _HOST_HIGH, _host_lines(rig))
    name = "one machine" if rig.nodes_count == 1 else f"machine 1 of {rig.nodes_count:,}"
    machine = Box("machine", _EDGE, 8, inner + 2 * _EDGE, bottom - 8, (name,))
    network = _network(links, machine)
    return Drawing(
        width=machine.width + 2 * _EDGE,
        height=bottom + (_NET_HIGH if network.labels else 8),
        boxes=(machine, host, *boxes, *fabric.boxes),
        lines=(*lines, *fabric.lines, *network.lines),
        labels=(*labels, *fabric.labels, *network.labels),
        title=f"Links of {rig.text}",
        about=_about(rig, links),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of a drawing, and how far down it reaches."""

    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()
    low: int = 0


def _card(group: CardGroup, x: int) -> Box:
    """Return one card with its memory."""
    name = group.gpu.slug
    short = name if len(name) <= _CARD_LETTERS else f"{name[: _CARD_LETTERS - 1]}…"
    memory = show_gib(group.gpu.memory_bytes.mid)
    cap = f", {group.power_cap_w:.0f} W" if group.power_cap_w else ""
    return Box("card", x, _CARD_TOP, _WIDE, _CARD_HIGH, (short, f"{memory}{cap}"))


def _host_lines(rig: Rig) -> tuple[str, ...]:
    """Return what is written on the host."""
    if rig.host_memory_bytes:
        return (f"host, {show_gib(rig.host_memory_bytes)}",)
    return ("host",)


def _host_links(
    shown: Sequence[CardGroup], places: Sequence[int]
) -> tuple[list[Line], list[Label]]:
    """Return the links to the host, the rate beside the first card of each kind."""
    lines, labels, told = [], [], set()
    for group, x in zip(shown, places, strict=True):
        middle = x + _WIDE // 2
        lines.append(Line("pcie", f"M{middle} {_HOST_TOP + _HOST_HIGH}V{_CARD_TOP}"))
        text = _pcie_text(group)
        if (text, group.gpu.slug) not in told:
            told.add((text, group.gpu.slug))
            labels.append(Label(middle + 6, (_HOST_TOP + _HOST_HIGH + _CARD_TOP) // 2 + 4, text))
    return lines, labels


def _pcie_text(group: CardGroup) -> str:
    """Return what joins a card to its host."""
    if group.gpu.memory_is_unified:
        return "one memory"
    if group.gpu.pcie is None:
        return "link not known"
    rate = group.pcie_bytes_per_s or group.gpu.pcie.bytes_per_s
    return f"PCIe {rate / GB:.0f} GB/s"


def _fabric(links: Topology, boxes: Sequence[Box], inner: int) -> _Part:
    """Return what joins the cards: a switch, direct links, or nothing but PCIe."""
    low = _CARD_TOP + _CARD_HIGH
    switched = [link for link in links.pairs.values() if link.kind == "nvlink-switch"]
    if switched:
        rate = switched[0].bytes_per_s / GB
        box = Box(
            "switch", _EDGE * 2, _SWITCH_TOP, inner, _SWITCH_HIGH,
            (f"NVSwitch: {rate:,.0f} GB/s a card, each way",),
        )  # fmt: skip
        lines = tuple(
            Line("fabric", f"M{one.x + one.width // 2} {low}V{_SWITCH_TOP}") for one in boxes
        )
        return _Part((box,), lines, (), _SWITCH_TOP + _SWITCH_HIGH)
    direct = _direct(links, boxes)
    if direct.lines:
        return direct
    if not links.pairs:
        return _Part(low=low)
    text = f"No link of their own: {LINK_NAMES[links.slowest.kind]}"
    if links.slowest.kind == "none":
        text = "Instances of a card: they do not work on one token together"
    return _Part(labels=(Label(_EDGE * 2, low + 22, text),), low=low + 22)


def _direct(links: Topology, boxes: Sequence[Box]) -> _Part:
    """Return arcs between cards that are joined directly, and their rate."""
    low, deepest = _CARD_TOP + _CARD_HIGH, 0
    lines, rates = [], []
    for (one, two), link in links.pairs.items():
        if one < two < len(boxes) and link.kind in _DIRECT:
            left, right = (boxes[place].x + _WIDE // 2 for place in (one, two))
            deep = min(_ARC_DEEP * (two - one) + 12, _MOST_DEEP)
            deepest = max(deepest, deep)
            path = f"M{left} {low}C{left} {low + deep},{right} {low + deep},{right} {low}"
            lines.append(Line("fabric", path))
            rates.append(link)
    if not rates:
        return _Part()
    first = max(rates, key=lambda link: link.bytes_per_s)
    text = f"{LINK_NAMES[first.kind]}: {first.bytes_per_s / GB:,.0f} GB/s between two, each way"
    y = low + deepest + 8
    return _Part(lines=tuple(lines), labels=(Label(_EDGE * 2, y, text),), low=y)


def _network(links: Topology, machine: Box) -> _Part:
    """Return the network to the other machines, if there are any."""
    if links.between_nodes is None:
        return _Part()
    middle, top = machine.x + machine.width // 2, machine.y + machine.height
    rate = links.between_nodes.bytes_per_s / GB
    path = f"M{middle} {top}V{top + 26}M{machine.x} {top + 26}H{machine.x + machine.width}"
    text = f"network: {rate:,.1f} GB/s each way, to the other machines, which are the same"
    return _Part(lines=(Line("network", path),), labels=(Label(machine.x, top + 48, text),))


def _about(rig: Rig, links: Topology) -> str:
    """Return the drawing in sentences."""
    cards = " and ".join(f"{group.count} {group.gpu.name}" for group in rig.groups)
    machines = "One machine" if rig.nodes_count == 1 else f"{rig.nodes_count:,} equal machines"
    told = [f"{machines} with {cards}."]
    told += [
        f"{group.gpu.slug} to its host: {_pcie_text(group)}."
        for group in dict.fromkeys(rig.groups)
    ]  # fmt: skip
    if links.pairs:
        kinds: dict[tuple[LinkKind, float], int] = {}
        for link in links.pairs.values():
            key = (link.kind, link.bytes_per_s)
            kinds[key] = kinds.get(key, 0) + 1
        told += [
            f"{count // 2} pair{'' if count == 2 else 's'} of cards: {LINK_NAMES[kind]}"  # noqa: PLR2004 - counted both ways
            + (f", {rate / GB:,.0f} GB/s in each direction." if kind != "none" else ".")
            for (kind, rate), count in kinds.items()
        ]
    if links.between_nodes is not None:
        rate = links.between_nodes.bytes_per_s / GB
        told.append(f"Between machines: a network of {rate:,.1f} GB/s in each direction.")
    told.append("Which cards share a socket of the host (NUMA) is not recorded.")
    return " ".join(told)
