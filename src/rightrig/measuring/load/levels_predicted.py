"""What is predicted of each load of a test, and where the server should break."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rightrig.interval import Interval
from rightrig.measuring.load.breaking import Search, Tried, find_breaking
from rightrig.measuring.load.levels import open_level
from rightrig.measuring.load.readers_rows import Row, samples_of
from rightrig.measuring.load.steady import window_of
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests
    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.load.levels import Bounds
    from rightrig.measuring.load.outcome import Level
    from rightrig.simulation.outcome import Outcome
    from rightrig.simulation.simulate import Prepared, Setting

_METRICS = ("ttft", "tpot", "e2e")
_CLOSE_RATIO = 1.02
_DEVIATIONS_COUNT = 2.0
"""Of the rate at which random arrivals come: what a server that keeps up cannot help."""
_MOST_TRIES = 30


@dataclass(frozen=True, slots=True)
class LevelPrediction:
    """What a level should show.

    Attributes:
        latencies: Metric → statistic → the central 80 % for the speed of the engine, in seconds;
            of a closed loop the mean alone.
        output_tokens_per_s: Of the whole deployment.
        good_ratio: Share of requests within every limit; ``None`` where it is not predicted.
        evidence: What was measured nearby.
    """

    output_tokens_per_s: Interval
    latencies: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    good_ratio: Interval | None = None
    evidence: str = ""


def predicted_closed(
    deployment: Deployment, input_tokens: float, output_tokens: float, users_count: int
) -> LevelPrediction:
    """Return what users in a closed loop should see: means (:func:`predict`).

    Args:
        deployment: What serves.
        input_tokens: Of a prompt, mean.
        output_tokens: Of an answer, mean; one of one token has no TPOT, and counts as two.
        users_count: Over all replicas.
    """
    lengths = Lengths(input_tokens, max(output_tokens, 2.0))
    found = predict(deployment, lengths, users_count)
    means = {"ttft": found.ttft_s, "tpot": found.tpot_s, "e2e": found.e2e_s}
    return LevelPrediction(
        output_tokens_per_s=found.output_tokens_per_s,
        latencies={metric: {"mean": value} for metric, value in means.items()},
        evidence=found.evidence,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """A deployment with the requests of a test, ready to be simulated at any rate.

    Attributes:
        requests: As they are sent; at another rate the same ones come with other gaps.
        prefill_replicas_count: Replicas that only read prompts.
    """

    deployment: Deployment
    requests: Requests
    slo: Slo
    prefill_replicas_count: int = 0


def predicted_open(foreseen: Foreseen, rate_requests_per_s: float | None) -> LevelPrediction:
    """Return what requests that come at a rate should see: the same ones, simulated.

    Args:
        foreseen: What is simulated.
        rate_requests_per_s: All requests counted; ``None`` for their own times of arrival.
    """
    # The simulator brings its compiler: a second that only predictions wait for.
    from rightrig.simulation.simulate import outcome_at, prepare  # noqa: PLC0415 - see above

    setting = _setting(foreseen)
    requests = _at_rate(foreseen.requests, rate_requests_per_s)
    prepared = prepare(foreseen.deployment, requests, setting)
    fast, slow = prepared.ends_ratio
    outcomes = [outcome_at(prepared, foreseen.slo, setting, ratio) for ratio in (1.0, fast, slow)]
    rates = [one.output_tokens_per_s for one in outcomes]
    noise_ratio = 1.0 + _DEVIATIONS_COUNT / math.sqrt(len(requests))
    return LevelPrediction(
        output_tokens_per_s=Interval(min(rates) / noise_ratio, rates[0], max(rates) * noise_ratio),
        latencies={metric: _statistics(metric, outcomes) for metric in _METRICS},
        good_ratio=_good_ratio(outcomes),
        evidence=prepared.timer.speeds.evidence,
    )


def predicted_breaking_requests_per_s(
    foreseen: Foreseen, draw: Callable[[int], Requests], bounds: Bounds, guess_requests_per_s: float
) -> Interval | None:
    """Return where the server should break, by the definition and the search of the test itself.

    Args:
        foreseen: What is simulated; it has at least one objective.
        draw: Returns so many requests: at each rate those that the test would send.
        bounds: Of the test.
        guess_requests_per_s: A rate to begin with.

    Returns:
        The rate with its ends for other speeds of the engine; ``None`` where even a nearly idle
        engine misses a limit.
    """
    from rightrig.simulation.simulate import prepare  # noqa: PLC0415 - as above

    prepared = prepare(foreseen.deployment, foreseen.requests, _setting(foreseen))
    fast, slow = prepared.ends_ratio
    search = Search((guess_requests_per_s,), close_ratio=_CLOSE_RATIO, most_tries=_MOST_TRIES)
    found = []
    for ratio in (1.0, fast, slow):
        trial = _Trial(foreseen, prepared, draw, bounds, ratio)
        breaking = find_breaking(trial.tried, search)
        rate = breaking.rate_requests_per_s
        found.append(breaking.held_requests_per_s if rate is None else rate.mid)
    return None if found[0] <= 0.0 else Interval(min(found), found[0], max(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """Engines whose steps take longer by a factor, under the requests of a test."""

    foreseen: Foreseen
    prepared: Prepared
    draw: Callable[[int], Requests]
    bounds: Bounds
    ratio: float

    def tried(self, rate_requests_per_s: float) -> Tried:
        """Return whether the engines carry a rate."""
        from rightrig.simulation.simulate import outcome_at  # noqa: PLC0415 - as above

        slo = self.foreseen.slo
        level = open_level(rate_requests_per_s, self.bounds, slo, self.bounds.total_s)
        requests = _at_rate(self.draw(level.requests_count), rate_requests_per_s)
        prepared = replace(self.prepared, requests=requests)
        outcome = outcome_at(prepared, slo, _setting(self.foreseen), self.ratio)
        lost = outcome.requests_count - outcome.served_count
        return Tried(
            rate_requests_per_s,
            1.0 if outcome.good_ratio is None else outcome.good_ratio,
            lost / outcome.requests_count,
            is_growing=_is_growing(outcome, level),
            requests_count=outcome.requests_count,
        )


def _is_growing(outcome: Outcome, level: Level) -> bool:
    """Return whether a simulated queue grows to the end, as a measured one is judged."""
    from rightrig.simulation.layout import SERVED  # noqa: PLC0415 - as above

    records = outcome.records
    if records is None:
        return False
    rows = [
        Row(
            float(one["arrival_s"]), float(one["arrival_s"]), float(one["first_s"]),
            float(one["finish_s"]), float(one["finish_s"]), int(one["input"]), int(one["output"]),
        )
        for one in records[records["status"] == SERVED]
    ]  # fmt: skip
    if not rows:
        return False
    samples = samples_of("the simulation", rows)
    return window_of(samples, level, float(samples.due_s.max())).is_growing


def _setting(foreseen: Foreseen) -> Setting:
    """Return how to simulate: once at each speed, without intervals of its own."""
    from rightrig.simulation.simulate import Setting  # noqa: PLC0415 - as above

    return Setting(prefill_replicas_count=foreseen.prefill_replicas_count, model_interval=False)


def _at_rate(requests: Requests, rate_requests_per_s: float | None) -> Requests:
    """Return requests at a rate, all turns of sessions counted."""
    if rate_requests_per_s is None:
        return requests
    turns = len(requests) / max(requests.open_count, 1)
    return requests.at_rate(rate_requests_per_s / turns)


def _statistics(metric: str, outcomes: list[Outcome]) -> dict[str, Interval]:
    """Return the statistics of a metric at each speed of the engine, in seconds."""
    named = outcomes[0].latencies.get(metric, {})
    found = {}
    for name in named:
        values_s = [one.latencies[metric][name].mid for one in outcomes if metric in one.latencies]
        sure_s = [value_s for value_s in values_s if math.isfinite(value_s)]
        if sure_s and math.isfinite(values_s[0]):
            found[name] = Interval(min(sure_s), values_s[0], max(sure_s))
    return found


def _good_ratio(outcomes: list[Outcome]) -> Interval | None:
    """Return the share of good requests; ``None`` without an objective."""
    ratios = [one.good_ratio for one in outcomes if one.good_ratio is not None]
    if len(ratios) < len(outcomes):
        return None
    return Interval(min(ratios), ratios[0], max(ratios))
