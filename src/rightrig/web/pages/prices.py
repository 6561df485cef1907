"""``/prices``: rental offers with their dates, ages, trust and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request

from rightrig.facts.price_list import Wanted, chosen_offers
from rightrig.report.charts_prices import offers_chart
from rightrig.report.prices import age_text, availability_of, snapshot_document
from rightrig.report.sources import sources_of
from rightrig.verbs.price_ages import price_status, today
from rightrig.web.linking import linked
from rightrig.web.pages.listing import (
    Cell,
    Filter,
    ListColumn,
    Spec,
    at_most,
    choice,
    listed,
    number,
    word,
)
from rightrig.web.pages.records import sheet
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.facts.price_list import ListedOffer
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_ALL: Final = Wanted(None, None, None)
_COLUMNS: Final = (
    ListColumn("card", "card"),
    ListColumn("each", "$/h a card", is_number=True),
    ListColumn("spot", "spot $/h a card", is_number=True),
    ListColumn("whole", "$/h instance", is_number=True),
    ListColumn("cards", "cards", is_number=True),
    ListColumn("provider", "provider"),
    ListColumn("instance", "instance", is_long=True),
    ListColumn("region", "region"),
    ListColumn("country", "country"),
    ListColumn("availability", "availability"),
    ListColumn("date", "date"),
    ListColumn("age", "age, days", is_number=True),
    ListColumn("trust", "trust"),
    ListColumn("source", "source"),
)


@router.get("/prices")
async def prices_page(request: Request) -> Response:
    """Return the list of offers, and of one card a chart."""
    site = site_of(request)
    return await sheet(request, "prices.html.jinja", lambda: _values(request, site))


def _values(request: Request, site: Site) -> dict[str, object]:
    """Return what the page of prices shows."""
    catalog = site.catalog
    offers = chosen_offers(catalog, _ALL, "card")
    spec = Spec("offers", _COLUMNS, _filters(offers), _cells, "card")
    found = listed(spec, offers, request.query_params, "/prices")
    asked = {field.name: field.value for field in found.fields if not field.wrong}
    gpu = asked.get("gpu", "")
    of_card = [offer for offer in offers if offer.price.gpu == gpu]
    chart = offers_chart(f"Rent of one {gpu}", of_card) if of_card else None
    return {
        "title": f"Prices of {gpu}" if of_card else "Prices",
        "list": found,
        "gpu": gpu if of_card else "",
        "chart": chart,
        "status": linked(snapshot_document(price_status(catalog)), catalog),
        "sources": sources_of(offer.price for offer in of_card),
    }


def _filters(offers: Sequence[ListedOffer]) -> tuple[Filter[ListedOffer], ...]:
    """Return the fields above the list."""
    return (
        choice("gpu", "Card", lambda offer: offer.price.gpu, offers),
        choice("provider", "Provider", lambda offer: offer.price.provider, offers),
        choice("country", "Country", lambda offer: offer.country or "", offers),
        choice("terms", "Terms", lambda offer: offer.price.terms, offers),
        at_most("most", "$/h a card to", lambda offer: offer.price.per_gpu_usd_per_hour),
        Filter(
            "spot", "With a spot price", "check",
            lambda offer, text: bool(text) and offer.price.spot_usd_per_hour is not None,
        ),
    )  # fmt: skip


def _cells(offer: ListedOffer) -> tuple[Cell, ...]:
    """Return one line of the list; a node's price is never shown as a card's."""
    price = offer.price
    least, most = price.gpu_count, price.max_gpu_count
    age = price.age_days(today())
    source = sources_of((price,))[0][1][0].url
    return (
        word(price.gpu, f"/gpus/{price.gpu}"),
        number(price.per_gpu_usd_per_hour, ".3f"),
        number(price.spot_per_gpu_usd_per_hour, ".3f"),
        number(price.on_demand_usd_per_hour, ",.3f"),
        Cell(f"{least}–{most}" if most > least else str(least), float(least)),
        word(price.provider, f"/prices?{urlencode({'provider': price.provider})}"),
        word(price.instance),
        word(price.region),
        word(offer.country or ""),
        word("prepaid" if price.terms == "prepaid" else availability_of(price)),
        word(price.date),
        Cell(age_text(price, today()).removesuffix(" old"), None if age is None else float(age)),
        word(price.trust),
        Cell("page" if source else "named below", price.source.lower(), source),
    )
