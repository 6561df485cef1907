"""Predictions: never above the roofline, monotone where physics is, and near what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import Rig, parse_rig
from rightrig.errors import InputError
from rightrig.facts.measured_here import MeasuredHere
from rightrig.facts.mig import instance_gpu
from rightrig.prediction.evidence import Evidence, Measured, Quantity, end_ratios, measured_of
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.power import draw_of
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.regimes import Lengths, decode_step
from rightrig.prediction.roofline import decode_bound_tokens_per_s
from rightrig.prediction.step_time import Resource
from rightrig.prediction.timers import timer_of
from rightrig.work.weights import looked_up_params, weight_bytes

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.interval import Interval

CATALOG = rightrig.shipped()
RUNTIME_CARDS = [gpu.slug for gpu in CATALOG.gpus() if gpu.vendor in {"NVIDIA", "AMD", "Apple"}]
CHAT = Lengths(1000.0, 300.0)
many = settings(max_examples=150, deadline=None)


def deployed(model: str, rig: str, choices: Choices | None = None) -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)


def speed(model: str, rig: str, concurrency: int | None = 1, **lengths: float) -> Prediction:
    asked = Lengths(lengths.get("isl", 1000.0), lengths.get("osl", 300.0))
    return predict(deployed(model, rig), asked, concurrency)


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    model = draw(st.sampled_from(CATALOG.slugs("llms")))
    rig = f"{draw(st.sampled_from((1, 2, 4, 8)))}x{draw(st.sampled_from(RUNTIME_CARDS))}"
    weights = draw(st.sampled_from((None, "fp8", "awq", "nvfp4", "q4_k_m")))
    try:
        return deployed(model, rig, Choices(weights=weights))
    except InputError:
        assume(False)  # noqa: FBT003 - hypothesis has no other way to drop an example
        raise


def intervals(result: Prediction) -> dict[str, Interval]:
    found = {
        "ttft": result.ttft_s,
        "tpot": result.tpot_s,
        "output": result.output_tokens_per_s,
        "total": result.total_tokens_per_s,
        "requests": result.requests_per_s,
    }
    return found | ({} if result.power_w is None else {"power": result.power_w})


# Steps of 512 tokens that read a longer prompt for an answer of one token.
SHORT_ANSWER = deployed("yi-34b", "1xa10", Choices(weights="q4_k_m"))


@many
@given(deployments(), st.integers(1, 512), st.integers(1, 1500), st.integers(1, 500))
@example(SHORT_ANSWER, 1, 1329, 1)
@example(SHORT_ANSWER, 8, 1329, 1)
def test_no_prediction_passes_the_roofline(
    asked: Deployment, concurrency: int, isl: int, osl: int
) -> None:
    result = predict(asked, Lengths(float(isl), float(osl)), concurrency)
    split = asked.parallelism
    per_engine = max(1.0, result.running_seqs / split.replicas)
    timer = timer_of(asked)
    step = decode_step(timer.pace, per_engine, result.lengths)
    operators = timer.operators(step)
    peak = timer.speeds
    read_s = sum(float(op.moved_bytes) for op in operators if op.kind != "rows") / float(
        peak.peak_bytes_per_s
    )
    flop_s = sum(float(op.flop) for op in operators) / float(peak.peak_flop_per_s)
    least_s = max(read_s, flop_s)
    assert result.bound_tpot_s == pytest.approx(least_s)
    assert result.tpot_s.low >= least_s * (1 - 1e-9)
    assert result.output_tokens_per_s.high <= result.running_seqs / least_s * (1 + 1e-9)


def test_a_short_answer_waits_for_its_long_prompt_to_be_read() -> None:
    one, three = (predict(SHORT_ANSWER, Lengths(1329.0, osl), 1) for osl in (1.0, 3.0))
    assert one.running_seqs == three.running_seqs == 1
    assert one.ttft_s.mid == pytest.approx(three.ttft_s.mid, rel=1e-3)
    assert one.requests_per_s.mid == pytest.approx(1.0 / one.ttft_s.mid)


def test_end_to_end_tokens_a_user_and_energy_follow_from_the_rest() -> None:
    result = speed("llama-3.1-8b", "1xh100-sxm", 8)
    assert result.e2e_s.mid == pytest.approx(result.ttft_s.mid + 299.0 * result.tpot_s.mid)
    assert result.user_tokens_per_s.mid == pytest.approx(1.0 / result.tpot_s.mid)
    assert result.power_w is not None
    assert result.energy_j_per_token is not None
    per_token = result.power_w.mid / result.output_tokens_per_s.mid
    assert result.energy_j_per_token.mid == pytest.approx(per_token)
    assert result.energy_j_per_token.low < per_token < result.energy_j_per_token.high


@many
@given(deployments())
def test_one_sequence_is_never_quicker_than_its_weights_are_read(asked: Deployment) -> None:
    assume(not asked.llm.has_experts)
    result = predict(asked, Lengths(10.0, 10.0), 1)
    # Of an embedding apart from the head, or of a table beside it, one row is read; it has 16
    # bits at most.
    apart = 0.0 if asked.llm.tied_embeddings else 1.0
    embedding = apart * asked.llm.vocab_size * asked.llm.hidden_size * 2.0
    embedding += looked_up_params(asked.llm) * 2.0
    read = weight_bytes(asked.llm, asked.precision.weights) - embedding
    assume(read > 0.0)
    bandwidth = asked.rig.gpu.memory_bandwidth_bytes_per_s * asked.parallelism.tp
    assert result.output_tokens_per_s.high <= decode_bound_tokens_per_s(read, bandwidth)


@many
@given(deployments(), st.integers(1, 512))
def test_intervals_are_ordered_positive_and_finite(asked: Deployment, concurrency: int) -> None:
    result = predict(asked, CHAT, concurrency)
    for name, value in intervals(result).items():
        assert 0.0 < value.low <= value.mid <= value.high < float("inf"), name


@many
@given(deployments(), st.integers(1, 256), st.integers(1, 256))
def test_latency_rises_with_concurrency(asked: Deployment, one: int, other: int) -> None:
    few, plenty = (predict(asked, CHAT, n) for n in (min(one, other), max(one, other)))
    assert plenty.tpot_s.mid >= few.tpot_s.mid * (1 - 1e-9)
    assert plenty.ttft_s.mid >= few.ttft_s.mid * (1 - 1e-9)


@many
@given(deployments(), st.integers(1, 1500), st.integers(1, 1500))
def test_ttft_and_tpot_rise_with_the_prompt(asked: Deployment, one: int, other: int) -> None:
    short, long = (
        predict(asked, Lengths(float(isl), 200.0), 4) for isl in (min(one, other), max(one, other))
    )
    assume(short.running_seqs == long.running_seqs)
    assert long.ttft_s.mid >= short.ttft_s.mid * (1 - 1e-9)
    assert long.tpot_s.mid >= short.tpot_s.mid * (1 - 1e-9)


def with_gpu(asked: Deployment, **changes: float) -> Deployment:
    group = asked.rig.groups[0]
    gpu = group.gpu.model_copy(update=changes)
    return replace(asked, rig=Rig((replace(group, gpu=gpu),)))


@many
@given(deployments(), st.floats(1.0, 8.0), st.integers(1, 256))
def test_more_bandwidth_is_never_slower(asked: Deployment, factor: float, concurrency: int) -> None:
    bandwidth = asked.rig.gpu.memory_bandwidth_bytes_per_s
    quick = with_gpu(asked, memory_bandwidth_bytes_per_s=bandwidth * factor)
    slow, fast = (predict(d, CHAT, concurrency) for d in (asked, quick))
    assert fast.tpot_s.mid <= slow.tpot_s.mid * (1 + 1e-9)
    assert fast.ttft_s.mid <= slow.ttft_s.mid * (1 + 1e-9)
    assert fast.output_tokens_per_s.mid >= slow.output_tokens_per_s.mid * (1 - 1e-9)


@many
@given(deployments(), st.floats(0.25, 1.0), st.floats(0.25, 1.0))
def test_a_power_cap_never_makes_a_card_quicker(
    asked: Deployment, one: float, other: float
) -> None:
    watts = asked.rig.gpu.board_power_w
    assume(watts is not None)
    capped, freer = (
        predict(
            replace(asked, rig=Rig((replace(asked.rig.groups[0], power_cap_w=watts * share),))),
            CHAT,
            32,
        )
        for share in (min(one, other), max(one, other))
        if watts is not None
    )
    assert capped.ttft_s.mid >= freer.ttft_s.mid * (1 - 1e-9)
    assert capped.tpot_s.mid >= freer.tpot_s.mid * (1 - 1e-9)


@pytest.mark.parametrize("vendor", ["NVIDIA", "other"])
@pytest.mark.parametrize("era", ["vllm-1", "llama.cpp", "unheard-of"])
@pytest.mark.parametrize("quantity", get_args(Quantity))
def test_weaker_evidence_never_narrows_an_interval(
    quantity: Quantity, era: str, vendor: str
) -> None:
    found = [
        end_ratios(quantity, Measured(era, vendor, evidence), has_experts=False)
        for evidence in get_args(Evidence)
    ]
    lows, highs = [low for low, _ in found], [high for _, high in found]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    assert all(low < 1.0 < high for low, high in found)


@pytest.mark.parametrize(
    ("card", "evidence"),
    [
        ("h100-sxm", "this GPU and runtime"),  # whole runs of vLLM
        ("rtx-4090", "same GPU"),  # runs of llama.cpp
        ("m2-ultra", "this GPU and runtime"),  # runs of llama.cpp
        ("rtx-4080", "same architecture"),
        ("h100-nvl", "same architecture"),
        ("h100-sxm@mig=1g.10gb", "same architecture"),  # no run was of an instance
        ("m4-max", "same architecture"),
        ("p100-pcie-16gb", "datasheet only"),
    ],
)
def test_a_prediction_says_how_near_its_evidence_is(card: str, evidence: str) -> None:
    assert speed("llama-3.2-3b-instruct", f"1x{card}").evidence == evidence


def test_runs_of_a_card_on_this_machine_are_not_of_its_instances() -> None:
    engine = engine_for(CATALOG.runtime("vllm"))
    here = MeasuredHere(
        card="h100-sxm", era=engine.era, models=("llama",), parameters={}, ends={}, runs_count=3,
        date="2026-11-22",
    )  # fmt: skip
    card = CATALOG.gpu("h100-sxm").model_copy(update={"measured_here": (here,)})
    table = CATALOG.mig_table("h100-sxm")
    assert table is not None
    assert measured_of(card, engine, "llama").evidence == "measured on this machine"
    instance = instance_gpu(card, table, "1g.10gb")
    assert measured_of(instance, engine, "llama").evidence == "same architecture"


def test_a_known_card_has_a_narrower_interval_than_a_sister_or_a_stranger() -> None:
    widths = [
        speed("llama-3.2-3b-instruct", f"1x{card}").ttft_s.width_ratio
        for card in ("h100-sxm", "rtx-4090", "rtx-4080")
    ]
    assert widths[0] < widths[1] <= widths[2] * (1 + 1e-9)


@many
@given(deployments(), st.integers(1, 256))
def test_the_account_of_a_step_names_its_bottleneck(asked: Deployment, concurrency: int) -> None:
    result = predict(asked, CHAT, concurrency)
    total_s = sum(part.time_s for part in result.parts)
    of_it_s = sum(part.time_s for part in result.parts if part.resource == result.bottleneck)
    assert result.bottleneck in get_args(Resource)
    assert result.bottleneck_ratio == pytest.approx(of_it_s / total_s)
    assert result.bottleneck_ratio >= 1 / len(get_args(Resource))
    assert result.bottleneck in result.explain().sentences[0]


def test_decoding_alone_waits_for_memory() -> None:
    alone = speed("llama-3.1-8b", "1xh100-sxm")
    assert alone.bottleneck == "memory bandwidth"
    assert alone.bottleneck_ratio > 0.85


def test_a_full_batch_on_slow_pcie_waits_for_communication() -> None:
    assert speed("llama-3.3-70b", "8xrtx-4090@pcie3x4", 128).bottleneck == "communication"


def test_a_70b_on_four_h100_decodes_between_the_roofline_and_twice_its_time() -> None:
    result = speed("llama-3.3-70b", "4xh100-sxm")
    assert result.tpot_s.mid <= 2.0 * 141.1e9 / 4 / 3.35e12
    assert result.tpot_s.low >= 141.1e9 / 4 / 3.35e12 * 0.97


def test_a_4090_decodes_llama_3_8b_in_q4_k_m_at_about_128_tokens_a_second() -> None:
    asked = deployed("meta-llama-3-8b", "1xrtx-4090", Choices(weights="q4_k_m"))
    result = predict(asked, Lengths(1.0, 1024.0), 1)
    assert 1.0 / result.tpot_s.mid == pytest.approx(128.0, rel=0.25)
    assert 1.0 / result.tpot_s.high <= 128.0 <= 1.0 / result.tpot_s.low


@pytest.mark.parametrize(
    ("low", "mixed", "high"),
    [
        ("2xrtx-3060-12gb", "1xrtx-4090+1xrtx-3060-12gb", "2xrtx-4090"),
        ("3xrtx-3090", "1xh100-sxm+2xrtx-3090", "3xh100-sxm"),
    ],
)
def test_a_mixed_rig_is_between_its_parts(low: str, mixed: str, high: str) -> None:
    choices = Choices(runtime="llama.cpp", weights="q4_k_m")
    slow, between, fast = (
        predict(deployed("llama-3.1-8b", rig, choices), CHAT, 1) for rig in (low, mixed, high)
    )
    assert fast.tpot_s.mid < between.tpot_s.mid < slow.tpot_s.mid
    assert fast.ttft_s.mid < between.ttft_s.mid < slow.ttft_s.mid


def test_the_order_of_cards_in_a_rig_does_not_matter() -> None:
    choices = Choices(runtime="llama.cpp", weights="q4_k_m")
    one, other = (
        predict(deployed("llama-3.1-8b", rig, choices), CHAT, 1)
        for rig in ("1xrtx-4090+2xrtx-3090", "2xrtx-3090+1xrtx-4090")
    )
    assert one.tpot_s.mid == pytest.approx(other.tpot_s.mid, rel=1e-6)


def test_users_beyond_what_memory_holds_wait_for_a_place() -> None:
    full = speed("llama-3.1-8b", "1xrtx-4090", None)
    crowd = speed("llama-3.1-8b", "1xrtx-4090", full.concurrency * 3)
    assert full.running_seqs == full.concurrency
    assert crowd.running_seqs == full.running_seqs
    assert crowd.tpot_s.mid == pytest.approx(full.tpot_s.mid)
    cycle_s = full.ttft_s.mid + 299 * full.tpot_s.mid
    assert crowd.ttft_s.mid == pytest.approx(full.ttft_s.mid + 2 * cycle_s, rel=1e-6)
    assert "the others wait" in " ".join(crowd.explain().sentences)


def test_replicas_multiply_throughput_and_leave_latency() -> None:
    one = predict(deployed("llama-3.1-8b", "1xh100-sxm"), CHAT, 16)
    four = predict(deployed("llama-3.1-8b", "4xh100-sxm", Choices(replicas=4)), CHAT, 64)
    assert four.output_tokens_per_s.mid == pytest.approx(4 * one.output_tokens_per_s.mid)
    assert four.tpot_s.mid == pytest.approx(one.tpot_s.mid)
    assert four.bound_tpot_s == pytest.approx(one.bound_tpot_s)


def test_fewer_users_than_replicas_leave_the_others_idle() -> None:
    one = predict(deployed("llama-3.1-8b", "1xh100-sxm"), CHAT, 1)
    three = predict(deployed("llama-3.1-8b", "8xh100-sxm", Choices(replicas=8)), CHAT, 3)
    assert three.output_tokens_per_s.mid == pytest.approx(3 * one.output_tokens_per_s.mid)
    assert three.running_seqs == 3


def test_tokens_and_requests_agree() -> None:
    result = speed("llama-3.1-8b", "1xh100-sxm", 8)
    output = result.output_tokens_per_s.mid
    assert result.requests_per_s.mid == pytest.approx(output / 300)
    assert result.total_tokens_per_s.mid == pytest.approx(output / 300 * 1300)


@many
@given(deployments(), st.integers(1, 256))
def test_cards_draw_between_idle_and_their_boards_power(
    asked: Deployment, concurrency: int
) -> None:
    result = predict(asked, CHAT, concurrency)
    watts = asked.rig.gpu.board_power_w
    assume(watts is not None)
    assert result.power_w is not None
    idle_ratio = draw_of(asked.rig.gpu).idle_ratio
    assert idle_ratio * (watts or 0.0) * asked.rig.cards_count <= result.power_w.mid * (1 + 1e-9)
    assert result.power_w.mid <= (watts or 0.0) * asked.rig.cards_count


def test_layers_in_host_memory_are_not_timed_as_if_on_the_card() -> None:
    alone = Choices(runtime="llama.cpp")
    with pytest.raises(InputError, match="host memory, and their speed is not modelled"):
        predict(deployed("llama-3.3-70b", "1xrtx-4090@ram=128GiB", alone), CHAT, 1)


def test_stages_on_two_nodes_are_no_quicker_than_in_one() -> None:
    split = Choices(tp=4, pp=2)
    one = predict(deployed("llama-3.3-70b", "8xh100-sxm", split), Lengths(8000.0, 8.0), 16)
    two = predict(deployed("llama-3.3-70b", "2n:4xh100-sxm", split), Lengths(8000.0, 8.0), 16)
    assert two.ttft_s.mid > one.ttft_s.mid


def test_throughput_rises_with_concurrency() -> None:
    rates = [
        speed("llama-3.1-8b", "1xh100-sxm", n).output_tokens_per_s.mid
        for n in (1, 4, 16, 64, 128, 256)
    ]
    assert rates == sorted(rates)
    assert rates[3] > 20 * rates[0]


def test_throughput_does_not_fall_when_prompts_fill_the_steps() -> None:
    asked = deployed("smollm2-135m-instruct", "1xrtx-4090", Choices(weights="q4_k_m"))
    few, plenty = (predict(asked, CHAT, n).output_tokens_per_s.mid for n in (64, 256))
    assert plenty >= few
