"""The Pareto front, against its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rightrig.planning.pareto import pareto_front

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

# Few distinct values, so that ties and duplicates are common.
tables = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.5]) | st.floats(0.0, 1e6),
)


def dominates(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(
        a < b for a, b in zip(one, other, strict=True)
    )


@settings(max_examples=500, deadline=None)
@given(tables)
def test_the_front_is_what_no_row_dominates(values: NDArray[np.float64]) -> None:
    expected = [not any(dominates(other, row) for other in values) for row in values]
    assert pareto_front(values).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(tables)
def test_a_front_is_never_empty_and_is_its_own_front(values: NDArray[np.float64]) -> None:
    front = values[pareto_front(values)]
    assert len(front) >= 1
    assert pareto_front(front).all()


@settings(max_examples=200, deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values: NDArray[np.float64], random: Random) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    assert pareto_front(values[order]).tolist() == pareto_front(values)[order].tolist()


def test_of_one_column_only_the_least_remain() -> None:
    assert pareto_front(np.array([[2.0], [1.0], [1.0], [3.0]])).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_no_rows_have_an_empty_front() -> None:
    assert pareto_front(np.empty((0, 3))).tolist() == []
