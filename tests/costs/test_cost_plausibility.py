"""Rules of F16 for costs: each holds for a right statement and says why a wrong one is wrong."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.money import owned_cost_usd_per_token
from rightrig.costs.plausibility import (
    PRICE_RULES,
    TOKEN_COST_RULES,
    Contest,
    PriceClaim,
    TokenCost,
    WinnerRule,
    implausible_cost,
    implausible_price,
    implausible_winner,
    implied_tokens_per_s,
)

TODAY: Final = datetime.date(2026, 11, 21)
RIGHT: Final = TokenCost(
    cost_usd_per_token=3.501e-6, total_usd=31_470.0, tokens_per_s=95.0, owned_years=3.0
)
A100_NODE: Final = PriceClaim("card", 21.6, 21.6, 8, "2026-09-20", TODAY)


def ids(found: tuple[object, ...]) -> list[str]:
    return [violation.rule_id for violation in found]  # type: ignore[attr-defined]


def test_a_cost_that_its_inputs_make_is_accepted() -> None:
    assert implausible_cost(RIGHT) == ()


def test_the_published_cost_of_an_h100_is_off_by_1000() -> None:
    # F16 rule 4: "$0.0035/M" from 31,470 over 95 tok/s and three years.
    (found,) = implausible_cost(replace(RIGHT, cost_usd_per_token=0.0035e-6))
    assert found.rule_id == "COST-TOKEN"
    assert "make $3.50, 1,000 times that" in found.reason


@given(st.floats(0.98, 1.02))
def test_one_percent_is_rounding_and_more_is_not(factor: float) -> None:
    exact = replace(RIGHT, cost_usd_per_token=factor * RIGHT.recomputed_usd_per_token)
    assert (ids(implausible_cost(exact)) == []) == (abs(factor - 1.0) <= 0.01)


def test_13b_in_16_bits_does_not_fit_24_gb_and_has_no_cost() -> None:
    # F16 rule 5
    claim = replace(RIGHT, needed_bytes=26.03e9, memory_bytes=24e9)
    (found,) = implausible_cost(claim)
    assert found.rule_id == "COST-MEMORY"
    assert found.reason.startswith("not applicable: 26.0 GB are needed")


def test_100_requests_a_second_of_80_are_not_applicable() -> None:
    # F16 rule 6
    claim = replace(RIGHT, rate_requests_per_s=100.0, most_requests_per_s=80.0)
    assert ids(implausible_cost(claim)) == ["COST-CAPACITY"]
    assert implausible_cost(replace(claim, rate_requests_per_s=80.0)) == ()


def test_at_batch_32_the_4090_wins_and_not_the_h100() -> None:
    # F16 rule 9: W110 and W111, 1.42 times.
    costs = {"h100": 0.1188e-6, "rtx-4090": 0.08373e-6}
    (found,) = implausible_winner(Contest("h100", costs))
    assert "costs 1.42 times as much as rtx-4090, which wins" in found.reason
    assert implausible_winner(Contest("rtx-4090", costs)) == ()


def test_a_winner_without_a_row_does_not_win() -> None:
    assert ids(implausible_winner(Contest("a100", {"h100": 1e-6}))) == ["COST-WINNER"]


def test_the_price_of_a_node_is_not_that_of_a_card() -> None:
    # F16 rule 10: CoreWeave's $21.60.
    (found,) = implausible_price(A100_NODE)
    assert found.rule_id == "COST-NODE"
    assert found.reason.endswith("$2.70 a card")
    assert implausible_price(replace(A100_NODE, usd_per_hour=2.70)) == ()
    assert implausible_price(replace(A100_NODE, stated_per="node")) == ()


@pytest.mark.parametrize(("date", "word"), [("", "undated"), ("2026-01-01", "324 days old")])
def test_old_and_undated_prices_are_flagged(date: str, word: str) -> None:
    # F16 rule 10
    found = implausible_price(replace(A100_NODE, stated_per="node", date=date))
    assert ids(found) == ["COST-DATED"]
    assert word in found[0].reason


def test_a_cost_of_3_2_dollars_needs_104_tokens_a_second() -> None:
    # F079: "$0.0032/M" after the factor of 1000; 70B in INT4 reads at most 95.7 tok/s on an H100.
    assert implied_tokens_per_s(3.2e-6, 31_470.0, 3.0) == pytest.approx(103.95, abs=5e-3)


@given(st.floats(1.0, 1e6), st.floats(1.0, 1e5), st.floats(0.5, 10.0), st.floats(0.01, 1.0))
def test_the_implied_speed_makes_the_cost(
    total: float, speed: float, years: float, use: float
) -> None:
    cost = owned_cost_usd_per_token(total, speed, years, use)
    assert implied_tokens_per_s(cost, total, years, use) == pytest.approx(speed)


@pytest.mark.parametrize(
    "rule", [*TOKEN_COST_RULES, WinnerRule(), *PRICE_RULES], ids=lambda rule: rule.id
)
def test_a_rule_says_in_one_sentence_what_holds(rule: object) -> None:
    assert re.fullmatch(r"[A-Z][^!?\n]*\.", type(rule).__doc__ or "")
