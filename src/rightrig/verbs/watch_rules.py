"""``rightrig watch rules``, ``alertmanager``, ``dashboard``, ``counters``: files for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.watch_rules import (
        AlertRoutesJson,
        AlertRulesJson,
        CountersJson,
        DashboardJson,
    )

_Planned = Annotated[
    str | None,
    typer.Option(metavar="FILE[#N]", help="What was planned: JSON of plan, predict or simulate."),
]


def rules(
    catalog: Catalog,
    deployment: _Planned = None,
    runbooks: Annotated[
        str | None, typer.Option(metavar="URL", help="Where runbook pages are; else the exporter.")
    ] = None,
) -> Found[AlertRulesJson]:
    """Alert rules for Prometheus, with thresholds of a plan."""
    from rightrig.verbs.watching_rules import rules_found

    return rules_found(catalog, deployment, runbooks)


def alertmanager(
    catalog: Catalog,  # noqa: ARG001 - every verb takes one
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where all receivers send to.")
    ] = None,
) -> Found[AlertRoutesJson]:
    """Routes and inhibitions for Alertmanager: an example."""
    from rightrig.verbs.watching_rules import routes_found

    return routes_found(webhook)


def dashboard(catalog: Catalog, deployment: _Planned = None) -> Found[DashboardJson]:
    """A dashboard for Grafana, with lines at what was planned."""
    from rightrig.verbs.watching_rules import dashboard_found

    return dashboard_found(catalog, deployment)


def counters(
    catalog: Catalog,  # noqa: ARG001 - every verb takes one
    names: Annotated[
        Literal["old", "new"], typer.Option(help="new: those since DCGM 4.6.")
    ] = "old",
) -> Found[CountersJson]:
    """Counters that NVIDIA's DCGM exporter must give."""
    from rightrig.verbs.watching_rules import counters_found

    return counters_found(names)
