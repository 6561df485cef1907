"""``rightrig cost power`` and ``electrical``: watts by phase, power caps, circuits and racks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.power import (
        ElectricalJson,
        PowerJson,
    )

_FOLDER_HELP = "With --caps: folder for the chart."


def power(
    catalog: Catalog,
    model: o.Model,
    on: o.On,
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
    concurrency: Annotated[str, typer.Option(help="Users at once, or max.")] = "1",
    caps: Annotated[
        bool, typer.Option("--caps", help="Limits from 100 to 60 %, and which to set.")
    ] = False,
    most_loss: Annotated[
        str | None, typer.Option(help="With --caps: throughput that a limit may cost, 5%.")
    ] = None,
    ttft: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --caps: most mean TTFT, 1s.")
    ] = None,
    tpot: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --caps: most mean TPOT, 50ms.")
    ] = None,
    use: Annotated[str, typer.Option(help="Share of all hours that it works: 60%.")] = "100%",
    tariff: Annotated[str | None, typer.Option(help="$0.12/kWh, or a region.")] = None,
    pue: Annotated[float | None, typer.Option(help="Of the site: 1.3; at home 1.")] = None,
    price: o.RigPrice = None,
    capex: Annotated[str | None, typer.Option(help="Price of the rig to buy: $6400.")] = None,
    years: Annotated[float, typer.Option(help="Years that an own rig works.")] = 3.0,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    replicas: o.Replicas = None,
    save: Annotated[str | None, typer.Option("--save", metavar="DIR", help=_FOLDER_HELP)] = None,
) -> Found[PowerJson]:
    """Watts by phase, energy a token, and what a power limit changes."""
    from rightrig.verbs.powering import CapWords, Choices, PowerAsked, PriceWords, Traffic, power_of

    return power_of(
        PowerAsked(
            catalog, model, on, Traffic(input, output, concurrency),
            Choices(runtime, weights, kv, tp, pp, replicas),
            CapWords(caps, most_loss, ttft, tpot, save),
            PriceWords(use, tariff, pue, price, capex, years),
        )
    )  # fmt: skip


def electrical(
    catalog: Catalog,
    rig: Annotated[str, typer.Argument(help="Rig or system: 4xrtx-4090, 8xh100-sxm, dgx-h100.")],
    machines: Annotated[int, typer.Option(help="Equal machines.")] = 1,
    volts: Annotated[float | None, typer.Option(help="Line to line; 120, 208, 230, 400 …")] = None,
    phases: Annotated[int | None, typer.Option(help="1 or 3.")] = None,
    pf: Annotated[float, typer.Option(help="Power factor of the load, 0.5 to 1.")] = 0.95,
    redundancy: Annotated[str, typer.Option(help="Of the power supplies: none, n+1, 2n.")] = "none",
    ups_minutes: Annotated[float, typer.Option(help="A UPS carries all of it so long.")] = 10.0,
    circuit: Annotated[
        str | None, typer.Option(metavar="V:A", help="The circuit there is: 120v:15a, 208v:30a:3p.")
    ] = None,
    rack_limit: Annotated[str | None, typer.Option(help="Most that one rack draws: 17kW.")] = None,
) -> Found[ElectricalJson]:
    """Supplies, breakers, plugs, UPS, heat and racks that machines ask for."""
    from rightrig.verbs.powering import SiteAsked, electrical_of

    return electrical_of(
        catalog, rig,
        SiteAsked(machines, volts, phases, pf, redundancy, ups_minutes, circuit, rack_limit),
    )  # fmt: skip
