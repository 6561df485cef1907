"""Overkill: shares of memory and speed, the cheapest that does, and who could share."""

from __future__ import annotations

import functools

import pytest
from hardware_questions import CATALOG, asked, few_cards

from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.planning.questions.overkill import Overkill, overkill

SPACE = few_cards("rtx-4090", "l4", "l40s", "a100-sxm-80gb")


@functools.cache
def found(rate: float = 1.0, tpot: float | None = 0.1, model: str = "llama-2-7b") -> Overkill:
    deployment = propose(CATALOG, CATALOG.llm(model), parse_rig("1xa100-sxm-80gb", CATALOG))
    return overkill(deployment, asked(rate, tpot=tpot), SPACE)


def test_an_a100_is_overkill_for_seven_billion_at_a_request_a_second() -> None:
    answer = found()
    assert answer.is_overkill
    assert answer.cheaper is not None
    assert answer.cheaper.gpu != "a100-sxm-80gb"
    assert answer.saving_usd_per_month == pytest.approx(
        (answer.rent_usd_per_month or 0.0) - answer.cheaper.rent_usd_per_month
    )


def test_the_memory_share_is_the_weights_and_the_traffic_over_the_budget() -> None:
    answer = found()
    weights_ratio = 13.477e9 / answer.fitted.binding.budget_bytes.mid
    assert weights_ratio < answer.memory_ratio < 1.0
    assert answer.fitted.concurrency == answer.running_seqs


def test_the_users_found_send_the_rate_and_one_fewer_does_not() -> None:
    answer = found(4.0)
    assert answer.busy is not None
    assert answer.busy.requests_per_s.mid >= 4.0
    assert found(4.0 * 1.2).running_seqs >= answer.running_seqs


def test_more_traffic_uses_more_and_leaves_less_to_share() -> None:
    idle, busy = found(0.5), found(4.0)
    assert idle.capacity_ratio is not None
    assert idle.capacity_ratio == pytest.approx((busy.capacity_ratio or 0.0) / 8.0)
    assert idle.memory_ratio < busy.memory_ratio
    assert idle.sharing_count >= busy.sharing_count


def test_a_rig_that_is_too_small_is_not_overkill() -> None:
    answer = found(500.0)
    assert answer.busy is None
    assert (answer.capacity_ratio or 0.0) > 1.0
    assert not answer.is_overkill
    assert answer.sharing_count == 0
    assert "too little, not too much" in answer.explain().sentences[0]


def test_a_tight_objective_takes_capacity_and_an_impossible_one_all_of_it() -> None:
    loose, tight, impossible = found(0.5), found(0.5, 0.02), found(0.5, 0.001)
    assert tight.capacity_requests_per_s.mid < loose.capacity_requests_per_s.mid
    assert impossible.capacity_requests_per_s.mid == 0.0
    assert impossible.capacity_ratio is None
    assert not impossible.is_overkill
