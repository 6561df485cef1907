"""Steps on more cards: work divides, messages grow, and some rigs lose by it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.splits import Divided, divided_steps

CATALOG = rightrig.shipped()
MODELS = ("llama-3.1-8b", "llama-3.3-70b", "gpt-oss-120b", "deepseek-v3", "qwen3-30b-a3b")
RIGS = ("8xh100-sxm", "8xa100-sxm-80gb", "8xl40s", "8xrtx-5090", "4xb200-sxm", "2n:8xh200-sxm")


def steps(model: str, rig: str, users: int = 1, prompt: float = 1000.0) -> tuple[Divided, ...]:
    found, _ = divided_steps(
        CATALOG,
        CATALOG.llm(model),
        rightrig.parse_rig(rig, CATALOG),
        Choices(),
        Lengths(prompt, 300.0),
        users,
    )
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(RIGS),
    st.integers(1, 256),
    st.floats(1.0, 8000.0),
)
def test_cards_divide_work_with_an_efficiency_of_at_most_one(
    model: str, rig: str, users: int, prompt: float
) -> None:
    for step in steps(model, rig, users, prompt):
        assert 0.0 < step.efficiency_ratio <= 1.0 + 1e-9
        assert (step.communication_s > 0.0) == (step.ranks_count > 1)
        assert min(step.kernels_s, step.host_s, step.total_s) >= 0.0


@pytest.mark.parametrize("work", ["decode", "prompt"])
def test_kernels_shrink_with_every_card(work: str) -> None:
    own = [step for step in steps("llama-3.3-70b", "8xh100-sxm") if step.work == work]
    assert [step.ranks_count for step in own] == [1, 2, 4, 8]
    times = [step.kernels_s for step in own]
    assert times == sorted(times, reverse=True)


def test_eight_cards_on_slow_slots_read_prompts_slower_than_one() -> None:
    own = steps("llama-3.1-8b", "8xrtx-4090@pcie3x4", prompt=4000.0)
    last = [step for step in own if step.work == "prompt"][-1]
    assert last.ranks_count == 8
    assert last.speedup_ratio < 1.0
    assert last.communication_s > last.kernels_s


def test_nvlink_keeps_more_of_eight_cards_than_pcie() -> None:
    nvlink, pcie = (
        [step for step in steps("llama-3.3-70b", rig) if step.work == "prompt"][-1]
        for rig in ("8xh100-sxm", "8xl40s")
    )
    assert nvlink.efficiency_ratio > pcie.efficiency_ratio


def test_a_model_that_one_card_does_not_hold_says_so() -> None:
    verdicts = {step.ranks_count: step.verdict for step in steps("llama-3.3-70b", "8xh100-sxm")}
    assert verdicts[1] == "no"
    assert verdicts[4] == "fits"


def test_ranks_that_a_model_forbids_are_left_out_with_the_reason() -> None:
    found, refused = divided_steps(
        CATALOG,
        CATALOG.llm("qwen2.5-0.5b-instruct"),
        rightrig.parse_rig("8xl4", CATALOG),
        Choices(),
        Lengths(100.0, 100.0),
        1,
    )
    assert {step.ranks_count for step in found} == {1, 2}
    assert [one.ranks_count for one in refused] == [4, 8]
    assert "14 attention heads do not divide" in refused[0].reason


@pytest.mark.parametrize("rig", ["1xh100-sxm", "1xh100-sxm+1xrtx-4090"])
def test_a_rig_without_equal_cards_has_nothing_to_divide_over(rig: str) -> None:
    with pytest.raises(InputError, match="name two or more"):
        steps("llama-3.1-8b", rig)
