"""The same cards on other links: without NVLink, without peer-to-peer, in narrower slots, fewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.deployment.rig import CardGroup, Rig
    from rightrig.deployment.training import TrainingJob

NARROWER_RATIO: Final = 2.0
"""Bandwidth of a slot over that of one with half as many lanes."""


def on_pcie(rig: Rig) -> Rig | None:
    """Return the cards of one machine exchanging over PCIe, peer to peer.

    ``None`` where they do already, where a card has no slot, or without a second card.
    """
    if not _has_slots(rig) or rig.link(rig.cards_per_node).kind in {"pcie", "pcie-host"}:
        return None
    return replace(rig, groups=tuple(_without_fabric(group) for group in rig.groups))


def through_host(rig: Rig) -> Rig | None:
    """Return the cards exchanging through host memory; ``None`` where they do already."""
    if not _has_slots(rig) or rig.link(rig.cards_per_node).kind == "pcie-host":
        return None
    groups = tuple(replace(_without_fabric(group), staged=True) for group in rig.groups)
    return replace(rig, groups=groups)


def in_narrower_slots(rig: Rig) -> Rig | None:
    """Return cards that exchange over PCIe in slots of half the width; ``None`` for others."""
    if not _has_slots(rig):
        return None
    link = rig.link(rig.cards_per_node)
    if link.kind not in {"pcie", "pcie-host"}:
        return None
    rate = link.bytes_per_s / NARROWER_RATIO
    return replace(rig, groups=tuple(replace(g, pcie_bytes_per_s=rate) for g in rig.groups))


def with_cards(rig: Rig, cards_count: int) -> Rig:
    """Return a rig with another number of the same cards: of one node, or more such nodes.

    Raises:
        InputError: for unequal cards, or a number that does not fill its nodes.
    """
    if not rig.is_uniform or len(rig.groups) != 1:
        raise InputError(
            f"{rig.text} has cards of several kinds; scaling needs a rig of one kind, such as "
            "8xh100-sxm"
        )
    most = rig.cards_per_node
    if cards_count > most and cards_count % most:
        raise InputError(
            f"{cards_count} cards do not fill machines of {most}: name a multiple of {most}, or "
            f"at most {most}"
        )
    nodes = max(1, cards_count // most)
    group = replace(rig.groups[0], count=cards_count // nodes)
    return replace(rig, groups=(group,), nodes_count=nodes)


def on_rig(job: TrainingJob, rig: Rig) -> TrainingJob:
    """Return the job on another rig, with the same work for each data-parallel rank."""
    return replace(job, rig=rig)


def _has_slots(rig: Rig) -> bool:
    """Return whether a machine has two cards in PCIe slots."""
    return rig.cards_per_node > 1 and all(group.gpu.pcie is not None for group in rig.groups)


def _without_fabric(group: CardGroup) -> CardGroup:
    """Return cards whose links of their own are not used."""
    return replace(group, gpu=group.gpu.model_copy(update={"fabric": None}), bridged=False)
