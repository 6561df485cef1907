"""``rightrig tenants``: several tenants on MIG instances, or side by side on one card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.tenancy import TenantsAnswerJson


def tenants(
    catalog: Catalog,
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
) -> Found[TenantsAnswerJson]:
    """How many tenants share a card, with MIG or without."""
    from rightrig.verbs.tenanting import Asked, answer_of

    words = {
        "name": None, "context": context, "concurrency": concurrency, "input": input,
        "output": output, "runtime": runtime, "weights": weights, "kv": kv, "ttft": ttft,
        "tpot": tpot, "rate": rate,
    }  # fmt: skip
    return answer_of(Asked(catalog, model, on, count, file, mode, profile, recipe,
                           price, words, layouts=layouts))  # fmt: skip
