"""``rightrig compare``: cards or rigs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.price import Price
    from rightrig.facts.source import Record


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
        records=_shown(found, prices),
    )


def _shown(rigs: Sequence[Rig], prices: Sequence[Price]) -> list[Record]:
    """Return the records that a comparison shows: cards, and offers for them."""
    slugs = {rig.gpu.slug for rig in rigs}
    cards = [group.gpu for rig in rigs for group in rig.groups]
    return [*cards, *(price for price in prices if price.gpu in slugs)]
