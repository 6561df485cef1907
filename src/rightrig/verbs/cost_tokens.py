"""``rightrig cost tokens``, ``break-even`` and ``compare``: dollars a token, and who is cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.cost import (
        BreakEvenJson,
        CostCompareJson,
        TokensJson,
    )

Input = Annotated[int, typer.Option("--input", help="Tokens of a prompt.")]
Output = Annotated[int, typer.Option("--output", help="Tokens of an answer.")]
Rate = Annotated[str | None, typer.Option(help="Requests: 2/s, 1/s..3/s.")]
Use = Annotated[str | None, typer.Option(help="Of what a rig carries: 0.6, 40%..80%.")]
Ttft = Annotated[str | None, typer.Option("--ttft-p99", metavar="TIME", help="Objective: 1s.")]
Tpot = Annotated[str | None, typer.Option("--tpot-p99", metavar="TIME", help="Objective: 50ms.")]
Price = Annotated[str | None, typer.Option(help="Rent of a rig: $5.50/h, 2/h..3/h.")]
Capex = Annotated[str | None, typer.Option(help="Price of a rig: $1800, $600..$800 used.")]
Years = Annotated[float, typer.Option(help="An owned rig is kept so long.")]
Resale = Annotated[str, typer.Option(help="Share of the price that it brings then: 30%.")]
Discount = Annotated[str, typer.Option(help="What money costs a year: 8%.")]
Other = Annotated[str | None, typer.Option(help="Space, staff, repairs: $200/month.")]
Power = Annotated[str | None, typer.Option(help="Of an owned rig at work; default predicted.")]
Tariff = Annotated[str | None, typer.Option(help="Dollars a kWh: 0.08, 0.10..0.20; or a region.")]
Pue = Annotated[str | None, typer.Option(help="Of the site: 1.3; at home 1.")]
EurUsd = Annotated[float | None, typer.Option(help="Dollars in a euro, for amounts in euros.")]
Own = Annotated[bool, typer.Option("--own/--rent", help="Bought, or rented around the clock.")]
Speeds = Annotated[
    str | None, typer.Option(help="Output of a rig as measured or stated, not predicted.")
]
Charts = Annotated[str | None, typer.Option("--save", metavar="DIR", help="Folder for charts.")]


def tokens(
    catalog: Catalog,
    model: o.Model,
    on: o.On,
    own: Own = False,
    rate: Rate = None,
    use: Use = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    prefix_hit: o.PrefixHit = None,
    batches: Annotated[str, typer.Option(help="Sequences at once, by comma.")] = "1,4,16,64",
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    tokens_per_s: Speeds = None,
    budget: Annotated[str | None, typer.Option(help="Hours that it rents: $500/month.")] = None,
    price: Price = None,
    capex: Capex = None,
    years: Years = 3.0,
    resale: Resale = "0%",
    discount: Discount = "0%",
    other: Other = None,
    power: Power = None,
    tariff: Tariff = None,
    pue: Pue = None,
    eur_usd: EurUsd = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    replicas: o.Replicas = None,
    save: Charts = None,
) -> Found[TokensJson]:
    """Dollars a million tokens on a rig, by kind of token, load and batch."""
    from rightrig.deployment.propose import Choices
    from rightrig.verbs.cost_answers import Stated, tokens_found
    from rightrig.verbs.costing import CostAsked, LoadWords, MoneyWords

    asked = CostAsked(
        catalog, model,
        Choices(runtime, weights, kv, tp, pp, replicas),
        MoneyWords(price, capex, years, resale, discount, other, power, tariff, pue,
                   eur_usd),
        LoadWords(input, output, prefix_hit, rate, use, ttft_p99, tpot_p99),
    )  # fmt: skip
    return tokens_found(asked, on, Stated(tokens_per_s, budget=budget, batches=batches),
                         own=own, save=save)  # fmt: skip


def break_even(
    catalog: Catalog,
    model: o.Model,
    on: o.On,
    against: Annotated[
        str, typer.Option(help="rent, api:PROVIDER, or dollars a million tokens.")
    ] = "rent",
    own: Own = True,
    rate: Rate = None,
    use: Use = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    prefix_hit: o.PrefixHit = None,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    tokens_per_s: Speeds = None,
    price: Price = None,
    capex: Capex = None,
    years: Years = 3.0,
    resale: Resale = "0%",
    discount: Discount = "0%",
    other: Other = None,
    power: Power = None,
    tariff: Tariff = None,
    pue: Pue = None,
    eur_usd: EurUsd = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    replicas: o.Replicas = None,
    save: Charts = None,
) -> Found[BreakEvenJson]:
    """When a rig has paid: months, and tokens a month, against rent or an API."""
    from rightrig.deployment.propose import Choices
    from rightrig.verbs.cost_answers import break_even_found
    from rightrig.verbs.costing import CostAsked, LoadWords, MoneyWords

    asked = CostAsked(
        catalog, model,
        Choices(runtime, weights, kv, tp, pp, replicas),
        MoneyWords(price, capex, years, resale, discount, other, power, tariff, pue,
                   eur_usd),
        LoadWords(input, output, prefix_hit, rate, use, ttft_p99, tpot_p99),
    )  # fmt: skip
    return break_even_found(asked, on, against, tokens_per_s, own=own, save=save)


def compare(
    catalog: Catalog,
    model: o.Model,
    sides: Annotated[
        list[str], typer.Argument(help="RIG, RIG/FORMAT, own:RIG, api:PROVIDER, api:IN,OUT …")
    ],
    rate: Rate = None,
    use: Use = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    prefix_hit: o.PrefixHit = None,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    batch: Annotated[int | None, typer.Option(help="Sequences at once on each rig.")] = None,
    tokens_per_s: Speeds = None,
    bill: Annotated[str | None, typer.Option(help="Of each rig, by comma: 9/h,80/month.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="Models that each holds.")] = False,
    years: Years = 3.0,
    resale: Resale = "0%",
    discount: Discount = "0%",
    other: Other = None,
    tariff: Tariff = None,
    pue: Pue = None,
    eur_usd: EurUsd = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    seed: o.Seed = 1,
    save: Charts = None,
) -> Found[CostCompareJson]:
    """The same requests on rigs and APIs: which is cheapest, and how surely."""
    from rightrig.deployment.propose import Choices
    from rightrig.verbs.cost_answers import Stated, compare_found
    from rightrig.verbs.costing import CostAsked, LoadWords, MoneyWords

    asked = CostAsked(
        catalog, model, Choices(runtime, weights, kv),
        MoneyWords(None, None, years, resale, discount, other, None, tariff, pue,
                   eur_usd),
        LoadWords(input, output, prefix_hit, rate, use, ttft_p99, tpot_p99, batch),
    )  # fmt: skip
    return compare_found(asked, sides, Stated(tokens_per_s, bill, coverage=coverage), seed, save)
