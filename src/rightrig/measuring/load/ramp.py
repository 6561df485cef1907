"""A whole test: its loads one after another, and between them the rate that breaks the server."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.breaking import CLOSE_RATIO, Search, Tried, find_breaking
from rightrig.measuring.load.levels import closed_level, open_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.objective import Slo
    from rightrig.measuring.load.breaking import Breaking
    from rightrig.measuring.load.levels import Bounds
    from rightrig.measuring.load.outcome import Level, LevelOutcome

    Measure = Callable[[Level, int], LevelOutcome]
    """Holds a load; the number tells the prompts of one level from those of another, so that no
    server finds the beginning of one in its prefix cache."""
    Keep = Callable[[LevelOutcome], None]

LEAST_COUNTED: Final = 10
"""Requests that must be counted before a rate is said to hold or to break."""
_AGAIN_COUNT: Final = 2
"""A rate that the client could not keep is held so often again: it may have been busy once."""
_DRAIN_RATIO: Final = 3.0
_LEAST_DRAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class LoadTest:
    """What to hold, in this order: users, rates, the requests of a trace at their own times.

    Attributes:
        slo: What makes a request good.
        bounds: What limits the test.
        users_counts: Closed loops.
        rates_requests_per_s: Open loops.
        recorded: A trace at its own times.
        is_ramp: Whether to go on beyond the rates until one breaks, and to look between.
        most_requests_per_s: No higher rate is tried.
        close_ratio: How near the ends of the bracket must come.
    """

    slo: Slo
    bounds: Bounds
    users_counts: tuple[int, ...] = ()
    rates_requests_per_s: tuple[float, ...] = ()
    recorded: Level | None = None
    is_ramp: bool = False
    most_requests_per_s: float = math.inf
    close_ratio: float = CLOSE_RATIO

    def check(self) -> None:
        """Refuse levels that cannot be, before a server is asked anything.

        Raises:
            InputError: naming the value and its limit.
        """
        total_s = self.bounds.total_s
        for users_count in self.users_counts:
            closed_level(users_count, self.bounds, total_s)
        for rate_requests_per_s in self.rates_requests_per_s:
            open_level(rate_requests_per_s, self.bounds, self.slo, total_s)


@dataclass(slots=True)
class Measured:
    """What a test measured.

    Attributes:
        outcomes: In the order in which they were measured.
        breaking: Of a ramp.
        interrupted: Whether somebody ended it early.
        skipped_count: Levels that time did not allow.
    """

    outcomes: list[LevelOutcome] = field(default_factory=list)
    breaking: Breaking | None = None
    interrupted: bool = False
    skipped_count: int = 0


def run_test(test: LoadTest, measure: Measure, keep: Keep) -> Measured:
    """Hold the loads of a test; what was measured until somebody interrupts it is all of it.

    Args:
        test: What to hold.
        measure: Holds one load.
        keep: Takes each outcome as soon as it is whole.
    """
    running = _Running(test, measure, keep)
    try:
        running.run()
    except KeyboardInterrupt:
        running.found.interrupted = True
    return running.found


class _Running:
    """A test on its way: what was measured, and how much time is left."""

    def __init__(self, test: LoadTest, measure: Measure, keep: Keep) -> None:
        self.test, self.measure, self.keep = test, measure, keep
        self.found = Measured()
        self.end_s = time.monotonic() + test.bounds.total_s
        self.drain_s = test.bounds.drain_s

    @property
    def left_s(self) -> float:
        """Time that is left."""
        return self.end_s - time.monotonic()

    def run(self) -> None:
        """Hold every load."""
        test = self.test
        for users_count in test.users_counts:
            if self._may_go_on():
                self._held(closed_level(users_count, test.bounds, self.left_s))
        if test.recorded is not None and self._may_go_on():
            self._held(test.recorded)
        if test.is_ramp:
            search = Search(
                test.rates_requests_per_s,
                test.most_requests_per_s,
                test.close_ratio,
                is_over=lambda: self.left_s <= 0.0,
            )
            self.found.breaking = find_breaking(self._tried, search)
            return
        for rate_requests_per_s in test.rates_requests_per_s:
            if self._may_go_on():
                self._held(self._open(rate_requests_per_s))

    def _may_go_on(self) -> bool:
        """Whether another load is held; one that is not is counted."""
        if self.found.interrupted:
            return False
        if self.found.outcomes and self.left_s <= 0.0:
            self.found.skipped_count += 1
            return False
        return True

    def _open(self, rate_requests_per_s: float) -> Level:
        """Return the level of a rate; it waits for stragglers as levels that held suggest."""
        bounds = self.test.bounds
        level = open_level(rate_requests_per_s, bounds, self.test.slo, self.left_s)
        drain_s = max(min(self.drain_s, self.left_s), 1.0)
        return replace(level, drain_s=min(level.drain_s, drain_s))

    def _held(self, level: Level) -> LevelOutcome:
        """Hold a load, and keep what came of it."""
        outcome = self.measure(level, len(self.found.outcomes))
        self.found.outcomes.append(outcome)
        self.keep(outcome)
        self.found.interrupted |= outcome.interrupted
        return outcome

    def _tried(self, rate_requests_per_s: float) -> Tried:
        """Hold a rate; return whether the server carried it."""
        outcome = self._held(self._open(rate_requests_per_s))
        for _ in range(_AGAIN_COUNT):
            if outcome.validity.verdict != "CLIENT-LIMITED" or not self._may_go_on():
                break
            outcome = self._held(self._open(rate_requests_per_s))
        one = tried_of(rate_requests_per_s, outcome)
        slowest = outcome.latencies.get("e2e")
        if one.holds and slowest is not None:
            self.drain_s = max(_DRAIN_RATIO * slowest.max_s, _LEAST_DRAIN_S)
        return one


def tried_of(rate_requests_per_s: float, outcome: LevelOutcome) -> Tried:
    """Return what a level says of a rate.

    Fewer requests than :data:`LEAST_COUNTED` say nothing.
    """
    too_few = outcome.requests_count < LEAST_COUNTED
    return Tried(
        rate_requests_per_s,
        0.0 if outcome.good_ratio is None else outcome.good_ratio,
        outcome.error_ratio,
        is_growing=outcome.window.is_growing,
        is_limited=outcome.validity.verdict == "CLIENT-LIMITED" or too_few,
        is_interrupted=outcome.interrupted,
        requests_count=outcome.requests_count,
    )
