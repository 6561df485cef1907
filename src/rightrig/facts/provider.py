"""Providers of rented accelerators: where the companies sit, and where their machines stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from rightrig.facts.source import Record, Source
from rightrig.facts.territory import CountryCode, countries_of

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.price import Price


class Provider(Record):
    """A company that rents accelerators out.

    Attributes:
        slug: Its name in the list of prices; further names there are ``aliases``.
        seat: Country of the company that runs the machines, whose courts can order it to hand
            data over wherever these are.
        regions: Name of a region, as the prices spell it → country where its machines stand.
        anywhere: Names in the prices that stand for no one country: prices for every region.
        billed_every_s: Step that the time of use is rounded up to; ``None`` where nobody says.
        billed_least_s: Time that every start costs at least.
        prepaid: Terms of what is paid in advance or by contract; empty where none are known.
        not_rented: Cards that it surely does not rent out, by a complete list of its own.
        sources: Its own page of regions first.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    seat: CountryCode
    regions: Mapping[str, CountryCode] = {}
    anywhere: tuple[str, ...] = ()
    billed_every_s: PositiveFloat | None = None
    billed_least_s: NonNegativeFloat = 0.0
    prepaid: str = ""
    not_rented: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _a_region_is_known_or_not(self) -> Provider:
        both = sorted(set(self.regions) & set(self.anywhere))
        if both:
            raise ValueError(f"{both[0]} is in regions and in anywhere: leave it out of one")
        return self


def provider_of(catalog: Catalog, price: Price) -> Provider | None:
    """Return who makes an offer; ``None`` where the catalogue has no record of the provider."""
    known = catalog.claims("providers", price.provider)
    return catalog.provider(price.provider) if known else None


def country_of(catalog: Catalog, price: Price) -> str | None:
    """Return the ISO code of the country where the machines of an offer stand.

    It is ``None`` where nobody says: an offer for any region, or a provider without a record.
    """
    provider = provider_of(catalog, price)
    return None if provider is None else provider.regions.get(price.region)


def in_countries(catalog: Catalog, price: Price, wanted: tuple[str, ...]) -> bool:
    """Return whether the machines of an offer surely stand in one of some countries.

    Args:
        catalog: Whose providers and territories count.
        price: The offer.
        wanted: ISO 3166 codes and territories such as ``eu`` and ``eea``; none at all is no
            limit, which every offer keeps.

    Raises:
        InputError: for a word that is neither.
    """
    allowed = countries_of(catalog, wanted)
    return not wanted or country_of(catalog, price) in allowed
