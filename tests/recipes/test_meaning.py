"""Switching engines keeps meaning: the same KV cache, sequences, tokens and split."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servings import serving

from rightrig.deployment.compatibility import broken
from rightrig.facts.catalog import shipped
from rightrig.prediction.cache_room import pools
from rightrig.recipes.engines import sglang, vllm
from rightrig.recipes.meaning import (
    ENGINES,
    LLAMA_CPP,
    SGLANG,
    TENSORRT_LLM,
    VLLM,
    Translation,
    in_engine,
    same_cache,
    translated,
)

PAGED: Final = (VLLM, SGLANG, TENSORRT_LLM)
MODELS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("meta-llama/Llama-3.1-8B-Instruct", "1xh100-sxm", {}),
    ("meta-llama/Llama-3.3-70B-Instruct", "8xh100-sxm", {"tp": 4, "pp": 2}),
    ("Qwen/Qwen3-30B-A3B", "4xh200-sxm", {"tp": 1, "attention_dp": 4}),
    ("google/gemma-3-27b-it", "2xa100-sxm-80gb", {}),
    ("Qwen/Qwen2.5-7B-Instruct", "1xa100-pcie-40gb", {}),
)


def words(model: str, on: str, **choices: Any) -> dict[str, Translation]:
    """Return quantity → its translation."""
    return {one.quantity: one for one in translated(serving(model, on, **choices))}


def number(text: str) -> float:
    """Return the value behind an option."""
    return float(re.findall(r"[\d.]+", text)[0])


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(MODELS),
    runtimes=st.permutations(PAGED),
    memory_ratio=st.floats(0.6, 0.85),
)
def test_there_and_back_is_the_same_cache(
    case: tuple[str, str, dict[str, Any]], runtimes: list[str], memory_ratio: float
) -> None:
    model, on, choices = case
    own = serving(model, on, runtime=runtimes[0], memory_ratio=memory_ratio, **choices)
    other = shipped().runtime(runtimes[1])
    there = same_cache(own, other)
    if broken(in_engine(own, other)) or not there.is_same or there.wanted_bytes < 2e9:
        return
    carried = in_engine(own, other)
    limits = replace(carried.limits, memory_ratio=there.memory_ratio)
    moved = replace(own, deployment=replace(carried, limits=limits))
    back = same_cache(moved, own.runtime)
    wanted = pytest.approx(there.wanted_bytes, rel=0.01)
    assert there.cache_bytes == wanted
    assert back.cache_bytes == wanted
    assert back.memory_ratio == pytest.approx(memory_ratio, abs=0.01)


def test_the_fraction_that_is_told_gives_the_cache_that_is_told() -> None:
    own = serving("meta-llama/Llama-3.1-8B-Instruct", "1xh100-sxm", runtime=VLLM)
    for slug in (SGLANG, TENSORRT_LLM):
        found = same_cache(own, shipped().runtime(slug))
        moved = in_engine(own, shipped().runtime(slug))
        moved = replace(moved, limits=replace(moved.limits, memory_ratio=found.memory_ratio))
        assert pools(moved)[0][1].mid == found.cache_bytes


def test_one_fraction_means_three_things() -> None:
    found = words("meta-llama/Llama-3.1-8B-Instruct", "1xh100-sxm", runtime=VLLM, memory_ratio=0.85)
    told = found["share of memory"].words
    ratios = [number(told[slug]) for slug in PAGED]
    assert ratios[0] == 0.85
    assert len({round(ratio, 2) for ratio in ratios}) == 3


def test_a_cache_that_another_engine_has_no_room_for_is_said() -> None:
    found = words("meta-llama/Llama-3.1-8B-Instruct", "1xh100-sxm", runtime=VLLM, memory_ratio=1.0)
    assert "SGLang has room for" in found["share of memory"].note


def test_slots_divide_the_context() -> None:
    told = words("Qwen/Qwen3-8B", "1xh100-sxm", context=4096, concurrency=16, runtime=VLLM)
    assert told["longest sequence"].words == {
        VLLM: "--max-model-len 4096",
        SGLANG: "--context-length 4096",
        TENSORRT_LLM: "--max_seq_len 4096",
        LLAMA_CPP: "--ctx-size 65536 --parallel 16",
    }


def test_slots_become_a_ceiling_of_as_many_sequences() -> None:
    told = words("Qwen/Qwen3-8B", "1xrtx-4090", context=4096, concurrency=6, runtime=LLAMA_CPP)
    assert told["sequences at once"].words[VLLM] == "--max-num-seqs 6"
    assert told["sequences at once"].words[LLAMA_CPP] == "--parallel 6"


def test_the_cache_of_slots_gets_a_fraction_of_the_others() -> None:
    model = "meta-llama/Llama-3.2-3B-Instruct"
    told = words(model, "1xrtx-4090", runtime=LLAMA_CPP, weights="f16")
    assert told["runs it"].words[VLLM] == "yes"
    assert 0.1 < number(told["share of memory"].words[VLLM]) < 1.0


def test_an_engine_that_does_not_load_the_weights_says_so() -> None:
    told = words("Qwen/Qwen3-8B", "1xrtx-4090", runtime=LLAMA_CPP, weights="q4_k_m", kv="q8_0")
    assert told["runs it"].words[VLLM].startswith("no: vLLM does not load q4_k_m")
    assert told["share of memory"].words[SGLANG].startswith("not computed")
    assert told["KV cache format"].words[VLLM] == "none: keeps no cache in Q8_0"


@pytest.mark.parametrize("runtime", PAGED)
@pytest.mark.parametrize(("model", "on", "choices"), MODELS)
def test_every_quantity_is_told_for_every_engine(
    runtime: str, model: str, on: str, choices: dict[str, Any]
) -> None:
    for one in translated(serving(model, on, runtime=runtime, **choices)):
        assert tuple(sorted(one.words)) == tuple(sorted(ENGINES))
        assert one.meaning
        assert one.note.endswith(".")


@pytest.mark.parametrize("launch_of", [vllm.launch_of, sglang.launch_of])
@pytest.mark.parametrize(("model", "on", "choices"), MODELS)
def test_the_words_are_those_of_the_command(
    launch_of: Any, model: str, on: str, choices: dict[str, Any]
) -> None:
    slug = VLLM if launch_of is vllm.launch_of else SGLANG
    found = serving(model, on, runtime=slug, **choices)
    command = " ".join(launch_of(found).words)
    for one in translated(found):
        told = one.words[slug]
        if told.startswith("--"):
            for option in re.findall(r"--\S+(?: [^-]\S*)?", told):
                assert option in command


def test_what_a_recipe_would_refuse_is_not_called_possible() -> None:
    told = words("mistralai/Mixtral-8x22B-v0.1", "4xh100-sxm", runtime="vllm", weights="awq")
    assert told["runs it"].words[TENSORRT_LLM].startswith("no: TensorRT-LLM loads awq")
    assert told["runs it"].words[SGLANG] == "yes"
    assert "not computed" in told["share of memory"].words[TENSORRT_LLM]
    gemma = words("google/gemma-2-9b-it", "1xh100-sxm", runtime="sglang", weights="fp16")
    assert gemma["runs it"].words[VLLM].startswith("no: vLLM refuses")


def test_blocks_beside_recurrent_states_are_not_reused_in_tensorrt_llm() -> None:
    told = words("Qwen/Qwen3-Next-80B-A3B-Instruct", "4xh100-sxm")["prefix cache"]
    assert "enable_block_reuse: false" in told.words[TENSORRT_LLM]
