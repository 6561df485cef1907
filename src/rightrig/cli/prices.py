"""``prices``: rental offers of the catalogue, newer ones, and which of them are in use."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer

_Order = Literal["card", "price", "provider", "age"]
group = typer.Typer(name="prices", help="Rental offers.", no_args_is_help=True)


@group.command("list")
def prices_list(
    gpu: Annotated[str | None, typer.Option(help="Of this card only.")] = None,
    provider: Annotated[str | None, typer.Option(help="Of these providers only, by comma.")] = None,
    country: Annotated[
        str | None, typer.Option(help="In these countries only: DE, eu …, by comma.")
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="With a spot price only.")] = False,
    sort: Annotated[_Order, typer.Option(help="What comes first.")] = "card",
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """List rental offers, per card and per instance, with their terms and age."""
    from rightrig.cli.refreshing import price_status
    from rightrig.facts.price_list import chosen_offers, wanted_offers
    from rightrig.report.prices import prices_document, prices_json

    known = o.chosen(catalog)
    offers = chosen_offers(known, wanted_offers(known, gpu, provider, country, spot=spot), sort)
    status = price_status(known)
    answer(
        as_json=json,
        data=lambda: prices_json(offers, status),
        document=lambda: prices_document(offers, status),
        yes=bool(offers),
        records=[offer.price for offer in offers if offer.price.user_file],
    )


@group.command("show")
def prices_show(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Show the offers for one card, with dates, trust and sources."""
    from rightrig.cli.refreshing import price_status
    from rightrig.facts.price_list import chosen_offers, wanted_offers
    from rightrig.report.prices import offers_document, prices_json

    known = o.chosen(catalog)
    offers = chosen_offers(known, wanted_offers(known, name, None, None), "card")
    status = price_status(known)
    answer(
        as_json=json,
        data=lambda: prices_json(offers, status),
        document=lambda: offers_document(known.gpu(name).slug, offers, status),
        yes=bool(offers),
        records=[offer.price for offer in offers if offer.price.user_file],
    )


@group.command("status")
def prices_status(catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """Say which prices are in use: shipped or refreshed, their age, file and checksum."""
    from rightrig.cli.refreshing import price_status
    from rightrig.report.prices import status_document, status_json

    status = price_status(o.chosen(catalog))
    answer(as_json=json, data=lambda: status_json(status), document=lambda: status_document(status))


@group.command("refresh")
def prices_refresh(
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
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Download newer offers through gpuhunt; every command then plans with them."""
    from rightrig.cli.refreshing import Order, refreshed

    known = o.chosen(catalog, shipped_prices=True)
    order = Order(provider, timeout, tuple(files or ()), date, accept_fewer, undo)
    found = refreshed(known, order)
    answer(as_json=json, data=found.data, document=found.document, yes=found.yes)
