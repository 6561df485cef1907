"""Prices of hosted APIs: every row is of a model of the catalogue, dated, with its source."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.errors import RecordError
from rightrig.facts.api_price import ApiPrice, read_api_prices

if TYPE_CHECKING:
    from pathlib import Path

CATALOG: Final = rightrig.shipped()
PRICES: Final = CATALOG.api_prices()
LEAST_ROWS: Final = 25
FIRST_DAY: Final = datetime.date(2024, 1, 1)
HEAD: Final = (
    "provider,llm,offer,input_usd_per_million_tokens,output_usd_per_million_tokens,date,source,"
    "trust"
)


def test_enough_models_have_a_price_at_several_providers() -> None:
    assert len(PRICES) >= LEAST_ROWS
    providers = Counter(price.llm for price in PRICES)
    assert sum(count >= 3 for count in providers.values()) >= 5


@pytest.mark.parametrize("price", PRICES, ids=lambda price: f"{price.provider}-{price.llm}")
def test_a_price_is_of_a_known_model_and_dated(price: ApiPrice) -> None:
    assert price.llm in CATALOG.slugs("llms")
    assert price.source.startswith(("https://", "github:"))
    age = price.age_days(FIRST_DAY)
    assert age is not None
    assert age < 0  # seen after that day


def test_a_provider_offers_a_model_once_and_cached_prompts_cost_no_more() -> None:
    offers = Counter((price.provider, price.llm) for price in PRICES)
    assert set(offers.values()) == {1}
    for price in PRICES:
        cached = price.cached_input_usd_per_million_tokens
        assert cached is None or cached <= price.input_usd_per_million_tokens


def test_the_price_of_a_request_is_that_of_its_tokens() -> None:
    (groq,) = (
        p for p in PRICES if p.provider == "groq" and p.llm.endswith("llama-3.3-70b-instruct")
    )
    assert groq.request_usd(1000.0, 300.0) == pytest.approx(0.59e-3 + 0.79 * 0.3e-3)
    # Without a price of cached prompts, a cache saves nothing.
    assert groq.request_usd(1000.0, 300.0, 500.0) == groq.request_usd(1000.0, 300.0)
    cached = groq.model_copy(update={"cached_input_usd_per_million_tokens": 0.1})
    assert cached.request_usd(1000.0, 300.0, 500.0) == pytest.approx(0.000582)


def test_a_row_without_a_price_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "api.csv"
    path.write_text(f"{HEAD}\nacme,x,y,-1,2,2026-01-01,https://a,list\n", encoding="utf-8")
    with pytest.raises(RecordError, match=r"api\.csv row 2: input_usd_per_million_tokens"):
        read_api_prices(path)
