"""``rightrig fleet``: the cheapest mix of cards for several models and traffics, with routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.fleets import FleetJson


def fleet(
    catalog: Catalog,
    file: Annotated[str, typer.Argument(help="Demands, limits, what is available: fleet.toml.")],
    time_limit: Annotated[
        str, typer.Option(help="Of the solver, and of each comparison: 10s.")
    ] = "10s",
    recipe: Annotated[
        str | None, typer.Option(help="Print a gateway's configuration: litellm or nginx.")
    ] = None,
) -> Found[FleetJson]:
    """The cheapest mix of cards for several models, with routes."""
    from rightrig.recipes.gateway import RECIPES
    from rightrig.report.fleet import fleet_document, fleet_json
    from rightrig.verbs.mixing import check_recipe, mixed

    check_recipe(recipe)
    found, notes, records = mixed(catalog, file, time_limit)
    told = "" if recipe is None or not found.solution.is_found else RECIPES[recipe](found.routes)
    return Found(
        yes=found.solution.is_found, records=records,
        data=lambda: fleet_json(found, notes, told),
        document=lambda: fleet_document(found, notes),
        text=(lambda: told) if told else None,
    )  # fmt: skip
