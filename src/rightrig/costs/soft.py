"""Costs that no invoice shows: time of engineers, requests that users give up, work gained."""

from __future__ import annotations

from dataclasses import dataclass

from rightrig.costs.money import HOURS_PER_YEAR
from rightrig.quantities import SECONDS_PER_MONTH


@dataclass(frozen=True, slots=True)
class Labour:
    """Work of engineers, as somebody judges it.

    Attributes:
        wage_usd_per_hour: All costs of an engineer.
    """

    hours_count: float
    wage_usd_per_hour: float


def debugging_usd(labour: Labour) -> float:
    """Return what the hours of engineers cost: ``hours · wage``.

    >>> debugging_usd(Labour(20.0, 100.0))
    2000.0
    """
    return labour.hours_count * labour.wage_usd_per_hour


def abandoned_usd_per_month(
    rate_requests_per_s: float, abandoned_ratio: float, loss_usd: float
) -> float:
    """Return what users who give up cost: ``rate · share · loss · seconds of a month``.

    Source: definition. Validity: users who leave cost nothing else and do not come back at once.

    Args:
        rate_requests_per_s: All requests that come.
        abandoned_ratio: Share of them that take longer than their users wait: one minus the
            percentile of the latency at that wait.
        loss_usd: What a request that is given up loses.

    >>> round(abandoned_usd_per_month(2.0, 0.01, 0.05))
    2628
    """
    return rate_requests_per_s * abandoned_ratio * loss_usd * SECONDS_PER_MONTH


def gain_usd_per_year(gain_ratio: float, cards_count: int, card_usd_per_hour: float) -> float:
    """Return what more work of the same cards is worth: ``gain · cards · price · 8760 h``.

    It is the rent of the cards that need not be added for that work.

    >>> round(gain_usd_per_year(0.1, 1_000, 2.5))
    2190000
    """
    return gain_ratio * cards_count * card_usd_per_hour * HOURS_PER_YEAR
