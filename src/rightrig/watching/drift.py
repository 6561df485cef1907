"""Whether a figure that is measured again and again has shifted: a change-point test.

The runs of a figure are split where ranks before and after differ most (A. N. Pettitt, A
non-parametric approach to the change-point problem, Applied Statistics 28 (1979) 126-135, with each
split's rank sum divided by its standard deviation). How often chance alone finds a split as good is
asked of permutations of the same ranks. Over all figures together at most 5 % of those that are
flagged are flagged by chance (Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300). What
is smaller than 1 %, or than what one run differs from the next anyway, is no shift.

The permutations take runs for exchangeable while nothing changes. Where each run resembles the
last one, the score is divided by what that adds to the deviation of a mean, ``√((1+r)/(1−r))`` for
a correlation r of neighbours; figures that wander far by themselves are still flagged too often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy import stats

from rightrig.errors import InputError
from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Word = Literal["steady", "shifted", "too few runs"]
ALPHA_RATIO: Final = 0.05
"""Of the figures that are flagged, the share that chance may have flagged."""
LEAST_SIDE_COUNT: Final = 3
"""Runs on either side of a split: one or two strange runs are no shift."""
LEAST_COUNT: Final = 8
"""Runs below which nothing is tested: of 8, one order in 35 splits as well by chance."""
LEAST_CHANGE_RATIO: Final = 0.01
MOST_FIGURES: Final = 4_000
_PERMUTATIONS: Final = 9_999
_MOST_PERMUTATIONS: Final = 99_999
_ALL_ORDERS: Final = 40_320
"""Orders of eight runs: as many are all gone through."""
_NEAR_COUNT: Final = 10
_TREND_RATIO: Final = 0.01
_MOST_LIKENESS_RATIO: Final = 0.95
_BOOTSTRAPS: Final = 1_999
_SEED: Final = 20_261_121
_NORMAL_QUARTILE_RATIO: Final = 0.6745
"""Upper quartile of a normal distribution: median of its absolute values over its deviation."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a figure shifted, and by how much.

    Attributes:
        place: Of the first run after it.
        before, after: Medians, in the figure's unit.
        change_ratio: After over before, less one, with its central 80 % for that split.
        p_ratio: How often chance finds such a split in any of the figures, as corrected.
        is_gradual: Whether the figure moves on within both parts: there is no single day.
        is_over: Whether the newest runs are back where the first part was.
    """

    place: int
    before: float
    after: float
    change_ratio: Interval
    p_ratio: float
    is_gradual: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one figure.

    Attributes:
        count: Runs that counted.
        needed_count: Runs from which on a clear shift of this figure alone would be seen.
        spread: What one run usually differs by, as a standard deviation, in the figure's unit.
    """

    word: Word
    count: int
    needed_count: int
    median: float = math.nan
    spread: float = math.nan
    shift: Shift | None = None


@dataclass(frozen=True, slots=True)
class _Split:
    """The best split of a series, before it is judged."""

    place: int
    p_ratio: float


def shifted(series: Sequence[Sequence[float]]) -> tuple[Verdict, ...]:
    """Return what is to be said of each of several figures.

    Args:
        series: Values of each figure, oldest first. What is not finite does not count; places in
            the verdicts are those of the values as given.

    Raises:
        InputError: for more than 4,000 figures: chance would need more runs than anybody keeps.
    """
    if len(series) > MOST_FIGURES:
        raise InputError(
            f"{len(series):,} figures are more than the {MOST_FIGURES:,} that are compared; "
            "narrow them with --figure or --kind"
        )
    arrays = [np.asarray(values, dtype=float) for values in series]
    kept = [np.flatnonzero(np.isfinite(values)) for values in arrays]
    tested = [i for i, places in enumerate(kept) if len(places) >= LEAST_COUNT]
    draws = min(max(_PERMUTATIONS, math.ceil(2 * len(tested) / ALPHA_RATIO)), _MOST_PERMUTATIONS)
    splits = [_best_split(arrays[i][kept[i]], draws) for i in tested]
    found = [split.p_ratio for split in splits]
    corrected = stats.false_discovery_control(found) if found else np.empty(0)
    needed = needed_count(len(tested))
    verdicts = [
        Verdict("too few runs", len(places), needed, _median(values[places]))
        for values, places in zip(arrays, kept, strict=True)
    ]
    for i, split, p_ratio in zip(tested, splits, corrected, strict=True):
        values = arrays[i][kept[i]]
        verdicts[i] = _judged(values, split, float(p_ratio), needed)
        if (shift := verdicts[i].shift) is not None:
            moved = replace(shift, place=int(kept[i][shift.place]))
            verdicts[i] = replace(verdicts[i], shift=moved)
    return tuple(verdicts)


def needed_count(figures_count: int) -> int:
    """Return the runs from which on one figure alone that shifts is seen among so many.

    The clearest shift, all runs after it beyond all before, has twice one chance in C(n, n/2).

    >>> needed_count(1), needed_count(100)
    (8, 15)
    """
    most_ratio = ALPHA_RATIO / max(figures_count, 1)
    count = LEAST_COUNT
    while 2.0 / math.comb(count, count // 2) > most_ratio:
        count += 1
    return count


def _median(values: NDArray[np.float64]) -> float:
    """Return the median; NaN of nothing."""
    return float(np.median(values)) if len(values) else math.nan


def _judged(
    values: NDArray[np.float64], split: _Split, p_ratio: float, needed_count: int
) -> Verdict:
    """Return the verdict on a figure whose p-value is corrected."""
    count, middle = len(values), _median(values)
    first, last = values[: split.place], values[split.place :]
    spread = max(_spread(values), _spread(first), _spread(last))
    before, after = _median(first), _median(last)
    least = max(spread, LEAST_CHANGE_RATIO * abs(before))
    is_shift = p_ratio <= ALPHA_RATIO and abs(after - before) > least
    if not is_shift:
        word: Word = "steady" if count >= needed_count else "too few runs"
        return Verdict(word, count, needed_count, middle, spread)
    newest = _median(values[-LEAST_SIDE_COUNT:])
    shift = Shift(
        place=split.place,
        before=before,
        after=after,
        change_ratio=_change_ratio(first, last),
        p_ratio=p_ratio,
        is_gradual=_moves_on(first, last, math.copysign(1.0, after - before)),
        is_over=len(last) > LEAST_SIDE_COUNT and abs(newest - before) <= least,
    )
    return Verdict("shifted", count, needed_count, middle, spread, shift)


def _spread(values: NDArray[np.float64]) -> float:
    """Return what a run differs by from its neighbours: a shift or two do not widen it."""
    steps = np.abs(np.diff(values))
    return float(np.median(steps)) / (_NORMAL_QUARTILE_RATIO * math.sqrt(2.0))


def _best_split(values: NDArray[np.float64], draws: int) -> _Split:
    """Return where ranks differ most, and how often chance does as well."""
    ranks = stats.rankdata(values)
    scores = _scores(ranks[np.newaxis, :])[0]
    place = _located(values, LEAST_SIDE_COUNT + int(scores.argmax()))
    best = float(scores.max()) / _inflation_ratio(values, place)
    null = _null(tuple(np.sort(ranks).tolist()), draws)
    as_good = int(np.count_nonzero(null >= best - 1e-9))
    is_exact = len(null) == math.factorial(min(len(values), 12))
    p_ratio = as_good / len(null) if is_exact else (as_good + 1) / (len(null) + 1)
    return _Split(place, p_ratio)


def _located(values: NDArray[np.float64], near: int) -> int:
    """Return the split near a place whose medians leave the least: ranks pull to the middle."""
    places = range(
        max(LEAST_SIDE_COUNT, near - _NEAR_COUNT),
        min(len(values) - LEAST_SIDE_COUNT, near + _NEAR_COUNT) + 1,
    )

    def left(place: int) -> float:
        parts = (values[:place], values[place:])
        return sum(float(np.abs(part - np.median(part)).sum()) for part in parts)

    return min(places, key=lambda place: (left(place), abs(place - near)))


def _inflation_ratio(values: NDArray[np.float64], place: int) -> float:
    """Return what likeness of neighbours adds to the deviation of a part's mean; at least 1.

    A trend is no likeness: one line through all runs is taken away where that leaves less than the
    two medians.
    """
    parts = [part - np.median(part) for part in np.split(values, [place])]
    times = np.arange(len(values))
    line = stats.theilslopes(values, times)
    rests = [np.concatenate(parts), values - line.intercept - line.slope * times]
    rest = min(rests, key=lambda one: float(np.abs(one).sum()))
    ranks = stats.rankdata(rest)
    first, second = ranks[:-1] - ranks[:-1].mean(), ranks[1:] - ranks[1:].mean()
    norm = math.sqrt(float((first**2).sum() * (second**2).sum()))
    likeness = float((first * second).sum()) / norm if norm > 0.0 else 0.0
    bounded = min(max(likeness, 0.0), _MOST_LIKENESS_RATIO)
    return math.sqrt((1.0 + bounded) / (1.0 - bounded))


def _scores(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each split's rank sum lies from its mean, in standard deviations.

    Of k of n ranks without ties the mean is k·(n+1)/2 and the variance k·(n−k)·(n+1)/12.
    """
    count = ranks.shape[-1]
    sizes = np.arange(LEAST_SIDE_COUNT, count - LEAST_SIDE_COUNT + 1)
    sums = np.cumsum(ranks, axis=-1)[..., sizes - 1]
    deviation = np.sqrt(sizes * (count - sizes) * (count + 1) / 12.0)
    return np.abs(sums - sizes * (count + 1) / 2.0) / deviation  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _null(ranks: tuple[float, ...], draws: int) -> NDArray[np.float64]:
    """Return the best score of many orders of some ranks; of few runs, of every order."""
    found = stats.permutation_test(
        (np.array(ranks),),
        lambda *data, axis: _scores(np.moveaxis(data[0], axis, -1)).max(axis=-1),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=max(draws, _ALL_ORDERS) if len(ranks) <= LEAST_COUNT else draws,
        batch=2_000,
        alternative="greater",
        rng=np.random.default_rng(_SEED),
    )
    return np.asarray(found.null_distribution, dtype=float)


def _change_ratio(first: NDArray[np.float64], last: NDArray[np.float64]) -> Interval:
    """Return the change of the median with its central 80 %, by the bootstrap."""
    before, after = _median(first), _median(last)
    if before == 0.0:
        return Interval.exact(math.copysign(math.inf, after))
    rng = np.random.default_rng(_SEED)
    drawn = [
        np.median(rng.choice(part, (_BOOTSTRAPS, len(part))), axis=1) for part in (first, last)
    ]
    drawn[0][drawn[0] == 0.0] = before
    low, high = np.quantile((drawn[1] - drawn[0]) / abs(before), (0.1, 0.9))
    mid = (after - before) / abs(before)
    return Interval(min(float(low), mid), mid, max(float(high), mid))


def _moves_on(
    first: NDArray[np.float64], last: NDArray[np.float64], direction_ratio: float
) -> bool:
    """Whether both parts trend in the direction of the shift (Kendall's τ, beyond chance)."""
    found = [stats.kendalltau(np.arange(len(part)), part) for part in (first, last)]
    return all(one.statistic * direction_ratio > 0.0 and one.pvalue < _TREND_RATIO for one in found)
