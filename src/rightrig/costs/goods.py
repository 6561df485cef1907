"""Goods: cards and machines as they are bought, and what some engines on them cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.system import System


@dataclass(frozen=True, slots=True)
class Good:
    """Something with accelerators that is sold, at a published price.

    Attributes:
        cards_count: Accelerators in one.
        low_usd, high_usd: Published prices of one.
        has_host: Whether it is a whole machine; a card alone needs one, which is not in its price.
        power_w: Most that a whole machine draws; ``None`` for a card, and where it is unknown.
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

    @property
    def usd(self) -> float:
        """Middle of the published prices."""
        return 0.5 * (self.low_usd + self.high_usd)


@dataclass(frozen=True, slots=True)
class Bought:
    """What to buy, and what it costs once."""

    good: Good
    units_count: int

    @property
    def capex_usd(self) -> float:
        """Price of all units, at the middle of what is published."""
        return self.good.usd * self.units_count

    @property
    def text(self) -> str:
        """As people say it."""
        return f"{self.units_count} × {self.good.name}"


def goods_of(catalog: Catalog) -> tuple[Good, ...]:
    """Return every card and machine of a catalogue that has a price."""
    systems = (catalog.system(slug) for slug in catalog.slugs("systems"))
    cards = (_card(gpu) for gpu in catalog.gpus())
    machines = (_machine(system) for system in systems)
    return tuple(good for good in (*cards, *machines) if good is not None)


def _card(gpu: Gpu) -> Good | None:
    """Return a card at its street price, or else at its price at launch."""
    street = gpu.street_price
    if street is not None:
        name = f"{gpu.slug} ({street.condition})" if street.condition != "unstated" else gpu.slug
        return Good(
            name, gpu.slug, 1, street.low_usd, street.high_usd, street.date, street.source,
            has_host=False,
        )  # fmt: skip
    launch = gpu.launch_price_usd
    if launch is None:
        return None
    date = str(gpu.release_date or "")
    source = gpu.sources[0].reference
    return Good(
        f"{gpu.slug} (at launch)", gpu.slug, 1, launch, launch, date, source, has_host=False
    )


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


def cheapest_good(
    goods: Iterable[Good], engine_cards: int, engines_count: int, most_cards: int
) -> Bought | None:
    """Return the cheapest way to buy some engines on one kind of card, or ``None``."""
    found = [
        Bought(good, int(units))
        for good in goods
        if math.isfinite(units := units_count(good, engine_cards, engines_count, most_cards))
    ]
    return min(found, key=lambda bought: bought.capex_usd, default=None)


def as_owned(
    goods: Iterable[Good], gpu: Gpu, machine_cards: int, machines_count: int
) -> Bought | None:
    """Return how the cards of some machines are bought: as whole machines, or one by one.

    A machine of just that size comes first. Cards that sit on a board of their own (SXM, OAM) are
    bought with it, and a machine may then have more cards than are asked for; other cards are
    bought singly, their hosts apart. ``None`` where nobody publishes a price.
    """
    known = [good for good in goods if good.gpu == gpu.slug]
    machines = [good for good in known if good.has_host and good.cards_count >= machine_cards]
    exact = [good for good in machines if good.cards_count == machine_cards]
    singles = [good for good in known if not good.has_host]
    if exact or (machines and is_on_a_board(gpu)):
        machine = min(exact or machines, key=lambda good: (good.cards_count, good.usd))
        return Bought(machine, machines_count)
    if not singles:
        return None
    card = min(singles, key=lambda good: good.usd)
    return Bought(card, machine_cards * machines_count)


def is_on_a_board(gpu: Gpu) -> bool:
    """Whether a card is sold with the board that it sits on, and fits no slot."""
    return gpu.form_factor.startswith(("SXM", "OAM", "module"))
