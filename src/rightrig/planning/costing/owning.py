"""The whole bill of an owner: every line, from the user, a record, or 0 and listed as such."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.costs.bill import NOT_COUNTED, NOTHING_USD, Bill, Line, When
from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.energy import energy_usd_per_year
from rightrig.costs.goods import as_owned, goods_of, part_text, part_usd
from rightrig.errors import InputError
from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.costs.goods import Bought
    from rightrig.costs.resale import ResaleCurve
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.costing.electricity import Draw
    from rightrig.planning.planned import Tariff

NETWORK_PART: Final = "network-infiniband-ndr"
COLOCATION_PART: Final = "colocation"
_WITHIN: Final = "in the price of the machine"

LINES: Final[Mapping[str, tuple[str, When]]] = {
    "hardware": ("cards or machines", "once"),
    "host": ("hosts around the cards", "once"),
    "network": ("switches, cables and optics", "once"),
    "rack": ("racks", "once"),
    "pdu": ("power distribution", "once"),
    "ups": ("uninterruptible power supply", "once"),
    "training": ("training of staff", "once"),
    "debugging": ("hours to make it work", "once"),
    "energy": ("electricity", "a year"),
    "colocation": ("space and cooling", "a year"),
    "support": ("support and repairs", "a year"),
    "staff": ("staff", "a year"),
    "egress": ("egress", "a year"),
    "storage": ("storage", "a year"),
    "load-balancer": ("load balancer", "a year"),
    "idle-replicas": ("replicas kept idle", "a year"),
    "abandonment": ("requests that users give up", "a year"),
    "opportunity": ("what else the money or people would earn", "a year"),
    "resale": ("resale", "at the end"),
}
"""Lines of every bill: key → name, and when it is paid. Each is listed, also where it is 0."""


@dataclass(frozen=True, slots=True)
class Told:
    """An amount that the user states: least and most, equal where one is stated."""

    amount_usd: Interval
    origin: str = "as given"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTerms:
    """What is asked about owning.

    Attributes:
        draw: What the rig draws; ``None`` where the bill states its electricity.
        tariff: What that costs.
        rate_per_year: Price of money.
        told: Lines that the user states, by their keys.
        support_ratio: Of the hardware, a year.
        resale_ratio: Share of the hardware's price that comes back.
        resale_origin: Whose share that is.
    """

    owned_years: float
    rate_per_year: float
    tariff: Tariff
    draw: Draw | None = None
    told: Mapping[str, Told] = field(default_factory=dict)
    support_ratio: float = 0.0
    resale_ratio: Interval = NOTHING_USD
    resale_origin: str = NOT_COUNTED


def owned(catalog: Catalog, rig: Rig, asked: OwnTerms) -> Bill:
    """Return the whole bill of owning a rig.

    Raises:
        InputError: where nobody states what the hardware costs.
    """
    found, machine_power_w = _hardware(catalog, rig, asked)
    hardware = found["hardware"]
    found |= _running(asked, hardware, machine_power_w)
    found |= dict(asked.told)
    if "resale" not in asked.told:
        back = Interval(
            hardware.amount_usd.low * asked.resale_ratio.low,
            hardware.amount_usd.mid * asked.resale_ratio.mid,
            hardware.amount_usd.high * asked.resale_ratio.high,
        )
        found["resale"] = Told(back, asked.resale_origin)
    nothing = Told(NOTHING_USD, NOT_COUNTED)
    lines = tuple(
        Line(key, name, when, found.get(key, nothing).amount_usd, found.get(key, nothing).origin)
        for key, (name, when) in LINES.items()
    )
    return Bill(rig.text, lines, asked.owned_years, asked.rate_per_year, rig.cards_count)


def _hardware(catalog: Catalog, rig: Rig, asked: OwnTerms) -> tuple[dict[str, Told], float | None]:
    """Return the cards or machines, their hosts and their network; and what machines draw."""
    if "hardware" in asked.told:
        within = Told(NOTHING_USD, "in the price that is given")
        return {"hardware": asked.told["hardware"], "host": within, "network": within}, None
    if not rig.is_uniform or rig.groups[0].mig:
        raise InputError(f"{rig.text} is sold by nobody as a whole: say what it costs, --capex")
    bought = as_owned(goods_of(catalog), rig.gpu, rig.cards_per_node, rig.nodes_count)
    if bought is None:
        raise InputError(f"no price of {rig.gpu.slug} is known: add --capex $25000")
    good = bought.good
    more = good.has_host and good.cards_count > rig.cards_per_node
    cards = f" with {good.cards_count} cards each" if more else ""
    origin = f"{bought.text}{cards}, {good.date or 'undated'} ({good.source})"
    found = {"hardware": Told(bought.goods_usd, origin), "host": _host(rig, bought)}
    if rig.nodes_count > 1:
        found["network"] = _part(catalog, NETWORK_PART, rig.nodes_count)
    drawn = None if good.power_w is None else good.power_w * bought.units_count
    return found, drawn


def _host(rig: Rig, bought: Bought) -> Told:
    """Return the hosts around cards that are bought one by one."""
    if bought.good.has_host:
        return Told(NOTHING_USD, _WITHIN)
    if bought.good.host is None:
        why = f"no price of a machine for {rig.gpu.slug} is known: add --with host=USD"
        return Told(NOTHING_USD, why)
    hosts = bought.machines_count // rig.nodes_count
    several = f"{hosts} a machine, as none for more cards is known: " if hosts > 1 else ""
    return Told(bought.hosts_usd, f"{several}{part_text(bought.good.host)}")


def _part(catalog: Catalog, name: str, count: float) -> Told:
    """Return a published part, as often as it is needed."""
    part = catalog.part(name)
    return Told(part_usd(part).scaled(count), part_text(part))


def colocation(catalog: Catalog, power_w: float) -> Told:
    """Return what published colocation costs a year for a machine of that power."""
    monthly = _part(catalog, COLOCATION_PART, power_w / 1e3)
    return Told(monthly.amount_usd.scaled(MONTHS_PER_YEAR_COUNT), monthly.origin)


def _running(asked: OwnTerms, hardware: Told, machine_power_w: float | None) -> dict[str, Told]:
    """Return support, and electricity: up to the most that a machine draws, where that is known."""
    found: dict[str, Told] = {}
    if asked.support_ratio:
        yearly = hardware.amount_usd.scaled(asked.support_ratio)
        found["support"] = Told(yearly, f"{asked.support_ratio:.0%} of the hardware a year")
    draw = asked.draw
    if draw is not None:
        usd = energy_usd_per_year(
            draw.mean_power_w, asked.tariff.pue_ratio, asked.tariff.usd_per_kwh
        )
        origin = (
            f"{draw.mean_power_w:,.0f} W on average ({draw.origin}), "
            f"${asked.tariff.usd_per_kwh:g}/kWh ({asked.tariff.usd_origin}), "
            f"PUE {asked.tariff.pue_ratio:g} ({asked.tariff.pue_origin})"
        )
        high = usd
        if machine_power_w is not None and not draw.holds_hosts:
            high = usd * max(machine_power_w / draw.busy_power_w, 1.0)
            origin = f"{origin}; at most {machine_power_w:,.0f} W, as the maker says"
        found["energy"] = Told(Interval(usd, 0.5 * (usd + high), high), origin)
    return found


def resale_of(
    curve: ResaleCurve, owned_years: float, successor_years: float | None
) -> tuple[Interval, str]:
    """Return the share of a price that a curve leaves at the end, and whose curve it is."""
    step = "" if successor_years is None else f", a successor after {successor_years:g} years"
    return curve.value_ratio(owned_years, successor_years), f"{curve.source}{step}"
