"""``rightrig watch once``: what this machine does now, beside what its plan promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.watching import WatchOnceJson


def watch_once(
    catalog: Catalog,
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="An engine's server or metrics; may be repeated."),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(metavar="FILE[#N]", help="JSON of plan, predict or simulate beside it."),
    ] = None,
    over: Annotated[
        str, typer.Option(metavar="TIME", help="Between the two readings, for rates.")
    ] = "2s",
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="Again and again, until Ctrl-C.")
    ] = None,
) -> Found[WatchOnceJson]:
    """Cards, links, engine, cost, alerts: now, beside the plan."""
    from rightrig.verbs.watching_once import Asked, answer_of

    return answer_of(Asked(catalog, tuple(engine or ()), deployment, over, every))
