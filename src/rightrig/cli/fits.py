"""``rightrig fits``: which models of the catalogue a rig holds."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def fits(
    on: o.On,
    context: Annotated[int, typer.Option(help="Tokens of one sequence.")] = 8192,
    concurrency: Annotated[int, typer.Option(help="Sequences at once.")] = 1,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    all: Annotated[bool, typer.Option("--all", help="Those that do not fit too.")] = False,  # noqa: A002
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Which models of the catalogue fit a rig, in which format."""
    from rightrig.cli.holding import Choices, held_models
    from rightrig.report.fits import fits_document, fits_json

    rig, models = held_models(
        o.chosen(catalog), on, context, concurrency, Choices(runtime, weights, kv)
    )
    asked = f"{concurrency:,} × {context:,} tokens"
    answer(
        as_json=json,
        data=lambda: fits_json(rig, models),
        document=lambda: fits_document(rig, models, asked, every_model=all),
        yes=any(model.verdict != "no" for model in models),
        records=[*(g.gpu for g in rig.groups), *(m.llm for m in models)],
    )
