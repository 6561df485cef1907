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
    """Cards or rigs side by side, like for like, with ratios to the first."""
    from rightrig.deployment.rig import parse_rig
    from rightrig.errors import InputError
    from rightrig.facts.catalog import shipped
    from rightrig.report.compare import compare_document, compare_json, compare_lines

    if len(rigs) < 2:  # noqa: PLR2004 - two sides
        raise InputError(
            "compare needs two or more cards or rigs, such as: compare rtx-4090 h100-sxm"
        )
    catalog = shipped()
    found = [parse_rig(text, catalog) for text in rigs]
    mixed = next((rig for rig in found if not rig.is_uniform), None)
    if mixed is not None:
        raise InputError(f"{mixed.text} mixes cards; compare rigs of one kind of card")
    lines = compare_lines(found, catalog.prices())
    answer(
        as_json=json,
        data=lambda: compare_json(found, lines),
        document=lambda: compare_document(found, lines),
    )
