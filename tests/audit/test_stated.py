"""What a claim states: numbers with their digits, ranges, several of them, yes, no and words."""

from __future__ import annotations

import pytest

from rightrig.audit.stated import Number, parse_stated
from rightrig.errors import InputError


def number(text: str, unit: str = "") -> Number:
    (found,) = parse_stated(text, unit)
    assert isinstance(found, Number)
    return found


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("14", "GB", 14e9, 14e9), ("$1,599", "USD", 1599, 1599), ("2-3", "GB", 2e9, 3e9),
        ("2.5–3", "", 2.5, 3), ("~95", "", 95, 95), ("30%", "", 0.3, 0.3), ("10+", "", 10, 10),
        ("-5", "", -5, -5), ("1e3", "", 1000, 1000), ("3..2", "", 2, 3), ("$2-$3", "", 2, 3),
    ],
)  # fmt: skip
def test_a_number_is_read_in_its_unit(text: str, unit: str, low: float, high: float) -> None:
    found = number(text, unit)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.is_range == (low != high)


@pytest.mark.parametrize(
    ("text", "digits", "written", "rounded"),
    [
        ("330", 2, 1, 10),
        ("82.6", 3, 0.1, 0.1),
        ("1,008", 4, 1, 1),
        ("30,000", 1, 1, 10_000),
        ("1.0", 2, 0.1, 1),
        ("0.0035", 2, 0.0001, 0.0001),
        ("1.50", 3, 0.01, 0.1),
    ],
)
def test_the_digits_say_how_exact_it_is(
    text: str, digits: int, written: float, rounded: float
) -> None:
    found = number(text)
    assert found.digits_count == digits
    assert (found.written, found.rounded) == pytest.approx((written, rounded))


def test_several_figures_are_joined_by_a_slash() -> None:
    first, second = parse_stated("14/7", "GB")
    assert isinstance(first, Number)
    assert isinstance(second, Number)
    assert (first.low, second.low) == (14e9, 7e9)


@pytest.mark.parametrize(
    ("text", "said"),
    [("yes", True), ("No", False), ("Mistral 7B", "Mistral 7B"), ("24/7 use", "24/7 use"),
     ("1 2", "1 2"), ("--5", "--5"), ("9" * 19, "9" * 19)],
)  # fmt: skip
def test_what_is_no_number_is_a_word(text: str, said: object) -> None:
    assert parse_stated(text) == (said,)


@pytest.mark.parametrize("text", ["", "   ", "x" * 121, "1/" * 70])
def test_nothing_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="write a number"):
        parse_stated(text)
