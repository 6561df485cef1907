"""Electricity tariffs by region, each with the customers that pay it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.facts.territory import country_names

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.power import PowerFact

CUSTOMERS: Final = ("commercial", "non-households", "industrial", "households", "residential")
"""Who pays a tariff, in the order in which one is taken where a region has several."""
_BEGINNING: Final = "electricity-"


def tariff_of_region(catalog: Catalog, text: str) -> PowerFact:
    """Return the published tariff of a region.

    Args:
        catalog: Whose power records count.
        text: A region as in the records (``germany``, ``california``), a country's code (``DE``),
            and after a colon who pays, one of ``CUSTOMERS``: ``us:industrial``.

    Raises:
        InputError: where no record is of that region or of those customers, with those that are.
    """
    words, colon, customer = text.partition(":")
    if colon and customer not in CUSTOMERS:
        raise InputError(
            f"{plain(customer, 40)!r} pays no tariff: after the colon write one of "
            f"{', '.join(CUSTOMERS)}"
        )
    found = _of_place(catalog, _place(words))
    wanted = next((name for name in CUSTOMERS if name in found and customer in {"", name}), None)
    if wanted is not None:
        return catalog.power_fact(found[wanted])
    if found:
        raise InputError(
            f"no tariff of {plain(words, 40)} is of {customer} customers; it has {', '.join(found)}"
        )
    raise InputError(
        f"no tariff of {plain(text, 40)!r} is known: write one such as $0.12/kWh, or a region of "
        f"{', '.join(regions(catalog))}"
    )


def regions(catalog: Catalog) -> tuple[str, ...]:
    """Return the regions that have a tariff."""
    return tuple(sorted({_split(slug)[0] for slug in catalog.slugs("power") if _split(slug)[1]}))


def _place(words: str) -> str:
    """Return a region as the records spell it."""
    name = country_names().get(words.strip().upper(), words)
    spelled = "-".join(name.lower().split())
    return {"united-states-of-america": "us", "united-states": "us", "usa": "us"}.get(
        spelled, spelled
    )


def _of_place(catalog: Catalog, place: str) -> dict[str, str]:
    """Return who pays → the slug, of one region; states are found without their country."""
    found = {}
    for slug in catalog.slugs("power"):
        region, customer = _split(slug)
        if customer and region in {place, f"us-{place}"}:
            found[customer] = slug
    return found


def _split(slug: str) -> tuple[str, str]:
    """Return the region and the customers that a record's name says; empty for other records."""
    name = slug.removeprefix(_BEGINNING)
    if name == slug:
        return "", ""
    for customer in sorted(CUSTOMERS, key=len, reverse=True):
        if name.endswith(f"-{customer}"):
            return name.removesuffix(f"-{customer}"), customer
    return "", ""
