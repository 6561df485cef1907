"""``rightrig plan``: the best rigs for traffic, objectives and budget; why the others lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.planning import PlanAnswerJson


def plan(
    catalog: Catalog,
    model: o.ModelOrNone = None,
    rate: o.OnlyRate = None,
    input: Annotated[str | None, typer.Option("--input", help="Tokens of a prompt: 1000.")] = None,  # noqa: A002
    output: Annotated[str | None, typer.Option("--output", help="Of an answer: 300.")] = None,
    preset: o.Preset = None,
    trace: o.TraceFile = None,
    ttft_p50: o.Ttft = None,
    ttft_p90: o.Ttft = None,
    ttft_p95: o.Ttft = None,
    ttft_p99: o.Ttft = None,
    tpot_p50: o.Tpot = None,
    tpot_p90: o.Tpot = None,
    tpot_p95: o.Tpot = None,
    tpot_p99: o.Tpot = None,
    e2e_p50: o.E2e = None,
    e2e_p90: o.E2e = None,
    e2e_p95: o.E2e = None,
    e2e_p99: o.E2e = None,
    itl_p50: o.Itl = None,
    itl_p90: o.Itl = None,
    itl_p95: o.Itl = None,
    itl_p99: o.Itl = None,
    budget: Annotated[str | None, typer.Option(help="Rent: $4000/month, $5.50/h.")] = None,
    buy: Annotated[bool, typer.Option("--buy", help="Buy cards and machines.")] = False,
    capex: Annotated[str | None, typer.Option(help="To buy with: $20000.")] = None,
    own: Annotated[str | None, typer.Option(help="What you have: the best to add.")] = None,
    job: Annotated[str | None, typer.Option(help="A batch instead of traffic: 10B-tokens.")] = None,
    by: Annotated[str | None, typer.Option(help="With --job: time it may take, 48h.")] = None,
    max_power: Annotated[str | None, typer.Option(help="Of the cards: 3kW.")] = None,
    max_gpus: Annotated[int, typer.Option(help="Most cards.")] = 64,
    max_machines: Annotated[int | None, typer.Option(help="Most machines or instances.")] = None,
    available: Annotated[str | None, typer.Option(help="Cards: h100-sxm=8,l40s=16.")] = None,
    gpu: Annotated[str | None, typer.Option(help="Only this card.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only this maker.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider's prices.")] = None,
    region: Annotated[str | None, typer.Option(help="Only this region's prices.")] = None,
    country: Annotated[str | None, typer.Option(help="Where data may be: fi,no or eu.")] = None,
    licence: Annotated[str | None, typer.Option(help="Model: open or commercial.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Spot prices too.")] = False,
    spot_waste: Annotated[
        float | None, typer.Option(help="With --job --spot: share of time lost, 0.1.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(help="Only these: vllm,sglang.")] = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    headroom: Annotated[float, typer.Option(help="Spare capacity over the rate.")] = 0.3,
    spare: Annotated[int, typer.Option(help="Engines more than needed; 1 is N+1.")] = 0,
    min_engines: Annotated[int, typer.Option(help="Fewest warm engines.")] = 1,
    confidence: Annotated[str, typer.Option(help="surely or likely.")] = "likely",
    rank_by: Annotated[
        str | None, typer.Option(help="month, token, ttft, tpot, e2e, energy or capex.")
    ] = None,
    top: Annotated[int, typer.Option(help="Plans to show.")] = 10,
    simulate: Annotated[int, typer.Option(help="First plans to simulate.")] = 0,
    seed: o.Seed = 1,
    why: Annotated[bool, typer.Option("--why", help="The reason of every rejected card.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="What the answer hangs on.")] = False,
    growth: Annotated[str | None, typer.Option(help="Of the rate: 10%/month.")] = None,
    start: Annotated[str | None, typer.Option(help="With --growth: from when, 2026-12-01.")] = None,
    sweep: Annotated[str | None, typer.Option(help="File of many demands, rigs, seeds.")] = None,
    engine: Annotated[str, typer.Option(help="With --sweep: local or ray.")] = "local",
    jobs: Annotated[int | None, typer.Option(help="With --sweep: processes.")] = None,
    save: Annotated[str | None, typer.Option(help="With --sweep: folder of results.")] = None,
    recipe_folder: Annotated[
        str | None,
        typer.Option("--recipe", metavar="DIR", help="Folder for the first plan's recipe."),
    ] = None,
) -> Found[PlanAnswerJson]:
    """The best rigs for traffic, latency, budget; why others lost."""
    given = dict(locals())
    from rightrig.verbs.planning import answer_given

    return answer_given(catalog, given)
