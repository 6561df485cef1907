"""What the reports of a load test are made from: what was planned, measured and predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.interval import Interval
    from rightrig.measuring.load.breaking import Breaking
    from rightrig.measuring.load.commands import Load, Trial
    from rightrig.measuring.load.costing import TokenCost
    from rightrig.measuring.load.levels import Expected
    from rightrig.measuring.load.levels_predicted import LevelPrediction
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.measuring.load.readers_plan import Planned

Met = Literal["met", "not", "no objective", "not measured"]
_SAME_RATIO = 1e-6


@dataclass(frozen=True, slots=True)
class PlannedLevel:
    """One level of the test of a plan.

    Attributes:
        peak_ratio: Its rate over the planned peak.
    """

    peak_ratio: float
    load: Load
    expected: Expected


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The test of a plan.

    Attributes:
        breaking_requests_per_s: Where the server should break; ``None`` where nothing says so.
        is_simulated: Whether that is by the definition of the test, and not the plan's own figure.
    """

    planned: Planned
    levels: tuple[PlannedLevel, ...]
    breaking_requests_per_s: Interval | None
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class LoadPrice:
    """What the server costs, and who says so."""

    cost_usd_per_hour: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """One answer of ``load``.

    Attributes:
        test: Whom, what and how long; ``url`` is empty where nobody is asked.
        tool: ``rightrig``, or whose file was read.
        traffic: One sentence.
        is_usual_slo: Whether nobody said the limits.
        peak_requests_per_s: The planned load; ``None`` where the levels themselves are.
        outcomes: Of each level, with what was predicted and what it costs beside.
        run_id: In the store.
    """

    test: Trial
    slo: Slo
    tool: str = "rightrig"
    traffic: str = ""
    is_usual_slo: bool = False
    deployment: Deployment | None = None
    plan: LoadPlan | None = None
    peak_requests_per_s: float | None = None
    outcomes: tuple[LevelOutcome, ...] = ()
    predictions: tuple[LevelPrediction | None, ...] = ()
    costs: tuple[TokenCost | None, ...] = ()
    breaking: Breaking | None = None
    price: LoadPrice | None = None
    run_id: int | None = None
    command: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    interrupted: bool = False

    @property
    def predicted_breaking_requests_per_s(self) -> Interval | None:
        """Where the server should break."""
        return None if self.plan is None else self.plan.breaking_requests_per_s

    @property
    def met(self) -> Met:
        """Whether the limits are met at the planned load: of a ramp its peak, else every level."""
        if not self.outcomes:
            return "not measured"
        if not self.slo.objectives():
            return "no objective"
        if self.peak_requests_per_s is not None:
            return self._met_at(self.peak_requests_per_s)
        if self.breaking is not None:
            return "met" if self.breaking.held_requests_per_s > 0.0 else _unmet(self.outcomes)
        return _met(self.outcomes)

    def _met_at(self, rate_requests_per_s: float) -> Met:
        """Return whether the limits are met at one rate, or at one above it."""
        at = [one for one in self.outcomes if is_at(one, rate_requests_per_s)]
        if at:
            # A rate that the client could not keep was held again; the last time counts.
            return _met((at[-1],))
        breaking = self.breaking
        if breaking is None or breaking.status in {"client-limited", "interrupted"}:
            return "not measured"
        return "met" if breaking.held_requests_per_s >= rate_requests_per_s else "not"


def overlaps(found_requests_per_s: Interval, predicted_requests_per_s: Interval) -> bool:
    """Return whether a bracket and an interval have a value in common.

    >>> from rightrig.interval import Interval
    >>> overlaps(Interval(8.0, 8.5, 9.0), Interval(9.0, 10.0, 12.0))
    True
    """
    found, predicted = found_requests_per_s, predicted_requests_per_s
    return found.low <= predicted.high and found.high >= predicted.low


def is_at(outcome: LevelOutcome, rate_requests_per_s: float) -> bool:
    """Return whether a level is of a rate."""
    own = outcome.level.rate_requests_per_s
    return own is not None and math.isclose(own, rate_requests_per_s, rel_tol=_SAME_RATIO)


def _met(outcomes: tuple[LevelOutcome, ...]) -> Met:
    """Return whether every objective of every level is kept; limited clients say nothing."""
    if any(not kept.is_kept for one in outcomes for kept in one.kept):
        return _unmet(outcomes)
    is_known = all(one.validity.verdict != "CLIENT-LIMITED" and one.kept for one in outcomes)
    return "met" if is_known else "not measured"


def _unmet(outcomes: tuple[LevelOutcome, ...]) -> Met:
    """Return that limits are missed, unless it may be the client that missed them."""
    sure = [one for one in outcomes if one.validity.verdict != "CLIENT-LIMITED"]
    missed = any(not kept.is_kept for one in sure for kept in one.kept)
    failed = any(one.error_ratio > 0.0 for one in sure)
    return "not" if missed or failed else "not measured"
