"""Traffic: how often requests come and how long they are."""

from __future__ import annotations

from typing import Final

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.source import Record
from rightrig.quantities import SECONDS_PER_MONTH

MAX_TOKENS: Final = 100_000_000
"""Longest context, prompt or answer that is accepted: ten times the longest model's."""
MAX_RATE_PER_S: Final = 1e6


class Workload(Record):
    """Requests of fixed lengths that arrive at random (Poisson) at a mean rate.

    Attributes:
        rate_requests_per_s: Mean arrivals a second.
        input_tokens: Tokens of the prompt (ISL).
        output_tokens: Tokens of the answer (OSL).
    """

    rate_requests_per_s: PositiveFloat
    input_tokens: PositiveInt
    output_tokens: PositiveInt

    @property
    def tokens_per_month(self) -> float:
        """Input and output tokens of a month of this traffic."""
        per_request = self.input_tokens + self.output_tokens
        return self.rate_requests_per_s * per_request * SECONDS_PER_MONTH

    @property
    def output_tokens_per_month(self) -> float:
        """Output tokens of a month of this traffic."""
        return self.rate_requests_per_s * self.output_tokens * SECONDS_PER_MONTH
