"""Items about load: what was tested, and what a token cost there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.errors import InputError
from rightrig.measuring.load.costing import token_cost
from rightrig.measuring.load.levels_predicted import predicted_closed
from rightrig.quantities import MILLION, show_number, show_usd
from rightrig.watching.checklist.item import (
    MOST_AGE_DAYS,
    Outcome,
    Topic,
    failed,
    passed,
    unverified,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.interval import Interval
    from rightrig.measuring.load.costing import TokenCost
    from rightrig.watching.checklist.evidence import Evidence, Level

LEAST_PEAK_RATIO: Final = 2.0
"""Of the planned peak, that a load test must have reached."""
_CLOSE_RATIO: Final = 1e-6
_LENGTH_RATIO: Final = 0.1
"""Lengths that differ by less are the planned ones: servers and tokenizers count differently."""
_NEAR_PEAK_RATIO: Final = 0.5
"""Share of the planned peak from which on a level is the real workload, and up to its inverse."""


def _command(evidence: Evidence) -> str:
    """Return the command that tests this deployment."""
    return f"rightrig load {evidence.words.url} --plan {evidence.words.file}"


def _unseen(evidence: Evidence) -> Outcome | None:
    """Return that no load test can be known; ``None`` where one is kept."""
    if evidence.store_trouble:
        return unverified(evidence.store_trouble, "keep runs in a store", _command(evidence))
    if evidence.deployment is None:
        return unverified(
            f"which runs are of this deployment is not known: {evidence.why_none}",
            "name a plan that this catalogue can make",
        )
    if not evidence.levels:
        return unverified("no load test of this deployment is kept", "test it", _command(evidence))
    return None


def _peak_requests_per_s(evidence: Evidence, level: Level) -> float:
    """Return the planned peak of the machines that a level tested together."""
    if evidence.expected is None:
        return evidence.planned.peak_requests_per_s
    return evidence.expected.peak_requests_per_s * level.machines_count


def _of_plan(evidence: Evidence, level: Level) -> bool:
    """Whether prompts and answers of a level were of the planned lengths."""
    planned = evidence.planned
    return all(
        abs(found - wanted) <= _LENGTH_RATIO * wanted
        for found, wanted in (
            (level.input_tokens, planned.input_tokens),
            (level.output_tokens, planned.output_tokens),
        )
    )


class LoadTested:
    """A load test within 30 days reached two times the planned peak, and says what happened."""

    id: ClassVar[str] = "CHECK-LOAD"
    topic: ClassVar[Topic] = "load"

    def check(self, evidence: Evidence) -> Outcome:
        """Return how far it went."""
        unseen = _unseen(evidence)
        if unseen is not None:
            return unseen
        sound = [one for one in evidence.levels if one.is_sound and one.asked_requests_per_s]
        young = [one for one in sound if evidence.age_days(one.day) <= MOST_AGE_DAYS]
        of_plan = [one for one in young if _of_plan(evidence, one)]
        if not of_plan:
            return failed(_why_none(evidence, sound, young), "test it again", _command(evidence))
        # One test tells one story: the newest that went far enough or broke below the peak, else
        # the newest.
        runs = list(dict.fromkeys(one.run_id for one in of_plan))
        told = [_told(evidence, [one for one in of_plan if one.run_id == run]) for run in runs]
        return next((outcome for outcome, is_telling in told if is_telling), told[0][0])


def _why_none(evidence: Evidence, sound: Sequence[Level], young: Sequence[Level]) -> str:
    """Return why no kept level counts."""
    if not sound:
        return (
            "every kept level was of users in a closed loop, or the client did not keep up: no "
            "rate was tested"
        )
    if not young:
        return f"the last load test is {evidence.age_days(sound[0].day)} days old"
    level, planned = young[0], evidence.planned
    return (
        f"run {young[0].run_id} sent {level.input_tokens:.0f} and got {level.output_tokens:.0f} "
        f"tokens a request, planned are {planned.input_tokens} and {planned.output_tokens}"
    )


def _told(evidence: Evidence, levels: Sequence[Level]) -> tuple[Outcome, bool]:
    """Return what one test says of two times the peak, and whether it says enough to decide."""
    ratios = {
        (level.asked_requests_per_s or 0.0) / _peak_requests_per_s(evidence, level): level
        for level in levels
    }
    broke = min((ratio for ratio, level in ratios.items() if not level.holds), default=None)
    held = max((r for r, one in ratios.items() if one.holds and (broke is None or r < broke)),
               default=0.0)  # fmt: skip
    most, run_id = max(ratios), levels[0].run_id
    name = f"run {run_id} of {levels[0].day}"
    peak = _peak_requests_per_s(evidence, levels[0])
    went = f"the peak of {show_number(peak)} requests/s"
    is_far = most >= LEAST_PEAK_RATIO * (1.0 - _CLOSE_RATIO)
    if broke is not None and (is_far or broke <= 1.0) and held < 1.0 - _CLOSE_RATIO:
        return failed(
            f"{name}: broken at {broke:.2g} times the planned peak, held at {held:.2g} times",
            "plan again for what it carries, or find what is slow: bench the machine, profile a "
            "step",
        ), True
    if not is_far:
        return failed(
            f"{name} went to {most:.2g} times {went}",
            "test up to two and three times the peak", _command(evidence),
        ), False  # fmt: skip
    if broke is None:
        return passed(f"{name} held {held:.2g} times {went}"), True
    return passed(
        f"{name} went to {most:.2g} times {went}; it holds {held:.2g} and breaks at {broke:.2g} "
        "times"
    ), True


class TokenCostValidated:
    """A token costs at the real workload what was predicted, or less."""

    id: ClassVar[str] = "CHECK-COST"
    topic: ClassVar[Topic] = "load"

    def check(self, evidence: Evidence) -> Outcome:
        """Return what it costs."""
        unseen = _unseen(evidence)
        if unseen is not None:
            return unseen
        price = evidence.price
        if price is None:
            return unverified("no price is known", "name a plan of rented machines")
        level = _workload(evidence)
        if level is None:
            return unverified(
                "no kept level of the last 30 days is of the planned lengths and near the peak",
                "test the planned workload", _command(evidence),
            )  # fmt: skip
        predicted, why = _predicted_tokens_per_s(evidence, level)
        rent = price.rent_usd_per_hour * level.machines_count
        cost = token_cost(rent, level.output_tokens_per_s, predicted)
        if cost is None or cost.predicted_usd_per_token is None:
            return unverified(f"nothing is predicted of this level: {why}", "see the explanation")
        return _judged(level, cost, cost.predicted_usd_per_token)


def _judged(level: Level, cost: TokenCost, predicted_usd_per_token: Interval) -> Outcome:
    """Return a cost beside its prediction."""
    costs_usd_per_token = (
        cost.cost_usd_per_token,
        predicted_usd_per_token.low,
        predicted_usd_per_token.high,
    )
    measured, low, high = (show_usd(MILLION * one) for one in costs_usd_per_token)
    told = (
        f"run {level.run_id} of {level.day}: {measured} a million output tokens at "
        f"{show_number(level.served_requests_per_s)} requests/s, predicted {low} to {high} for "
        f"as many users ({level.concurrency_count:.3g})"
    )
    if not cost.is_regression:
        return passed(told)
    return failed(told, "find what is slow: bench the machine, profile a step", "rightrig bench")


def _workload(evidence: Evidence) -> Level | None:
    """Return the newest kept level of the planned lengths that is nearest to the planned peak."""
    near: dict[int, list[tuple[float, Level]]] = {}
    for level in evidence.levels:
        is_young = evidence.age_days(level.day) <= MOST_AGE_DAYS
        share = level.served_requests_per_s / _peak_requests_per_s(evidence, level)
        is_near = _NEAR_PEAK_RATIO <= share <= 1.0 / _NEAR_PEAK_RATIO
        if is_young and is_near and level.is_sound and _of_plan(evidence, level):
            near.setdefault(level.run_id, []).append((max(share, 1.0 / share), level))
    newest = next(iter(near.values()), [])
    return min(newest, key=lambda one: one[0])[1] if newest else None


def _predicted_tokens_per_s(evidence: Evidence, level: Level) -> tuple[Interval | None, str]:
    """Return the output tokens a second that are predicted at as many users, or why none are.

    By Little's law requests at a rate are as many users at once as are in flight on average.
    """
    deployment, count = evidence.deployment, level.machines_count
    users = round(level.concurrency_count / count)
    if deployment is None or users < 1:
        return None, "the run does not say how many requests were in flight"
    try:
        found = predicted_closed(deployment, level.input_tokens, level.output_tokens, users)
    except InputError as error:
        return None, str(error)
    # Whole users are predicted, and their mean is not whole: between neighbours rates are as users.
    exact = level.concurrency_count / count / users
    return found.output_tokens_per_s.scaled(count * exact), ""


ITEMS: Final = (LoadTested(), TokenCostValidated())
