"""Verdicts at their thresholds: digits, 10 %, intervals, bounds, readings, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rightrig.audit.amounts import Amount, Readings, amount_of, bounded, varying
from rightrig.audit.judging import judged, with_rules
from rightrig.audit.stated import parse_stated
from rightrig.audit.units import ONE, parse_unit
from rightrig.deployment.rule import Violation
from rightrig.errors import InputError
from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.audit.amounts import Found, Value


def value(number: float | Interval, unit: str = "") -> Amount:
    return amount_of(number, parse_unit(unit) if unit else ONE)


@pytest.mark.parametrize(
    ("stated", "computed", "verdict"),
    [
        ("330", 330.3, "correct"),  # rounded to tens
        ("330", 334, "approximate"),
        ("3.35", 3.354, "correct"),  # half a unit of the last digit
        ("3.35", 3.36, "approximate"),
        ("14", 14.5, "correct"),
        ("14", 15.5, "approximate"),
        ("14", 15.6, "wrong"),  # more than 10 % of what is right
        ("1.08", 1.04, "approximate"),
        ("1.08", 1.008, "wrong"),  # three digits, 7 % off
        ("1.1", 1.008, "approximate"),  # two
        ("1,599", 1599.4, "correct"),
        ("1,599", 1599.9, "correct"),  # cut off, not rounded
        ("1,599", 1601.0, "wrong"),  # four digits claim to be exact
        ("1,600", 1601.0, "correct"),
        ("2-3", 2.5, "correct"),
        ("2-3", 3.4, "correct"),
        ("2.0-3.0", 3.3, "approximate"),
        ("2.0-3.0", 3.4, "wrong"),
        ("0", 0.0, "correct"),
        ("-5", 5.0, "wrong"),
    ],
)
def test_a_number_is_judged_by_its_digits(stated: str, computed: float, verdict: str) -> None:
    assert judged(parse_stated(stated), value(computed)).verdict == verdict


def test_within_the_80_percent_of_a_prediction_is_approximate() -> None:
    unsure = value(Interval(50.0, 100.0, 200.0))
    assert judged(parse_stated("199"), unsure).verdict == "approximate"
    assert judged(parse_stated("201"), unsure).verdict == "wrong"
    assert judged(parse_stated("1,999"), unsure).verdict == "wrong"


def test_the_factor_is_what_was_computed_over_what_was_stated() -> None:
    assert judged(parse_stated("2-4"), value(8.0)).factor_ratio == 2.0
    assert judged(parse_stated("0"), value(8.0)).factor_ratio is None


def test_beyond_a_bound_is_impossible_and_within_says_nothing() -> None:
    most = bounded(value(100.0), "most")
    assert judged(parse_stated("31"), most).verdict == "unverifiable"
    assert judged(parse_stated("102"), most).verdict == "unverifiable"  # clocks above the boost
    assert judged(parse_stated("103"), most).verdict == "impossible"
    least = bounded(value(100.0), "least")
    assert judged(parse_stated("97"), least).verdict == "impossible"
    assert judged(parse_stated("310"), least).verdict == "unverifiable"


def test_what_varies_depends_inside_and_is_wrong_outside() -> None:
    rent = varying(value(1.0), value(2.0), "day and place")
    found = judged(parse_stated("2.1"), rent)
    assert (found.verdict, found.depends_on) == ("depends", "day and place")
    assert judged(parse_stated("2.3"), rent).verdict == "wrong"


def test_readings_that_disagree_depend() -> None:
    both = Readings({"fp16 sums": value(330.0), "fp32 sums": value(165.0)})
    found = judged(parse_stated("330"), both)
    assert (found.verdict, found.depends_on) == ("depends", "fp16 sums (right) or fp32 sums")
    assert judged(parse_stated("82.6"), both).verdict == "wrong"
    assert judged(parse_stated("82.6"), both).factor_ratio == pytest.approx(165 / 82.6)
    near = Readings({"a": value(330.0), "b": value(340.0)})
    assert judged(parse_stated("330"), near).verdict == "approximate"


def test_of_several_figures_the_worst_counts() -> None:
    two = (value(14.0), value(9.0))
    assert judged(parse_stated("14/7"), two).verdict == "wrong"
    assert judged(parse_stated("14/9"), two).verdict == "correct"


@pytest.mark.parametrize(
    ("stated", "computed", "verdict"),
    [("yes", True, "correct"), ("no", True, "wrong"), ("64x128 x16", "64X128x16", "correct"),
     ("Ada", "Hopper", "wrong")],
)  # fmt: skip
def test_words_are_the_same_or_wrong(stated: str, computed: Value, verdict: str) -> None:
    assert judged(parse_stated(stated), computed).verdict == verdict


@pytest.mark.parametrize(
    ("stated", "unit", "computed"),
    [
        ("14", "GB", value(14.0)), ("14", "", True), ("yes", "", value(1.0)), ("yes", "", "yes"),
        ("14/7", "", value(14.0)), ("14", "", (value(1.0), value(2.0))), ("14", "", Readings({})),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(stated: str, unit: str, computed: Found) -> None:
    with pytest.raises(InputError):
        judged(parse_stated(stated, unit), computed)


def test_a_broken_rule_makes_right_arithmetic_wrong_and_a_bound_makes_it_impossible() -> None:
    right = judged(parse_stated("14"), value(14.0))
    assert with_rules(right, ()).verdict == "correct"
    assert with_rules(right, [Violation("PLA-RATIO", "r")]).verdict == "wrong"
    assert with_rules(right, [Violation("PLA-ROOFLINE", "r")]).verdict == "impossible"
