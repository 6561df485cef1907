"""Prices of hosted APIs: one row a model that a provider serves by the token, dated."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat

from rightrig.facts.checking import validated
from rightrig.facts.price import age_days, staleness
from rightrig.facts.source import Record
from rightrig.quantities import MILLION

if TYPE_CHECKING:
    import datetime
    from pathlib import Path


class ApiPrice(Record):
    """What a provider asks for the tokens of one model.

    Attributes:
        provider: Who serves it.
        llm: Slug of the model in the catalogue.
        offer: The provider's own name of the model.
        input_usd_per_million_tokens: Prompt tokens that no cache holds.
        cached_input_usd_per_million_tokens: Prompt tokens that the provider's cache holds;
            ``None`` where no such price is published, and they then cost as the others do.
        weights: Format in which it is served, where the offer says so.
        date: When the price was read or last changed at the source.
        trust: ``list`` is the provider's own page; ``secondary`` somebody who read it.
    """

    provider: str
    llm: str
    offer: str
    input_usd_per_million_tokens: PositiveFloat
    cached_input_usd_per_million_tokens: NonNegativeFloat | None = None
    output_usd_per_million_tokens: PositiveFloat
    weights: str = ""
    date: str
    source: str
    trust: str
    note: str = ""

    @property
    def text(self) -> str:
        """As the command line takes it."""
        return f"api:{self.provider}"

    def request_usd(
        self, input_tokens: float, output_tokens: float, cached_tokens: float = 0.0
    ) -> float:
        """Return the price of one request, in USD.

        Args:
            input_tokens: Of the whole prompt.
            output_tokens: Of the answer.
            cached_tokens: Of the prompt, what the provider's cache holds.
        """
        fresh = self.input_usd_per_million_tokens
        cached = self.cached_input_usd_per_million_tokens
        read_usd = fresh * (input_tokens - cached_tokens)
        read_usd += (fresh if cached is None else cached) * cached_tokens
        return (read_usd + self.output_usd_per_million_tokens * output_tokens) / MILLION

    def age_days(self, today: datetime.date) -> int | None:
        """Return the days since the price was seen; ``None`` where the source is undated."""
        return age_days(self.date, today)

    def staleness(self, today: datetime.date) -> str:
        """Return a warning for an old or undated price, else an empty text."""
        return staleness(self.date, today)


def read_api_prices(path: Path) -> tuple[ApiPrice, ...]:
    """Return every row of a list of API prices.

    Raises:
        RecordError: names the row and the field that breaks the schema.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(file)]
    return tuple(validated(ApiPrice, row, f"{path.name} row {n}") for n, row in enumerate(rows, 2))
