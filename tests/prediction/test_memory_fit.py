"""Does it fit: verdicts that are known, their consistency, and measured caches and buffers."""

from __future__ import annotations

import csv
import functools
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import Rig, parse_rig
from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.prediction.levers import levers
from rightrig.prediction.memory_fit import HOST_RATIO, CardFit, Fit, card_verdict, fit
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

CATALOG = rightrig.shipped()
SHARED = Path(os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared")
RANK = {"fits": 0, "tight": 1, "offload": 2, "no": 3}
MODELS = (
    "llama-3.1-8b", "llama-3.3-70b", "llama-2-7b", "mixtral-8x7b-v0.1", "qwen3-30b-a3b",
    "qwen3-235b-a22b", "gemma-3-27b-it", "gpt-oss-120b", "deepseek-v3", "falcon-7b",
    "qwen2.5-32b-instruct",
)  # fmt: skip
CARDS = (
    "rtx-3060-12gb", "rtx-4090", "rtx-5090", "l40s", "a100-sxm-40gb", "a100-sxm-80gb", "h100-sxm",
    "h200-sxm", "b200-sxm", "mi300x", "m2-ultra", "v100-sxm-32gb",
)  # fmt: skip


def deployed(model: str, rig: str, choices: Choices | None = None) -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)


def part_bytes(card: CardFit, name: str) -> float:
    return sum(part.size_bytes.mid for part in card.components if part.name == name)


def offloaded(rig: str, concurrency: int = 1, replicas: int | None = None) -> Fit:
    choices = Choices(runtime="llama.cpp", replicas=replicas)
    return fit(deployed("llama-3.3-70b", rig, choices), 8192, concurrency)


def test_29_not_32_sequences_of_4096_tokens_of_llama_2_7b_fit_one_h100() -> None:
    asked = fit(deployed("llama-2-7b", "1xh100-sxm"), 4096, 32)
    assert asked.verdict == "no"
    assert part_bytes(asked.binding, "kv") == pytest.approx(64 * GIB)
    assert asked.weights_bytes == pytest.approx(13.477e9, rel=1e-3)
    assert asked.max_concurrency == 29
    assert fit(deployed("llama-2-7b", "1xh100-sxm"), 4096, 29).verdict == "tight"


def test_a_13b_in_16_bits_does_not_fit_24_gb() -> None:
    asked = fit(deployed("llama-2-13b", "1xrtx-3090"), 512, 1)
    assert asked.verdict == "no"
    assert asked.max_context_tokens == 0
    assert asked.weights_bytes == pytest.approx(26.03e9, rel=2e-3)


@pytest.mark.parametrize(("cards", "verdict"), [(1, "no"), (2, "tight"), (4, "fits")])
def test_a_70b_in_16_bits_takes_four_h100_with_ease_and_two_hardly(
    cards: int, verdict: str
) -> None:
    assert fit(deployed("llama-3.3-70b", f"{cards}xh100-sxm"), 8192, 1).verdict == verdict


def test_a_verdict_is_per_card_and_never_pooled() -> None:
    # Stages have equal layers, but the last one also samples.
    stages = deployed("llama-3.1-8b", "2xrtx-3060-12gb", Choices(tp=1, pp=2))
    first, last = (card.max_context_tokens for card in fit(stages, 1024, 1).cards)
    asked = fit(stages, (first + last) // 2, 1)
    assert [card.verdict for card in asked.cards] == ["tight", "no"]
    assert asked.verdict == "no"
    assert asked.binding.card == 1


def test_deepseek_v3_keeps_its_whole_cache_on_every_rank() -> None:
    asked = fit(deployed("deepseek-v3", "8xh200-sxm"), 32_768, 1)
    assert asked.kv_bytes_per_token == pytest.approx(70_272.0)
    one = 70_272.0 * 32_768
    assert [card.kv_sequence_bytes for card in asked.cards] == pytest.approx([one] * 8, rel=1e-3)
    assert asked.kv_sequence_bytes == pytest.approx(8 * one, rel=1e-3)
    assert asked.kv_sequence_ideal_bytes == pytest.approx(one)


def test_a_gqa_model_shares_its_cache_until_the_kv_heads_run_out() -> None:
    eight = fit(deployed("llama-3.3-70b", "8xh100-sxm"), 8192, 1)
    assert eight.cards[0].kv_sequence_bytes == pytest.approx(eight.kv_sequence_ideal_bytes / 8)


def test_a_70b_in_q4_k_m_stays_half_in_host_memory_beside_a_4090() -> None:
    asked = offloaded("1xrtx-4090@ram=128GiB")
    assert asked.verdict == "offload"
    assert asked.offloaded_layers == pytest.approx(37, abs=4)
    assert asked.host_bytes == pytest.approx(20 * GIB, rel=0.15)
    assert asked.max_concurrency >= 1


@pytest.mark.parametrize("rig", ["1xrtx-4090", "1xrtx-4090@ram=16GiB"])
def test_without_host_memory_for_them_layers_have_nowhere_to_go(rig: str) -> None:
    assert offloaded(rig).verdict == "no"


def test_host_memory_is_filled_to_85_percent_at_most() -> None:
    needs_bytes = offloaded("1xrtx-4090@ram=128GiB").host_bytes
    enough, short = needs_bytes / HOST_RATIO * 1.001, needs_bytes / HOST_RATIO * 0.999
    assert offloaded(f"1xrtx-4090@ram={enough:.0f}B").verdict == "offload"
    assert offloaded(f"1xrtx-4090@ram={short:.0f}B").verdict == "no"


def test_host_memory_keeps_the_cache_of_every_sequence() -> None:
    asked = offloaded("1xrtx-4090@ram=512GiB", concurrency=64)
    cache_bytes = 64 * 8192 * 4096.0 * asked.offloaded_layers
    assert asked.host_bytes >= cache_bytes


def test_replicas_share_the_sequences_when_layers_are_offloaded_too() -> None:
    one = offloaded("1xrtx-4090@ram=256GiB", concurrency=1)
    two = offloaded("2xrtx-4090@ram=256GiB", concurrency=2, replicas=2)
    assert two.offloaded_layers == one.offloaded_layers


def test_replicas_on_unequal_cards_must_all_fit() -> None:
    asked = deployed(
        "llama-3.1-8b", "1xh100-sxm+1xrtx-3060-12gb", Choices(weights="f16", replicas=2)
    )
    assert fit(asked, 8192, 1).verdict == "no"


@pytest.mark.parametrize(
    ("need", "verdict"),
    [
        (Interval(50.0, 60.0, 70.0), "fits"),
        (Interval(80.0, 93.0, 99.0), "tight"),  # surely, but less than 8 % to spare
        (Interval(60.0, 80.0, 101.0), "tight"),  # 20 % to spare at the middle, not surely
        (Interval(90.0, 100.0, 110.0), "tight"),
        (Interval(90.0, 100.1, 110.0), "no"),
    ],
)
def test_a_card_fits_surely_with_room_or_is_tight_or_does_not(need: Interval, verdict: str) -> None:
    assert card_verdict(Interval.exact(100.0), need) == verdict


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    rig = f"{draw(st.sampled_from((1, 2, 4, 8)))}x{draw(st.sampled_from(CARDS))}"
    weights = draw(st.sampled_from((None, "fp8", "awq", "q4_k_m", "q8_0")))
    try:
        return deployed(draw(st.sampled_from(MODELS)), rig, Choices(weights=weights))
    except InputError:
        assume(False)  # noqa: FBT003 - hypothesis has no other way to drop an example
        raise


contexts = st.integers(1, 2048)
concurrencies = st.integers(1, 2000)
many = settings(max_examples=150, deadline=None)


@many
@given(deployments(), contexts, concurrencies)
def test_what_fits_has_8_percent_of_every_budget_to_spare(
    asked: Deployment, context: int, concurrency: int
) -> None:
    answer = fit(asked, context, concurrency)
    for card in answer.cards:
        assert (card.verdict == "no") == (card.free_bytes < 0.0)
        if answer.verdict == "fits":
            assert card.headroom_ratio >= 0.08
            assert card.required_bytes.mid <= card.budget_bytes.low
    assert answer.binding.verdict == answer.verdict


@many
@given(deployments(), contexts, concurrencies, st.integers(1, 500))
def test_more_sequences_never_improve_a_verdict(
    asked: Deployment, context: int, concurrency: int, more: int
) -> None:
    few, plenty = fit(asked, context, concurrency), fit(asked, context, concurrency + more)
    assert RANK[plenty.verdict] >= RANK[few.verdict]
    assert part_bytes(plenty.cards[0], "kv") >= part_bytes(few.cards[0], "kv")


@many
@given(deployments(), contexts, contexts)
def test_longer_sequences_never_take_less(asked: Deployment, one: int, other: int) -> None:
    short, long = fit(asked, min(one, other), 4), fit(asked, max(one, other), 4)
    assert long.kv_sequence_bytes >= short.kv_sequence_bytes
    assert long.kv_sequence_bytes >= long.kv_sequence_ideal_bytes * (1 - 1e-9)
    assert RANK[long.verdict] >= RANK[short.verdict]


def with_memory(asked: Deployment, factor: float) -> Deployment:
    group = asked.rig.groups[0]
    gpu = group.gpu.model_copy(
        update={"memory_cuda_bytes": round(group.gpu.memory_bytes.mid * factor)}
    )
    return replace(asked, rig=Rig((replace(group, gpu=gpu),)))


@many
@given(deployments(), contexts, concurrencies, st.floats(1.0, 4.0))
def test_a_larger_card_never_turns_a_fit_into_none(
    asked: Deployment, context: int, concurrency: int, factor: float
) -> None:
    small = fit(with_memory(asked, 1.0), context, concurrency)
    large = fit(with_memory(asked, factor), context, concurrency)
    assert RANK[large.verdict] <= RANK[small.verdict]
    assert large.max_concurrency >= small.max_concurrency
    assert large.max_context_tokens >= small.max_context_tokens


@many
@given(deployments(), contexts, concurrencies, st.floats(0.3, 1.0), st.floats(0.3, 1.0))
def test_a_larger_share_of_the_card_never_turns_a_fit_into_none(
    asked: Deployment, context: int, concurrency: int, one: float, other: float
) -> None:
    small, large = (
        fit(replace(asked, limits=replace(asked.limits, memory_ratio=ratio)), context, concurrency)
        for ratio in (min(one, other), max(one, other))
    )
    assert RANK[large.verdict] <= RANK[small.verdict]


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("a100-sxm-40gb", "a100-sxm-80gb"), ("h100-sxm", "h200-sxm"), ("b200-sxm", "b300-sxm"),
        ("mi300x", "mi325x"), ("v100-sxm-16gb", "v100-sxm-32gb"), ("rtx-4090", "rtx-6000-ada"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("model", [m for m in MODELS if m != "gpt-oss-120b"])
def test_the_larger_sister_of_a_card_fits_no_less_with_its_own_defaults(
    small: str, large: str, model: str
) -> None:
    few, more = (fit(deployed(model, f"4x{card}"), 2048, 8) for card in (small, large))
    assert RANK[more.verdict] <= RANK[few.verdict]


@many
@given(deployments(), contexts)
def test_the_largest_concurrency_is_the_last_that_fits(asked: Deployment, context: int) -> None:
    most = fit(asked, context, 1).max_concurrency
    assume(most >= 1)
    assert fit(asked, context, most).verdict != "no"
    if most < asked.limits.max_seqs or "layer" in asked.runtime.splits:
        assert fit(asked, context, most + 1).verdict == "no"


@many
@given(deployments(), concurrencies)
def test_the_longest_context_is_the_last_that_fits(asked: Deployment, concurrency: int) -> None:
    most = fit(asked, 1, concurrency).max_context_tokens
    assume(most >= 1)
    # llama.cpp's buffers are taken on a line between two contexts, from a whole batch up.
    is_layered = "layer" in asked.runtime.splits
    assume(not is_layered or most >= asked.limits.max_batched_tokens)
    below, above = (0.99 * most, 1.01 * most + 1) if is_layered else (most, most + 1)
    assert fit(asked, max(1, int(below)), concurrency).verdict != "no"
    if above < asked.llm.max_context_tokens:
        assert fit(asked, math.ceil(above), concurrency).verdict == "no"


@settings(max_examples=40, deadline=None)
@given(deployments(), st.integers(1, 128_000), st.integers(1, 300))
def test_every_lever_makes_it_fit(asked: Deployment, context: int, concurrency: int) -> None:
    answer = fit(asked, min(context, asked.llm.max_context_tokens), concurrency)
    assume(answer.verdict == "no")
    for lever in levers(answer):
        changed = lever.fit
        on_host = {"offload"} if lever.costs == "speed" else set()
        assert changed.verdict in {"fits", "tight"} | on_host
        if lever.costs != "traffic":
            assert changed.context_tokens == answer.context_tokens
            assert changed.concurrency == answer.concurrency


@functools.cache
def measured(name: str) -> list[dict[str, str]]:
    path = SHARED / "measurements" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here: set RIGHTRIG_SHARED to the folder of shared tables")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pool_tokens(
    model: str, rig: str, version: str, ratio: float, limits: tuple[int, int] | None = None
) -> float:
    """Tokens of cache that an engine has."""
    seqs, tokens = limits or (None, None)
    choices = Choices(
        runtime=f"vllm@{version}", memory_ratio=ratio, max_seqs=seqs, max_batched_tokens=tokens
    )
    card = fit(deployed(model, rig, choices), 8192, 1).binding
    room = card.free_bytes + part_bytes(card, "kv")
    return room / (card.kv_sequence_bytes / 8192)


@pytest.mark.parametrize(
    ("model", "rig", "version", "source", "limits"),
    [
        ("llama-3.1-8b", "1xrtx-4090", "0.19.0", "LLMServingSim", None),
        # Ray Serve takes the limits of vLLM's own configuration, not those of a card.
        ("meta-llama-3-70b", "4xh100-sxm", "0.11", "llama70B-all", (128, 2048)),
    ],
)
def test_the_cache_is_as_large_as_vllm_logs_it(
    model: str, rig: str, version: str, source: str, limits: tuple[int, int] | None
) -> None:
    row = next(r for r in measured("kv_capacity.csv") if source in r["source"])
    block_tokens = 16 if row["block_size"].startswith("16") else 1
    logged = float(row["reported_tokens_or_blocks"]) * block_tokens
    assert pool_tokens(model, rig, version, 0.9, limits) == pytest.approx(logged, rel=0.065)


@pytest.mark.parametrize("model", ["Llama-3.1-8B-Instruct", "Qwen2.5-7B-Instruct"])
def test_the_cache_of_one_h100_is_as_large_as_vllm_0_19_logs_it(model: str) -> None:
    row = next(
        r
        for r in measured("memory.csv")
        if (r["model"], r["component"]) == (model, "kv_tokens") and "util=0.95" in r["config"]
    )
    assert pool_tokens(model, "1xh100-sxm", "0.19.0", 0.95) == pytest.approx(
        float(row["value"]), rel=0.01
    )


# Context of a sequence, sequences, ubatch, flash attention.
LLAMA_CPP_RUNS = {
    ("Llama-2-7B F16", "c=4096"): (4096, 1, 512, True),
    ("Llama-2-7B F16", "c=32768"): (32_768, 1, 512, True),
    ("Gemma-3-27B Q4_0", "c=4096 no-repack"): (4096, 1, 512, True),
    ("Gemma-3-27B Q4_0", "c=32768"): (32_768, 1, 512, True),
    ("Gemma-3-27B Q4_0", "c=32768 fa=off"): (32_768, 1, 512, False),
    ("Gemma-3-27B Q4_0", "c=32768 ub=2048"): (32_768, 1, 2048, True),
    ("Gemma-3-27B Q4_0", "c=32768 np=4"): (8192, 4, 512, True),
}
LLAMA_CPP_MODELS = {
    "Llama-2-7B F16": ("llama-2-7b", "f16"),
    "Gemma-3-27B Q4_0": ("gemma-3-27b-it", "q4_0"),
}


def llama_cpp_fit(run: tuple[str, str]) -> Fit:
    model, weights = LLAMA_CPP_MODELS[run[0]]
    context, sequences, ubatch, flash = LLAMA_CPP_RUNS[run]
    choices = Choices(
        runtime="llama.cpp", weights=weights, max_seqs=sequences, max_batched_tokens=ubatch
    )
    asked = deployed(model, "1xh100-sxm", choices)
    asked = replace(asked, limits=replace(asked.limits, flash_attention=flash))
    return fit(asked, context, sequences)


def measured_mib(run: tuple[str, str], component: str) -> float:
    row = next(
        row
        for row in measured("memory.csv")
        if (row["engine"], row["model"], row["config"], row["component"])
        == ("llama.cpp", *run, component)
    )
    return float(row["value"])


@pytest.mark.parametrize("run", LLAMA_CPP_RUNS, ids=" ".join)
def test_llama_cpp_caches_are_exact(run: tuple[str, str]) -> None:
    kv_mib = part_bytes(llama_cpp_fit(run).cards[0], "kv") / MIB
    assert kv_mib == pytest.approx(measured_mib(run, "kv"), rel=0.01)


@pytest.mark.parametrize(
    "run", [("Llama-2-7B F16", "c=4096"), ("Gemma-3-27B Q4_0", "c=4096 no-repack")], ids=" ".join
)
def test_llama_cpp_files_are_as_large_as_it_says(run: tuple[str, str]) -> None:
    weights_mib = llama_cpp_fit(run).weights_bytes / MIB
    assert weights_mib == pytest.approx(measured_mib(run, "weights"), rel=0.01)


@pytest.mark.parametrize(
    "run",
    LLAMA_CPP_RUNS,
    ids=" ".join,
)
def test_llama_cpp_compute_buffers_are_within_a_quarter(run: tuple[str, str]) -> None:
    compute_mib = part_bytes(llama_cpp_fit(run).cards[0], "compute") / MIB
    assert compute_mib == pytest.approx(measured_mib(run, "compute"), rel=0.25)
