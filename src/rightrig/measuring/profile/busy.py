"""Time in which something runs: unions of spans, and what of one no other covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Busy:
    """Spans that do not touch, in order.

    Attributes:
        starts_s, ends_s: Of each.
    """

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]

    @property
    def total_s(self) -> float:
        """The length of all."""
        return float(np.sum(self.ends_s - self.starts_s))

    def until_s(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the busy time before each moment."""
        if not len(self.starts_s):
            return np.zeros_like(times_s)
        spans_s = self.ends_s - self.starts_s
        before_s = np.concatenate(([0.0], np.cumsum(spans_s)))
        number = np.searchsorted(self.starts_s, times_s, side="right")
        last = np.maximum(number - 1, 0)
        inside_s = np.clip(times_s - self.starts_s[last], 0.0, spans_s[last])
        found: NDArray[np.float64] = np.where(number > 0, before_s[last] + inside_s, 0.0)
        return found

    def within_s(
        self, starts_s: NDArray[np.float64], ends_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the busy time in each window."""
        return self.until_s(ends_s) - self.until_s(starts_s)


def union(starts_s: NDArray[np.float64], ends_s: NDArray[np.float64]) -> Busy:
    """Return the union of spans that may overlap, in any order.

    >>> joined = union(np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 6.0]))
    >>> joined.starts_s.tolist(), joined.ends_s.tolist()
    ([0.0, 5.0], [3.0, 6.0])
    """
    if not len(starts_s):
        return Busy(np.zeros(0), np.zeros(0))
    order = np.argsort(starts_s, kind="stable")
    starts_s, ends_s = starts_s[order], ends_s[order]
    reached_s = np.maximum.accumulate(ends_s)
    opens = np.concatenate(([True], starts_s[1:] > reached_s[:-1]))
    first = np.flatnonzero(opens)
    last = np.concatenate((first[1:] - 1, [len(starts_s) - 1]))
    return Busy(starts_s[first], reached_s[last])
