"""Ranking: rows of a search and the plans that they become are ordered by the same rule."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

import rightrig
from rightrig.demand.objective import Limits, RankBy, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.ranking import plan_rank_key
from rightrig.planning.search import plan, space_of

CATALOG = rightrig.shipped()
CARDS = ("h100-sxm", "l4", "l40s", "rtx-4090", "b200-sxm")
LLAMA = CATALOG.llm("llama-3.1-8b")


def asked(rank_by: RankBy) -> Question:
    traffic = Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=300)
    limits = Limits(rank_by=rank_by, buys=rank_by == "capex")
    return Question(traffic, Slo(ttft_p99_s=1.0), limits)


@pytest.mark.parametrize("rank_by", get_args(RankBy))
def test_plans_stand_in_the_order_of_what_they_are_ranked_by(rank_by: RankBy) -> None:
    question = asked(rank_by)
    space = replace(space_of(CATALOG, question), gpus=tuple(CATALOG.gpu(slug) for slug in CARDS))
    plans = plan(LLAMA, question, space, 1000).plans
    keys = [plan_rank_key(one, question) for one in plans]
    assert len(set(keys)) > 3
    assert keys == pytest.approx(sorted(keys))


def test_energy_is_what_the_cards_draw_at_the_traffic() -> None:
    """Two small cards at work draw less than one large card that waits."""
    question = asked("energy")
    space = replace(space_of(CATALOG, question), gpus=tuple(CATALOG.gpu(slug) for slug in CARDS))
    plans = plan(LLAMA, question, space, 1000).plans
    watts = {one.gpu: one.power_w for one in reversed(plans)}
    assert plans[0].power_w == min(one.power_w or 0.0 for one in plans)
    assert plans[0].gpu == "l4"
    assert (watts["l4"] or 0.0) < (watts["b200-sxm"] or 0.0)
