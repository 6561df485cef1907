"""Requests as columns: what is refused, and what scaling and repeating keep."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests, input_statistics, length_statistics
from rightrig.errors import InputError

INF = math.inf


def chains() -> Requests:
    """Return three open rows; the first has two followers, the third one."""
    return Requests(
        np.array([0.0, 1.0, 3.0, INF, INF, INF]),
        np.arange(1, 7),
        np.arange(11, 17),
        next_index=np.array([3, -1, 5, 4, -1, -1]),
        think_s=np.array([0.0, 0.0, 0.0, 2.0, 3.0, 4.0]),
        block_tokens=4,
        block_offsets=np.array([0, 1, 2, 3, 5, 8, 9]),
        block_ids=np.array([0, 9, 7, 0, 1, 0, 1, 2, 7]),
    )


def plain(count: int = 3, **columns: Any) -> Requests:
    ones = np.ones(count, np.int64)
    given_columns = {"arrival_s": np.arange(count), "input_tokens": ones, "output_tokens": ones}
    return Requests(**(given_columns | columns))


def follows_of(requests: Requests) -> list[list[int]]:
    """Return the prompts of each chain."""
    found = []
    for row in range(requests.open_count):
        chain, at = [], row
        while at >= 0:
            chain.append(int(requests.input_tokens[at]))
            at = int(requests.next_index[at]) if requests.next_index.size else -1
        found.append(chain)
    return found


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"arrival_s": [0.0, 2.0, 1.0]}, "arrival_s of row 2 is 1.0"),
        ({"arrival_s": [0.0, math.nan, 1.0]}, "arrival_s of row 1 is nan"),
        ({"arrival_s": [-1.0, 0.0, 1.0]}, "arrival_s of row 0 is -1.0"),
        ({"arrival_s": [INF, INF, INF]}, "something must arrive"),
        ({"arrival_s": [0.0, 1.0, INF]}, "no row is followed by it"),
        ({"input_tokens": [1, 0, 1]}, "input_tokens of row 1 is 0"),
        ({"output_tokens": [1, 1, 10**9]}, "output_tokens of row 2 is 1000000000"),
        ({"output_tokens": [1, 1]}, "output_tokens has 2 values for 3 rows"),
        ({"input_tokens": [1.5, 1.0, 2.0]}, "give whole numbers"),
        ({"reasoning_tokens": [0, 1, 0]}, "reasoning_tokens of row 1 is 1"),
        ({"patience_s": [1.0, 0.0, INF]}, "patience_s of row 1 is 0.0"),
        ({"think_s": [1.0, INF, 0.0]}, "think_s of row 1 is inf"),
        ({"class_index": [0, 1, 0], "classes": (SloClass(name="a"),)}, "class_index of row 1 is 1"),
        ({"tenant_index": [0, 0, 0]}, "tenant_index of row 0 is 0"),
        ({"next_index": [1, -1, -1]}, "arrival_s of row 1 is 1.0"),
        ({"next_index": [0, -1, -1]}, "next_index of row 0 is 0"),
        ({"next_index": [2, 2, -1], "arrival_s": [0.0, 1.0, INF]}, "predecessors of row 2 is 2"),
        ({"next_index": [9, -1, -1]}, "next_index of row 0 is 9"),
        ({"block_offsets": [0, 0, 0, 0]}, "block_tokens is 0"),
        ({"block_offsets": [0, 1, 0, 1], "block_ids": [5], "block_tokens": 1}, "number of blocks"),
        ({"block_offsets": [0, 3, 3, 3], "block_ids": [1, 2, 3], "block_tokens": 1}, "row 0 is 3"),
        ({"block_offsets": [0, 1, 1, 1], "block_tokens": 1}, "block_offsets run from 0 to 1"),
    ],
)
def test_a_wrong_column_is_refused_by_row(columns: dict[str, Any], message: str) -> None:
    arrays: dict[str, Any] = {
        k: v if k in {"classes", "block_tokens"} else np.array(v) for k, v in columns.items()
    }
    with pytest.raises(InputError, match=message):
        plain(**arrays)


def test_no_requests_are_refused() -> None:
    with pytest.raises(InputError, match="0 rows"):
        plain(0)


def test_the_mean_rate_is_gaps_over_time() -> None:
    assert plain(arrival_s=np.array([2.0, 3.0, 6.0])).mean_rate_requests_per_s == 0.5


def test_requests_at_one_time_have_an_infinite_rate_that_cannot_be_scaled() -> None:
    batch = plain(arrival_s=np.zeros(3))
    assert batch.mean_rate_requests_per_s == INF
    with pytest.raises(InputError, match="use a trace with arrival times, or poisson"):
        batch.at_rate(1.0)


@given(st.floats(1e-3, 1e4))
def test_another_rate_scales_gaps_and_keeps_the_rest(rate: float) -> None:
    scaled = chains().at_rate(rate)
    assert scaled.mean_rate_requests_per_s == pytest.approx(rate)
    assert scaled.open_count == 3
    np.testing.assert_array_equal(scaled.input_tokens, chains().input_tokens)
    np.testing.assert_array_equal(scaled.think_s, chains().think_s)


def test_stretching_by_two_halves_the_rate() -> None:
    assert chains().stretched(2.0).mean_rate_requests_per_s == pytest.approx(1.0 / 3.0)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, INF])
def test_a_factor_that_is_not_positive_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="factor"):
        chains().stretched(factor)


def test_a_repeated_trace_continues_one_mean_gap_later() -> None:
    repeated = plain().repeated(7)
    np.testing.assert_allclose(repeated.arrival_s, np.arange(7.0))


@given(st.integers(3, 40))
def test_repeating_keeps_chains_whole(count: int) -> None:
    repeated = chains().repeated(count)
    assert count - 3 < len(repeated) <= count
    whole = [[1, 4, 5], [2], [3, 6]]
    assert follows_of(repeated) == (whole * 20)[: repeated.open_count]


def test_fewer_requests_than_the_first_chain_are_refused() -> None:
    with pytest.raises(InputError, match="fewer than the first chain"):
        chains().repeated(2)


@pytest.mark.parametrize(("distinct", "count"), [(False, 5), (True, 10)])
def test_copies_share_prefixes_unless_they_are_made_distinct(distinct: bool, count: int) -> None:  # noqa: FBT001 - a parameter of the test
    repeated = chains().repeated(12, distinct_prefixes=distinct)
    assert len(np.unique(repeated.block_ids)) == count


def test_blocks_stay_with_their_rows_when_rows_are_chosen() -> None:
    kept = chains().only(np.array([True, False, True, True, True, True]))
    rows = np.split(kept.block_ids, kept.block_offsets[1:-1])
    assert [row.tolist() for row in rows] == [[0], [7], [0, 1], [0, 1, 2], [7]]
    assert kept.next_index.tolist() == [2, 4, 3, -1, -1]


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(InputError, match="output_tokens of row 0"):
        replace(chains(), output_tokens=np.zeros(6, np.int64))


def test_statistics_are_linear_between_values() -> None:
    found = length_statistics(np.arange(1, 102))
    assert (found.mean_tokens, found.p50_tokens, found.p90_tokens) == (51.0, 51.0, 91.0)
    assert (found.p99_tokens, found.max_tokens) == (100.0, 101)
    assert input_statistics(chains()).mean_tokens == 3.5
