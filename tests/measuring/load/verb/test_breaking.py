"""The search for the breaking point, over servers whose truth is known."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rightrig.interval import Interval
from rightrig.measuring.load.breaking import (
    CLOSE_RATIO,
    DEFINITION,
    MOST_TRIES,
    Search,
    Tried,
    bracket,
    find_breaking,
    is_monotone,
)
from rightrig.measuring.load.levels import expected_at


class Steep:
    """A server that carries every rate up to its capacity, and none above it."""

    def __init__(self, capacity_requests_per_s: float, limited_requests_per_s: float = math.inf):
        self.capacity, self.limited = capacity_requests_per_s, limited_requests_per_s

    def __call__(self, rate_requests_per_s: float) -> Tried:
        return Tried(
            rate_requests_per_s,
            1.0 if rate_requests_per_s <= self.capacity else 0.2,
            is_limited=rate_requests_per_s > self.limited,
            requests_count=200,
        )


@given(
    capacity=st.floats(0.05, 5e4),
    first=st.floats(0.1, 1e3),
    close=st.floats(1.01, 1.5),
)
def test_the_bracket_holds_the_truth(capacity: float, first: float, close: float) -> None:
    found = find_breaking(Steep(capacity), Search((first,), close_ratio=close, most_tries=99))
    if capacity < first / 64.0:
        assert found.status in {"below", "found"}
        return
    assert found.status == "found"
    assert found.rate_requests_per_s is not None
    low, high = found.rate_requests_per_s.low, found.rate_requests_per_s.high
    assert low <= capacity < high
    assert high / low <= close * (1.0 + 1e-9)
    assert found.is_monotone
    assert len({one.rate_requests_per_s for one in found.tried}) == len(found.tried)


def test_a_ramp_stops_at_the_first_rate_that_breaks() -> None:
    found = find_breaking(Steep(11.0), Search((5.0, 10.0, 20.0, 30.0)))
    rates = [one.rate_requests_per_s for one in found.tried]
    assert rates[:3] == [5.0, 10.0, 20.0]
    assert max(rates) == 20.0
    assert found.rate_requests_per_s is not None
    assert abs(found.rate_requests_per_s.mid / 11.0 - 1.0) < CLOSE_RATIO - 1.0


def test_a_server_that_never_breaks_is_not_said_to() -> None:
    found = find_breaking(Steep(1e9), Search((5.0, 10.0), most_requests_per_s=10.0))
    assert (found.status, found.rate_requests_per_s) == ("not reached", None)
    assert (found.held_requests_per_s, found.broken_requests_per_s) == (10.0, math.inf)


def test_a_server_that_breaks_at_any_rate_has_no_point() -> None:
    found = find_breaking(Steep(0.0), Search((8.0,)))
    assert (found.status, found.rate_requests_per_s) == ("below", None)
    assert found.broken_requests_per_s == 8.0 / 64.0


def test_a_client_that_cannot_keep_up_reports_no_point() -> None:
    found = find_breaking(Steep(25.0, limited_requests_per_s=20.0), Search((5.0, 10.0, 20.0, 30.0)))
    assert (found.status, found.rate_requests_per_s) == ("client-limited", None)
    assert [one.rate_requests_per_s for one in found.tried] == [5.0, 10.0, 20.0, 30.0]


def test_a_client_that_is_limited_between_two_rates_reports_no_point_either() -> None:
    def measure(rate_requests_per_s: float) -> Tried:
        is_limited = 10.0 < rate_requests_per_s < 20.0
        return Tried(rate_requests_per_s, float(rate_requests_per_s < 20.0), is_limited=is_limited)

    found = find_breaking(measure, Search((10.0, 20.0)))
    assert (found.status, found.rate_requests_per_s) == ("client-limited", None)


def test_an_interrupted_rate_ends_the_search() -> None:
    def measure(rate_requests_per_s: float) -> Tried:
        return Tried(rate_requests_per_s, 1.0, is_interrupted=rate_requests_per_s > 1.5)

    found = find_breaking(measure, Search((1.0,)))
    assert (found.status, found.held_requests_per_s) == ("interrupted", 1.0)


def test_time_that_is_up_leaves_a_wide_bracket() -> None:
    answers = iter([False, False, True])
    search = Search((1.0, 2.0, 4.0), is_over=lambda: next(answers))
    found = find_breaking(Steep(3.0), search)
    assert (found.status, len(found.tried)) == ("out of time", 3)
    assert found.rate_requests_per_s == Interval(2.0, math.sqrt(8.0), 4.0)


def test_no_more_rates_are_tried_than_allowed() -> None:
    found = find_breaking(Steep(1e30), Search((1.0,)))
    assert (found.status, len(found.tried)) == ("out of time", MOST_TRIES)


def test_failures_and_a_growing_queue_break_a_rate_that_is_in_time() -> None:
    assert Tried(1.0, 0.9, 0.01).holds
    assert not Tried(1.0, 0.899, 0.0).holds
    assert not Tried(1.0, 1.0, 0.011).holds
    assert not Tried(1.0, 1.0, 0.0, is_growing=True).holds
    assert "90%" in DEFINITION
    assert "1%" in DEFINITION


def test_a_rate_that_does_better_than_a_lower_one_is_flagged() -> None:
    fine = [Tried(1.0, 1.0), Tried(2.0, 0.95), Tried(3.0, 0.97), Tried(4.0, 0.2)]
    assert is_monotone(fine)
    odd = [Tried(rate, good, requests_count=400) for rate, good in ((2.0, 0.5), (3.0, 0.95))]
    assert not is_monotone([Tried(1.0, 1.0), *odd])
    # Of 20 requests a share of 50 % is known to 11 % at best.
    assert is_monotone([Tried(2.0, 0.5, requests_count=20), Tried(3.0, 0.7, requests_count=20)])


def test_a_bracket_leaves_limited_and_interrupted_rates_out() -> None:
    tried = [Tried(1.0, 1.0), Tried(2.0, 1.0, is_limited=True), Tried(4.0, 0.1)]
    assert bracket(tried) == (1.0, 4.0)
    assert bracket([Tried(3.0, 1.0), Tried(2.0, 0.0)]) == (0.0, 2.0)


def test_what_a_plan_expects_follows_from_the_interval() -> None:
    breaking = Interval(8.0, 10.0, 13.0)
    assert [expected_at(rate, breaking) for rate in (8.0, 8.1, 13.0, 13.1)] == [
        "holds", "either", "either", "breaks",
    ]  # fmt: skip
    assert expected_at(1.0, None) == "either"
