"""What is predicted beside a load test, and what its server costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.report.loaded import LoadPlan, LoadPrice, PlannedLevel
from rightrig.verbs.progress import watcher
from rightrig.verbs.renting import rent_of, said_usd_per_hour

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.requests import Requests
    from rightrig.facts.catalog import Catalog
    from rightrig.interval import Interval
    from rightrig.measuring.load.levels import Bounds
    from rightrig.measuring.load.levels_predicted import Foreseen, LevelPrediction
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.verbs.loading import Asked, Subject

_FORESEEN_REQUESTS: Final = 2_000


def load_plan_of(subject: Subject, bounds: Bounds, draw: Callable[[int], Requests]) -> LoadPlan:
    """Return the levels of a plan's test, and where its server should break.

    Args:
        subject: With a plan.
        bounds: Of the test.
        draw: Returns so many requests of the plan.
    """
    from rightrig.measuring.load.commands import Load
    from rightrig.measuring.load.levels import PLANNED_RATIOS, expected_at, open_level

    planned = subject.planned
    if planned is None:
        raise InputError("there is no plan to test")
    breaking = _breaking_requests_per_s(subject, bounds, draw)
    if subject.deployment is None:
        breaking = planned.capacity_requests_per_s
    # Limits that even an idle engine misses break at any rate.
    is_hopeless = breaking is None and subject.deployment is not None
    levels = []
    for ratio in PLANNED_RATIOS:
        rate = ratio * planned.peak_requests_per_s
        level = open_level(rate, bounds, subject.slo, bounds.total_s)
        load = Load(level.requests_count, rate)
        expected = "breaks" if is_hopeless else expected_at(rate, breaking)
        levels.append(PlannedLevel(ratio, load, expected))
    return LoadPlan(planned, tuple(levels), breaking, subject.deployment is not None)


def _breaking_requests_per_s(
    subject: Subject, bounds: Bounds, draw: Callable[[int], Requests]
) -> Interval | None:
    """Return where the server of a plan should break; ``None`` where nothing says so."""
    from rightrig.measuring.load.levels_predicted import predicted_breaking_requests_per_s

    planned = subject.planned
    if planned is None or subject.deployment is None:
        return None
    watcher().compiling()
    foreseen = _foreseen(subject, draw(_FORESEEN_REQUESTS))
    return predicted_breaking_requests_per_s(foreseen, draw, bounds, planned.peak_requests_per_s)


def _foreseen(subject: Subject, requests: Requests) -> Foreseen:
    """Return a deployment with some requests."""
    from rightrig.measuring.load.levels_predicted import Foreseen

    if subject.deployment is None:
        raise InputError("there is no deployment to simulate")
    count = 0 if subject.planned is None else subject.planned.prefill_replicas_count
    return Foreseen(subject.deployment, requests, subject.slo, count)


def predictions_of(
    subject: Subject, outcomes: tuple[LevelOutcome, ...], draw: Callable[[int], Requests] | None
) -> tuple[tuple[LevelPrediction | None, ...], tuple[str, ...]]:
    """Return what was predicted of each level, and why where it was not.

    Args:
        subject: With what serves; without, nothing is predicted.
        outcomes: Of the levels.
        draw: Returns so many requests, as they were sent; ``None`` where they are those that the
            outcomes recorded.
    """
    if subject.deployment is None:
        return (None,) * len(outcomes), ()
    if any(one.level.kind == "open" for one in outcomes):
        watcher().compiling()
    found: list[LevelPrediction | None] = []
    notes: dict[str, None] = {}
    for outcome in outcomes:
        try:
            found.append(_predicted(subject, outcome, draw))
        except InputError as error:
            found.append(None)
            notes[f"not predicted: {error}"] = None
    return tuple(found), tuple(notes)


def _predicted(
    subject: Subject, outcome: LevelOutcome, draw: Callable[[int], Requests] | None
) -> LevelPrediction | None:
    """Return what was predicted of one level; ``None`` where nothing was answered."""
    from rightrig.measuring.load.levels_predicted import predicted_closed, predicted_open

    samples, level = outcome.samples, outcome.level
    if not samples.is_ok.any() or subject.deployment is None:
        return None
    if level.kind == "closed":
        mean_input = float(samples.input_tokens[samples.is_ok].mean())
        mean_output = float(samples.output_tokens[samples.is_ok].mean())
        return predicted_closed(subject.deployment, mean_input, mean_output, level.concurrency)
    if draw is None:
        return predicted_open(_foreseen(subject, _recorded(outcome)), None)
    foreseen = _foreseen(subject, draw(level.requests_count))
    return predicted_open(foreseen, level.rate_requests_per_s)


def _recorded(outcome: LevelOutcome) -> Requests:
    """Return the requests that a file recorded."""
    import numpy as np

    from rightrig.demand.requests import Requests

    samples = outcome.samples
    is_ok = samples.is_ok & (samples.input_tokens > 0) & (samples.output_tokens > 0)
    order = np.argsort(samples.due_s[is_ok], kind="stable")
    due_s = samples.due_s[is_ok][order]
    return Requests(
        due_s - due_s[0],
        samples.input_tokens[is_ok][order],
        samples.output_tokens[is_ok][order],
    )


def price_of(asked: Asked, subject: Subject) -> LoadPrice | None:
    """Return what the server costs: as the user or the plan says, or the cheapest offer."""
    if asked.price is not None:
        return LoadPrice(said_usd_per_hour(asked.price), "as you say")
    planned = subject.planned
    if planned is not None and planned.cost_usd_per_hour is not None:
        return LoadPrice(planned.cost_usd_per_hour, "the rent of the plan")
    return _offered(asked.catalog, subject)


def _offered(catalog: Catalog, subject: Subject) -> LoadPrice | None:
    """Return the cheapest offer for the rig; ``None`` where none is known."""
    if subject.deployment is None:
        return None
    rent = rent_of(catalog, subject.deployment, None)
    if rent is None or rent.purchase is None:
        return None
    source = f"{rent.purchase.text}, {rent.purchase.price.date}; say your own with --price"
    return LoadPrice(rent.rent_usd_per_hour, source)
