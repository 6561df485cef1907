"""The report of an upgrade: what to add to own cards, and what they carry then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.values import explanation_json

if TYPE_CHECKING:
    from rightrig.planning.upgrade import Pool, Upgrade, Upgrades
    from rightrig.report.schema.planning import OwnPoolJson, PlanUpgradeJson, UpgradeJson


def upgrade_document(found: Upgrades) -> Document:
    """Return upgrades as a document."""
    blocks: list[Block] = [
        Paragraph(f"What to add to {found.rig.text} for {show_usd(found.capex_usd)}", "title"),
        *(Paragraph(sentence) for sentence in found.explain().sentences),
    ]
    if found.found:
        rows = tuple(
            (str(number), one.text, show_usd(one.capex_usd), f"{one.rate_requests_per_s:.3g}/s",
             "yes" if one.is_enough else "no", "; ".join(pool.text for pool in one.pools))
            for number, one in enumerate(found.found, 1)
        )  # fmt: skip
        headers = ("#", "buy", "$", "carries", "enough", "engines then")
        blocks.append(Grid(headers, rows, (2, 3)))
    return tuple(blocks)


def upgrade_json(found: Upgrades) -> PlanUpgradeJson:
    """Return upgrades as JSON."""
    return {
        "own": found.rig.text,
        "capex_usd": found.capex_usd,
        "wanted_requests_per_s": found.wanted_requests_per_s,
        "now": _upgrade_json(found.own),
        "upgrades": [_upgrade_json(one) for one in found.found],
        "explanation": explanation_json(found.explain()),
    }


def _upgrade_json(one: Upgrade) -> UpgradeJson:
    """Return one upgrade as JSON."""
    good = one.good
    return {
        "buy": None if good is None else good.name,
        "units_count": one.units_count,
        "capex_usd": one.capex_usd,
        "has_host": None if good is None else good.has_host,
        "date": None if good is None else good.date,
        "source": None if good is None else good.source,
        "rate_requests_per_s": one.rate_requests_per_s,
        "is_enough": one.is_enough,
        "pools": [_pool_json(pool) for pool in one.pools],
    }


def _pool_json(pool: Pool) -> OwnPoolJson:
    """Return the engines on cards of one kind as JSON."""
    return {
        "gpu": pool.gpu,
        "cards_count": pool.cards_count,
        "rate_requests_per_s": pool.rate_requests_per_s,
        "engines": [
            {
                "count": count,
                "rig": f"{option.split.engine_cards}x{pool.gpu}",
                "split": option.split.text,
                "runtime": option.runtime,
                "weights": option.weights,
            }
            for option, count in pool.engines
        ],
    }
