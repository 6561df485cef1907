"""Corrupted answers against what a service promises, by volume: the same errors, two verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from rightrig.interval import Interval, sum_if_comonotone
from rightrig.reliability.rates import DAY_S

Kept = Literal["surely", "likely", "no"]

WEIGHTS_RATIO: Final = 0.8
"""Share of a card's memory that holds weights, where nothing else is stated."""


@dataclass(frozen=True, slots=True)
class Service:
    """Who is served, and what is promised.

    Attributes:
        daily_requests: Of the whole fleet.
        promised_ratio: Share of requests that are to be answered correctly.
        cards_per_engine_count: Cards whose memory one answer depends on.
        reload_s: Weights are loaded anew after this time: a wrong weight lasts half of it, in the
            mean.
        weights_ratio: Share of the memory that holds weights.
    """

    daily_requests: float
    promised_ratio: float
    cards_per_engine_count: int = 1
    reload_s: float = 30.0 * DAY_S
    weights_ratio: float = WEIGHTS_RATIO


@dataclass(frozen=True, slots=True)
class SlaRisk:
    """What errors do to a promise.

    Attributes:
        daily_corrupted_requests: Answers that are wrong because of them.
        daily_budget_requests: Answers that may be wrong.
        corrupted_ratio: Share of all answers.
        kept: ``surely`` (at the high end of the interval), ``likely`` (in its middle) or ``no``.
    """

    service: Service
    daily_corrupted_requests: Interval
    daily_budget_requests: float
    corrupted_ratio: Interval
    kept: Kept


def corrupted_per_event_requests(service: Service, cards_count: int) -> float:
    """Return the answers that one corrupting error touches, in the mean.

    An error in a weight touches every answer of its engine until the weights are loaded anew,
    half the time between loads in the mean; one elsewhere (cache, activations) touches one:
    w · (λ · g/n) · L/2 + (1 − w), λ the requests of the fleet, n its cards, g those of an engine.

    Source: derived here. Validity: errors far apart; a damaged weight is taken to touch every
    answer, which is the worst.
    """
    per_engine_per_day = service.daily_requests * service.cards_per_engine_count / cards_count
    lasting = per_engine_per_day * (service.reload_s / DAY_S) / 2.0
    return service.weights_ratio * max(lasting, 1.0) + (1.0 - service.weights_ratio)


def sla_risk(
    service: Service, cards_count: int, daily_memory_count: Interval, daily_compute_count: Interval
) -> SlaRisk:
    """Return whether a promise is kept.

    Args:
        service: Requests and promise.
        cards_count: Of the fleet.
        daily_memory_count: Errors of memory that change a result, each of which may be in a weight.
        daily_compute_count: Errors of computation that do; each touches one answer.
    """
    each = corrupted_per_event_requests(service, cards_count)
    wrong = sum_if_comonotone(daily_memory_count.scaled(each), daily_compute_count)
    total = service.daily_requests
    # No more answers are wrong than are given.
    wrong = wrong.map(lambda daily_requests: min(daily_requests, total))
    budget = (1.0 - service.promised_ratio) * total
    kept: Kept = "surely" if wrong.high <= budget else "likely" if wrong.mid <= budget else "no"
    return SlaRisk(service, wrong, budget, wrong.scaled(1.0 / total), kept)
