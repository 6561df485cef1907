"""``rightrig ask``: the questions about hardware, one command a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.ask_hardware import (
        ChooseGpuJson,
        ConsumerOrDatacenterJson,
        GpuCountJson,
        ManyOrOneJson,
        OverkillJson,
        TiersJson,
        TrainOrServeJson,
    )

Input = Annotated[int, typer.Option("--input", help="Tokens of the prompt.")]
Output = Annotated[int, typer.Option("--output", help="Tokens of the answer.")]
Rate = Annotated[str, typer.Option(help="Requests: 5/s, 300/min.")]
RateOrNone = Annotated[str | None, typer.Option("--rate", help="Requests: 5/s, 300/min.")]
Ttft = Annotated[str | None, typer.Option("--ttft-p99", help="Objective: 1s, 500ms.")]
Tpot = Annotated[str | None, typer.Option("--tpot-p99", help="Objective: 50ms.")]
MaxGpus = Annotated[int, typer.Option(help="Most cards.")]


def choose_gpu(
    catalog: Catalog,
    model: o.Model,
    users: Annotated[int | None, typer.Option(help="People at once; default 1.")] = None,
    think: Annotated[str, typer.Option(help="A user's pause after an answer.")] = "30s",
    rate: RateOrNone = None,
    kind: Annotated[str, typer.Option(help="development or production.")] = "development",
    among: Annotated[str | None, typer.Option(help="Only these cards, by comma.")] = None,
    card: Annotated[str, typer.Option(help="The card that might do alone.")] = "rtx-4090",
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
    budget: Annotated[str | None, typer.Option(help="$4000/month, $5.50/h.")] = None,
    max_power: Annotated[str | None, typer.Option(help="Of the cards: 100W.")] = None,
    max_gpus: MaxGpus = 64,
) -> Found[ChooseGpuJson]:
    """Which card for this model, to develop or to serve."""
    from rightrig.planning.questions.choose_gpu import choose_gpu as choose
    from rightrig.report.questions_hardware import choice_document, choice_json
    from rightrig.verbs.asking_hardware import Purpose, Words, use_of

    words = Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, budget=budget, max_power=max_power, max_gpus=max_gpus,
    )  # fmt: skip
    asked, use = use_of(catalog, words, Purpose(kind, users, think, card, among))
    found = choose(asked.catalog, asked.llm, use)
    return Found(data=lambda: choice_json(found), document=lambda: choice_document(found),
           yes=found.chosen is not None, records=asked.records)  # fmt: skip


def gpu_count(
    catalog: Catalog,
    model: o.Model,
    gpus: Annotated[str, typer.Option(help="Cards, by comma.")] = "rtx-4090,h100-sxm",
    weights: Annotated[
        str, typer.Option(help="Weight formats, by comma.")
    ] = "checkpoint,fp8,awq,q4_k_m,iq2_xs",
    context: o.ContextOrUsual = None,
    concurrency: o.Sequences = 1,
    most_cards: Annotated[int, typer.Option(help="Most cards of one engine.")] = 8,
) -> Found[GpuCountJson]:
    """How many cards a model takes, format by format."""
    from rightrig.planning.questions.gpu_count import gpu_count as count
    from rightrig.report.questions_hardware import count_document, count_json
    from rightrig.verbs.asking_hardware import counting

    llm, table = counting(catalog, model, gpus, weights, (context, concurrency, most_cards))
    found = count(catalog, llm, table)
    return Found(data=lambda: count_json(found), document=lambda: count_document(found),
           yes=found.is_held, records=(llm, *table.gpus))  # fmt: skip


def many_or_one(
    catalog: Catalog,
    model: o.Model,
    many: Annotated[str, typer.Option(help="The many cheap cards: 16xrtx-4090.")],
    one: Annotated[str, typer.Option(help="The few dear ones: 1xh100-sxm.")],
    rate: RateOrNone = None,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = "checkpoint",
) -> Found[ManyOrOneJson]:
    """Many cheap cards or one dear: what each delivers."""
    from rightrig.planning.questions.many_or_one import many_or_one as versus
    from rightrig.report.questions_rivals import rivals_document, rivals_json
    from rightrig.verbs.asking_hardware import Words, asked_of, two_rigs
    from rightrig.verbs.requesting import asked_requests_per_s

    asked = asked_of(catalog, Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights,
    ))  # fmt: skip
    rigs = two_rigs(asked.catalog, many, one)
    found = versus(asked.catalog, asked.llm, rigs, asked.question, asked.space,
                   None if rate is None else asked_requests_per_s(rate))  # fmt: skip
    return Found(data=lambda: rivals_json(found), document=lambda: rivals_document(found),
           yes=found.is_answered, records=asked.records)  # fmt: skip


def tiers(
    catalog: Catalog,
    model: o.Model,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
    max_gpus: MaxGpus = 64,
    capital: Annotated[str, typer.Option(help="For cards of a home lab.")] = "$5000",
    home_power: Annotated[str, typer.Option(help="Of those cards; a 15 A circuit's.")] = "1440W",
) -> Found[TiersJson]:
    """What $500, $5,000 a month or a home lab carry."""
    from rightrig.planning.questions.tiers import tiers as budgets
    from rightrig.report.questions_rivals import tiers_document, tiers_json
    from rightrig.verbs.asking_hardware import Words, asked_of, home_of

    asked = asked_of(catalog, Words(
        model=model, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, max_gpus=max_gpus,
    ))  # fmt: skip
    home = home_of(capital, home_power)
    found = budgets(asked.catalog, asked.llm, asked.question, asked.space, home)
    return Found(data=lambda: tiers_json(found), document=lambda: tiers_document(found),
           yes=found.is_answered, records=asked.records)  # fmt: skip


def consumer_or_datacenter(
    catalog: Catalog,
    model: o.Model,
    card: Annotated[str, typer.Option(help="The consumer card to hold it.")] = "rtx-4090",
    rate: Rate = "1/s",
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
    max_gpus: MaxGpus = 64,
) -> Found[ConsumerOrDatacenterJson]:
    """Where consumer cards stop being the cheapest."""
    from rightrig.planning.questions.consumer_or_datacenter import consumer_or_datacenter as versus
    from rightrig.report.questions_rivals import markets_document, markets_json
    from rightrig.verbs.asking_hardware import Words, asked_of

    asked = asked_of(catalog, Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, max_gpus=max_gpus,
    ))  # fmt: skip
    held = asked.catalog.gpu(card)
    found = versus(asked.catalog, asked.llm, held, asked.question, asked.space)
    return Found(data=lambda: markets_json(found), document=lambda: markets_document(found),
           yes=found.is_answered, records=asked.records)  # fmt: skip


def overkill(
    catalog: Catalog,
    model: o.Model,
    on: o.On,
    rate: Rate,
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
    max_gpus: MaxGpus = 64,
) -> Found[OverkillJson]:
    """Is a rig too much for this model and traffic."""
    from rightrig.planning.questions.overkill import overkill as too_much
    from rightrig.report.questions_hardware import overkill_document, overkill_json
    from rightrig.verbs.asking_hardware import Words, asked_of, proposed

    asked = asked_of(catalog, Words(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights, max_gpus=max_gpus,
    ))  # fmt: skip
    found = too_much(proposed(asked, on), asked.question, asked.space)
    return Found(data=lambda: overkill_json(found),
           document=lambda: overkill_document(found), yes=found.is_overkill,
           records=asked.records)  # fmt: skip


def train_or_serve(
    catalog: Catalog,
    cards_and_model: Annotated[
        list[str], typer.Argument(help="Cards, then the model: h100-sxm l40s llama-3.1-8b.")
    ],
    input: Input = 1000,  # noqa: A002
    output: Output = 300,
    sequence: Annotated[int, typer.Option(help="Tokens of one training sequence.")] = 4096,
    ttft_p99: Ttft = None,
    tpot_p99: Tpot = None,
    weights: o.Weights = None,
) -> Found[TrainOrServeJson]:
    """Which card to train on, which to serve with."""
    from rightrig.planning.questions.train_or_serve import train_or_serve as roles
    from rightrig.report.questions_hardware import roles_document, roles_json
    from rightrig.verbs.asking_hardware import Words, asked_of, sequence_of
    from rightrig.verbs.asking_hardware import cards_and_model as parted

    gpus, model = parted(catalog, cards_and_model)
    asked = asked_of(catalog, Words(
        model=model, input=input, output=output, ttft_p99=ttft_p99, tpot_p99=tpot_p99,
        weights=weights,
    ))  # fmt: skip
    tokens = sequence_of(asked.llm, sequence)
    found = roles(catalog, asked.llm, gpus, asked.question, asked.space, tokens)
    return Found(data=lambda: roles_json(found), document=lambda: roles_document(found),
           yes=found.best_to_serve is not None, records=asked.records)  # fmt: skip
