"""``rightrig compare``: cards or rigs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def compare(
    rigs: Annotated[list[str], typer.Argument(help="Two or more: rtx-4090 h100-sxm, 4xl40s …")],
    json: o.Json = False,
) -> None:
    """Cards or rigs side by side, like for like."""
    from rightrig.cli.deploying import sides
    from rightrig.facts.catalog import shipped
    from rightrig.report.compare import compare_document, compare_json, compare_lines

    found = sides(rigs)
    lines = compare_lines(found, shipped().prices())
    answer(
        as_json=json,
        data=lambda: compare_json(found, lines),
        document=lambda: compare_document(found, lines),
    )
