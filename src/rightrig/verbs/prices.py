"""``prices``: rental offers of the catalogue, newer ones, and which of them are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.prices import PricesJson, PriceStatusJson

_Order = Literal["card", "price", "provider", "age"]


def prices_list(
    catalog: Catalog,
    gpu: Annotated[str | None, typer.Option(help="Of this card only.")] = None,
    provider: Annotated[str | None, typer.Option(help="Of these providers only, by comma.")] = None,
    country: Annotated[
        str | None, typer.Option(help="In these countries only: DE, eu …, by comma.")
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="With a spot price only.")] = False,
    sort: Annotated[_Order, typer.Option(help="What comes first.")] = "card",
) -> Found[PricesJson]:
    """List rental offers, per card and per instance, with their terms and age."""
    from rightrig.facts.price_list import chosen_offers, wanted_offers
    from rightrig.report.prices import prices_document, prices_json
    from rightrig.verbs.price_ages import price_status

    offers = chosen_offers(catalog, wanted_offers(catalog, gpu, provider, country, spot=spot), sort)
    status = price_status(catalog)
    return Found(
        data=lambda: prices_json(offers, status),
        document=lambda: prices_document(offers, status),
        yes=bool(offers),
        records=tuple([offer.price for offer in offers if offer.price.user_file]),
    )


def prices_show(
    catalog: Catalog,
    name: Annotated[str, typer.Argument(help="Name or alias.")],
) -> Found[PricesJson]:
    """Show the offers for one card, with dates, trust and sources."""
    from rightrig.facts.price_list import chosen_offers, wanted_offers
    from rightrig.report.prices import offers_document, prices_json
    from rightrig.verbs.price_ages import price_status

    offers = chosen_offers(catalog, wanted_offers(catalog, name, None, None), "card")
    status = price_status(catalog)
    return Found(
        data=lambda: prices_json(offers, status),
        document=lambda: offers_document(catalog.gpu(name).slug, offers, status),
        yes=bool(offers),
        records=tuple([offer.price for offer in offers if offer.price.user_file]),
    )


def prices_status(catalog: Catalog) -> Found[PriceStatusJson]:
    """Say which prices are in use: shipped or refreshed, their age, file and checksum."""
    from rightrig.report.prices import status_document, status_json
    from rightrig.verbs.price_ages import price_status

    status = price_status(catalog)
    return Found(data=lambda: status_json(status), document=lambda: status_document(status))
