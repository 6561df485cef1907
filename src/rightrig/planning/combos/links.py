"""A rig's topology: what joins each pair of cards, and all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import Link, Rig

if TYPE_CHECKING:
    from rightrig.deployment.rig import CardGroup, LinkKind

LINK_NAMES: Final[dict[LinkKind, str]] = {
    "none": "no link",
    "nvlink-switch": "NVSwitch",
    "nvlink-bridge": "NVLink, card to card",
    "mesh": "direct links, card to card",
    "pcie": "PCIe, peer to peer",
    "pcie-host": "PCIe through host memory",
    "network": "network",
}


@dataclass(frozen=True, slots=True)
class Topology:
    """What joins the cards of one machine; every rate is of one direction, by specification.

    Attributes:
        cards: The card at each place.
        pairs: Link between two places, both ways round; empty for one card.
        all_cards: What joins all cards of a machine that work on one token.
        between_nodes: What joins machines; ``None`` for one machine.
    """

    cards: tuple[str, ...]
    pairs: dict[tuple[int, int], Link]
    all_cards: Link
    between_nodes: Link | None

    @property
    def peer_to_peer(self) -> bool:
        """Whether every pair exchanges without staging in host memory."""
        return all(link.kind != "pcie-host" for link in self.pairs.values())

    @property
    def slowest(self) -> Link:
        """The slowest pair; of one card, no link."""
        return min(
            self.pairs.values(),
            key=lambda link: link.bytes_per_s,
            default=Link("none", float("inf")),
        )

    @property
    def is_even(self) -> bool:
        """Whether all pairs have the same link."""
        return len(set(self.pairs.values())) <= 1


def topology(rig: Rig) -> Topology:
    """Return the links of a rig."""
    cards = rig.node_cards
    owner = [number for number, group in enumerate(rig.groups) for _ in range(group.count)]
    first = {number: owner.index(number) for number in set(owner)}
    pairs = {}
    for one in range(len(cards)):
        for two in range(one + 1, len(cards)):
            if owner[one] == owner[two]:
                start = first[owner[one]]
                link = _inside(rig.groups[owner[one]], one - start, two - start)
            else:
                across = (_by_pcie(rig.groups[owner[place]]) for place in (one, two))
                link = min(across, key=lambda link: link.bytes_per_s)
            pairs[one, two] = pairs[two, one] = link
    network = Link("network", rig.network_bytes_per_s) if rig.nodes_count > 1 else None
    return Topology(tuple(card.gpu.slug for card in cards), pairs, rig.link(len(cards)), network)


def _inside(group: CardGroup, one: int, two: int) -> Link:
    """Return the link between two places of one kind of card; a bridge joins neighbours."""
    fabric = group.gpu.fabric
    if group.mig:
        return Link("none", 0.0)
    if group.bridged and fabric is not None and one // fabric.max_cards != two // fabric.max_cards:
        return _by_pcie(group)
    return Rig((replace(group, count=2),)).link(2)


def _by_pcie(group: CardGroup) -> Link:
    """Return what joins a card to others where no fabric does."""
    plain = group.gpu.model_copy(update={"fabric": None})
    return Rig((replace(group, gpu=plain, count=2),)).link(2)
