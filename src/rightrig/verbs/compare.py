"""``rightrig compare``: cards or rigs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.price import Price
    from rightrig.facts.source import Record
    from rightrig.report.schema.comparing import CompareJson


def compare(
    catalog: Catalog,
    rigs: Annotated[list[str], typer.Argument(help="Two or more: rtx-4090 h100-sxm, 4xl40s …")],
) -> Found[CompareJson]:
    """Cards or rigs side by side, like for like."""
    from rightrig.report.compare import compare_document, compare_json, compare_lines
    from rightrig.verbs.deploying import sides

    found = sides(rigs, catalog)
    prices = catalog.prices()
    lines = compare_lines(found, prices)
    return Found(
        data=lambda: compare_json(found, lines),
        document=lambda: compare_document(found, lines),
        records=_shown(found, prices),
    )


def _shown(rigs: Sequence[Rig], prices: Sequence[Price]) -> tuple[Record, ...]:
    """Return the records that a comparison shows: cards, and offers for them."""
    slugs = {rig.gpu.slug for rig in rigs}
    cards = [group.gpu for rig in rigs for group in rig.groups]
    return (*cards, *(price for price in prices if price.gpu in slugs))
