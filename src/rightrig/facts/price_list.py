"""Lists of rental offers: those that a user asks for, in the order asked for."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.errors import UnknownNameError
from rightrig.facts.provider import country_of
from rightrig.facts.territory import countries_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.price import Price

Order = Literal["card", "price", "provider", "age"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which offers are listed; what is ``None`` is no limit.

    Attributes:
        gpu: Slug of the card.
        providers: Names as in the prices.
        countries: ISO codes.
        spot: Only offers with a spot price, which then decides the order.
    """

    gpu: str | None
    providers: frozenset[str] | None
    countries: frozenset[str] | None
    spot: bool = False


@dataclass(frozen=True, slots=True)
class ListedOffer:
    """One offer, and the country of its machines where that is known."""

    price: Price
    country: str | None


def wanted_offers(
    catalog: Catalog,
    gpu: str | None,
    provider: str | None,
    country: str | None,
    *,
    spot: bool = False,
) -> Wanted:
    """Return what the words of a user limit a list to.

    Args:
        catalog: Whose names count.
        gpu: Name of a card.
        provider: Names of providers, by comma.
        country: Countries and territories, by comma.
        spot: Whether a spot price is needed.

    Raises:
        InputError: for a name that nothing answers to.
    """
    countries = None if country is None else countries_of(catalog, country.split(","))
    return Wanted(
        None if gpu is None else catalog.resolve("gpus", gpu),
        None if provider is None else _providers(catalog, provider.split(",")),
        countries,
        spot,
    )


def _providers(catalog: Catalog, words: Iterable[str]) -> frozenset[str]:
    """Return the providers' names in the prices, in their own spelling."""
    import difflib  # noqa: PLC0415 - needed where one is named

    known = {price.provider.lower(): price.provider for price in catalog.prices()}
    found = set()
    for word in words:
        name = word.strip().lower()
        if name not in known:
            near = difflib.get_close_matches(name[:80], known) or sorted(known)
            raise UnknownNameError("provider", word.strip(), near)
        found.add(known[name])
    return frozenset(found)


def chosen_offers(catalog: Catalog, wanted: Wanted, order: Order) -> tuple[ListedOffer, ...]:
    """Return the offers that are wanted, in order.

    Args:
        catalog: For prices and places.
        wanted: The limits.
        order: ``card`` (by card, then price), ``price`` of one card, ``provider``, or ``age``
            (the newest first, the undated last).
    """
    places: dict[tuple[str, str], str | None] = {}
    found = []
    for price in catalog.prices():
        place = (price.provider, price.region)
        if place not in places:
            places[place] = country_of(catalog, price)
        if _is_wanted(price, places[place], wanted):
            found.append(ListedOffer(price, places[place]))
    return tuple(sorted(found, key=lambda offer: _key(offer.price, order, spot=wanted.spot)))


def _is_wanted(price: Price, country: str | None, wanted: Wanted) -> bool:
    """Return whether an offer is within the limits."""
    if wanted.gpu is not None and price.gpu != wanted.gpu:
        return False
    if wanted.providers is not None and price.provider not in wanted.providers:
        return False
    if wanted.countries is not None and country not in wanted.countries:
        return False
    priced = (price.spot_usd_per_hour,) if wanted.spot else (
        price.on_demand_usd_per_hour, price.spot_usd_per_hour
    )  # fmt: skip
    return any(usd_per_hour is not None for usd_per_hour in priced)


def _key(price: Price, order: Order, *, spot: bool) -> tuple[object, ...]:
    """Return what an offer is sorted by."""
    each = price.spot_per_gpu_usd_per_hour if spot else price.per_gpu_usd_per_hour
    cost = math.inf if each is None else each
    days = price.age_days(datetime.date.max)
    rest = (price.provider, price.region, price.instance)
    keys: dict[Order, tuple[object, ...]] = {
        "card": (price.gpu, cost, *rest),
        "price": (cost, price.gpu, *rest),
        "provider": (price.provider, price.gpu, cost, *rest),
        "age": (math.inf if days is None else days, price.gpu, cost, *rest),
    }
    return keys[order]
