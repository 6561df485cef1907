"""``rightrig ask``: the questions about layout, money and growth, one command a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.ask_hardware import Input, MaxGpus, Output, Rate, RateOrNone, Tpot, Ttft
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.ask_layout import (
        AskSplitJson,
        BuyOrRentJson,
        GrowthJson,
        MeasureNextJson,
        MixJson,
        ScalingJson,
    )
    from rightrig.report.schema.planning import (
        PlanJson,
    )

Rigs = Annotated[
    list[str], typer.Option("--on", help="Rig of equal cards: 4xh100-sxm; may be repeated.")
]


def split(
    catalog: Catalog,
    model: o.Model,
    on: Rigs,
    rate: RateOrNone = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
) -> Found[AskSplitJson]:
    """One wide engine, several narrow ones, or stages."""
    from rightrig.report.questions_layout import split_document
    from rightrig.report.questions_layout_json import split_json
    from rightrig.verbs.asking_layout import Choices, Words, splits_of_rigs

    words = Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99
    )
    fixed = Choices(runtime, weights, kv)
    found, records = splits_of_rigs(catalog, words, on, fixed)
    return Found(data=lambda: split_json(found), document=lambda: split_document(found),
           yes=all(one.recommended for one in found), records=records)  # fmt: skip


def buy_or_rent(
    catalog: Catalog,
    gpu: Annotated[str | None, typer.Option(help="Card; what is left out is its record's.")] = None,
    price: Annotated[str | None, typer.Option(help="To buy one: $1700, $600..$800.")] = None,
    rent: Annotated[str | None, typer.Option(help="Of one: $0.34/h.")] = None,
    power: Annotated[str | None, typer.Option(help="Of one at work: 450W.")] = None,
    tariff: Annotated[str | None, typer.Option(help="$0.15/kWh.")] = None,
    pue_ratio: Annotated[
        float | None, typer.Option("--pue", help="Energy of the site over the card's.")
    ] = None,
    hours_count: Annotated[
        float, typer.Option("--hours-a-day", help="Hours that are rented.")
    ] = 24.0,
    speed_ratio: Annotated[
        float, typer.Option("--speed", help="Own card's speed over the rented one's.")
    ] = 1.0,
    resale: Annotated[
        str | None, typer.Option(help="At the end: $500, or a share of the price, 30%.")
    ] = None,
    years: Annotated[float, typer.Option(help="How long it is kept.")] = 3.0,
) -> Found[BuyOrRentJson]:
    """After how many months buying has paid."""
    from rightrig.planning.questions.buy_or_rent import buy_or_rent as bought
    from rightrig.report.questions_layout import buy_or_rent_document
    from rightrig.report.questions_layout_json import buy_or_rent_json
    from rightrig.verbs.asking_money import MoneyWords, terms_of

    words = MoneyWords(gpu, price, rent, power, tariff, pue_ratio, hours_count, speed_ratio,
                       resale, years)  # fmt: skip
    terms, records = terms_of(catalog, words)
    found = bought(terms)
    return Found(data=lambda: buy_or_rent_json(found), records=records,
           document=lambda: buy_or_rent_document(found), yes=found.advice != "rent")  # fmt: skip


def scaling(
    catalog: Catalog,
    params: Annotated[str, typer.Option(help="Trained weights, 7B, or a model.")],
    link: Annotated[str, typer.Option(help="Rig or card, 4xrtx-4090; or 10GB/s.")],
    step: Annotated[str, typer.Option(help="One card's step without exchange: 5s.")],
    gpus: Annotated[int | None, typer.Option(help="Cards; default all of the rig.")] = None,
    gradient_bytes: Annotated[float, typer.Option(help="A weight: 2 or 4.")] = 2.0,
    state_bytes: Annotated[float, typer.Option(help="A weight with optimizer.")] = 16.0,
    overlap_ratio: Annotated[
        float, typer.Option("--overlap", help="Share of the backward pass used.")
    ] = 0.75,
    accumulate: Annotated[int, typer.Option(help="Steps between two exchanges.")] = 1,
    measured_ratio: Annotated[
        float | None, typer.Option("--measured-speedup", help="Over one card: 3.2.")
    ] = None,
    job_cost: Annotated[str | None, typer.Option(help="Without any waiting: $136.")] = None,
) -> Found[ScalingJson]:
    """What exchanging gradients costs training."""
    from rightrig.report.questions_layout import scaling_document
    from rightrig.report.questions_layout_json import scaling_json
    from rightrig.verbs.asking_money import JobWords, scaled

    words = JobWords(params, link, step, gpus, gradient_bytes, state_bytes, overlap_ratio,
                     accumulate, measured_ratio, job_cost)  # fmt: skip
    found, cost, records = scaled(catalog, words)
    return Found(data=lambda: scaling_json(found, cost), records=records,
           document=lambda: scaling_document(found, cost), yes=found.plain is not None)  # fmt: skip


def mix(
    catalog: Catalog,
    models: Annotated[list[str], typer.Argument(help="One model or more.")],
    rigs: Annotated[str, typer.Option(help="Pools: 4xrtx-4090,2xa100-sxm-80gb.")],
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
) -> Found[MixJson]:
    """Cards of several kinds, in one engine or pools."""
    from rightrig.report.questions_layout import mix_document
    from rightrig.report.questions_layout_json import mix_json
    from rightrig.verbs.asking_layout import Choices, Words, first_of, mixed

    words = Words(model=first_of(models), input=input, output=output, ttft_p99=ttft_p99,
                  tpot_p99=tpot_p99)  # fmt: skip
    fixed = Choices(runtime, weights, kv)
    found, records = mixed(catalog, words, models, rigs, fixed)
    return Found(data=lambda: mix_json(found), document=lambda: mix_document(found),
           yes=bool(found.chosen()), records=records)  # fmt: skip


def growth(
    catalog: Catalog,
    model: o.Model,
    rate: Rate,
    growth: Annotated[str, typer.Option(help="Of the rate: 10%/month, 200%/year.")],
    start: Annotated[str | None, typer.Option(help="2027-01-31; default today.")] = None,
    months: Annotated[int, typer.Option(help="How far steps are listed.")] = 36,
    place: Annotated[int, typer.Option(help="Which plan of the list, 1 the best.")] = 1,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
    budget: Annotated[str | None, typer.Option(help="$4000/month, $5.50/h.")] = None,
    max_gpus: MaxGpus = 64,
) -> Found[GrowthJson | PlanJson]:
    """Until when a plan carries traffic that grows."""
    from rightrig.verbs.asking_layout import GrowthWords, Words, answer_growth

    words = Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, budget=budget, max_gpus=max_gpus,
    )  # fmt: skip
    return answer_growth(catalog, words, GrowthWords(growth, start, months, place))


def measure_next(
    catalog: Catalog,
    model: o.Model,
    rate: Rate,
    on: o.OnOrNone = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    max_gpus: MaxGpus = 64,
    top: Annotated[int, typer.Option(help="Plans that are looked at.")] = 5,
) -> Found[MeasureNextJson | PlanJson]:
    """Which measurement would decide what is open."""
    from rightrig.verbs.asking_layout import Choices, Words, answer_measure_next

    words = Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, max_gpus=max_gpus,
    )  # fmt: skip
    fixed = Choices(runtime, weights, kv)
    return answer_measure_next(catalog, words, fixed, on, top)
