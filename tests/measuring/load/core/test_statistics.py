from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.measuring.load.statistics import batches_of, latency_of, mean_of, percentile_of


@settings(deadline=None)
@given(
    values=st.lists(st.floats(0.0, 1e3), min_size=1, max_size=200),
    level=st.sampled_from([0.5, 0.9, 0.99, 0.999]),
)
def test_a_percentile_lies_in_its_interval_and_among_the_values(
    values: list[float], level: float
) -> None:
    column = np.sort(np.array(values))
    found = percentile_of(column, batches_of(len(column)), level).value_s
    assert column[0] <= found.low <= found.mid <= found.high <= column[-1]


@pytest.mark.parametrize(("level", "truth"), [(0.5, 0.6931), (0.9, 2.3026), (0.99, 4.6052)])
def test_the_interval_holds_the_truth_four_times_in_five(level: float, truth: float) -> None:
    rng = np.random.default_rng(1)
    batch = batches_of(2000)
    hits = 0
    for _ in range(300):
        values = rng.standard_exponential(2000)
        order = np.argsort(values)
        found = percentile_of(values[order], batch[order], level).value_s
        hits += found.low <= truth <= found.high
    assert 0.74 <= hits / 300 <= 0.92


def test_neighbours_that_depend_on_each_other_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    truth, hits, widths = 0.0, 0, []
    batch = batches_of(2000)
    for _ in range(200):
        noise = rng.standard_normal(2000)
        values = np.empty(2000)
        values[0] = noise[0]
        for place in range(1, 2000):
            values[place] = 0.9 * values[place - 1] + np.sqrt(1 - 0.81) * noise[place]
        order = np.argsort(values)
        found = percentile_of(values[order], batch[order], 0.5).value_s
        hits += found.low <= truth <= found.high
        widths.append(found.high - found.low)
    assert 0.68 <= hits / 200 <= 0.92
    assert np.mean(widths) > 0.2  # as if independent: 0.07


def test_a_99th_percentile_of_few_values_is_marked() -> None:
    rng = np.random.default_rng(3)
    for count, is_enough in ((200, False), (999, False), (5000, True)):
        found = latency_of(rng.random(count), batches_of(count))
        assert found is not None
        assert found.statistics["p99"].is_enough is is_enough
        assert found.statistics["p50"].is_enough


def test_the_mean_has_the_interval_of_student() -> None:
    rng = np.random.default_rng(4)
    batch = batches_of(900)
    hits = 0
    for _ in range(400):
        found = mean_of(rng.normal(5.0, 1.0, 900), batch).value_s
        hits += found.low <= 5.0 <= found.high
    assert 0.74 <= hits / 400 <= 0.86


def test_values_that_never_came_are_infinite() -> None:
    column = np.array([1.0] * 95 + [np.inf] * 5)
    batch = batches_of(100)
    assert percentile_of(column, batch, 0.5).value_s.mid == 1.0
    assert percentile_of(column, batch, 0.99).value_s.mid == np.inf


def test_there_are_no_statistics_of_nothing() -> None:
    assert latency_of(np.empty(0), batches_of(0)) is None
