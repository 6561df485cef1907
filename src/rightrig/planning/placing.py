"""Where cards can stand: slots, air and water, as rules with their reasons (F203)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from rightrig.deployment.rig import CardGroup, Rig

Word = Literal["fine", "care", "no"]
_WIDE_CARD_W: Final = 320.0
"""GeForce cards above it fill three slots and more."""
_SLOTS_OF_A_CASE: Final = 8
_CROWD_COUNT: Final = 2
_HOT_W: Final = 250.0
_LIQUID_W: Final = 1000.0
"""Above it air still works, in machines of 10 rack units; vendors offer cold plates first."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One rule about where cards of a rig can stand.

    Attributes:
        rule_id: Its name.
        word: ``fine``; ``care``: it needs something; ``no``: not in the usual place.
    """

    rule_id: str
    word: Word
    sentence: str


def placements(rig: Rig) -> tuple[Placement, ...]:
    """Return what the cards of one machine ask of the place where they stand."""
    found = [rule for group in rig.groups for rule in _of_group(group)]
    return tuple(dict.fromkeys(found))


def _of_group(group: CardGroup) -> list[Placement]:
    """Return the rules of one kind of card."""
    cooling = group.gpu.cooling
    if cooling == "own fans":
        return _own_fans(group)
    if cooling == "chassis air":
        return [_chassis_air(group)]
    if cooling in {"chassis air or liquid", "liquid"}:
        return [_board(group)]
    if cooling == "system":
        return [
            Placement("PL5", "fine", f"{group.gpu.name} is cooled by the machine it is sold in.")
        ]
    return []


def _own_fans(group: CardGroup) -> list[Placement]:
    """Return the rules of cards with fans of their own: slots and the air between them."""
    watts = group.card_power_w or 0.0
    width = 3 if (group.gpu.board_power_w or 0.0) > _WIDE_CARD_W else 2
    slots = width * group.count
    found = []
    if slots > _SLOTS_OF_A_CASE:
        found.append(
            Placement(
                "PL1", "no",
                f"{group.count} cards of {width} slots need {slots}, and a case has about "
                f"{_SLOTS_OF_A_CASE}: use risers in an open frame, blower or water-cooled "
                "versions of 2 slots, or a 4U chassis with spaced slots.",
            )
        )  # fmt: skip
    if group.count > _CROWD_COUNT and watts > _HOT_W:
        found.append(
            Placement(
                "PL2", "care",
                f"Open coolers blow into the case: of {group.count} cards at {watts:,.0f} W side "
                "by side the inner ones breathe the heat of the outer ones and lower their "
                "clocks; keep a free slot between them, or set a lower limit.",
            )
        )  # fmt: skip
    if not found:
        found.append(
            Placement(
                "PL2",
                "fine",
                f"{group.gpu.name} has fans of its own: {group.count} in an ordinary case.",
            )
        )
    return found


def _chassis_air(group: CardGroup) -> Placement:
    """Return the rule of cards that have a heatsink and no fan."""
    return Placement(
        "PL3", "care",
        f"{group.gpu.name} has no fan: it needs the front-to-back air of a server chassis, and "
        "overheats in a workstation without a duct and a blower.",
    )  # fmt: skip


def _board(group: CardGroup) -> Placement:
    """Return the rule of cards on a baseboard: by air where their power allows, else by liquid."""
    gpu, watts = group.gpu, group.card_power_w or 0.0
    if gpu.cooling == "liquid":
        return Placement(
            "PL4", "care", f"{gpu.name} has cold plates only: the room needs a water loop."
        )
    if watts > _LIQUID_W:
        return Placement(
            "PL4", "care",
            f"{gpu.name} at {watts:,.0f} W is sold with air in 10U machines and with liquid in "
            "smaller ones; racks of several machines need the liquid.",
        )  # fmt: skip
    return Placement(
        "PL4", "fine",
        f"{gpu.name} at {watts:,.0f} W runs on air (8 cards in about 8U) or on liquid: liquid is "
        "a choice for dense racks, not a need.",
    )  # fmt: skip
