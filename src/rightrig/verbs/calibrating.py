"""From the words of ``calibrate`` to parameters: of the speed model, or of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.calibration import CalibrationAnswerJson


def tables_calibrated(
    catalog: Catalog, tables: Sequence[str], *, cross_validate: bool, save: str | None
) -> Found[CalibrationAnswerJson]:
    """Return what tables of runs make of the parameters of the speed model."""
    from rightrig.prediction.calibration import calibrate as refit
    from rightrig.prediction.calibration import save as write
    from rightrig.report.calibration import calibration_document, calibration_json

    if not tables:
        raise InputError(
            "calibrate needs tables of measured runs, or --mine for your own on this machine"
        )
    found = refit([Path(table) for table in tables], catalog, cross_validate=cross_validate)
    written = write(found, Path(save)) if save is not None else ()
    return Found(
        data=lambda: calibration_json(found, written),
        document=lambda: calibration_document(found, written),
    )


def machine_calibrated(
    catalog: Catalog, tables: Sequence[str], *, cross_validate: bool, save: str | None
) -> Found[CalibrationAnswerJson]:
    """Return what the user's own runs make of this machine, after writing it down."""
    from rightrig.facts.machine import machine_path
    from rightrig.report.machine_fit import machine_fit_document, machine_fit_json
    from rightrig.verbs.mining import refined

    if tables or cross_validate or save is not None:
        raise InputError(
            "--mine reads the runs that are kept here, leaves loads out by itself and writes the "
            "file of this machine: leave tables, --cross-validate and --save out"
        )
    fits, path = refined(catalog), str(machine_path())
    return Found(
        data=lambda: machine_fit_json(fits, path), document=lambda: machine_fit_document(fits, path)
    )
