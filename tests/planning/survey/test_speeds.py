"""The speeds of many models at once are those of each alone."""

from __future__ import annotations

import functools
import itertools
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.deployment import Precision
from rightrig.deployment.parallelism import Parallelism, tp_reason
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.survey.speeds import (
    HIGH,
    LOW,
    MID,
    ManySpeeds,
    flows_of_many,
    speeds_of_many,
    warm,
)
from rightrig.prediction.evidence import end_ratios, p99_end_ratios
from rightrig.prediction.operating_point import operating_point
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths, decode_step
from rightrig.prediction.serving import at_rate
from rightrig.prediction.timers import timer_of
from rightrig.work import flat_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction

CATALOG: Final = rightrig.shipped()
MODELS: Final = CATALOG.slugs("llms")
RIGS: Final = (
    "1xrtx-4090", "4xrtx-4090", "8xh100-sxm", "2n:8xh200-sxm", "4xrtx-4090+1xa100-sxm-80gb",
    "4xrtx-3090@220w@pcie3x16", "1xmi300x", "1xm3-ultra",
)  # fmt: skip
LOADS: Final = ((1000, 300, 16), (8000, 50, 1), (100, 4000, 3000), (1, 1, 5), (2000, 1, 700))
"""Tokens of prompts and of answers, users."""
SAME: Final = 1e-9
SOME_MODELS: Final = (
    "llama-3.1-8b", "llama-3.3-70b", "deepseek-v3", "gpt-oss-120b", "gemma-3-27b-it",
    "Qwen/Qwen3-Next-80B-A3B-Instruct", "deepseek-v3.2", "phi-2",
)  # fmt: skip


@functools.cache
def proposed(model: str, rig: str, choices: Choices | None = None) -> Deployment | None:
    llm, cards = CATALOG.llm(model), parse_rig(rig, CATALOG)
    try:
        return propose(CATALOG, llm, cards, choices)
    except InputError:
        return None


def held(deployment: Deployment, prompt: int, answer: int) -> Lengths:
    """Return lengths that the model's context holds."""
    most = deployment.llm.max_context_tokens // 2
    return Lengths(float(min(prompt, most)), float(min(answer, most)))


def assert_interval(ends: object, expected: Interval) -> None:
    assert np.asarray(ends).tolist() == pytest.approx(
        [expected.low, expected.mid, expected.high], rel=SAME
    )


def assert_row(found: ManySpeeds, place: int, expected: Prediction) -> None:
    assert found.running_seqs[place] == pytest.approx(expected.running_seqs, rel=SAME)
    rate = expected.requests_per_s.mid
    assert found.rate_requests_per_s[place] == pytest.approx(rate, rel=SAME)
    assert_interval(found.ttft_s[:, place], expected.ttft_s)
    assert_interval(found.tpot_s[:, place], expected.tpot_s)
    assert_interval(found.output_tokens_per_s[:, place], expected.output_tokens_per_s)
    assert found.evidence[place] == expected.evidence


@pytest.mark.parametrize("rig", RIGS)
def test_every_model_is_as_fast_as_it_is_predicted_alone(rig: str) -> None:
    rotation = RIGS.index(rig)
    # Where llama.cpp's memory takes long, a third of the catalogue does.
    stride = 3 if rig in {"4xrtx-4090+1xa100-sxm-80gb", "1xm3-ultra"} else 1
    known = [proposed(model, rig) for model in MODELS[::stride]]
    deployments = [deployment for deployment in known if deployment is not None]
    assert len(deployments) > 150 / stride
    loads = [LOADS[(place + rotation) % len(LOADS)] for place in range(len(deployments))]
    lengths = [held(d, *load[:2]) for d, load in zip(deployments, loads, strict=True)]
    users = np.array([float(load[2]) for load in loads])
    alone = [
        predict(deployment, own, int(count))
        for deployment, own, count in zip(deployments, lengths, users, strict=True)
    ]
    capacity = np.array([float(one.fit.max_concurrency) for one in alone])
    found = speeds_of_many(deployments, lengths, users, capacity)
    for place, one in enumerate(alone):
        assert_row(found, place, one)


@functools.cache
def usual_engines() -> tuple[Deployment, ...]:
    found = [proposed(model, rig) for model in SOME_MODELS for rig in RIGS]
    return tuple(deployment for deployment in found if deployment is not None)


def splits(llm: Llm, cards_count: int) -> list[Parallelism]:
    """Return every split that the cards have room for."""
    ranks = (1, 2, 4)
    found = (
        Parallelism(tp, pp, replicas, groups, context, ep)
        for tp, pp, replicas, groups in itertools.product((*ranks, 8), ranks, ranks, ranks)
        if tp_reason(llm, tp) is None
        for context in ranks
        if tp % context == 0
        for ep in {0, 1, tp * groups}
    )
    return [split for split in found if split.cards <= cards_count]


@st.composite
def engines(draw: st.DrawFn) -> Deployment:
    """Any layout that fits the cards; rules of engines do not matter here."""
    usual = draw(st.sampled_from(usual_engines()))
    names = ("vllm", "sglang", "tensorrt-llm") if usual.rig.is_uniform else ("llama.cpp",)
    split = draw(st.sampled_from(splits(usual.llm, usual.rig.cards_count)))
    weights = draw(st.sampled_from((usual.precision.weights, "fp8", "awq", "q4_k_m")))
    return replace(
        usual,
        parallelism=split,
        runtime=CATALOG.runtime(draw(st.sampled_from((*names, "llama.cpp")))),
        precision=Precision(weights, draw(st.sampled_from(("bf16", "fp8")))),
        limits=replace(usual.limits, max_batched_tokens=draw(st.sampled_from((64, 512, 8192)))),
        version="",
    )


any_lengths = st.builds(
    lambda prompt, answer, cached, pictures, drafted: Lengths(
        float(prompt),
        float(answer),
        cached_tokens=float(round(cached * prompt)),
        tokens_per_step_count=1.0 + drafted,
        accepted_count=1.0 + 0.6 * drafted,
        patches_count=900.0 * pictures,
    ),
    st.integers(1, 20_000), st.integers(1, 5_000), st.sampled_from((0.0, 0.0, 0.5, 1.0)),
    st.integers(0, 2), st.sampled_from((0.0, 0.0, 3.0)),
)  # fmt: skip
rows = st.lists(
    st.tuples(engines(), any_lengths, st.integers(1, 5_000), st.integers(0, 3_000)),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(rows)
def test_any_layout_is_as_fast_as_its_own_timer_says(
    rows: Sequence[tuple[Deployment, Lengths, int, int]],
) -> None:
    deployments, lengths = [row[0] for row in rows], [row[1] for row in rows]
    users, capacity = np.array([row[2:] for row in rows], dtype=float).T
    found = speeds_of_many(deployments, lengths, users, capacity)
    for place, (deployment, own, users_count, capacity_count) in enumerate(rows):
        timer, replicas = timer_of(deployment), deployment.parallelism.replicas
        point = operating_point(timer, own, users_count, max(capacity_count, 1), replicas)
        assert found.running_seqs[place] == pytest.approx(point.running_seqs, rel=SAME)
        assert found.ttft_s[MID, place] == pytest.approx(point.ttft_s, rel=SAME)
        assert found.tpot_s[MID, place] == pytest.approx(point.tpot_s, rel=SAME)
        output = point.rate_requests_per_s * own.output_tokens
        assert found.output_tokens_per_s[MID, place] == pytest.approx(output, rel=SAME)
        experts, measured = deployment.llm.has_experts, timer.speeds.measured
        low, high = end_ratios("tpot", measured, has_experts=experts)
        bound = float(timer.bound_s(decode_step(timer.pace, point.engine_seqs, own)))
        least = min(max(low * point.tpot_s, bound / own.accepted_count), point.tpot_s)
        assert found.tpot_s[LOW, place] == pytest.approx(least, rel=SAME)
        assert found.tpot_s[HIGH, place] == pytest.approx(high * point.tpot_s, rel=SAME)


@settings(deadline=None, max_examples=30)
@given(rows, st.floats(0.001, 100.0))
def test_at_a_rate_each_engine_is_where_its_own_timer_puts_it(
    rows: Sequence[tuple[Deployment, Lengths, int, int]], rate_requests_per_s: float
) -> None:
    deployments, lengths = [row[0] for row in rows], [row[1] for row in rows]
    capacity = np.array([float(row[3]) for row in rows])
    found = flows_of_many(deployments, lengths, rate_requests_per_s, capacity)
    for place, (deployment, own, _, capacity_count) in enumerate(rows):
        timer, replicas = timer_of(deployment), deployment.parallelism.replicas
        each = max(max(capacity_count, 1) / replicas, 1.0)
        point = at_rate(timer, own, rate_requests_per_s / replicas, each).point
        assert found.running_seqs[place] == pytest.approx(
            float(point.running_seqs) * replicas, rel=SAME
        )
        assert found.tpot_mean_s[MID, place] == pytest.approx(float(point.tpot_mean_s), rel=SAME)
        assert found.tpot_p99_s[MID, place] == pytest.approx(float(point.tpot_p99_s), rel=SAME)
        served = float(point.rate_requests_per_s) * replicas
        assert found.rate_requests_per_s[place] == pytest.approx(served, rel=SAME)
        if served < 0.998 * rate_requests_per_s:
            assert found.is_saturated[place]
        if found.is_saturated[place]:
            assert np.isinf(found.ttft_mean_s[MID, place])
            assert np.isinf(found.ttft_p99_s[MID, place])
        else:
            ttft, last = float(point.ttft_mean_s), float(point.ttft_p99_s)
            assert found.ttft_mean_s[MID, place] == pytest.approx(ttft, rel=SAME)
            assert found.ttft_p99_s[MID, place] == pytest.approx(last, rel=SAME)


def test_a_bound_of_the_99th_percentile_has_the_wider_interval() -> None:
    deployment = proposed("llama-3.1-8b", "1xrtx-4090")
    assert deployment is not None
    found = flows_of_many([deployment], [Lengths(1000.0, 300.0)], 0.5, np.array([32.0]))
    measured = timer_of(deployment).speeds.measured
    for ends, quantity in ((found.ttft_p99_s, "ttft"), (found.tpot_p99_s, "tpot")):
        low, high = p99_end_ratios(quantity, measured, has_experts=False)  # type: ignore[arg-type]
        assert ends[LOW, 0] / ends[MID, 0] == pytest.approx(low)
        assert ends[HIGH, 0] / ends[MID, 0] == pytest.approx(high)


def test_more_requests_than_an_engine_serves_are_marked() -> None:
    deployment = proposed("llama-3.1-8b", "1xrtx-4090")
    assert deployment is not None
    rows = [deployment] * 2
    rates = np.array([0.1, 1000.0])
    found = flows_of_many(rows, [Lengths(1000.0, 300.0)] * 2, rates, np.array([32.0, 32.0]))
    assert found.is_saturated.tolist() == [False, True]
    assert found.rate_requests_per_s[0] == pytest.approx(0.1, rel=1e-3)
    assert found.rate_requests_per_s[1] < 100.0


def assert_nothing(found: ManySpeeds, place: int) -> None:
    values = [getattr(found, field.name) for field in fields(ManySpeeds)]
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    assert len(arrays) == 5
    assert all(np.isnan(array[..., place]).all() for array in arrays)
    assert found.evidence[place] is None


def test_what_predict_refuses_and_what_is_not_asked_is_not_a_number_and_the_rest_is() -> None:
    usual = proposed("llama-3.1-8b", "1xrtx-4090")
    other = proposed("llama-3.1-8b", "1xrtx-4090", Choices(runtime="lmdeploy"))
    mixed = proposed("llama-3.1-8b", "4xrtx-4090+1xa100-sxm-80gb")
    assert usual is not None
    assert other is not None
    assert mixed is not None
    unequal = replace(mixed, runtime=usual.runtime)
    lengths = Lengths(1000.0, 300.0)
    for refused in (other, unequal):
        with pytest.raises(InputError):
            predict(refused, lengths, 4)
    rows = [other, usual, unequal, usual]
    found = speeds_of_many(rows, [lengths] * 4, 4.0, np.array([8.0, 8.0, 8.0, np.nan]))
    for place in (0, 2, 3):
        assert_nothing(found, place)
    assert found.tpot_s[MID, 1] > 0.0


def test_nothing_asked_is_nothing_found() -> None:
    found = speeds_of_many([], [], 4.0, np.array([]))
    assert found.tpot_s.shape == (3, 0)
    assert found.evidence == ()


def test_adapters_and_drafts_are_refused_by_name() -> None:
    adapted = proposed("llama-3.1-8b", "8xh100-sxm", Choices(loras=4, lora_rank=16))
    drafted = proposed("llama-3.3-70b", "8xh100-sxm", Choices(draft="llama-3.1-8b"))
    for one in (adapted, drafted):
        assert one is not None
        with pytest.raises(InputError, match=f"^{one.llm.name} has a draft or adapters"):
            speeds_of_many([one], [Lengths(1000.0, 300.0)], 4.0, np.array([8.0]))


def test_after_a_warm_start_the_first_question_reads_no_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployment = proposed("phi-2", "1xrtx-4090")
    assert deployment is not None
    warm([deployment.llm])

    def never(*_: object) -> None:
        raise AssertionError("a model was read again")

    monkeypatch.setattr(flat_steps, "flatten", never)
    found = speeds_of_many([deployment], [Lengths(100.0, 100.0)], 4.0, np.array([8.0]))
    assert found.tpot_s[MID, 0] > 0.0
