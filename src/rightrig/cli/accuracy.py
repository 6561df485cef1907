"""``rightrig accuracy``: predictions beside measured runs."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def accuracy(
    file: Annotated[
        str | None,
        typer.Argument(help="CSV of measured runs (kv_capacity or memory); default: golden rows."),
    ] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """How right the predictions are, beside measured runs, row by row."""
    from pathlib import Path

    from rightrig.prediction.accuracy import accuracy as judged
    from rightrig.prediction.kv_cases import kv_cases, kv_tools
    from rightrig.report.accuracy import accuracy_document, accuracy_json
    from rightrig.report.kv_cases import kv_cases_document

    known = o.chosen(catalog)
    found = judged(known, None if file is None else Path(file))
    answer(
        as_json=json,
        data=lambda: accuracy_json(found),
        document=lambda: (
            *accuracy_document(found),
            *(kv_cases_document(kv_cases(known), kv_tools()) if file is None else ()),
        ),
    )
