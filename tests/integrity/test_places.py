"""Every region of the price list lies in a known country, or is known to lie in none."""

from __future__ import annotations

from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.territory import country_names

CATALOG: Final = shipped()
PLACES: Final = sorted({(price.provider, price.region) for price in CATALOG.prices()})


@pytest.mark.parametrize(("provider", "region"), PLACES)
def test_a_region_of_the_prices_has_a_country_or_stands_for_many(
    provider: str, region: str
) -> None:
    found = CATALOG.provider(provider)
    assert (region in found.regions) != (region in found.anywhere)


@pytest.mark.parametrize("slug", CATALOG.slugs("providers"))
def test_a_provider_is_in_the_prices_and_its_countries_exist(slug: str) -> None:
    provider = CATALOG.provider(slug)
    assert {provider.seat, *provider.regions.values()} <= set(country_names())
    listed = {region for name, region in PLACES if name in (slug, *provider.aliases)}
    # Refreshed prices bring regions beyond those of the shipped ones.
    assert listed <= {*provider.regions, *provider.anywhere}
    assert listed or not provider.regions
