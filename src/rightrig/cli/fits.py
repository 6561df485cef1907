"""``rightrig fits``: which models of the catalogue a rig holds."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def fits(
    on: Annotated[
        str | None, typer.Option("--on", help="Rig: 8xh100-sxm, 4xrtx-4090, 2n:8xh200-sxm …")
    ] = None,
    versus: Annotated[
        str | None, typer.Option(help="Another rig: only models whose verdict changes.")
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Models × cards × formats instead of one rig.")
    ] = False,
    gpus: Annotated[
        str | None, typer.Option(help="With --matrix: cards, by comma; default all.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="With --matrix: models, by comma; default all.")
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="With --matrix: weight formats, by comma.")
    ] = None,
    cards: Annotated[int, typer.Option(help="With --matrix: cards of one engine.")] = 1,
    context: Annotated[int, typer.Option(help="Tokens of one sequence.")] = 8192,
    concurrency: Annotated[int, typer.Option(help="Sequences at once.")] = 1,
    runtime: o.MemoryRuntime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    os: o.OperatingSystem = None,
    all: Annotated[bool, typer.Option("--all", help="Those that do not fit too.")] = False,  # noqa: A002
    save: Annotated[
        str | None, typer.Option(help="With --matrix: folder for every cell, matrix.csv.")
    ] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Which models fit a rig, or each card, and in which format."""
    from rightrig.cli.holding import Asked, Choices, answer_of

    asked = Asked(
        o.chosen(catalog), on, versus, gpus, models, formats, cards, context, concurrency,
        Choices(runtime, weights, kv, operating_system=os), as_matrix=matrix, every_model=all,
        save=save,
    )  # fmt: skip
    found = answer_of(asked)
    answer(
        as_json=json, data=found.data, document=found.document, yes=found.yes,
        records=found.records,
    )  # fmt: skip
