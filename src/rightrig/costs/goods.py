"""Goods: cards and machines as they are bought, and what some engines on them cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.interval import Interval, sum_if_comonotone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.part import Part
    from rightrig.facts.system import System


HOST_PART: Final = "host-pcie"
"""The record of the machine that single cards are put into."""


@dataclass(frozen=True, slots=True)
class Good:
    """Something with accelerators that is sold, at a published price.

    Attributes:
        cards_count: Accelerators in one.
        low_usd, high_usd: Published prices of one.
        has_host: Whether it is a whole machine; a card alone needs one, which is not in its price.
        power_w: Most that a whole machine draws; ``None`` for a card, and where it is unknown.
        host: What a card alone is put into; ``None`` for a machine, and where none is priced.
    """

    name: str
    gpu: str
    cards_count: int
    low_usd: float
    high_usd: float
    date: str
    source: str
    has_host: bool
    power_w: float | None = None
    host: Part | None = None

    @property
    def usd(self) -> float:
        """Middle of the published prices."""
        return self.price_usd.mid

    @property
    def price_usd(self) -> Interval:
        """The published prices."""
        return between_ends_usd(self.low_usd, self.high_usd)


@dataclass(frozen=True, slots=True)
class Bought:
    """What to buy, and what it costs once.

    Attributes:
        units_count: How many of the good.
        machines_count: Machines that the cards stand in: hosts around single cards.
    """

    good: Good
    units_count: int
    machines_count: int

    @property
    def cards_count(self) -> int:
        """Cards of all units."""
        return self.good.cards_count * self.units_count

    @property
    def goods_usd(self) -> Interval:
        """Price of all units, without hosts around single cards."""
        return self.good.price_usd.scaled(self.units_count)

    @property
    def hosts_usd(self) -> Interval:
        """Price of the hosts around single cards; 0 of machines, and where none is priced."""
        if self.good.host is None:
            return Interval.exact(0.0)
        return part_usd(self.good.host).scaled(self.machines_count)

    @property
    def price_usd(self) -> Interval:
        """Price of all units with their hosts, all low or all high at once."""
        return sum_if_comonotone(self.goods_usd, self.hosts_usd)

    @property
    def capex_usd(self) -> float:
        """The middle of that price."""
        return self.price_usd.mid

    @property
    def has_hosts(self) -> bool:
        """Whether the price is of whole machines."""
        return self.good.has_host or self.good.host is not None

    @property
    def way(self) -> str:
        """How it is come by, as lists say it."""
        return "bought" if self.has_hosts else "bought, no host"

    @property
    def text(self) -> str:
        """The units as people say them."""
        return f"{self.units_count} × {self.good.name}"

    @property
    def host_text(self) -> str:
        """The hosts around single cards, with date and source; empty where none is priced."""
        if self.good.host is None:
            return ""
        return f"{self.machines_count} × {part_text(self.good.host)}"


def between_ends_usd(low_usd: float, high_usd: float) -> Interval:
    """Return what lies between two published prices, the mean in the middle."""
    return Interval(low_usd, 0.5 * (low_usd + high_usd), high_usd)


def part_usd(part: Part) -> Interval:
    """Return the published prices of one part."""
    return between_ends_usd(part.low_usd, part.high_usd)


def part_text(part: Part) -> str:
    """Return a part with its date and source."""
    source = part.sources[0]
    return f"{part.name}, {source.date or 'undated'} ({source.reference})"


def goods_of(catalog: Catalog) -> tuple[Good, ...]:
    """Return every card and machine of a catalogue that has a price."""
    systems = (catalog.system(slug) for slug in catalog.slugs("systems"))
    host = catalog.part(HOST_PART)
    cards = (_card(gpu, host) for gpu in catalog.gpus())
    machines = (_machine(system) for system in systems)
    return tuple(good for good in (*cards, *machines) if good is not None)


def _card(gpu: Gpu, host: Part) -> Good | None:
    """Return a card at its street price, or else at its price at launch."""
    street, launch = gpu.street_price, gpu.launch_price_usd
    if street is not None:
        name = f"{gpu.slug} ({street.condition})" if street.condition != "unstated" else gpu.slug
        priced = (street.low_usd, street.high_usd, street.date, street.source)
    elif launch is not None:
        name = f"{gpu.slug} (at launch)"
        priced = (launch, launch, str(gpu.release_date or ""), gpu.sources[0].reference)
    else:
        return None
    return Good(
        name, gpu.slug, 1, *priced,
        has_host=gpu.mount == "system", host=host if gpu.mount == "slot" else None,
    )  # fmt: skip


def _machine(system: System) -> Good | None:
    """Return a machine at its list price; several machines under one price are one good."""
    low, high = system.list_price_low_usd, system.list_price_high_usd
    if low is None and high is None:
        return None
    ends = (low or high or 0.0, high or low or 0.0)
    source = system.sources[0].reference
    return Good(
        system.name, system.gpu, system.gpu_count, *ends, system.price_date, source, has_host=True,
        power_w=system.power_w,
    )  # fmt: skip


def units_count(good: Good, engine_cards: int, engines_count: float, most_cards: int) -> float:
    """Return how many of a good some engines take; infinite where it cannot hold one.

    Engines share a machine where several fit; single cards are put together, up to
    ``most_cards`` in one host.
    """
    if good.cards_count == 1:
        return engine_cards * engines_count if engine_cards <= most_cards else math.inf
    if engine_cards > good.cards_count:
        return math.inf
    return math.ceil(engines_count / (good.cards_count // engine_cards))


def machines_count(
    good: Good, engine_cards: int, engines_count: float, most_cards: int
) -> float:  # fmt: skip
    """Return the machines that some engines stand in: units, or hosts around single cards.

    An engine shares a host where several fit, and takes several where none holds it.
    """
    if good.has_host:
        return units_count(good, engine_cards, engines_count, most_cards)
    held = most_cards
    if good.host is not None and good.host.most_cards is not None:
        held = good.host.most_cards
    if engine_cards > held:
        return engines_count * math.ceil(engine_cards / held)
    return math.ceil(engines_count / (held // engine_cards))


def bought(good: Good, engine_cards: int, engines_count: int, most_cards: int) -> Bought | None:
    """Return some engines bought as one good; ``None`` where it cannot hold one."""
    units = units_count(good, engine_cards, engines_count, most_cards)
    if math.isinf(units):
        return None
    machines = machines_count(good, engine_cards, engines_count, most_cards)
    return Bought(good, int(units), int(machines))


def holding(goods: Iterable[Good], gpu: Gpu, engine_cards: int) -> tuple[Good, ...]:
    """Return what cards for one engine are bought as.

    Cards on a board of their own (SXM, OAM) are bought with it, in a machine; where nobody prices
    one that holds the engine, at the price of the cards alone.
    """
    known = tuple(good for good in goods if good.gpu == gpu.slug)
    if gpu.mount != "board":
        return known
    machines = tuple(g for g in known if g.has_host and g.cards_count >= engine_cards)
    return machines or known


def cheapest_good(
    goods: Iterable[Good], gpu: Gpu, engine_cards: int, engines_count: int, most_cards: int
) -> Bought | None:
    """Return the cheapest way to buy some engines on one kind of card, or ``None``."""
    found = (
        bought(good, engine_cards, engines_count, most_cards)
        for good in holding(goods, gpu, engine_cards)
    )
    return min(
        (one for one in found if one is not None), key=lambda one: one.capex_usd, default=None
    )


def as_owned(
    goods: Iterable[Good], gpu: Gpu, machine_cards: int, nodes_count: int
) -> Bought | None:
    """Return how the cards of some machines are bought: as whole machines, or one by one.

    A machine of just that size comes first. Cards that sit on a board of their own are bought
    with it, and a machine may then have more cards than are asked for; other cards are bought
    singly with hosts around them. ``None`` where nobody publishes a price.
    """
    known = holding(goods, gpu, machine_cards)
    exact = [good for good in known if good.has_host and good.cards_count == machine_cards]
    larger = [good for good in known if good.has_host and good.cards_count > machine_cards]
    if exact or (larger and gpu.mount == "board"):
        machine = min(exact or larger, key=lambda good: (good.cards_count, good.usd))
        return Bought(machine, nodes_count, nodes_count)
    singles = [good for good in known if good.cards_count == 1]
    if not singles:
        return None
    card = min(singles, key=lambda good: good.usd)
    # Machines that are asked for stay apart, whatever one of them could hold.
    one = bought(card, machine_cards, 1, machine_cards)
    assert one is not None  # noqa: S101 - a single card holds any engine of its machine
    return Bought(card, one.units_count * nodes_count, one.machines_count * nodes_count)
