"""Several readings of one machine made one: what the first says counts, others fill its gaps."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

from rightrig.measuring.probe.links import bus_key
from rightrig.measuring.probe.readings import Card, Clocks, Host, Links, PowerLimits, Reading, Slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

T = TypeVar("T", Card, Clocks, PowerLimits, Slot)
_GROUPS = (Clocks, PowerLimits, Slot)


def joined(readings: Iterable[Reading]) -> Reading:
    """Return what all readings say together."""
    return reduce(_both, readings, Reading())


def _both(first: Reading, second: Reading) -> Reading:
    """Return the first reading with its gaps filled from the second."""
    return Reading(
        cards=_cards(first.cards, second.cards),
        links=Links(
            paths=_paths(first.links.paths, second.links.paths),
            peer={**second.links.peer, **first.links.peer},
            nics=first.links.nics or second.links.nics,
        ),
        host=_filled_host(first, second),
        ports=first.ports or second.ports,
        versions={**second.versions, **first.versions},
        sources=(*first.sources, *second.sources),
        troubles=(*first.troubles, *second.troubles),
        is_partial=first.is_partial or second.is_partial,
    )


def _paths(
    first: Mapping[tuple[int, int], str], second: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], str]:
    """Return the paths of both; a count of NVLinks says more than a path over PCIe."""
    counted = {pair: path for pair, path in second.items() if path.startswith("NV")}
    return {**second, **first, **counted}


def _filled_host(first: Reading, second: Reading) -> Host:
    """Return the first host with its gaps filled."""
    update = {
        one.name: getattr(second.host, one.name)
        for one in fields(first.host)
        if not getattr(first.host, one.name)
    }
    return replace(first.host, **update)


def _cards(first: Sequence[Card], second: Sequence[Card]) -> tuple[Card, ...]:
    """Return the cards of both, those that are one card made one."""
    found = list(first)
    for card in second:
        place = next((n for n, other in enumerate(found) if _is_same(other, card)), None)
        if place is None:
            found.append(card)
        else:
            found[place] = filled(found[place], card)
    return tuple(sorted(found, key=lambda card: (card.vendor, card.index)))


def _is_same(one: Card, other: Card) -> bool:
    """Whether two readings are of one card: by UUID, else by bus id, else by number."""
    if one.vendor != other.vendor:
        return False
    if one.uuid and other.uuid:
        return one.uuid == other.uuid
    if one.bus_id and other.bus_id:
        return bus_key(one.bus_id) == bus_key(other.bus_id)
    return one.index == other.index


def filled(first: T, second: T) -> T:
    """Return a value with each gap filled from another of the same kind."""
    update: dict[str, object] = {}
    for one in fields(first):
        own, other = getattr(first, one.name), getattr(second, one.name)
        if isinstance(own, _GROUPS):
            update[one.name] = filled(own, other)
        elif own in {None, "", ()} and other not in {None, "", ()}:
            update[one.name] = other
    return replace(first, **update)  # type: ignore[arg-type] # by their names
