"""Bills: what a rig costs a month, rented or owned, and what of that is not known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.goods import as_owned, goods_of
from rightrig.costs.money import energy_usd_per_month
from rightrig.costs.offers import purchase
from rightrig.costs.ownership import equal_cost_usd_per_year
from rightrig.costs.uncertain import Uncertain
from rightrig.interval import Interval, sum_if_independent
from rightrig.prediction.power import IDLE_RATIO, card_power_w
from rightrig.quantities import HOURS_PER_MONTH

if TYPE_CHECKING:
    from rightrig.costs.offers import Purchase
    from rightrig.costs.uncertain import Values
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.costing.capacity import Capacity


@dataclass(frozen=True, slots=True)
class Electricity:
    """What a kilowatt hour costs, and what a site takes beside its machines.

    Attributes:
        tariff_usd_per_kwh: Of the site.
        pue_ratio: Energy of the site over that of its machines.
        origins: Whose figures those are that were not given.
    """

    tariff_usd_per_kwh: Interval
    pue_ratio: Interval
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Renting:
    """A rig that is rented around the clock; electricity is in the rent.

    Attributes:
        key: Of the card, so that rents of one card move together.
        rent_usd_per_hour: Of the whole rig.
        date: Of the published offer; empty where the user states the rent.
    """

    key: str
    rent_usd_per_hour: Interval
    origins: tuple[str, ...] = ()
    date: str = ""

    @property
    def text(self) -> str:
        """How the rig is come by."""
        return "rented"

    def inputs(self, _capacity: Capacity) -> tuple[Uncertain, ...]:
        """Return what the bill depends on."""
        mid = self.rent_usd_per_hour.mid
        rent = self.rent_usd_per_hour.scaled(1.0 / mid)
        return (Uncertain(f"rent:{self.key}", f"rent of {self.key}", rent, "USD/h", mid),)

    def cost_usd_per_month(self, values: Values, _capacity: Capacity, _use_ratio: Any) -> Any:  # noqa: ANN401 - a number or an array
        """Return the bill; it is the same whether the rig works or not."""
        return self.rent_usd_per_hour.mid * values[f"rent:{self.key}"] * HOURS_PER_MONTH


@dataclass(frozen=True, slots=True)
class Owning:
    """A rig that is bought, run and sold again.

    Attributes:
        key: Of the card, so that prices of one card move together.
        price_usd: Of the whole rig.
        resale_ratio: Share of the price that it brings at the end.
        owned_years: How long it is kept.
        discount_per_year: What money costs.
        other_usd_per_month: Space, network, staff and repairs of the rig, as the user says.
        power_w: At work, where the user says so; else it is predicted.
        date: Of the published price; empty where the user states it.
    """

    key: str
    price_usd: Interval
    electricity: Electricity
    owned_years: float = 3.0
    resale_ratio: float = 0.0
    discount_per_year: float = 0.0
    other_usd_per_month: float = 0.0
    power_w: Interval | None = None
    origins: tuple[str, ...] = ()
    date: str = ""

    @property
    def text(self) -> str:
        """How the rig is come by."""
        return "owned"

    def capital_usd_per_month(self, price_usd: float) -> float:
        """Return the equal monthly cost of a price, resale and the cost of money counted."""
        yearly = equal_cost_usd_per_year(
            price_usd, 0.0, price_usd * self.resale_ratio, self.discount_per_year, self.owned_years
        )
        return yearly / MONTHS_PER_YEAR_COUNT

    def busy_power_w(self, capacity: Capacity) -> Interval | None:
        """Return what the rig draws at work: as the user says, or as predicted with its hosts."""
        if self.power_w is not None or capacity.power_w is None:
            return self.power_w
        hosts = capacity.hosts_power_w
        return capacity.power_w if hosts is None else sum_if_independent((capacity.power_w, hosts))

    def power_sentences(self, capacity: Capacity) -> tuple[str, ...]:
        """Say which draw is counted where the user states none."""
        if self.power_w is not None or capacity.power_w is None:
            return ()
        counted = f"{capacity.power_w.mid:,.0f} W for the cards at work (predicted)"
        hosts = capacity.hosts_power_w
        if hosts is not None:
            around = f"{hosts.mid:,.0f} W for what is around them at all hours (estimated)"
            counted = f"{counted} and {around}"
        return (f"Electricity counts {counted}; --power, of the whole rig at work, replaces that.",)

    def idle_power_w(self, capacity: Capacity) -> float:
        """Return what the rig draws without work: of a stated draw the share of idle cards."""
        if self.power_w is not None:
            return IDLE_RATIO * self.power_w.mid
        cards, hosts = capacity.idle_power_w or 0.0, capacity.hosts_power_w
        return cards if hosts is None else cards + hosts.mid

    def inputs(self, capacity: Capacity) -> tuple[Uncertain, ...]:
        """Return what the bill depends on."""
        mid = self.price_usd.mid
        found = [Uncertain(f"price:{self.key}", f"price of {self.key}",
                           self.price_usd.scaled(1.0 / mid), "USD", mid)]  # fmt: skip
        power = self.busy_power_w(capacity)
        if power is None:
            return tuple(found)
        site = self.electricity
        watts = power.scaled(1.0 / power.mid)
        return (
            *found,
            Uncertain(f"power:{self.key}", f"power of {self.key} at work", watts, "W", power.mid),
            Uncertain("tariff", "tariff", site.tariff_usd_per_kwh, "USD/kWh"),
            Uncertain("pue", "PUE", site.pue_ratio),
        )

    def cost_usd_per_month(self, values: Values, capacity: Capacity, use_ratio: Any) -> Any:  # noqa: ANN401 - a number or an array
        """Return the bill: capital, electricity of work and of idling, and the rest."""
        capital = self.capital_usd_per_month(self.price_usd.mid) * values[f"price:{self.key}"]
        fixed = capital + self.other_usd_per_month
        return fixed + self.energy_usd_per_month(values, capacity, use_ratio)

    def energy_usd_per_month(self, values: Values, capacity: Capacity, use_ratio: Any) -> Any:  # noqa: ANN401 - a number or an array
        """Return the electricity alone; 0 where no power is published."""
        power = self.busy_power_w(capacity)
        if power is None:
            return 0.0 * use_ratio
        idle = min(self.idle_power_w(capacity), power.low)
        busy = power.mid * values[f"power:{self.key}"]
        watts: Any = card_power_w(busy, idle, use_ratio)
        return energy_usd_per_month(watts, values["pue"], values["tariff"])


def rent_of(catalog: Catalog, deployment: Deployment) -> Renting | None:
    """Return the rent of a deployment's rig at the cheapest offer; ``None`` where none is known.

    Its high end is the cheapest offer of the next provider, for what is cheapest is not always to
    be had; where nobody else rents it, the rent is taken as it is published.
    """
    rig, split = deployment.rig, deployment.parallelism
    if not rig.is_uniform or rig.groups[0].mig:
        return None
    by_provider: dict[str, Purchase] = {}
    for price in catalog.prices():
        if price.gpu != rig.gpu.slug:
            continue
        bought = purchase(price, split.engine_cards, split.replicas)
        known = by_provider.get(price.provider)
        if bought and (known is None or bought.rent_usd_per_month < known.rent_usd_per_month):
            by_provider[price.provider] = bought
    offers = sorted(by_provider.values(), key=lambda one: one.rent_usd_per_month)
    if not offers:
        return None
    first, second = offers[0], offers[min(1, len(offers) - 1)]
    low = first.rent_usd_per_month / HOURS_PER_MONTH
    high = second.rent_usd_per_month / HOURS_PER_MONTH
    told = f"rent of {rig.text}: {first.text}, {first.price.date} ({first.price.source})"
    return Renting(rig.gpu.slug, Interval(low, low, high), (told,), first.price.date)


def price_of(catalog: Catalog, rig: Rig) -> tuple[Interval, str, str] | None:
    """Return what a rig costs to buy, where that is from, its day; ``None`` where nobody says.

    As ``cost own`` buys it, with the hosts around single cards; of a machine with more cards than
    the rig has, the rig's share counts.
    """
    if not rig.is_uniform or rig.groups[0].mig:
        return None
    bought = as_owned(goods_of(catalog), rig.gpu, rig.cards_per_node, rig.nodes_count)
    if bought is None:
        return None
    # A machine with more cards than the rig is shared with other rigs.
    share = rig.cards_count / bought.cards_count
    part = "" if share == 1.0 else f"{share:.0%} of "
    host = f"; {bought.host_text}" if bought.host_text else ""
    missing = "" if bought.has_hosts else "; the machine around the cards is not in it"
    date = bought.good.date
    told = f"price of {part}{bought.text}: {date} ({bought.good.source}){host}{missing}"
    return bought.price_usd.scaled(share), told, date


def halved_ratio(value_ratio: Interval) -> Interval:
    """Return a factor of which two independent ones make the given interval.

    The log-width of each is the whole one over √2, on each side of the middle.
    """
    low, high = (end / value_ratio.mid for end in (value_ratio.low, value_ratio.high))
    return Interval(low**0.5**0.5, 1.0, high**0.5**0.5)
