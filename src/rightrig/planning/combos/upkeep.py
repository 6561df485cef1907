"""What a rig takes to run and to own: watts, supplies, electricity, the rent it stands against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.costs.bill import between_usd
from rightrig.costs.energy import energy_usd_per_year
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.planning.combos.failure_modes import counted
from rightrig.planning.combos.speed import LENGTHS
from rightrig.planning.costing.electricity import draw_of_rig
from rightrig.planning.costing.owning import OwnTerms, owned
from rightrig.planning.electrifying import Site, installation, usual_volts_v
from rightrig.planning.power_values import OWNED_YEARS, Goals, Money, Question
from rightrig.planning.powering import powered
from rightrig.planning.search import tariff_of
from rightrig.prediction.electrical import Feed
from rightrig.quantities import show_number, show_usd

if TYPE_CHECKING:
    from rightrig.costs.bill import Bill
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.electrifying import Installation
    from rightrig.planning.planned import Tariff

Cheaper = Literal["owning", "renting", "too close to call", "not known"]
LIMITS: Final = "at their limits"
_VERDICTS: Final[dict[Cheaper, str]] = {
    "owning": "owning costs less",
    "renting": "renting costs less",
    "too close to call": "too close to call",
    "not known": "",
}
_ALONE: Final = "decoding, one user"
_FULL: Final = "decoding, full load"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the cards of a rig draw in one kind of work.

    Attributes:
        power_w: Of all cards of all machines.
        cost_usd_per_year: Electricity of a year of nothing else, with the hosts and the site.
    """

    name: str
    power_w: Interval
    cost_usd_per_year: float


@dataclass(frozen=True, slots=True)
class Power:
    """What a rig draws, and what it asks of a room.

    Attributes:
        draws: The reference model by phase, where one fits; then all cards at their limits.
        host_w: Beside the cards, of all machines.
    """

    draws: tuple[Drawn, ...]
    host_w: Interval
    tariff: Tariff
    installation: Installation


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What running and owning a rig takes.

    Attributes:
        power: ``None`` where no record says what the cards draw.
        power_reason: Why there is none.
        bill: Of an owner, with the lines that records state; ``None`` where nobody states a price.
        bill_reason: Why there is none.
        rent_usd_per_month: At the cheapest offer; ``None`` where none is known.
    """

    power: Power | None
    power_reason: str
    bill: Bill | None
    bill_reason: str
    rent_usd_per_month: float | None

    @property
    def cheaper(self) -> Cheaper:
        """What costs less around the clock: the rent below, within or above the bill's range."""
        if self.bill is None or self.rent_usd_per_month is None:
            return "not known"
        threshold = self.bill.equal_usd_per_month
        if self.rent_usd_per_month > threshold.high:
            return "owning"
        return "renting" if self.rent_usd_per_month < threshold.low else "too close to call"

    def explain(self) -> Explanation:
        """Return the watts at the wall, the price of all, and the rent it stands against."""
        return _explain(self)


def upkeep(
    catalog: Catalog, rig: Rig, deployment: Deployment | None, rent_usd_per_month: float | None
) -> Upkeep:
    """Return what running and owning a rig takes, by the usual tariff and over the usual years.

    Args:
        catalog: Where tariffs, machines and prices are.
        rig: The cards.
        deployment: The reference model on them; ``None`` where none fits.
        rent_usd_per_month: What the rig rents for.
    """
    tariff = tariff_of(catalog)
    power = bill = None
    power_reason = bill_reason = ""
    try:
        power = _power(catalog, rig, deployment, tariff)
    except InputError as error:
        power_reason = str(error)
    try:
        bill = _bill(catalog, rig, power, tariff)
    except InputError as error:
        bill_reason = str(error)
    return Upkeep(power, power_reason, bill, bill_reason, rent_usd_per_month)


def _power(catalog: Catalog, rig: Rig, deployment: Deployment | None, tariff: Tariff) -> Power:
    """Return what a rig draws.

    Raises:
        InputError: where no record says what its cards draw.
    """
    room = installation(rig, rig.text, Site(Feed(usual_volts_v(rig))), catalog)
    host_w = room.machine.host.power_w.scaled(rig.nodes_count)
    watts = {} if deployment is None else _phases_w(deployment, tariff)
    watts[LIMITS] = Interval.exact(room.machine.cards_w * rig.nodes_count)
    draws = tuple(
        Drawn(
            name,
            power_w,
            energy_usd_per_year(power_w.mid + host_w.mid, tariff.pue_ratio, tariff.usd_per_kwh),
        )
        for name, power_w in watts.items()
    )
    return Power(draws, host_w, tariff, room)


def _phases_w(deployment: Deployment, tariff: Tariff) -> dict[str, Interval]:
    """Return what all cards draw by phase, for one user and for as many as fit."""
    alone, full = (
        powered(Question(deployment, LENGTHS, users, Money(tariff), Goals())) for users in (1, None)
    )
    return {
        "idle": full.phase("idle").power_w,
        "prompts": full.phase("prompts").power_w,
        _ALONE: alone.phase("decoding").power_w,
        _FULL: full.phase("decoding").power_w,
    }


def _bill(catalog: Catalog, rig: Rig, power: Power | None, tariff: Tariff) -> Bill:
    """Return the bill of an owner whose cards work at their limits; no electricity if unknown.

    Raises:
        InputError: where nobody states what the rig costs.
    """
    draw = None
    if power is not None and power.installation.machine.cards_w:
        draw = draw_of_rig(rig, 1.0, power.host_w.mid / rig.nodes_count)
    terms = OwnTerms(owned_years=OWNED_YEARS, rate_per_year=0.0, tariff=tariff, draw=draw)
    return owned(catalog, rig, terms)


def _explain(found: Upkeep) -> Explanation:
    """Return sentences, figures and sources of what a rig takes."""
    sentences: list[str] = []
    figures: list[Figure] = []
    sources: tuple[str, ...] = ()
    if found.power is not None:
        sentences += _power_sentences(found.power)
        peak = found.power.installation.peak_w
        source = found.power.installation.machine.host.source
        figures.append(Figure("peak_w", peak.mid, f"{peak.mid:,.0f} W", source))
        sources = (source,)
    if found.bill is not None:
        sentences += _bill_sentences(found, found.bill)
        monthly = found.bill.equal_usd_per_month.mid
        figures.append(Figure("equal_usd_per_month", monthly, show_usd(monthly), "F12.2"))
        sources += found.bill.explain().sources
    return Explanation(tuple(sentences), tuple(figures), sources)


def _power_sentences(power: Power) -> tuple[str, ...]:
    """Return what a year of electricity counts, and what the rig asks of a room."""
    tariff, room, host_w = power.tariff, power.installation, power.host_w
    machine, feed = room.machine, room.site.feed
    supplies, breaker_a = machine.supplies, room.machine_breaker_a
    breaker = "no standard breaker" if breaker_a is None else f"a breaker of {breaker_a:,.0f} A"
    yearly = (
        f"A year is around the clock, with {host_w.mid:,.0f} W ({host_w.low:,.0f} to "
        f"{host_w.high:,.0f}) beside the cards, at ${tariff.usd_per_kwh:.3g}/kWh "
        f"({tariff.usd_origin}) and PUE {tariff.pue_ratio:.3g} ({tariff.pue_origin}); a rent "
        "includes it."
    )
    wall = (
        f"{room.peak_w.mid:,.0f} W at the wall at most ({room.peak_w.low:,.0f} to "
        f"{room.peak_w.high:,.0f}); a machine takes "
        f"{counted(supplies.count, 'power supply', 'power supplies')} of "
        f"{supplies.rating_w:,.0f} W and {breaker} at {feed.volts_v:g} V; "
        f"{room.heat_btu_per_hour:,.0f} BTU/h of heat, {counted(room.units_count, 'rack unit')}."
    )
    return (yearly, wall)


def _bill_sentences(found: Upkeep, bill: Bill) -> tuple[str, ...]:
    """Return the price of all, and the rent from which owning is cheaper."""
    bought = [line for line in bill.lines if line.when == "once" and line.is_counted]
    parts = "; ".join(f"{line.name} {between_usd(line.amount_usd)}" for line in bought)
    rent = found.rent_usd_per_month
    known = (
        "no rent is known"
        if rent is None
        else f"the cheapest rent is {show_usd(rent)}: {_VERDICTS[found.cheaper]}"
    )
    energy = "electricity at the cards' limits" if bill.running_usd_per_year.mid else "no energy"
    return (
        f"All in, {between_usd(bill.price_usd)} to buy: {parts}.",
        (
            f"Owning is cheaper from a rent of {between_usd(bill.equal_usd_per_month)} a month on, "
            f"over {show_number(bill.owned_years)} years around the clock, with {energy} and "
            f"without staff, space, repairs, price of money and resale; {known}."
        ),
    )
