"""Expressions: what they come to in base units, and what they read of a table."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from rightrig.audit.amounts import Amount, Readings
from rightrig.audit.expression import compute, compute_rules, parse_expression
from rightrig.audit.naming import Setting, functions
from rightrig.audit.stated import parse_stated
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from rightrig.audit.amounts import Value

SETTING = Setting(
    shipped(), datetime.date(2026, 11, 22),
    {"A": parse_stated("30", "kUSD"), "B": parse_stated("14/7", "GB"), "C": parse_stated("2-4"),
     "D": parse_stated("yes")},
    Amount(parse_stated("98", "tok/s")[0].amount.interval, (0, -1, 0, 0, 0, 0)),  # type: ignore[union-attr]
)  # fmt: skip


def base_units(text: str) -> float:
    """Return the middle of what an expression comes to."""
    found = compute(parse_expression(text), SETTING)
    assert isinstance(found, Amount)
    return found.mid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7), ("-(4 - 6) / 4", 0.5), ("5*GB + 1*GiB", 5e9 + 2**30),
        ("0.08*USD/kWh", 0.08 / 3.6e6), ("3*yr", 3 * 31_536_000), ("450*GB/s/(50*GB/s)", 9),
        ('gpu("h100-sxm", "memory_bandwidth_bytes_per_s")', 3.35e12),
        ('gpu(card="rtx-4090", field="board_power_w")', 450),
        ('kv_bytes("llama-2-7b", 4096, 32)', 32 * 4096 * 524_288),
        ('said("A")/USD', 30_000), ('said("B", 2)', 7e9), ('said("C")', 3), ("claimed", 98),
        ('energy_usd_per_year(gpu("h100-sxm","board_power_w"), 1, 0.08*USD/kWh)*yr', 490.56),
        ("larger(3*GB, 4*GB)", 4e9), ("smaller(3*GB, 4*GB)", 3e9),
    ],
)  # fmt: skip
def test_an_expression_comes_to_base_units(text: str, expected: float) -> None:
    assert base_units(text) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1*GB < 1*GiB", True),
        ("2 >= 3", False),
        ("1 == 1 and not 2 == 3", True),
        ('"Ada " == "ada"', True),
        ('"Ada" != "Hopper" or 1 > 2', True),
        ('said("D")', True),
        ('fits("llama-2-7b", "1xh100-sxm", 4096, 1)', True),
        ('fits("llama-2-70b", "1xrtx-4090", 4096, 1, "bf16")', False),
        ('gpu("h100-sxm", "slug")', "h100-sxm"),
    ],
)
def test_an_expression_may_be_true_false_or_words(text: str, expected: Value) -> None:
    assert compute(parse_expression(text), SETTING) == expected


def test_readings_and_several_figures_stand_at_the_top() -> None:
    found = compute(parse_expression('{"a": 1, "b": 2*GB}'), SETTING)
    assert isinstance(found, Readings)
    assert list(found.by_name) == ["a", "b"]
    pair = compute(parse_expression("(1, 2)"), SETTING)
    assert isinstance(pair, tuple)
    assert len(pair) == 2


def test_an_interval_stays_one() -> None:
    found = compute(parse_expression("2 * between(1*GB, 3*GB)"), SETTING)
    assert isinstance(found, Amount)
    assert (found.interval.low, found.interval.high) == (2e9, 6e9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1*GB + 1*s", "cannot be added"), ("1*GB < 1*s", "cannot be compared"),
        ("1/0", "division by zero"), ("1/between(-1, 1)", "division by zero"),
        ("1e30*1e30*1e30*1e30*1e30*1e30*1e30*1e30*1e30*1e30*1e30", "no finite number"),
        ("between(1e-30, 1e30)*between(1e-30, 1e30)/between(1e-300/1e-30, 1)", "above|finite|zero"),
        ('gpu("h100-sxm")', "is called as gpu"), ('gpu("h100-sxm", 5)', "words in quotes"),
        ("gpu(1, 2)", "words in quotes"), ('gpu("h100-sxm", "sources")', "no single value"),
        ('gpu("h100-sxm", "no_such_field")', "has no field"),
        ('gpu("h100-sxm", "__class__")', "has no field"), ('gpu("no-such", "slug")', "no-such"),
        ('kv_bytes("llama-2-7b", 0.5)', "whole number"), ('kv_bytes("llama-2-7b", 5*GB)', "plain"),
        ('said("Z")', "has no claim 'Z'"), ('said("B", 3)', "of 3 figures"), ("1 and 2", "true or"),
        ("at_most(True)", "takes a number"), ('{"a": 1, "a": 2}', "two readings have one name"),
        ("{1: 2}", "words in quotes"), ('like_for_like("link", "dense", "sparse")', "a rule finds"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_with_the_expression(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        compute(parse_expression(text), SETTING)
    assert str(refused.value).startswith("the expression ")


def test_rules_say_which_were_kept() -> None:
    text = 'like_for_like("link", "dense", "sparse"), like_for_like("link", "dense", "dense")'
    broken, kept = compute_rules(parse_expression(text), SETTING)
    assert (broken.name, [v.rule_id for v in broken.broken]) == ("like_for_like", ["PLA-RATIO"])
    assert kept.broken == ()


@pytest.mark.parametrize("text", ["1", 'gpu("l4", "slug")', "()[0] if 0 else 1", "(1, 2)"])
def test_what_is_no_rule_is_refused_as_one(text: str) -> None:
    with pytest.raises(InputError):
        compute_rules(parse_expression(text), SETTING)


def test_arithmetic_of_the_text_is_told_from_facts() -> None:
    assert parse_expression('said("A") / (2*USD)').is_arithmetic
    assert not parse_expression('said("A") / gpu("l4", "board_power_w")').is_arithmetic


@pytest.mark.parametrize("name", functions())
def test_every_function_says_what_it_is(name: str) -> None:
    found = functions()[name]
    assert len(found.sentence) > 15
    assert found.sentence[0] == found.sentence[0].upper()
    assert "`" not in found.sentence
    assert not found.sentence.startswith(("Return", "Judge "))
