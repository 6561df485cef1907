"""``rightrig cost rent``, ``cost own`` and ``cost energy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.cost import (
        EnergyJson,
        OwnJson,
        RentJson,
    )

_Rig = Annotated[str, typer.Argument(help="Rig, card or machine: 8xh100-sxm, rtx-4090, dgx-h100.")]
_Tariff = Annotated[
    str | None, typer.Option(help="$0.12/kWh, or a region: us:industrial, california, germany.")
]
_Pue = Annotated[float | None, typer.Option("--pue", help="Site over machines; 1 at home.")]
_Use = Annotated[str, typer.Option(help="Share of all hours at work: 60%.")]
_Power = Annotated[str | None, typer.Option(help="Of the whole rig at work: 2.4kW.")]
_HostPower = Annotated[str | None, typer.Option(help="Of each machine beside its cards: 300W.")]
_EurUsd = Annotated[float | None, typer.Option(help="Dollars in a euro, for amounts in euros.")]
_Text = str | None


def rent(
    catalog: Catalog,
    rig: _Rig,
    hours_count: Annotated[
        float | None, typer.Option("--hours", help="How long; default a month.")
    ] = None,
    days_count: Annotated[float | None, typer.Option("--days", help="The same in days.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Spot prices instead.")] = False,
    country: Annotated[_Text, typer.Option(help="Where it must stand: fi,no or eu.")] = None,
    provider: Annotated[_Text, typer.Option(help="Only these: runpod,aws.")] = None,
    waste: Annotated[
        _Text, typer.Option("--spot-waste", help="With --spot: share of time lost, 10%.")
    ] = None,
    mtbp: Annotated[_Text, typer.Option(help="With --spot: time between interruptions.")] = None,
    save_time: Annotated[_Text, typer.Option(help="With --mtbp: of one checkpoint, 2min.")] = None,
    restart: Annotated[_Text, typer.Option(help="With --mtbp: until it works again.")] = None,
    gain: Annotated[_Text, typer.Option(help="What 10% more work is worth a year.")] = None,
    bandwidth_loss: Annotated[_Text, typer.Option(help="Lost between cards: 20%.")] = None,
    exposed: Annotated[_Text, typer.Option(help="Share of a step waited for others.")] = None,
    card_price: Annotated[_Text, typer.Option(help="Of a card for --gain: $2.50/h.")] = None,
) -> Found[RentJson]:
    """Every offer of a rig: per card, per node, terms, billing, age."""
    from rightrig.verbs.costing_owning import RentWords, rented

    words = RentWords(
        rig, hours_count, days_count, spot, country, provider, waste, mtbp, save_time, restart,
        card_price, gain, bandwidth_loss, exposed,
    )  # fmt: skip
    return rented(catalog, words)


def own(
    catalog: Catalog,
    rig: _Rig,
    years: Annotated[float, typer.Option(help="How long it is kept.")] = 3.0,
    discount: Annotated[str, typer.Option(help="What money costs a year: 8%.")] = "0%",
    capex: Annotated[_Text, typer.Option(help="All hardware: $30000 or 25000..40000.")] = None,
    tariff: _Tariff = None,
    pue: _Pue = None,
    use: _Use = "100%",
    power: _Power = None,
    host_power: _HostPower = None,
    resale: Annotated[_Text, typer.Option(help="none, 30%, curve, or a preset: h100.")] = None,
    successor_years: Annotated[
        float | None,
        typer.Option("--new-generation", help="With a curve: years until a successor."),
    ] = None,
    staff: Annotated[_Text, typer.Option(help="$4000/month.")] = None,
    colocation: Annotated[_Text, typer.Option(help="A kW and month: $217, or market.")] = None,
    support: Annotated[_Text, typer.Option(help="Of the hardware a year: 5%.")] = None,
    debugging: Annotated[_Text, typer.Option(help="Hours to make it work: 20h.")] = None,
    wage: Annotated[_Text, typer.Option(help="With --debugging: $100 an hour.")] = None,
    abandoned: Annotated[_Text, typer.Option(help="Rate, share, loss: 2/s,1%,$0.05.")] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", help="Any line: rack=2500, egress=$50/month.")
    ] = None,
    against: Annotated[_Text, typer.Option(help="Another rig: cost and models held.")] = None,
    eur_usd: _EurUsd = None,
) -> Found[OwnJson]:
    """The whole bill of owning: every line with its range, also those that are 0."""
    from rightrig.verbs.amounts import Purse, SiteWords
    from rightrig.verbs.costing_bill import OwnWords
    from rightrig.verbs.costing_bill import own as bill_of

    words = OwnWords(
        rig=rig, against=against, owned_years=years, discount=discount, capex=capex, power=power,
        host_power=host_power, use=use, resale=resale, successor_years=successor_years,
        staff=staff, colocation=colocation, support=support, debugging=debugging, wage=wage,
        abandoned=abandoned, lines=tuple(with_ or ()),
        site=SiteWords(tariff, pue, Purse(eur_usd)),
    )  # fmt: skip
    return bill_of(catalog, words)


def energy(
    catalog: Catalog,
    rig: _Rig,
    against: Annotated[_Text, typer.Option(help="Another rig: the difference.")] = None,
    power: _Power = None,
    against_power: Annotated[_Text, typer.Option(help="Of the other rig: 800W.")] = None,
    host_power: _HostPower = None,
    use: _Use = "100%",
    tariff: _Tariff = None,
    pue: _Pue = None,
    years: Annotated[float, typer.Option(help="Span of the total.")] = 1.0,
    sustained: Annotated[str, typer.Option(help="Of the peak, on both sides: 70%.")] = "100%",
    eur_usd: _EurUsd = None,
) -> Found[EnergyJson]:
    """Electricity of own machines a year, and the difference of two."""
    from rightrig.verbs.amounts import Purse, SiteWords
    from rightrig.verbs.costing_owning import EnergyWords
    from rightrig.verbs.costing_owning import energy as energy_of

    words = EnergyWords(
        rig, against, power, against_power, host_power, use, years, sustained,
        SiteWords(tariff, pue, Purse(eur_usd)),
    )  # fmt: skip
    return energy_of(catalog, words)
