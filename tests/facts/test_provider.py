"""Providers: in which country the machines of an offer stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError, RecordError
from rightrig.facts.catalog import shipped
from rightrig.facts.price import Price
from rightrig.facts.provider import country_of, in_countries, provider_of
from rightrig.facts.territory import countries_of, country_names
from rightrig.facts.user_catalog import load_catalog

if TYPE_CHECKING:
    from pathlib import Path

CATALOG: Final = shipped()
COUNTRIES: Final = st.lists(st.sampled_from(sorted(country_names())), max_size=5).map(tuple)


def offer(provider: str, region: str) -> Price:
    return Price(
        provider=provider, region=region, instance="x", gpu="h100-sxm", gpu_count=1,
        max_gpu_count=1, on_demand_usd_per_hour=2.0, date="2026-11-01", source="x", trust="x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "region", "country"),
    [
        ("aws", "us-east-1", "US"),
        ("aws-capacity-blocks", "us-east-2", "US"),
        ("gcp-tpu", "us-east5", "US"),
        ("hyperstack", "NORWAY-1", "NO"),
        ("jarvislabs", "IN2", "IN"),
        ("nebius", "eu-north1", "FI"),
        ("verda", "FIN-03", "FI"),
        ("runpod", "any", None),
        ("lambda", "all", None),
        ("aws", "us-west-9", None),
        ("nobody", "eu-north1", None),
    ],
)
def test_a_region_lies_in_a_country_or_nobody_says(
    provider: str, region: str, country: str | None
) -> None:
    assert country_of(CATALOG, offer(provider, region)) == country


def test_norway_is_in_the_eea_and_not_in_the_eu() -> None:
    norway = offer("hyperstack", "NORWAY-1")
    assert in_countries(CATALOG, norway, ("eea",))
    assert not in_countries(CATALOG, norway, ("eu",))
    assert in_countries(CATALOG, norway, ("EU", "no"))


def test_the_eu_has_27_members_and_the_eea_three_more() -> None:
    eu, eea = (countries_of(CATALOG, (name,)) for name in ("eu", "eea"))
    assert len(eu) == 27
    assert eea - eu == {"IS", "LI", "NO"}
    assert eea <= set(country_names())


def test_a_company_may_sit_elsewhere_than_its_machines() -> None:
    found = provider_of(CATALOG, offer("nebius", "us-central1"))
    assert found is not None
    assert (found.seat, country_of(CATALOG, offer("nebius", "us-central1"))) == ("NL", "US")


def test_an_offer_for_any_region_is_surely_in_no_country() -> None:
    everywhere = tuple(country_names())
    assert not in_countries(CATALOG, offer("runpod", "any"), everywhere)
    assert in_countries(CATALOG, offer("runpod", "any"), ())


@given(st.sampled_from(CATALOG.prices()), COUNTRIES, COUNTRIES)
def test_more_countries_never_exclude_an_offer(
    price: Price, few: tuple[str, ...], more: tuple[str, ...]
) -> None:
    if few and in_countries(CATALOG, price, few):
        assert in_countries(CATALOG, price, (*few, *more))


@pytest.mark.parametrize(
    ("word", "hint"),
    [("UK", r"did you mean GB \(Britain"), ("germany", "did you mean DE"), ("", "")],
)
def test_a_word_that_is_no_country_is_named(word: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"{word!r} is no country: .*eea, eu.*{hint}"):
        in_countries(CATALOG, offer("aws", "us-east-1"), (word,))


def test_a_user_states_where_their_own_machines_stand(tmp_path: Path) -> None:
    for place, text in (
        ("providers/cellar.toml", 'name = "Cellar"\nseat = "AT"\nregions = { own = "AT" }\n'),
        ("territories/dach.toml", 'name = "DACH"\ncountries = ["AT", "CH", "DE"]\n'),
        ("prices/own.csv", "provider,gpu,on_demand_usd_per_hour,date\ncellar,l4,0.5,2026-11-20\n"),
    ):
        path = tmp_path / place
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    catalog = load_catalog([tmp_path])
    own = next(price for price in catalog.prices() if price.provider == "cellar")
    assert country_of(catalog, own) == "AT"
    assert in_countries(catalog, own, ("dach",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('name = "X"\nseat = "Germany"\n', "seat"),
        ('name = "X"\nseat = "DE"\nregions = { a = "de" }\n', "regions.a"),
        ('name = "X"\nseat = "DE"\nanywhere = ["a"]\nregions = { a = "DE" }\n', "in anywhere"),
    ],
)
def test_a_wrong_provider_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=why):
        load_catalog([tmp_path])
