"""Lists of rental offers as people read them."""

from __future__ import annotations

import datetime
from dataclasses import replace

from price_lists import TODAY, listed, offered

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.facts.price_list import ListedOffer
from rightrig.fetching.price_rows import rows_of
from rightrig.fetching.price_status import PriceStatus
from rightrig.planning.costing.renting import Offer, Wish, rent
from rightrig.report.cost_rent import rent_document
from rightrig.report.document import Grid, Paragraph
from rightrig.report.prices import prices_document, refreshed_document

OFFERS = [
    ListedOffer(price, None)
    for price in rows_of(
        listed(
            "lambdalabs",
            *(offered("gpu_8x_h100_sxm5", "H100", 80.0, 23.92, 8, f"us-{k}") for k in range(12)),
            offered("gpu_8x_h100_sxm5", "H100", 80.0, 25.0, 8, "eu-1"),
        ),
        shipped(),
    ).prices
]


def status(age_days: int) -> PriceStatus:
    day = TODAY + datetime.timedelta(days=age_days)
    prices = tuple(offer.price for offer in OFFERS)
    return PriceStatus(None, TODAY, day, prices, "", has_previous=False)


def test_offers_that_differ_in_their_region_alone_are_one_line() -> None:
    grid = next(block for block in prices_document(OFFERS, status(0)) if isinstance(block, Grid))
    region = grid.headers.index("region")
    assert [(row[region], row[1]) for row in grid.rows] == [
        ("12 regions", "2.990"),
        ("eu-1", "3.125"),
    ]


def placed(offer: Offer, region: str, country: str, usd_per_hour: float) -> Offer:
    """Return an offer somewhere else, at a price."""
    bought = offer.quote.purchase
    price = bought.price.model_copy(
        update={"region": region, "on_demand_usd_per_hour": usd_per_hour}
    )
    quote = replace(offer.quote, purchase=replace(bought, price=price))
    return replace(offer, quote=quote, country=country)


def test_offers_of_a_rig_that_differ_in_their_region_alone_are_one_line() -> None:
    catalog = shipped()
    found = rent(catalog, parse_rig("rtx-4090", catalog), Wish(3600.0))
    places = (("here", "FI", 0.4), ("there", "NO", 0.4), ("far", "NO", 0.4), ("home", "SE", 0.5))
    offers = tuple(placed(found.offers[0], *place) for place in places)
    document = rent_document(replace(found, offers=offers), None)
    (grid,) = (block for block in document if isinstance(block, Grid))
    region, country = grid.headers.index("region"), grid.headers.index("country")
    assert [(row[region], row[country]) for row in grid.rows] == [
        ("3 regions", "FI, NO"),
        ("home", "SE"),
    ]


def warnings(age_days: int) -> list[str]:
    document = prices_document(OFFERS, status(age_days))
    return [b.text for b in document if isinstance(b, Paragraph) and b.style == "warn"]


def test_a_snapshot_older_than_a_month_warns() -> None:
    assert warnings(30) == []
    assert ["prices refresh" in text for text in warnings(31)] == [True]


def test_an_answer_says_how_old_its_refreshed_prices_are() -> None:
    prices = [offer.price for offer in OFFERS]
    older = prices[0].model_copy(update={"date": "2026-11-19"})
    texts = [
        block.text
        for records in ([*prices, older], prices, [])
        for block in refreshed_document(records, TODAY + datetime.timedelta(days=1))
        if isinstance(block, Paragraph)
    ]
    assert texts == [
        "With refreshed prices, 1 to 3 days old.",
        "With refreshed prices, 1 day old.",
    ]


def test_a_users_price_that_calls_itself_refreshed_is_not_taken_for_one() -> None:
    mine = OFFERS[0].price.model_copy(update={"user_file": "my.csv", "date": "2026-11"})
    assert refreshed_document([mine], TODAY) == ()
