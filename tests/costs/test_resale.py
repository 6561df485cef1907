"""Resale: the curve goes through what is published, and a successor takes a share at once."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.resale import kept_yearly_ratio, resale_curve
from rightrig.facts.catalog import shipped

H100: Final = shipped().resale("h100")


@given(st.floats(0.05, 1.0), st.lists(st.floats(0.5, 10.0), min_size=1, max_size=6))
def test_an_exact_exponential_is_found(kept: float, ages: list[float]) -> None:
    assert kept_yearly_ratio([(age, kept**age) for age in ages]) == pytest.approx(kept)


@pytest.mark.parametrize("point", H100.points, ids=lambda point: f"{point.age_years:g} years")
def test_the_curve_of_an_h100_lies_near_every_published_value(point: object) -> None:
    # 60-65, 40-45, 25-35, 15-20, 10-15 % after 1 to 5 years.
    age, low, high = point.age_years, point.low_ratio, point.high_ratio  # type: ignore[attr-defined]
    found = resale_curve(H100).value_ratio(age)
    assert found.low == pytest.approx(low, abs=0.04)
    assert found.high == pytest.approx(high, abs=0.05)


def test_a_successor_takes_20_to_30_percent_once() -> None:
    curve = resale_curve(H100)
    before, after = curve.value_ratio(2.0, 2.5), curve.value_ratio(3.0, 2.5)
    assert before == curve.value_ratio(2.0)
    assert after.low == pytest.approx(0.7 * curve.value_ratio(3.0).low)
    assert after.high == pytest.approx(0.8 * curve.value_ratio(3.0).high)


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_older_cards_never_bring_more(first: float, second: float) -> None:
    curve = resale_curve(shipped().resale("a100"))
    young, old = sorted((first, second))
    assert curve.value_ratio(old, 3.0).mid <= curve.value_ratio(young, 3.0).mid


def test_new_cards_bring_their_price() -> None:
    found = resale_curve(H100).value_ratio(0.0)
    assert (found.low, found.high) == (1.0, 1.0)
