"""A run with failures and saves, drawn many times: how long it takes, with its spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.reliability.checkpoint import useful_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.reliability.checkpoint import Saving

RUNS_COUNT: Final = 2000
LEAST_USEFUL_RATIO: Final = 0.01
"""Below it a run is not drawn: it would fail thousands of times for an hour of work."""


@dataclass(frozen=True, slots=True)
class DrawnRuns:
    """What became of runs that were drawn.

    Attributes:
        mean_s: Mean time.
        mean_error_s: Standard error of it.
        elapsed_s: Central 80 % of the times.
        failures_count: Mean failures of a run.
    """

    mean_s: float
    mean_error_s: float
    elapsed_s: Interval
    failures_count: float


def draw_runs(
    work_s: float, interval_s: float, saving: Saving, *, runs_count: int = RUNS_COUNT, seed: int = 1
) -> DrawnRuns:
    """Return how long runs take whose failures are drawn.

    Time goes from failure to failure, exponential of mean M. Work is saved after each interval,
    at its end too, and a save counts once it is flushed; a failure takes the run back to the last
    that counts, and a restart may fail as well. Work of the last, shorter interval is saved too.

    Raises:
        InputError: for runs of which hardly any work lasts.
    """
    if useful_ratio(interval_s, saving) < LEAST_USEFUL_RATIO:
        raise InputError("a run is drawn where at least 1 % of its time is work that lasts")
    random = np.random.default_rng(seed)
    left_s = np.full(runs_count, float(work_s))
    elapsed_s = np.zeros(runs_count)
    failures = np.zeros(runs_count)
    running = np.arange(runs_count)
    while len(running):
        until_s = random.exponential(saving.mtbf_s, len(running))
        need_s = _time_left_s(left_s[running], interval_s, saving.save_s)
        ends = need_s <= until_s
        elapsed_s[running[ends]] += need_s[ends]
        running, until_s = running[~ends], until_s[~ends]
        elapsed_s[running] += until_s
        failures[running] += 1
        period_s = interval_s + saving.save_s
        saved = np.floor(np.maximum(until_s - saving.flush_s, 0.0) / period_s)
        left_s[running] -= saved * interval_s
        down_s, tries = _restarts(random, len(running), saving)
        elapsed_s[running] += down_s
        failures[running] += tries
    return _summary(elapsed_s, failures)


def _time_left_s(
    left_s: NDArray[np.float64], interval_s: float, save_s: float
) -> NDArray[np.float64]:
    """Return the time that the rest takes without a failure, with all its saves."""
    return left_s + np.ceil(left_s / interval_s - 1e-9) * save_s


def _restarts(
    random: np.random.Generator, count: int, saving: Saving
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the time until each run works again, and the failures on the way."""
    needed_s = saving.down_s
    total_s, failed = np.zeros(count), np.zeros(count)
    waiting = np.arange(count)
    while needed_s > 0.0 and len(waiting):
        until_s = random.exponential(saving.mtbf_s, len(waiting))
        done = until_s >= needed_s
        total_s[waiting] += np.minimum(until_s, needed_s)
        failed[waiting[~done]] += 1
        waiting = waiting[~done]
    return total_s, failed


def _summary(elapsed_s: NDArray[np.float64], failures_count: NDArray[np.float64]) -> DrawnRuns:
    """Return means and spread."""
    low, mid, high = (float(value) for value in np.quantile(elapsed_s, [0.1, 0.5, 0.9]))
    error_s = float(elapsed_s.std(ddof=1)) / math.sqrt(len(elapsed_s))
    return DrawnRuns(
        float(elapsed_s.mean()), error_s, Interval(low, mid, high), float(failures_count.mean())
    )
