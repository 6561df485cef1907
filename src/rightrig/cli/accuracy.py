"""``rightrig accuracy``: predictions beside measured runs."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def accuracy(
    file: Annotated[
        str | None,
        typer.Argument(
            help="CSV of runs (inference, kv_capacity, memory, training); default: golden."
        ),
    ] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """How right predictions are, beside measured runs."""
    from rightrig.cli.judging import judged

    data, document = judged(o.chosen(catalog), file)
    answer(as_json=json, data=lambda: data, document=lambda: document)
