"""Whether a setting does better than the baseline, beyond what chance does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError
from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

Word = Literal["better", "worse", "same"]
CONFIDENCE_RATIO: Final = 0.9
"""Chance that every interval of an experiment holds the truth. When nothing changes, one in twenty
experiments keeps a value (one in twenty finds one worse)."""
LEAST_RUNS: Final = 3
"""Runs of the baseline: their spread says what chance does."""
_SEED: Final = 1
_LEAST_SPREAD_RATIO: Final = 1e-9
"""Runs that agree so closely are the same: a simulator's with the same draws."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a setting does to a figure, beside the baseline.

    Attributes:
        change_ratio: Its geometric mean over the baseline's: 1.2 is a fifth more. The interval
            holds it, and those of all other settings judged with it, in nine
            experiments of ten.
        word: Whether the whole interval lies on one side of 1, beyond what the baseline itself
            moved from its first start to its last.
    """

    change_ratio: Interval
    word: Word


def effects_of(
    first_ratio: Sequence[float],
    settings_ratio: Sequence[Sequence[float]],
    *,
    last_ratio: Sequence[float] = (),
    is_more_better: bool = True,
) -> tuple[Effect, ...]:
    """Return what each setting does beside the baseline, all judged together.

    Logarithms are compared, since noise is a share of what is measured: Dunnett's test of many
    treatments with one control (Dunnett 1955, JASA 50, 1096), simultaneous two-sided intervals of
    90 %, as ``scipy.stats.dunnett`` has them. The spread is that of all groups pooled, the baseline
    among them, whose first and last runs are one group: what moved between them counts as chance.
    A baseline that was started twice also moves between starts, which three runs of one start do
    not show; a change within that distance is called ``same`` too.

    Args:
        first_ratio: Figures of the baseline's runs, at least three, positive and over anything
            that all figures are over.
        settings_ratio: The same of each setting, one run or more.
        last_ratio: Of the baseline when it was started again at the end.
        is_more_better: Whether larger is better.

    Raises:
        InputError: for fewer than three runs of the baseline, or a figure that is not positive.
    """
    if len(first_ratio) < LEAST_RUNS:
        raise InputError(
            f"the spread of the baseline needs {LEAST_RUNS} runs of it, not {len(first_ratio)}"
        )
    if not settings_ratio:
        return ()
    begin, end = [_log_ratio(x) for x in first_ratio], [_log_ratio(x) for x in last_ratio]
    control = [*begin, *end]
    treated = [[_log_ratio(x) for x in runs] for runs in settings_ratio]
    changes = [_mean_ratio(runs) - _mean_ratio(control) for runs in treated]
    moved = abs(_mean_ratio(begin) - _mean_ratio(end)) if end else 0.0
    return tuple(
        Effect(
            Interval(math.exp(change - reach), math.exp(change), math.exp(change + reach)),
            _word(change, max(reach, moved), is_more_better=is_more_better),
        )
        for change, reach in zip(changes, _reaches_ratio(control, treated), strict=True)
    )


def _word(log_ratio: float, reach_ratio: float, *, is_more_better: bool) -> Word:
    """Return on which side a change lies."""
    if abs(log_ratio) <= max(reach_ratio, _LEAST_SPREAD_RATIO):
        return "same"
    return "better" if (log_ratio > 0.0) == is_more_better else "worse"


def _reaches_ratio(control_ratio: list[float], treated_ratio: list[list[float]]) -> list[float]:
    """Return how far each interval reaches from its middle, in logarithms.

    ``t · s · √(1/nᵢ + 1/n₀)`` with the pooled standard deviation ``s`` and Dunnett's ``t``.
    """
    groups = (control_ratio, *treated_ratio)
    free_count = sum(len(runs) for runs in groups) - len(groups)
    spread = math.sqrt(sum(_squares_ratio(runs) for runs in groups) / free_count)
    counts = tuple(len(runs) for runs in treated_ratio)
    critical = _critical_ratio(len(control_ratio), counts) if spread > 0.0 else 0.0
    return [
        critical * spread * math.sqrt(1.0 / count + 1.0 / len(control_ratio)) for count in counts
    ]


@lru_cache(maxsize=256)
def _critical_ratio(control_count: int, treated_counts: tuple[int, ...]) -> float:
    """Return Dunnett's critical value for groups of so many runs, whatever they measure.

    SciPy gives intervals of data alone: those of any data of these sizes, over their own spread.
    """
    import numpy as np  # noqa: PLC0415 - a second to load, with what follows
    from scipy import stats  # noqa: PLC0415 - the same

    control, *treated = (np.arange(float(n)) for n in (control_count, *treated_counts))
    groups = (control, *treated)
    free_count = sum(map(len, groups)) - len(groups)
    squares = sum(float(((runs - runs.mean()) ** 2).sum()) for runs in groups)
    error = math.sqrt(squares / free_count * (1.0 / len(treated[0]) + 1.0 / control_count))
    # The value is integrated with random points; the same ones each time.
    found = stats.dunnett(*treated, control=control, random_state=np.random.default_rng(_SEED))
    ends = found.confidence_interval(CONFIDENCE_RATIO)
    width = np.atleast_1d(ends.high) - np.atleast_1d(ends.low)
    return float(width[0]) / 2.0 / error


def _log_ratio(value_ratio: float) -> float:
    """Return the logarithm of a figure."""
    if not (math.isfinite(value_ratio) and value_ratio > 0.0):
        raise InputError(f"a figure to compare is positive and finite, not {value_ratio:g}")
    return math.log(value_ratio)


def _mean_ratio(logs_ratio: Sequence[float]) -> float:
    """Return the mean."""
    return math.fsum(logs_ratio) / len(logs_ratio)


def _squares_ratio(logs_ratio: Sequence[float]) -> float:
    """Return the sum of squared distances from the mean."""
    middle = _mean_ratio(logs_ratio)
    return math.fsum((value - middle) ** 2 for value in logs_ratio)
