"""Tariffs by region: countries, states, codes and customers."""

from __future__ import annotations

from typing import Final

import pytest

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.tariff import regions, tariff_of_region

CATALOG: Final = shipped()


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("us", "electricity-us-commercial"),
        ("US:industrial", "electricity-us-industrial"),
        ("california", "electricity-us-california-commercial"),
        ("US-California", "electricity-us-california-commercial"),
        ("New York:industrial", "electricity-us-new-york-industrial"),
        ("DE", "electricity-germany-households"),
        ("Germany", "electricity-germany-households"),
        ("eu", "electricity-eu-non-households"),
    ],
)
def test_a_region_has_a_tariff(words: str, slug: str) -> None:
    assert tariff_of_region(CATALOG, words).slug == slug


@pytest.mark.parametrize("region", regions(CATALOG))
def test_every_listed_region_answers(region: str) -> None:
    assert tariff_of_region(CATALOG, region).unit in {"USD/kWh", "EUR/kWh"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("mars", "write one such as $0.12/kWh, or a region of belgium"),
        ("germany:industrial", "it has households"),
        ("us:kings", "after the colon write one of commercial"),
    ],
)
def test_an_unknown_region_is_refused_with_those_that_are_known(words: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("$", r"\$")):
        tariff_of_region(CATALOG, words)
