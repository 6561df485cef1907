from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.measuring.load.outcome import Level, Samples
from rightrig.measuring.load.outcome_samples import Record, samples_of
from rightrig.measuring.load.steady import in_flight_count, settled_at, window_of


def samples(due_s: list[float], ttft_s: list[float]) -> Samples:
    records = [
        Record(
            row,
            due,
            10,
            1,
            sent_s=due,
            first_byte_s=due + ttft,
            done_s=due + ttft,
            stamps_s=array("d", [due + ttft]),
            usage_input_tokens=10,
            usage_output_tokens=1,
        )
        for row, (due, ttft) in enumerate(zip(due_s, ttft_s, strict=True))
    ]
    return samples_of(records, None)


def of_rate(ttft_s: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Samples:
    return samples([0.1 * place for place in range(len(ttft_s))], list(ttft_s))


OPEN = Level("open", rate_requests_per_s=10.0, requests_count=1000)


def test_the_begin_that_is_slower_is_cut() -> None:
    rng = np.random.default_rng(1)
    ttft_s = 0.05 + 0.01 * rng.random(400)
    ttft_s[:60] += np.linspace(1.0, 0.0, 60)
    window = window_of(of_rate(ttft_s), OPEN, 40.0)
    assert 40 <= window.cut_count <= 90
    assert window.start_s == pytest.approx(0.1 * window.cut_count)
    assert window.is_steady


def test_what_is_steady_from_the_begin_keeps_most() -> None:
    rng = np.random.default_rng(2)
    cuts = [
        window_of(of_rate(0.05 + 0.01 * rng.random(400)), OPEN, 40.0).cut_count for _ in range(20)
    ]
    assert np.mean(cuts) < 100


def test_a_stall_in_the_middle_is_no_warm_up() -> None:
    rng = np.random.default_rng(3)
    ttft_s = 0.05 + 0.01 * rng.random(400)
    ttft_s[200:210] += 2.0
    window = window_of(of_rate(ttft_s), OPEN, 40.0)
    assert window.cut_count <= 100


def test_a_queue_that_grows_is_not_steady() -> None:
    ttft_s = np.linspace(0.05, 20.0, 400)
    window = window_of(of_rate(ttft_s), OPEN, 40.0)
    assert window.is_growing
    assert not window.is_steady
    assert "rise" in window.reason


def test_few_answers_are_all_kept() -> None:
    window = window_of(of_rate(np.full(20, 0.05)), OPEN, 2.0)
    assert (window.cut_count, window.start_s) == (0, 0.0)
    assert "fewer than 40" in window.reason


def test_a_warm_up_that_is_given_is_taken() -> None:
    level = Level("open", rate_requests_per_s=10.0, requests_count=1000, warmup_s=3.0)
    window = window_of(of_rate(np.full(100, 0.05)), level, 9.0)
    assert (window.start_s, window.end_s, window.cut_count) == (3.0, 9.0, 30)


def test_nothing_was_sent() -> None:
    window = window_of(samples_of([], None), OPEN, 5.0)
    assert (window.start_s, window.end_s, window.is_steady) == (0.0, 5.0, True)


def test_requests_under_way_are_counted_at_each_dispatch() -> None:
    found = in_flight_count(samples([0.0, 1.0, 2.0, 9.0], [5.0, 5.0, 1.0, 1.0]))
    assert list(found) == [1.0, 2.0, 3.0, 1.0]


@settings(deadline=None)
@given(values=st.lists(st.floats(0.0, 100.0), max_size=200))
def test_a_cut_leaves_something(values: list[float]) -> None:
    cut = settled_at(np.array(values))
    assert cut == 0 or 0 < cut < len(values)
