"""From the lines of a reader to cards: what was told once is kept, and joined with what is new."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from rightrig.watching.states import (
    Activity,
    BusState,
    CardState,
    ClockState,
    Health,
    Heat,
    InstanceState,
    LinkState,
    Power,
    ProcessState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.watching.reading.source import Vendor

MISSING: Final = "GpuNotFound"
"""Trouble of a card that was there before the reader was started anew."""


@dataclass(slots=True)
class _Known:
    """What was told of one card last.

    Attributes:
        slow: As told; its parts are made once, and shared by the readings after it.
        parts: Of the card: those that only what is slow has a say in.
    """

    fixed: Mapping[str, Any] = field(default_factory=dict)
    slow: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)
    card: CardState | None = None


class Assembler:
    """Makes cards of one reader's lines; survives the reader, so that what it counted does too."""

    def __init__(self, vendor: Vendor) -> None:
        """Know no card yet."""
        self.driver = ""
        self.end: str | None = None
        self._vendor = vendor
        self._known: dict[int, _Known] = {}
        self._missing: dict[str, CardState] = {}
        self._xids: dict[str, Counter[int]] = {}

    def start(self) -> None:
        """Begin with a reader that was started anew: it may count the cards in another order."""
        cards = [one.card for one in self._known.values() if one.card is not None]
        self._missing |= {card.uuid: card for card in cards if card.uuid}
        self._known = {}
        self.end = None

    def take(self, line: bytes) -> bool:
        """Take one line; return whether it was a reading."""
        try:
            told = json.loads(line)
        except ValueError:  # the last may have been cut
            return False
        if not isinstance(told, dict):  # a maker's library may print what it likes
            return False
        if "cards" in told:
            for one in told["cards"]:
                self._take_card(one)
            return True
        if "xids" in told:
            self._take_xids(told["xids"])
        self.driver = told.get("driver", self.driver)
        self.end = told.get("end", self.end)
        return False

    def cards(self, trouble: str = "") -> tuple[CardState, ...]:
        """Return every card, those too that a reader knew before.

        Args:
            trouble: Why no card can be read; empty where the reader does its work.
        """
        cards = [self._recognised(one.card) for one in self._known.values() if one.card is not None]
        here = {card.uuid for card in cards}
        gone = [self._without(card, trouble or MISSING) for uuid, card in self._missing.items()
                if uuid not in here]  # fmt: skip
        if trouble:
            cards = [self._without(card, card.trouble or trouble) for card in cards]
        return tuple(sorted((*cards, *gone), key=lambda card: card.index))

    def _recognised(self, card: CardState) -> CardState:
        """Return a card that this reader could not open as the one that another knew there."""
        if card.uuid or not card.trouble:
            return card
        known = (one for one in self._missing.values() if one.index == card.index)
        return next((self._without(one, card.trouble) for one in known), card)

    def _without(self, card: CardState, trouble: str) -> CardState:
        """Return what does not change of a card, so that nobody takes old values for new ones."""
        return CardState(
            index=card.index, name=card.name, uuid=card.uuid, bus_id=card.bus_id,
            vendor=card.vendor, trouble=trouble, memory_total_bytes=card.memory_total_bytes,
            health=Health(xids=dict(self._xids.get(_key(card.uuid, card.index), {}))),
        )  # fmt: skip

    def _take_xids(self, xids: Iterable[tuple[int, int]]) -> None:
        """Count error events, by card rather than by its place in the driver's order."""
        for index, xid in xids:
            known = self._known.get(index)
            if known is None or known.card is None:
                continue
            counts = self._xids.setdefault(_key(known.card.uuid, index), Counter())
            counts[xid] += 1
            health = replace(known.card.health, xids=dict(counts))
            known.card = replace(known.card, health=health)
            known.parts = {**known.parts, "health": health}

    def _take_card(self, told: Mapping[str, Any]) -> None:
        """Take the reading of one card."""
        index = told["index"]
        known = self._known.setdefault(index, _Known())
        if "fixed" in told:
            known.fixed = told["fixed"]
        if "lost" in told:
            bare = CardState(index=index, vendor=self._vendor, **_named(known.fixed))
            known.card = self._without(bare, told["lost"])
            return
        if "slow" in told:
            known.slow = told["slow"]
            known.parts = self._slow_parts(index, known)
        known.card = _card(index, self._vendor, known, told["fast"])

    def _slow_parts(self, index: int, known: _Known) -> dict[str, Any]:
        """Return the parts of a card that seldom change."""
        slow = known.slow
        xids = self._xids.get(_key(known.fixed.get("uuid", ""), index), Counter[int]())
        return {
            "health": Health(**slow.get("health", {}), xids=dict(xids)),
            "links": tuple(LinkState(**link) for link in slow.get("links", ())),
            "fabric": slow.get("fabric", ""),
            "mig": slow.get("mig"),
            "instances": tuple(InstanceState(**part) for part in slow.get("instances", ())),
            "processes": tuple(ProcessState(**one) for one in slow.get("processes", ())),
        }


def _key(uuid: str, index: int) -> str:
    """Return what a card is told by across readers: its own number where it has one."""
    return uuid or f"#{index}"


def _named(fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what never changes; of a card that was never opened, that it has no name."""
    return {"name": "", **fixed}


def _card(index: int, vendor: Vendor, known: _Known, fast: Mapping[str, Any]) -> CardState:
    """Return a card from what never changes, what seldom does, and what is new."""
    slow = known.slow
    clocks = {**slow.get("clocks", {}), **fast.get("clocks", {})}
    reasons = clocks.pop("reasons", None)
    return CardState(
        index=index,
        vendor=vendor,
        activity=Activity(**fast.get("activity", {})),
        memory_used_bytes=fast.get("memory_used_bytes"),
        heat=Heat(**fast.get("heat", {})),
        power=Power(**slow.get("power", {}), **fast.get("power", {})),
        clocks=ClockState(reasons=None if reasons is None else tuple(reasons), **clocks),
        bus=BusState(**slow.get("bus", {}), **fast.get("bus", {})),
        **_named(known.fixed),
        **known.parts,
    )
