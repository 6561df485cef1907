"""``rightrig tenants``: several tenants on MIG instances, or side by side on one card."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def tenants(
    model: o.ModelOrNone = None,
    on: Annotated[str | None, typer.Option("--on", help="Card; default all with MIG.")] = None,
    count: Annotated[
        int | None, typer.Option(help="Tenants; default as many as one card holds.")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="TOML", help="Tenants of several models.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="mig, shared, or auto: mig where there is any.")
    ] = "auto",
    profile: Annotated[
        str | None, typer.Option(help="The only MIG profile; with --layouts a list by comma.")
    ] = None,
    layouts: Annotated[bool, typer.Option("--layouts", help="The full layouts of a card.")] = False,
    recipe: Annotated[
        str | None, typer.Option(metavar="FORM", help="Print nvidia-smi or kubernetes.")
    ] = None,
    context: o.ContextOrUsual = None,
    concurrency: o.Sequences = 1,
    input: Annotated[  # noqa: A002
        int | None, typer.Option("--input", help="Tokens of a usual prompt: 1000, or less.")
    ] = None,
    output: Annotated[
        int | None, typer.Option("--output", help="Tokens of a usual answer: 300, or less.")
    ] = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    ttft: o.Ttft = None,
    tpot: o.Tpot = None,
    rate: Annotated[
        str | None, typer.Option(help="Requests that each engine must finish: 0.5/s.")
    ] = None,
    price: Annotated[str | None, typer.Option(help="Purchase price of one card: $30000.")] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """How many tenants share a card, with MIG or without."""
    from rightrig.cli.tenanting import Asked, answer_of, show_recipe

    words = {
        "name": None, "context": context, "concurrency": concurrency, "input": input,
        "output": output, "runtime": runtime, "weights": weights, "kv": kv, "ttft": ttft,
        "tpot": tpot, "rate": rate,
    }  # fmt: skip
    told = answer_of(Asked(o.chosen(catalog), model, on, count, file, mode, profile, recipe,
                           price, words, layouts=layouts))  # fmt: skip
    if told.recipe and not json:
        return show_recipe(told.recipe)
    found = told.found
    answer(as_json=json, data=found.data, document=found.document, yes=found.yes,
           records=found.records)  # fmt: skip
    return None
