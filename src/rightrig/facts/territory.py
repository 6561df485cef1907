"""Countries by their ISO 3166 codes, and unions of them such as the EU."""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from rightrig.errors import InputError
from rightrig.facts.index import DATA
from rightrig.facts.reading import plain
from rightrig.facts.source import Record, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""An ISO 3166-1 alpha-2 code, such as ``DE``."""


class Territory(Record):
    """Countries that one law or treaty joins.

    Attributes:
        slug: What it is called in a question, such as ``eu``.
        countries: The codes of its members.
        sources: Who lists the members.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    countries: Annotated[tuple[CountryCode, ...], Field(min_length=1)]
    sources: tuple[Source, ...] = ()
    note: str = ""


@functools.cache
def country_names() -> dict[str, str]:
    """Return ISO 3166-1 alpha-2 code → English name, of every country."""
    text = (DATA / "countries.toml").read_text(encoding="utf-8")
    names: dict[str, str] = tomllib.loads(text)["names"]
    return names


def countries_of(catalog: Catalog, wanted: Iterable[str]) -> frozenset[str]:
    """Return the codes that country codes and territories stand for.

    Args:
        catalog: Whose territories count.
        wanted: ISO 3166-1 alpha-2 codes and names of territories, in any case.

    Raises:
        InputError: for a word that is neither, with the nearest code.
    """
    return frozenset(code for word in wanted for code in _codes(catalog, word.strip()))


def _codes(catalog: Catalog, word: str) -> tuple[str, ...]:
    """Return the codes of one word."""
    if word.upper() in country_names():
        return (word.upper(),)
    if catalog.claims("territories", word):
        return catalog.territory(word).countries
    near = [
        f"{code} ({name})"
        for code, name in country_names().items()
        if len(word) > 1 and word.lower() in name.lower()
    ]
    hint = f"; did you mean {' or '.join(near[:3])}?" if near else ""
    raise InputError(
        f"{plain(word, 60)!r} is no country: write a code of ISO 3166 such as DE, or one of "
        f"{', '.join(catalog.slugs('territories'))}{hint}"
    )
