"""Drafted tokens, cached prompts, dealt experts: what each does to a prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.prediction.drafting import speculating, timer_for
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.regimes import Lengths, decode_step

CATALOG = rightrig.shipped()
CHAT = Lengths(1000.0, 300.0)


def speed(
    model: str, rig: str, users: int, lengths: Lengths = CHAT, choices: Choices | None = None
) -> Prediction:
    asked = propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    return predict(asked, lengths, users)


def test_four_drafted_tokens_of_which_0_8_are_accepted_yield_3_36() -> None:
    found = speculating(CHAT, 4, 0.8)
    assert found.tokens_per_step_count == 5.0
    assert found.accepted_count == pytest.approx(3.3616)


@given(st.integers(1, 64), st.floats(0.0, 0.999))
def test_a_verified_step_yields_from_one_token_to_one_more_than_drafted(
    drafted: int, accepted: float
) -> None:
    found = speculating(CHAT, drafted, accepted).accepted_count
    assert 1.0 <= found <= drafted + 1.0 + 1e-9


@pytest.mark.parametrize("accepted", [-0.1, 1.0, 1.5, float("nan")])
def test_an_acceptance_outside_0_to_1_is_refused(accepted: float) -> None:
    with pytest.raises(InputError, match="--acceptance is"):
        speculating(CHAT, 4, accepted)


def test_speculation_quickens_a_lone_user_and_no_accepted_token_slows_him() -> None:
    plain, often, never = (
        speed("llama-3.3-70b", "4xh100-sxm", 1, lengths).tpot_s.mid
        for lengths in (CHAT, speculating(CHAT, 4, 0.8), speculating(CHAT, 4, 0.0))
    )
    assert often < 0.5 * plain
    assert never > plain


def test_speculation_helps_a_full_batch_less_than_a_lone_user() -> None:
    def gain(users: int) -> float:
        plain, drafted = (
            speed("llama-3.1-8b", "1xh100-sxm", users, lengths).output_tokens_per_s.mid
            for lengths in (CHAT, speculating(CHAT, 4, 0.7))
        )
        return drafted / plain

    assert gain(1) > gain(128)


@pytest.mark.parametrize(
    ("model", "rig", "draft"),
    [
        ("llama-3.3-70b", "4xh100-sxm", "llama-3.2-1b-instruct"),
        ("deepseek-v3", "8xh200-sxm", "mtp"),
    ],
)
def test_a_draft_takes_time_of_its_own(model: str, rig: str, draft: str) -> None:
    lengths = speculating(CHAT, 3, 0.7)
    free = speed(model, rig, 8, lengths)
    paid = speed(model, rig, 8, lengths, Choices(draft=draft))
    assert paid.tpot_s.mid > free.tpot_s.mid
    part = next(part for part in paid.parts if part.name == "drafting")
    assert 0.0 < part.share_of_limit_ratio <= 1.0
    assert part.time_s < 0.5 * sum(part.time_s for part in paid.parts)


def test_more_drafted_tokens_take_more_passes() -> None:
    asked = propose(
        CATALOG,
        CATALOG.llm("llama-3.3-70b"),
        parse_rig("4xh100-sxm", CATALOG),
        Choices(draft="llama-3.2-1b-instruct"),
    )
    times = []
    for drafted in (1, 2, 4):
        timer = timer_for(asked, speculating(CHAT, drafted, 0.5))
        assert timer.draft is not None
        times.append(float(timer.draft.passes_s(decode_step(timer.pace, 8.0, CHAT))))
    assert times[1] == pytest.approx(2 * times[0])
    assert times[2] == pytest.approx(4 * times[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.floats(0.0, 0.95), st.integers(1, 256))
def test_speculation_never_passes_the_roofline(drafted: int, accepted: float, users: int) -> None:
    found = speed("llama-3.1-8b", "1xh100-sxm", users, speculating(CHAT, drafted, accepted))
    assert found.bound_tpot_s <= found.tpot_s.low
    most = found.running_seqs / found.bound_tpot_s
    assert found.output_tokens_per_s.high <= most * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(1, 128))
def test_more_of_a_cached_prompt_is_never_slower(one: float, other: float, users: int) -> None:
    less, more = (
        speed("llama-3.1-8b", "1xh100-sxm", users, replace(CHAT, cached_tokens=1000.0 * hit))
        for hit in sorted((one, other))
    )
    assert more.ttft_s.mid <= less.ttft_s.mid * (1 + 1e-9)
    assert more.output_tokens_per_s.mid >= less.output_tokens_per_s.mid * (1 - 1e-9)


def test_a_prompt_in_the_cache_still_takes_one_token_and_a_request() -> None:
    cold, warm = (
        speed("llama-3.1-8b", "1xh100-sxm", 1, Lengths(8000.0, 300.0, cached))
        for cached in (0.0, 8000.0)
    )
    assert 0.0 < warm.ttft_s.mid < 0.5 * cold.ttft_s.mid


@pytest.mark.parametrize(
    ("choices", "part"),
    [
        (Choices(attention_dp=8), "expert exchange"),
        (Choices(context_parallel=8), "context-parallel exchange"),
        (Choices(tp=8, expert_parallel=8), "experts"),
    ],
)
def test_every_split_of_experts_and_contexts_has_its_messages(choices: Choices, part: str) -> None:
    found = speed("deepseek-v3", "8xh200-sxm", 64, CHAT, choices)
    assert part in {own.name for own in found.parts}
    assert found.tpot_s.mid > found.bound_tpot_s


def test_the_busiest_of_dealt_experts_is_slower_than_equal_shares_of_each() -> None:
    dealt, shared = (
        speed("deepseek-v3", "8xh200-sxm", 16, CHAT, choices).tpot_s.mid
        for choices in (Choices(expert_parallel=8), Choices(expert_parallel=1))
    )
    assert dealt > shared


@pytest.mark.parametrize(
    ("model", "choices", "says"),
    [
        ("llama-3.1-8b", Choices(expert_parallel=8), "has none"),
        ("deepseek-v3", Choices(expert_parallel=4), "use 1 or 8"),
        ("deepseek-v3", Choices(expert_parallel=0), "--ep is 0"),
        ("deepseek-v3", Choices(runtime="llama.cpp", expert_parallel=8), "leave --ep out"),
    ],
)
def test_experts_are_dealt_as_the_runtime_can(model: str, choices: Choices, says: str) -> None:
    with pytest.raises(InputError, match=says):
        propose(CATALOG, CATALOG.llm(model), parse_rig("8xh200-sxm", CATALOG), choices)


def test_engines_without_a_user_draw_idle_power() -> None:
    few, all_busy = (
        speed("llama-3.1-8b", "8xh100-sxm", users, CHAT, Choices(replicas=8)).power_w
        for users in (3, 8)
    )
    one = speed("llama-3.1-8b", "1xh100-sxm", 1).power_w
    assert few is not None
    assert all_busy is not None
    assert one is not None
    assert all_busy.mid == pytest.approx(8 * one.mid)
    assert few.mid == pytest.approx(3 * one.mid + 5 * 0.12 * 700.0)
