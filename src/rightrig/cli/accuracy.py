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
    from rightrig.cli.judging import judged
    from rightrig.report.accuracy import accuracy_json

    found, document = judged(o.chosen(catalog), file)
    answer(as_json=json, data=lambda: accuracy_json(found), document=lambda: document)
