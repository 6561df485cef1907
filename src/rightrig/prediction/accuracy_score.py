"""How predictions are judged: the error, the interval's hits, width and score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.interval import Interval

Axis = Literal["gpu", "runtime", "metric", "model", "source"]
AXES: Final[tuple[Axis, ...]] = ("gpu", "runtime", "metric", "model", "source")
"""What rows are grouped by."""
_MISS_RATIO: Final = 0.2
"""The share of truths that an interval of the central 80 % leaves outside."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One measured row beside its prediction, both in the row's own unit.

    Attributes:
        row: Its number among the rows, from 1.
        names: Axis → what the row is of.
        measured: The measured value; ``None`` where it is no number.
        predicted: The prediction; ``None`` where there is none.
        reason: Why there is no prediction; with one, what had to be read into the row.
        also: What else the row measured, beside its predictions.
    """

    row: int
    names: dict[Axis, str]
    unit: str
    measured: float | None
    predicted: Interval | None
    reason: str
    also: tuple[Judged, ...] = ()

    @property
    def error_ratio(self) -> float | None:
        """Predicted over measured, less one."""
        if self.measured is None or self.predicted is None:
            return None
        return self.predicted.mid / self.measured - 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """How well some rows are predicted; ratios are ``None`` where no row has a prediction.

    Attributes:
        rows: All rows, those without a prediction too.
        predicted: Rows with a prediction.
        coverage_ratio: Their share.
        median_abs_error_ratio, p90_abs_error_ratio: Of ``|predicted / measured − 1|``.
        bias_ratio: Median of ``predicted / measured − 1``.
        interval_hit_ratio: Share of measured values inside their interval; 0.8 is right.
        median_width_ratio: Of ``high / low − 1``, intervals from 0 left out.
        interval_score: Mean of Winkler's score at 80 %, relative to the measured value.
    """

    rows: int
    predicted: int
    coverage_ratio: float
    median_abs_error_ratio: float | None = None
    p90_abs_error_ratio: float | None = None
    bias_ratio: float | None = None
    interval_hit_ratio: float | None = None
    median_width_ratio: float | None = None
    interval_score: float | None = None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A table of measured runs beside the predictions.

    Attributes:
        table: The table's name.
        rows: In the table's order, every one of it.
    """

    table: str
    rows: tuple[Judged, ...]

    @property
    def summary(self) -> Score:
        """The score of all rows."""
        return score(self.rows)

    @property
    def also(self) -> Accuracy:
        """What the rows measured besides, as a table of its own."""
        return Accuracy(self.table, tuple(one for row in self.rows for one in row.also))

    def groups(self, *axes: Axis) -> dict[tuple[str, ...], Score]:
        """Return the score of the rows that share their names, in the order of their first."""
        found: dict[tuple[str, ...], list[Judged]] = {}
        for row in self.rows:
            found.setdefault(tuple(row.names[axis] for axis in axes), []).append(row)
        return {names: score(members) for names, members in found.items()}


def score(rows: Sequence[Judged]) -> Score:
    """Return how well some rows are predicted."""
    pairs = [
        (row.measured, row.predicted)
        for row in rows
        if row.measured is not None and row.predicted is not None
    ]
    coverage = len(pairs) / len(rows) if rows else 0.0
    if not pairs:
        return Score(len(rows), 0, coverage)
    errors = [predicted.mid / measured - 1.0 for measured, predicted in pairs]
    widths = [predicted.width_ratio for _, predicted in pairs]
    finite = [width for width in widths if math.isfinite(width)]
    hits = [predicted.low <= measured <= predicted.high for measured, predicted in pairs]
    return Score(
        rows=len(rows),
        predicted=len(pairs),
        coverage_ratio=coverage,
        median_abs_error_ratio=median(abs(error) for error in errors),
        p90_abs_error_ratio=quantile([abs(error) for error in errors], 0.9),
        bias_ratio=median(errors),
        interval_hit_ratio=fmean(hits),
        median_width_ratio=median(finite) if finite else None,
        interval_score=fmean(winkler_ratio(measured, predicted) for measured, predicted in pairs),
    )


def winkler_ratio(measured: float, predicted: Interval) -> float:
    """Return Winkler's score of an 80 % interval, over the measured value; less is better.

    ``(high − low + 2/α · (distance to the interval)) / measured`` with α = 0.2.

    Source: Winkler 1972, doi:10.1080/01621459.1972.10481224. Validity: intervals of 80 %.

    >>> from rightrig.interval import Interval
    >>> round(winkler_ratio(100.0, Interval(90.0, 100.0, 110.0)), 3)
    0.2
    >>> round(winkler_ratio(100.0, Interval(101.0, 105.0, 111.0)), 3)
    0.2
    """
    distance = max(predicted.low - measured, measured - predicted.high, 0.0)
    return (predicted.high - predicted.low + 2.0 / _MISS_RATIO * distance) / measured


def quantile(values: Sequence[float], share_ratio: float) -> float:
    """Return a quantile of some values, straight between the two that are next to it.

    >>> quantile([1.0, 2.0, 4.0], 0.75)
    3.0
    """
    ordered = sorted(values)
    position = share_ratio * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
