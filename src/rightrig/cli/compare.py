"""``rightrig compare``: cards or rigs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def compare(
    rigs: Annotated[list[str], typer.Argument(help="Two or more: rtx-4090 h100-sxm, 4xl40s …")],
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Cards or rigs side by side, like for like."""
    from rightrig.cli.deploying import sides
    from rightrig.report.compare import compare_document, compare_json, compare_lines

    known = o.chosen(catalog)
    found = sides(rigs, known)
    prices = known.prices()
    lines = compare_lines(found, prices)
    answer(
        as_json=json,
        data=lambda: compare_json(found, lines),
        document=lambda: compare_document(found, lines),
        records=[
            *(group.gpu for rig in found for group in rig.groups),
            *(price for price in prices if price.gpu in {rig.gpu.slug for rig in found}),
        ],
    )
