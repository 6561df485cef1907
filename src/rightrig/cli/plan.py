"""``rightrig plan``: the best rigs for traffic, objectives and budget; why the others lost."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def plan(
    model: o.Model,
    rate: Annotated[str, typer.Option(help="Requests: 5/s, 300/min.")],
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
    ttft_p99: Annotated[str | None, typer.Option(help="Objective: 1s, 500ms.")] = None,
    tpot_p99: Annotated[str | None, typer.Option(help="Objective: 50ms.")] = None,
    budget: Annotated[str | None, typer.Option(help="$4000/month, $5.50/h.")] = None,
    max_power: Annotated[str | None, typer.Option(help="Of the cards: 3kW.")] = None,
    max_gpus: Annotated[int, typer.Option(help="Most cards.")] = 64,
    gpu: Annotated[str | None, typer.Option(help="Only this card.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only this maker.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider's prices.")] = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    headroom: Annotated[float, typer.Option(help="Spare capacity over the rate.")] = 0.3,
    confidence: Annotated[str, typer.Option(help="surely or likely.")] = "likely",
    rank_by: Annotated[str, typer.Option(help="month or token.")] = "month",
    top: Annotated[int, typer.Option(help="Plans to show.")] = 10,
    why: Annotated[bool, typer.Option("--why", help="The reason of every rejected card.")] = False,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """The best rigs for traffic, latency, budget; why others lost."""
    from rightrig.cli.asking import Asked, search
    from rightrig.report.plan import plan_document, plan_json

    result, records = search(o.chosen(catalog), Asked(
        model=model, rate=rate, input=input, output=output, ttft_p99=ttft_p99,
        tpot_p99=tpot_p99, budget=budget, max_power=max_power, max_gpus=max_gpus, gpu=gpu,
        vendor=vendor, provider=provider, weights=weights, kv=kv, headroom=headroom,
        confidence=confidence, rank_by=rank_by, top=top,
    ))  # fmt: skip
    answer(
        as_json=json, yes=bool(result.plans), records=records,
        data=lambda: plan_json(result),
        document=lambda: plan_document(result, every_reason=why),
    )  # fmt: skip
