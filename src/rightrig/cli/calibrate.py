"""``rightrig calibrate``: refit the speed model from tables of measured runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.calibration import CalibrationAnswerJson

Tables = Annotated[list[str] | None, typer.Argument(help="CSV files of measured inference runs.")]
Mine = Annotated[
    bool,
    typer.Option("--mine", help="Refine this machine by your own runs on it ('rightrig load')."),
]
Held = Annotated[
    bool,
    typer.Option("--cross-validate", help="Leave out tables, cards, projects in turn (minutes)."),
]
SaveTo = Annotated[
    str | None, typer.Option("--save", metavar="DIR", help="Write the parameters into a folder.")
]


def calibrate(
    catalog: Catalog,
    tables: Tables = None,
    mine: Mine = False,
    cross_validate: Held = False,
    save: SaveTo = None,
) -> Found[CalibrationAnswerJson]:
    """Refit the speed model from tables or your own runs."""
    from rightrig.verbs.calibrating import machine_calibrated, tables_calibrated

    if mine:
        return machine_calibrated(catalog, tables or [], cross_validate=cross_validate, save=save)
    return tables_calibrated(catalog, tables or [], cross_validate=cross_validate, save=save)
