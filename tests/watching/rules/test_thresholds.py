"""Thresholds: the plan's own ends, and nothing where it promises nothing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from alert_cases import PLAN

from rightrig.demand.objective import Slo
from rightrig.watching.expected import ExpectedCard
from rightrig.watching.rules.thresholds import Budget, Thresholds, thresholds_of


def test_a_plan_gives_its_own_ends() -> None:
    made = thresholds_of(PLAN)
    assert made.prediction_ratio == pytest.approx(0.8)
    assert made.cost_usd_per_output_token == 8e-6
    assert made.memory_used_bytes == pytest.approx(1.05 * 7.5e10)
    assert (made.links_count, made.power_limit_w, made.cards_count) == (18, 700.0, 8)
    assert made.budgets[0] == Budget("ttft", 99, 0.5, 0.01)
    assert "800 of 1,000" in made.origin("prediction_ratio")
    assert "ttft p99" in made.origin("budgets")


def test_without_a_plan_only_standing_thresholds_remain() -> None:
    made = thresholds_of(None)
    assert made == Thresholds()
    unset = [one.name for one in fields(made) if getattr(made, one.name) is None]
    assert unset == [
        "prediction_ratio", "cost_usd_per_output_token", "peak_requests_per_s",
        "memory_used_bytes", "power_limit_w", "links_count", "cards_count",
    ]  # fmt: skip


def test_what_a_plan_does_not_promise_stays_unset() -> None:
    poor = replace(
        PLAN, slo=Slo(), output_tokens_per_s=None, cost_usd_per_output_token=None,
        memory_used_bytes=None, cards=(replace(PLAN.cards[0], links_count=None),),
    )  # fmt: skip
    made = thresholds_of(poor)
    assert made.budgets == ()
    assert made.prediction_ratio is None
    assert made.cost_usd_per_output_token is None
    assert made.memory_used_bytes is None
    assert made.links_count is None


def test_of_several_kinds_of_cards_the_least_is_expected() -> None:
    other = ExpectedCard("a100-sxm", "A100", 8, 12, 4, 16, 400.0, 8e10, 2e12)
    made = thresholds_of(replace(PLAN, cards=(*PLAN.cards, other)))
    assert (made.links_count, made.power_limit_w) == (12, 400.0)


def test_each_machine_of_several_has_its_own_cards() -> None:
    assert thresholds_of(replace(PLAN, machines_count=2)).cards_count == PLAN.cards_count


def test_cards_without_nvlink_are_not_asked_for_links() -> None:
    bare = replace(PLAN.cards[0], links_count=0)
    assert thresholds_of(replace(PLAN, cards=(bare,))).links_count is None
