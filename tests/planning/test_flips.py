"""Flips: where an answer changes along the rate, however often between two rates of the grid."""

from __future__ import annotations

import bisect
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.planning.flips import Flip, flip_sentences, flips, rate_grid_requests_per_s

GRID = [0.1, 1.0, 10.0, 100.0]
CLOSE_RATIO = 1e-6


def test_a_flip_is_found_where_the_answer_changes() -> None:
    (found,) = flips(lambda rate: "low" if rate <= 3.7 else "high", GRID)
    assert (found.before, found.after) == ("low", "high")
    assert found.at_requests_per_s == pytest.approx(3.7, rel=CLOSE_RATIO)
    assert found.at_requests_per_s <= 3.7 < found.from_requests_per_s


@settings(deadline=None)
@given(st.lists(st.floats(0.11, 99.0), min_size=1, max_size=5, unique=True))
def test_every_change_is_found_where_no_answer_comes_back(edges: list[float]) -> None:
    """Several changes between two neighbours of the grid are several flips."""
    edges = sorted(edges)
    if any(high / low < 1.001 for low, high in itertools.pairwise(edges)):
        return
    found = list(flips(lambda rate: bisect.bisect_left(edges, rate), GRID))
    assert [(one.before, one.after) for one in found] == [(n, n + 1) for n in range(len(edges))]
    assert [one.at_requests_per_s for one in found] == pytest.approx(edges, rel=CLOSE_RATIO)


def test_no_change_to_or_from_no_answer_is_looked_for() -> None:
    assert not list(flips(lambda rate: None if rate > 3.7 else "low", GRID))
    assert not list(flips(lambda rate: None if rate < 3.7 else "high", GRID))


def test_each_rate_of_the_grid_is_asked_once_where_nothing_changes() -> None:
    asked: list[float] = []
    assert not list(flips(asked.append, GRID))
    assert asked == GRID


def test_a_grid_of_rates_has_its_ends() -> None:
    grid = rate_grid_requests_per_s(0.01, 100.0, 5)
    assert grid == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0])


def test_many_flips_are_told_by_the_first_the_last_and_their_number() -> None:
    found = [Flip(float(n), n + 0.1, "a", "b") for n in range(1, 8)]
    told = flip_sentences(found, {"a": "one", "b": "two"})
    assert len(told) == 3
    assert told[0] == "Up to 1 requests/s: one; above it: two."
    assert "it changes 7 times" in told[1]
    assert len(flip_sentences(found[:2], {"a": "one", "b": "two"})) == 2
