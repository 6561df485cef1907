"""``rightrig prices refresh``: newer offers, from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.price_refresh import RefreshJson, UndoneJson
    from rightrig.verbs.found import Found


def prices_refresh(
    catalog: Catalog,
    provider: Annotated[
        str | None, typer.Option(help="Of these providers only, by comma: aws,runpod.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="Most time that it may take.")] = "60s",
    files: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE", help="A catalog.zip of gpuhunt; may be repeated."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="With --from: the day of its prices, 2026-11-20.")
    ] = None,
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="Even lists that shrank by half.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring back the prices before the last refresh.")
    ] = False,
) -> Found[RefreshJson | UndoneJson]:
    """Download newer offers through gpuhunt; every command then plans with them."""
    from rightrig.cli.refreshing import Order, refreshed

    order = Order(provider, timeout, tuple(files or ()), date, accept_fewer, undo)
    return refreshed(catalog, order)
