"""TP4, 2×TP2, 4×TP1 or stages: computed, over NVLink and over PCIe."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Slo
from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions.split_choice import (
    SplitChoice,
    layouts_of,
    quickest_at,
    split_choice,
)
from rightrig.prediction.regimes import Lengths

CATALOG = rightrig.shipped()
USUAL = Lengths(1000.0, 300.0)
KEEPS = Slo(ttft_p99_s=2.0, tpot_p99_s=0.05)


@functools.cache
def found(
    model: str, rig: str, weights: str | None = None, slo: Slo = KEEPS, rate: float | None = None
) -> SplitChoice:
    cards = parse_rig(rig, CATALOG)
    return split_choice(
        CATALOG, CATALOG.llm(model), cards, Choices(weights=weights), (USUAL, rate), slo
    )


def tpot_s(choice: SplitChoice, split: str) -> float:
    return next(one.tpot_s.mid for one in choice.layouts if one.text == split)


def test_four_ranks_answer_one_user_of_a_dense_70b_sooner_than_two_as_claim_c337_denies() -> None:
    choice = found("llama-3.3-70b", "4xh100-sxm", "fp8")
    ratio = tpot_s(choice, "2×tp2") / tpot_s(choice, "tp4")
    assert 1.3 < ratio < 2.0
    assert choice.quickest is not None
    assert choice.quickest.text == "tp4"


def test_the_answer_flips_from_one_wide_engine_to_narrow_ones_as_traffic_grows() -> None:
    choice = found("llama-3.1-8b", "4xh100-sxm")
    first = choice.flips[0]
    assert first.before == "tp4"
    below, above = (0.98 * first.at_requests_per_s, 1.02 * first.at_requests_per_s)
    best = [quickest_at(choice.layouts, rate) for rate in (below, above)]
    assert [one.text for one in best if one] == ["tp4", first.after]


def test_pcie_gives_up_the_wide_engine_at_a_smaller_share_of_its_traffic_than_nvlink() -> None:
    shares = {}
    for rig in ("4xh100-sxm", "4xrtx-4090"):
        choice = found("llama-3.1-8b", rig)
        assert choice.busiest is not None
        shares[rig] = choice.flips[0].at_requests_per_s / choice.busiest.goodput_requests_per_s
        assert choice.flips[0].before == "tp4"
    assert shares["4xrtx-4090"] < 0.5 * shares["4xh100-sxm"]


def test_over_pcie_fewer_ranks_with_stages_or_replicas_carry_more_of_a_70b_than_ranks_alone() -> (
    None
):
    choice = found("llama-3.3-70b", "4xrtx-4090", "awq")
    goodput = {one.text: one.goodput_requests_per_s for one in choice.layouts}
    assert goodput["tp2·pp2"] > 5.0 * goodput["tp4"]
    assert choice.busiest is not None
    assert choice.busiest.split.tp < 4


def test_splits_that_hold_nothing_are_refused_with_the_memory_that_they_lack() -> None:
    choice = found("llama-3.3-70b", "4xrtx-4090", "awq")
    refused = {one.text: one.reason for one in choice.refused}
    assert "too much" in refused["4×tp1"]
    assert "4×tp1" not in {one.text for one in choice.layouts}


def test_no_split_keeps_an_objective_below_what_one_user_sees() -> None:
    choice = found("llama-3.1-8b", "4xh100-sxm", slo=Slo(tpot_p99_s=0.001), rate=1.0)
    assert choice.recommended is None
    assert all(one.goodput_requests_per_s == 0.0 for one in choice.layouts)
    assert "even when nearly idle" in choice.explain().sentences[0]


def test_a_rate_beyond_every_split_has_no_recommendation() -> None:
    choice = found("llama-3.1-8b", "4xh100-sxm", rate=1e4)
    assert choice.recommended is None
    assert "No split of these cards carries" in choice.explain().sentences[-1]


@settings(max_examples=8, deadline=None)
@given(st.floats(0.2, 80.0))
def test_the_recommended_split_carries_the_rate_and_no_able_one_answers_sooner(rate: float) -> None:
    choice = found("llama-3.1-8b", "4xh100-sxm")
    best = quickest_at(choice.layouts, rate)
    assert best is not None
    assert best.goodput_requests_per_s >= rate
    able = [one for one in choice.layouts if one.goodput_requests_per_s >= rate]
    assert best.curve.at_s(rate) == min(one.curve.at_s(rate) for one in able)


def test_no_split_on_the_front_is_worse_in_everything() -> None:
    choice = found("llama-3.1-8b", "4xrtx-4090")
    front = [one for one in choice.layouts if one.on_front]
    assert front
    for one in front:
        assert not any(
            other.tpot_s.mid < one.tpot_s.mid
            and other.ttft_s.mid < one.ttft_s.mid
            and other.goodput_requests_per_s > one.goodput_requests_per_s
            for other in choice.layouts
        )


def test_every_layout_uses_all_cards_and_experts_may_be_attended_apart() -> None:
    rig = parse_rig("8xh100-sxm", CATALOG)
    dense = list(layouts_of(CATALOG.llm("llama-3.1-8b"), rig))
    experts = list(layouts_of(CATALOG.llm("qwen3-30b-a3b"), rig))
    assert {split.cards for split in (*dense, *experts)} == {8}
    assert not any(split.attention_dp > 1 for split in dense)
    assert {split.attention_dp for split in experts} == {1, 2, 4, 8}


def test_a_wrong_format_is_wrong_input_and_no_refused_split() -> None:
    with pytest.raises(InputError, match="no weight format is called 'q99'"):
        found("llama-3.1-8b", "4xh100-sxm", "q99")
