"""The Pareto front: plans that no other plan beats in everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pareto_front(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows are on the front; every column is better when smaller.

    A row is dominated when another is no worse in all columns and better in one. Rows that are
    equal in all columns stand or fall together.

    >>> pareto_front(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 3.0], [1.0, 3.0]])).tolist()
    [True, True, False, True]
    """
    kept = np.ones(len(values), bool)
    for number in np.lexsort(values.T[::-1]):
        if kept[number]:
            no_worse = (values[number] <= values).all(axis=1)
            better = (values[number] < values).any(axis=1)
            kept &= ~(no_worse & better)
    return kept
