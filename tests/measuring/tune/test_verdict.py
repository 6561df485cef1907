"""A value is kept only when it beats the spread: false alarms are rare, real gains are seen."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy import stats

from rightrig.errors import InputError
from rightrig.measuring.tune.verdict import effects_of

NOISE_RATIO = 0.05
EXPERIMENTS = 400


def runs(dice: random.Random, mean: float, count: int = 3) -> list[float]:
    """Return runs with noise of 5 %."""
    return [mean * math.exp(dice.gauss(0.0, NOISE_RATIO)) for _ in range(count)]


@pytest.mark.parametrize(("values_count", "again_count"), [(1, 0), (4, 1)])
def test_when_nothing_changes_at_most_one_experiment_in_ten_keeps_a_value(
    values_count: int, again_count: int
) -> None:
    dice, wrong = random.Random(7), 0  # noqa: S311 - no secret
    for _ in range(EXPERIMENTS):
        settings = [runs(dice, 100.0) for _ in range(values_count)]
        last = runs(dice, 100.0, again_count)
        effects = effects_of(runs(dice, 100.0), settings, last_ratio=last)
        wrong += any(effect.word == "better" for effect in effects)
    # Intervals of 90 % on both sides promise 5 %.
    assert wrong <= 0.1 * EXPERIMENTS


def test_a_gain_of_a_fifth_is_found_in_noise_of_a_twentieth() -> None:
    dice, found, held = random.Random(11), 0, 0  # noqa: S311 - no secret
    for _ in range(200):
        settings = [runs(dice, 100.0), runs(dice, 120.0), runs(dice, 100.0)]
        effect = effects_of(runs(dice, 100.0), settings, last_ratio=runs(dice, 100.0, 1))[1]
        found += effect.word == "better"
        held += effect.change_ratio.low <= 1.2 <= effect.change_ratio.high
    assert found >= 180
    assert held >= 176


def test_less_time_is_better_and_more_is_worse() -> None:
    begin = [1.0, 1.01, 0.99]
    quick, slow = effects_of(begin, [[0.5, 0.51, 0.5], [2.0, 2.1, 2.0]], is_more_better=False)
    assert (quick.word, slow.word) == ("better", "worse")
    assert quick.change_ratio.mid == pytest.approx(0.5, rel=0.02)


def test_what_the_baseline_moved_between_its_starts_is_no_gain() -> None:
    begin, changed = [100.0, 100.1, 99.9], [[110.0, 110.1, 109.9]]
    assert effects_of(begin, changed)[0].word == "better"
    drifted = effects_of(begin, changed, last_ratio=[112.0, 112.1, 111.9])
    assert drifted[0].word == "same"


def test_runs_without_any_spread_are_compared_as_they_are() -> None:
    same, better, worse = effects_of([2.0] * 3, [[2.0] * 3, [2.1] * 3, [1.9] * 3])
    assert [same.word, better.word, worse.word] == ["same", "better", "worse"]
    assert better.change_ratio.low == pytest.approx(1.05)
    assert better.change_ratio.high == pytest.approx(1.05)


def test_one_run_of_a_value_is_judged_by_the_spread_of_the_others() -> None:
    effects = effects_of([100.0, 105.0, 95.0], [[108.0], [300.0]])
    assert [effect.word for effect in effects] == ["same", "better"]


def test_two_runs_of_the_baseline_are_too_few() -> None:
    with pytest.raises(InputError, match="needs 3 runs"):
        effects_of([1.0, 1.0], [[1.0]])


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_figure_without_a_logarithm_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="positive and finite"):
        effects_of([1.0, 1.0, 1.0], [[value]])


def test_no_change_has_no_effect() -> None:
    assert effects_of([1.0, 1.0, 1.0], []) == ()


def test_the_interval_is_that_of_dunnetts_test() -> None:
    dice = np.random.default_rng(5)
    begin, *groups = (dice.normal(0.0, 0.1, count) for count in (5, 3, 4, 3))
    expected = stats.dunnett(
        *groups, control=begin, random_state=np.random.default_rng(2)
    ).confidence_interval(0.9)
    effects = effects_of(np.exp(begin).tolist(), [np.exp(group).tolist() for group in groups])
    ends = zip(np.atleast_1d(expected.low), np.atleast_1d(expected.high), strict=True)
    for effect, (low, high) in zip(effects, ends, strict=True):
        assert math.log(effect.change_ratio.low) == pytest.approx(low, abs=0.002)
        assert math.log(effect.change_ratio.high) == pytest.approx(high, abs=0.002)
