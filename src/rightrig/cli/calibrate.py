"""``rightrig calibrate``: refit the speed model from tables of measured runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.calibration import CalibrationJson

Tables = Annotated[list[str], typer.Argument(help="CSV files of measured inference runs.")]
Held = Annotated[
    bool,
    typer.Option("--cross-validate", help="Leave out tables, cards, projects in turn (minutes)."),
]
SaveTo = Annotated[
    str | None, typer.Option("--save", metavar="DIR", help="Write the parameters into a folder.")
]


def calibrate(
    catalog: Catalog, tables: Tables, cross_validate: Held = False, save: SaveTo = None
) -> Found[CalibrationJson]:
    """Refit the speed model from measured runs."""
    from pathlib import Path

    from rightrig.prediction.calibration import calibrate as refit
    from rightrig.prediction.calibration import save as write
    from rightrig.report.calibration import calibration_document, calibration_json

    paths = [Path(table) for table in tables]
    found = refit(paths, catalog, cross_validate=cross_validate)
    written = write(found, Path(save)) if save is not None else ()
    return Found(
        data=lambda: calibration_json(found, written),
        document=lambda: calibration_document(found, written),
    )
