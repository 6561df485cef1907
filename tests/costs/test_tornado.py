"""What decides between two costs: the widest input first, and the value that changes the order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.costs.tornado import flip_of, tornado
from rightrig.costs.uncertain import Side, Uncertain
from rightrig.interval import Interval

WIDE = Uncertain("wide", "wide", Interval.around(1.0, 1.5), "USD", 100.0)
NARROW = Uncertain("narrow", "narrow", Interval.around(1.0, 1.1))
SHARED = Uncertain("shared", "shared", Interval.around(1.0, 2.0))
KNOWN = Uncertain("known", "known", Interval.exact(1.0))


def test_the_widest_input_comes_first_and_what_cancels_or_is_known_is_left_out() -> None:
    inputs = (NARROW, WIDE, SHARED, KNOWN)
    first = Side("a", inputs, lambda v: v["narrow"] * v["wide"] * v["shared"] * v["known"])
    second = Side("b", (SHARED,), lambda v: 1.2 * v["shared"])
    found = tornado(first, second)
    assert [one.given.key for one in found] == ["wide", "narrow"]
    assert found[0].width_ratio == pytest.approx(1.5**2)
    assert (found[0].low_ratio, found[0].high_ratio) == pytest.approx((1 / 1.8, 1.5 / 1.2))


@settings(max_examples=50)
@given(st.floats(0.05, 20.0))
def test_at_the_flip_both_cost_the_same(gap: float) -> None:
    first = Side("a", (WIDE,), lambda v: v["wide"])
    second = Side("b", (), lambda _: gap)
    found = flip_of(first, second, WIDE)
    assert found == pytest.approx(100.0 * gap, rel=1e-6)


def test_what_no_value_changes_has_no_flip() -> None:
    first = Side("a", (WIDE,), lambda v: v["wide"])
    second = Side("b", (WIDE,), lambda v: 2.0 * v["wide"])
    assert flip_of(first, second, WIDE) is None


def test_a_step_flips_where_it_jumps() -> None:
    # Whole machines: from 2 requests/s on a second one is needed, and the fixed price wins.
    rate = Uncertain("rate", "rate", Interval.exact(1.0), "requests/s")
    first = Side("a", (rate,), lambda v: math.ceil(v["rate"] / 2.0))
    second = Side("b", (), lambda _: 1.5)
    assert flip_of(first, second, rate) == pytest.approx(2.0, rel=1e-6)
