"""What a million tokens cost on the measured server, beside what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.quantities import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from rightrig.interval import Interval


@dataclass(frozen=True, slots=True)
class TokenCost:
    """What the answers' tokens cost at one load.

    Attributes:
        cost_usd_per_token: At the measured rate of output tokens.
        predicted_usd_per_token: At the predicted one; ``None`` where nothing was predicted.
        is_regression: Whether the measured one is worse than the pessimistic end of the
            prediction.
    """

    cost_usd_per_token: float
    predicted_usd_per_token: Interval | None
    is_regression: bool


def usd_per_token(cost_usd_per_hour: float, output_tokens_per_s: float) -> float:
    """Return ``cost / (3600 · tokens/s)``: the whole cost on the answers' tokens (F12.6).

    >>> round(usd_per_token(3.6, 1000.0) * 1e6, 6)
    1.0
    """
    return cost_usd_per_hour / (SECONDS_PER_HOUR * output_tokens_per_s)


def token_cost(
    cost_usd_per_hour: float, output_tokens_per_s: float, predicted_tokens_per_s: Interval | None
) -> TokenCost | None:
    """Return what output tokens cost; ``None`` where none came.

    Args:
        cost_usd_per_hour: Of everything that serves.
        output_tokens_per_s: As measured.
        predicted_tokens_per_s: As predicted for the same load.
    """
    if output_tokens_per_s <= 0.0:
        return None
    measured = usd_per_token(cost_usd_per_hour, output_tokens_per_s)
    if predicted_tokens_per_s is None or predicted_tokens_per_s.low <= 0.0:
        return TokenCost(measured, None, is_regression=False)
    predicted = predicted_tokens_per_s.map(lambda rate: usd_per_token(cost_usd_per_hour, rate))
    return TokenCost(measured, predicted, is_regression=measured > predicted.high)
