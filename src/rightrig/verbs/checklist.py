"""``rightrig checklist``: whether a deployment is ready for production, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.checklist import ChecklistJson


def checklist(
    catalog: Catalog,
    deployment: Annotated[
        str, typer.Option(metavar="FILE[#N]", help="JSON of plan, predict or simulate.")
    ],
    url: Annotated[str | None, typer.Option(help="Of the engine: http://localhost:8000.")] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Metrics, rules, alerts are asked of it.")
    ] = None,
    exporter: Annotated[
        str | None, typer.Option(metavar="URL", help="Of watch export, or of DCGM's exporter.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="FILE", help="Alert rules, without a Prometheus.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What cannot be verified is a no.")
    ] = False,
) -> Found[ChecklistJson]:
    """Ready for production: watched, tested, alerted, as planned."""
    from rightrig.verbs.checking_answer import ChecklistWords, answer_of

    words = ChecklistWords(deployment, url, prometheus, exporter, rules, strict)
    return answer_of(catalog, words)
