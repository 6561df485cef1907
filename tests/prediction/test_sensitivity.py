"""What ten per cent more changes: never more than ten, and only where it is waited for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.sensitivity import STEP_RATIO, Sensitivity, ridges, sensitivities

CATALOG = rightrig.shipped()
RATES = ("memory bandwidth", "arithmetic", "link bandwidth", "speed of the host")


def predicted(
    model: str, rig: str, users: int | None = 1, choices: Choices | None = None
) -> Prediction:
    asked = propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    return predict(asked, Lengths(1000.0, 300.0), users)


def changes(result: Prediction) -> dict[str, Sensitivity]:
    return {change.change: change for change in sensitivities(result)}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("llama-3.1-8b", "llama-3.3-70b", "gpt-oss-120b", "deepseek-v3")),
    st.sampled_from(("8xh100-sxm", "8xl40s", "8xrtx-4090")),
    st.integers(1, 512),
)
def test_ten_per_cent_more_of_a_rate_gains_at_most_ten_per_cent(
    model: str, rig: str, users: int
) -> None:
    found = changes(predicted(model, rig, users))
    for name in RATES:
        change = found[name]
        for ratio in (change.ttft_ratio, change.tpot_ratio):
            assert 1.0 / STEP_RATIO - 1e-9 <= ratio <= 1.0 + 1e-9
        assert 1.0 - 1e-9 <= change.output_tokens_per_s_ratio <= STEP_RATIO + 1e-9


def test_decoding_alone_gains_by_bandwidth_and_not_by_arithmetic() -> None:
    found = changes(predicted("llama-3.1-8b", "1xh100-sxm"))
    assert found["memory bandwidth"].tpot_ratio < 0.95
    assert found["arithmetic"].tpot_ratio > 0.999
    assert found["link bandwidth"].tpot_ratio == 1.0


def test_a_quicker_link_helps_where_cards_wait_for_it() -> None:
    found = changes(predicted("llama-3.3-70b", "8xrtx-4090@pcie3x4", 64))
    assert found["link bandwidth"].output_tokens_per_s_ratio > 1.03


def test_memory_for_the_cache_helps_only_users_who_wait_for_it() -> None:
    room = predicted("llama-3.1-8b", "1xrtx-4090", 1)
    full = predicted("llama-3.1-8b", "1xrtx-4090", 4 * room.fit.max_concurrency)
    assert changes(room)["memory for the KV cache"].output_tokens_per_s_ratio == 1.0
    assert changes(full)["memory for the KV cache"].output_tokens_per_s_ratio > 1.02


def test_more_users_wait_longer_and_get_more_done() -> None:
    found = changes(predicted("llama-3.1-8b", "1xh100-sxm", 32))["users"]
    assert found.tpot_ratio > 1.0
    assert 1.0 < found.output_tokens_per_s_ratio < STEP_RATIO


def test_the_ridge_of_an_h100_is_295_tokens_at_16_bits_and_a_quarter_with_4_bit_weights() -> None:
    (wide,) = ridges(predicted("llama-3.1-8b", "1xh100-sxm"))
    (narrow,) = ridges(predicted("llama-3.1-8b", "1xh100-sxm", 1, Choices(weights="awq")))
    assert wide.ridge_rows_count == pytest.approx(295.3, abs=0.1)
    assert narrow.ridge_rows_count == pytest.approx(74.0, rel=0.05)
    assert not wide.is_passed


def test_experts_need_as_many_times_the_tokens_as_few_of_them_are_visited() -> None:
    dense, experts = ridges(predicted("deepseek-v3", "8xh200-sxm", 64))
    assert experts.ridge_rows_count == pytest.approx(256 / 8 * dense.ridge_rows_count, rel=1e-3)


def test_a_full_step_of_a_small_model_passes_the_ridge() -> None:
    (ridge,) = ridges(predicted("llama-3.2-1b-instruct", "1xh100-sxm", 512))
    assert ridge.is_passed
