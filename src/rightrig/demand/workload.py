"""Traffic: how often requests come and how long they are."""

from __future__ import annotations

from typing import Final

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.source import Record

MAX_TOKENS: Final = 100_000_000
"""Longest context, prompt or answer that is accepted: ten times the longest model's."""
MAX_RATE_PER_S: Final = 1e6
MAX_REQUESTS: Final = 20_000_000
"""Most requests of one sample or trace: about 2 GB of columns."""


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
