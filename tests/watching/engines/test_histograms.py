"""Latencies in buckets: what is surely so."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rightrig.watching.engines.histograms import (
    all_count,
    histogram_of,
    mean_s,
    merged,
    quantile_bounds_s,
    since,
    within_count,
)
from rightrig.watching.states import Histogram

ONE = Histogram((0.1, 0.25, math.inf), (4.0, 9.0, 10.0), 2.0)
latencies = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40)
bounds = st.lists(st.floats(0.001, 90.0), min_size=1, max_size=8, unique=True).map(sorted)


def counted(bounds_s: list[float], observed_s: list[float]) -> Histogram:
    every_s = (*bounds_s, math.inf)
    counts = tuple(float(sum(o <= b for o in observed_s)) for b in every_s)
    return Histogram(every_s, counts, math.fsum(observed_s))


def test_within_a_limit_counts_at_the_next_lower_bound() -> None:
    assert within_count(ONE, 0.2) == (4.0, 0.1)
    assert within_count(ONE, 0.25) == (9.0, 0.25)
    assert within_count(ONE, 1e9) == (9.0, 0.25)


def test_nothing_is_surely_within_a_limit_below_the_first_bound() -> None:
    assert within_count(ONE, 0.05) == (0.0, 0.0)


def test_a_quantile_lies_between_two_bounds() -> None:
    assert quantile_bounds_s(ONE, 0.4) == (0.0, 0.1)
    assert quantile_bounds_s(ONE, 0.5) == (0.1, 0.25)
    assert quantile_bounds_s(ONE, 0.95) == (0.25, math.inf)
    assert mean_s(ONE) == 0.2


def test_an_empty_histogram_has_neither_quantile_nor_mean() -> None:
    empty = Histogram((0.1, math.inf), (0.0, 0.0), 0.0)
    assert quantile_bounds_s(empty, 0.5) is None
    assert mean_s(empty) is None
    assert quantile_bounds_s(Histogram((), (), 0.0), 0.5) is None


def test_unequal_buckets_are_added_at_the_bounds_of_all() -> None:
    other = Histogram((0.1, 0.5, math.inf), (1.0, 2.0, 3.0), 1.0)
    assert merged([ONE, other]) == Histogram((0.1, math.inf), (5.0, 13.0), 3.0)
    assert merged([]) is None


def test_counts_that_make_no_sense_are_no_histogram() -> None:
    assert histogram_of({0.1: 5.0, math.inf: 4.0}, 1.0) is None
    assert histogram_of({0.1: 5.0}, 1.0) is None
    assert histogram_of({0.1: math.nan, math.inf: 4.0}, 1.0) is None
    assert histogram_of({0.1: 1.0, math.inf: 4.0}, math.nan) is None
    assert histogram_of({}, 1.0) is None


def test_what_was_observed_since_is_the_difference() -> None:
    later = Histogram((0.1, 0.25, math.inf), (5.0, 12.0, 13.0), 2.6)
    window = since(ONE, later)
    assert window is not None
    assert window.observations_count == (1.0, 3.0, 3.0)
    assert math.isclose(window.total_s, 0.6)


def test_a_restart_says_nothing_of_the_time_between() -> None:
    assert since(ONE, Histogram(ONE.bounds_s, (1.0, 1.0, 1.0), 0.1)) is None
    assert since(ONE, Histogram((0.1, math.inf), (9.0, 10.0), 3.0)) is None
    assert since(None, ONE) is None
    assert since(ONE, None) is None


@given(bounds, latencies, st.floats(0.0, 100.0))
def test_within_is_never_too_high(
    bounds_s: list[float], observed_s: list[float], limit_s: float
) -> None:
    count, bound_s = within_count(counted(bounds_s, observed_s), limit_s)
    assert count <= sum(one <= limit_s for one in observed_s)
    assert bound_s <= limit_s


@given(bounds, latencies, st.floats(0.01, 1.0))
def test_a_quantile_of_the_observations_lies_between_its_bounds(
    bounds_s: list[float], observed_s: list[float], ratio: float
) -> None:
    found = quantile_bounds_s(counted(bounds_s, observed_s), ratio)
    assert found is not None
    ordered = sorted(observed_s)
    quantile_s = ordered[max(math.ceil(ratio * len(ordered)) - 1, 0)]
    assert found[0] <= quantile_s <= found[1]


@given(st.lists(st.tuples(bounds, latencies), min_size=1, max_size=4))
def test_the_sum_is_that_of_all_observations(parts: list[tuple[list[float], list[float]]]) -> None:
    found = merged([counted(bounds_s, observed_s) for bounds_s, observed_s in parts])
    assert found is not None
    everything = [one for _, observed_s in parts for one in observed_s]
    assert all_count(found) == len(everything)
    again = counted(list(found.bounds_s[:-1]), everything)
    assert found.observations_count == again.observations_count
