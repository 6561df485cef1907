"""``rightrig accuracy``: predictions beside measured runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.judging import AccuracyAnswerJson


def accuracy(
    catalog: Catalog,
    file: Annotated[
        str | None,
        typer.Argument(
            help="CSV of runs (inference, kv_capacity, memory, training); default: golden."
        ),
    ] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="Your own runs on this machine, of 'rightrig load'.")
    ] = False,
) -> Found[AccuracyAnswerJson]:
    """How right predictions are, beside measured runs."""
    from rightrig.verbs.judging import judged

    data, document = judged(catalog, file, mine=mine)
    return Found(data=lambda: data, document=lambda: document)
