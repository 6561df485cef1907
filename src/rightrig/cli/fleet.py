"""``rightrig fleet``: the cheapest mix of cards for several models and traffics, with routes."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def fleet(
    file: Annotated[str, typer.Argument(help="Demands, limits, what is available: fleet.toml.")],
    time_limit: Annotated[
        str, typer.Option(help="Of the solver, and of each comparison: 10s.")
    ] = "10s",
    recipe: Annotated[
        str | None, typer.Option(help="Print a gateway's configuration: litellm or nginx.")
    ] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """The cheapest mix of cards for several models, with routes."""
    from rightrig.cli.mixing import check_recipe, mixed, print_recipe
    from rightrig.report.fleet import fleet_document, fleet_json

    check_recipe(recipe, as_json=json)
    found, notes, records = mixed(o.chosen(catalog), file, time_limit)
    if recipe is not None and found.solution.is_found:
        print_recipe(recipe, found)
        return
    answer(
        as_json=json, yes=found.solution.is_found, records=records,
        data=lambda: fleet_json(found, notes), document=lambda: fleet_document(found, notes),
    )  # fmt: skip
