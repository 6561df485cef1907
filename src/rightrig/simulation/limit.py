"""The highest rate at which a deployment keeps its objectives: bisection on the same requests."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_RATE_PER_S
from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.simulation.simulate import outcome_at, outcome_of, prepare, requests_for

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests
    from rightrig.demand.scenario import Scenario
    from rightrig.demand.workload import Workload
    from rightrig.deployment.deployment import Deployment
    from rightrig.simulation.outcome import Kept, Outcome
    from rightrig.simulation.simulate import Prepared, Setting

_STEP_RATIO: Final = 2.0
_CLOSE_RATIO: Final = 1.01
_MOST_STEPS: Final = 24
_LEAST_RATE_PER_S: Final = 1e-4
_USUAL_TRIES_COUNT: Final = 12.0
"""Simulations of one search, for the progress that a user sees."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """The highest rate that keeps the objectives.

    Attributes:
        rate_requests_per_s: To within 1 %, with the ends for other speeds of the engine; zero
            where even a nearly idle engine misses one.
        binding: The objective that breaks first just above it; ``None`` when none did.
        outcome: At that rate; nearly idle, where none keeps them.
        tried_count: Simulations that it took.
    """

    rate_requests_per_s: Interval
    binding: Kept | None
    outcome: Outcome
    tried_count: int


class _Search:
    """Bisects the rate of the same requests (common random numbers)."""

    def __init__(self, prepared: Prepared, slo: Slo, setting: Setting) -> None:
        self.prepared, self.slo, self.setting = prepared, slo, setting
        self.tried = 0
        self.missed: Kept | None = None

    def keeps(self, rate_per_s: float, ratio: float) -> bool:
        """Whether all objectives hold at a rate, where steps take longer by a factor."""
        asked = replace(self.prepared, requests=self.prepared.requests.at_rate(rate_per_s))
        found = outcome_at(asked, self.slo, self.setting, ratio)
        self.tried += 1
        if self.setting.progress is not None:
            self.setting.progress(self.tried / (_USUAL_TRIES_COUNT * self.setting.runs_count))
        missed = [kept for kept in found.kept if kept.verdict == "not"]
        if missed:
            self.missed = max(missed, key=lambda kept: kept.value.mid / kept.objective.limit_s)
        return not missed

    def largest_per_s(self, guess_per_s: float, ratio: float = 1.0) -> float:
        """Return the highest rate that keeps them, from a guess; 0 where none does."""
        low, high = 0.0, math.inf
        rate = guess_per_s
        for _ in range(_MOST_STEPS):
            if self.keeps(rate, ratio):
                low = rate
            else:
                high = rate
            if low and min(high, MAX_RATE_PER_S) / low <= _CLOSE_RATIO:
                break
            rate = _next_rate_per_s(low, high)
            if rate < _LEAST_RATE_PER_S:
                return 0.0
        return low


def _next_rate_per_s(low_per_s: float, high_per_s: float) -> float:
    """Return the rate to try between one that keeps the objectives and one that does not."""
    if math.isinf(high_per_s):
        return min(low_per_s * _STEP_RATIO, MAX_RATE_PER_S)
    return math.sqrt(low_per_s * high_per_s) if low_per_s else high_per_s / _STEP_RATIO


def find_limit(
    deployment: Deployment,
    workload: Workload | Scenario | Requests,
    slo: Slo,
    setting: Setting,
) -> Limit:
    """Return the highest rate at which a deployment keeps every objective.

    Args:
        deployment: A deployment whose rules hold.
        workload: Its arrivals are stretched; lengths and their order stay.
        slo: At least one objective.
        setting: As for ``simulate``.

    Raises:
        InputError: without objectives, or for a closed loop, whose rate follows from the answers.
    """
    if not slo.objectives():
        raise InputError("--find-limit needs an objective, such as --ttft-p99 500ms")
    requests = requests_for(workload, setting)
    if len(requests.next_index) and not requests.arrival_s[requests.open_count - 1] > 0.0:
        raise InputError(
            "--find-limit stretches arrivals, and in a closed loop the answers set the rate; "
            "simulate it at several numbers of users instead"
        )
    prepared = prepare(deployment, requests, setting)
    search = _Search(prepared, slo, setting)
    rate = search.largest_per_s(_guess_per_s(requests))
    binding, ends = search.missed, [rate, rate]
    if setting.model_interval:
        guess = rate or _LEAST_RATE_PER_S
        ends = [search.largest_per_s(guess, ratio) for ratio in reversed(prepared.ends_ratio)]
    at = requests.at_rate(rate or _LEAST_RATE_PER_S)
    outcome = outcome_of(replace(prepared, requests=at), slo, replace(setting, progress=None))
    interval = Interval(min(ends[0], rate), rate, max(ends[1], rate))
    return Limit(interval, binding, outcome, search.tried)


def _guess_per_s(requests: Requests) -> float:
    """Return a rate to begin with: the requests' own, or one a second."""
    own = requests.mean_rate_requests_per_s
    return own if math.isfinite(own) and own > 0.0 else 1.0
