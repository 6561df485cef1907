"""Costs under joint uncertainty: symmetric, even for equals, and shared inputs cancel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.costs.uncertain import Side, Uncertain, Values, drawn, middles, race
from rightrig.interval import Interval

spreads = st.floats(1.01, 3.0)
costs = st.floats(0.5, 2.0)


def side(name: str, scale: float, *inputs: Uncertain) -> Side:
    """Return a side whose cost is the product of its inputs."""

    def cost_usd(values: Values) -> Any:
        total: Any = scale
        for one in inputs:
            total = total * values[one.key]
        return total

    return Side(name, inputs, cost_usd)


def unsure(key: str, spread: float) -> Uncertain:
    return Uncertain(key, key, Interval.around(1.0, spread))


@given(spreads, st.just(1.0) | st.floats(1.001, 2.0), st.integers(0, 100))
def test_a_tenth_of_the_draws_lies_beyond_each_end(low: float, high: float, seed: int) -> None:
    given_ = Uncertain("x", "x", Interval(1.0 / low, 1.0, high))
    values = drawn([given_], seed)["x"]
    assert np.mean(values < 1.0 / low) == pytest.approx(0.1, abs=0.012)
    assert np.mean(values > high * (1.0 + 1e-12)) == pytest.approx(0.1 if high > 1.0 else 0.0,
                                                                   abs=0.012)  # fmt: skip
    assert np.mean(values < 1.0) == pytest.approx(0.5, abs=0.001)


@settings(max_examples=30)
@given(costs, costs, spreads, spreads)
def test_what_is_more_likely_one_way_is_as_much_less_likely_the_other(
    first: float, second: float, wide: float, wider: float
) -> None:
    a, b = side("a", first, unsure("p", wide)), side("b", second, unsure("q", wider))
    forth, back = race((a, b)), race((b, a))
    chances = {one.name: one.cheapest_ratio for one in forth.standings}
    assert chances == {one.name: one.cheapest_ratio for one in back.standings}
    assert sum(chances.values()) == pytest.approx(1.0)
    beats = {one.name: dict(one.beats_ratio) for one in forth.standings}
    assert beats["a"]["b"] + beats["b"]["a"] == pytest.approx(1.0)


@settings(max_examples=20)
@given(costs, spreads)
def test_equals_are_as_likely_to_be_the_cheapest(scale: float, spread: float) -> None:
    same = unsure("p", spread)
    found = race((side("a", scale, same), side("b", scale, same)))
    assert [one.cheapest_ratio for one in found.standings] == pytest.approx([0.5, 0.5])
    assert found.winner is None


@settings(max_examples=20)
@given(costs, spreads)
def test_equals_of_unlike_errors_are_about_as_likely(scale: float, spread: float) -> None:
    found = race((side("a", scale, unsure("p", spread)), side("b", scale, unsure("q", spread))))
    assert found.standings[0].cheapest_ratio == pytest.approx(0.5, abs=0.02)


@settings(max_examples=20)
@given(spreads, spreads)
def test_what_both_share_cancels(shared: float, own: float) -> None:
    both = unsure("tariff", shared)
    a, b = side("a", 1.0, both), side("b", 1.01, both)
    assert race((a, b)).winner == "a"  # 1 % cheaper in every draw, however wide
    narrow = race((side("a", 1.0, unsure("p", own)), side("b", 1.1)))
    wide = race((side("a", 1.0, unsure("p", own), both), side("b", 1.1, both)))
    chance = {one.name: one.cheapest_ratio for one in wide.standings}
    for one in narrow.standings:
        assert chance[one.name] == pytest.approx(one.cheapest_ratio)


def test_a_winner_is_named_from_nine_in_ten_on() -> None:
    # ln(1.3)·1.2816/ln(1.3) standard deviations are nine in ten, by the meaning of the ends.
    for gap, winner in ((1.29, None), (1.31, "a")):
        found = race((side("a", 1.0, unsure("p", 1.3)), side("b", gap)), count=200_000)
        assert found.winner == winner
        assert found.standings[0].cheapest_ratio == pytest.approx(0.9, abs=0.015)


def test_a_cost_has_the_interval_of_its_only_input() -> None:
    (found,) = race((side("a", 10.0, unsure("p", 1.5)),)).standings
    assert found.cost_usd.mid == 10.0
    assert found.cost_usd.low == pytest.approx(10.0 / 1.5, rel=0.02)
    assert found.cost_usd.high == pytest.approx(15.0, rel=0.02)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    given_ = unsure("x", 1.5)
    assert np.array_equal(drawn([given_], 1)["x"], drawn([given_], 1)["x"])
    assert not np.array_equal(drawn([given_], 1)["x"], drawn([given_], 2)["x"])
    assert middles([given_]) == {"x": 1.0}


def test_inputs_of_two_keys_vary_on_their_own() -> None:
    one, other = (Uncertain(key, key, Interval(0.5, 1.0, 2.0)) for key in ("price", "tariff"))
    values = drawn([one, other], 1)
    assert abs(float(np.corrcoef(values["price"], values["tariff"])[0, 1])) < 0.03
