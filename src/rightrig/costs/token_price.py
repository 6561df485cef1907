"""Dollars a token, a request and a slot: one bill over the work that it pays for (formulas F12)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Shares:
    """How the time of an engine divides among the tokens of its requests; the three make 1.

    Attributes:
        output_ratio: Time that the steps would take if they only decoded: the answers'.
        input_ratio: Of the rest, what reads prompt tokens that no cache holds.
        cached_ratio: Of the rest, what attends to the tokens that the cache holds.
    """

    output_ratio: float
    input_ratio: float
    cached_ratio: float


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What the tokens of one request cost each; with their counts they make the request's price.

    Attributes:
        input_usd_per_token: Of the prompt, not cached.
        cached_usd_per_token: Of the prompt, cached; ``None`` where none is.
        output_usd_per_token: Of the answer.
        request_usd: The whole request.
        mean_usd_per_token: The request over all its tokens.
        all_usd_per_output_token: The request over the tokens of its answer alone.
    """

    input_usd_per_token: float
    cached_usd_per_token: float | None
    output_usd_per_token: float
    request_usd: float
    mean_usd_per_token: float
    all_usd_per_output_token: float


def token_prices(
    request_usd: float,
    shares: Shares,
    input_tokens: float,
    output_tokens: float,
    cached_tokens: float = 0.0,
) -> TokenPrices:
    """Return what each kind of token costs: its share of the engine's time over its count.

    Time is what an engine sells. Memory that a cache holds between requests is not charged.

    Args:
        request_usd: What one request costs.
        shares: Of the engine's time.
        input_tokens: Of the whole prompt.
        output_tokens: Of the answer.
        cached_tokens: Of the prompt, what the engine's prefix cache holds.
    """
    read = max(input_tokens - cached_tokens, 1.0)
    held = input_tokens - read
    return TokenPrices(
        input_usd_per_token=request_usd * shares.input_ratio / read,
        cached_usd_per_token=request_usd * shares.cached_ratio / held if held > 0.0 else None,
        output_usd_per_token=request_usd * shares.output_ratio / output_tokens,
        request_usd=request_usd,
        mean_usd_per_token=request_usd / (input_tokens + output_tokens),
        all_usd_per_output_token=request_usd / output_tokens,
    )


def request_usd(
    cost_usd_per_hour: float,
    rate_requests_per_s: float,
    capacity_requests_per_s: float = math.inf,
) -> float | None:
    """Return ``cost / (3600 · λ)``; ``None`` above what is carried: λ must not pass λ_max.

    Source: definition. Validity: whole instances at a steady rate.

    >>> f"{request_usd(0.34, 100.0):.3g}", request_usd(0.34, 100.0, 80.0)
    ('9.44e-07', None)
    """
    if rate_requests_per_s > capacity_requests_per_s:
        return None
    return cost_usd_per_hour / (SECONDS_PER_HOUR * rate_requests_per_s)


def slot_usd_per_hour(cost_usd_per_hour: float, slots_count: float) -> float:
    """Return what one place for a running sequence costs an hour (F12.6).

    >>> round(slot_usd_per_hour(0.34, 8) / slot_usd_per_hour(1.19, 32), 2)
    1.14
    """
    return cost_usd_per_hour / slots_count


def idle_usd_per_month(cost_usd_per_month: float, use_ratio: float) -> float:
    """Return what of a bill pays for time without work.

    >>> round(idle_usd_per_month(1000.0, 0.6), 6)
    400.0
    """
    return cost_usd_per_month * (1.0 - use_ratio)


def work_per_usd_ratios(usd_per_token: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the work for a dollar over that of the best; ``None`` where there is no price.

    >>> work_per_usd_ratios({"a": 1e-6, "b": 4e-6, "c": None})
    {'a': 1.0, 'b': 0.25, 'c': None}
    """
    known = [price for price in usd_per_token.values() if price]
    best = min(known, default=math.inf)
    return {name: best / price if price else None for name, price in usd_per_token.items()}


def affordable_duty_ratio(budget_usd_per_month: float, rent_usd_per_hour: float) -> float:
    """Return the share of all hours that a budget pays for, at most 1.

    >>> round(affordable_duty_ratio(500.0, 1.5), 2), round(affordable_duty_ratio(500.0, 0.8), 2)
    (0.46, 0.86)
    """
    return min(1.0, budget_usd_per_month / (rent_usd_per_hour * HOURS_PER_MONTH))
