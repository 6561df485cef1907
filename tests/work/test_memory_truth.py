"""KV caches and weights of real models, against closed forms, files and runs of the engines.

The truths are those of the memory survey: bytes a token and a sequence, whole-file sizes that
llama.cpp publishes, sizes of checkpoints. What splitting must never do holds for every model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.parallelism import stage_layers, valid_tps
from rightrig.facts.catalog import shipped
from rightrig.quantities import GB, GIB, MIB
from rightrig.work import kv_cache
from rightrig.work.llama_cpp import layer_cache_bytes
from rightrig.work.llama_cpp_options import Options, padded
from rightrig.work.weights import (
    rank_weight_bytes,
    stage_blocks,
    total_params_count,
    weight_bytes,
)

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

BITS: Final = 16.0
CATALOG: Final = shipped()
LLMS: Final = st.sampled_from(CATALOG.slugs("llms")).map(CATALOG.llm)
CONTEXTS: Final = st.integers(min_value=1, max_value=1_000_000)
UNHURRIED: Final = settings(deadline=None)
"""The first example of a model reads its record."""
FORMATS: Final = st.sampled_from(("checkpoint", "bf16", "fp8", "awq", "nvfp4", "q4_k_m"))


def token_bytes(llm: Llm, ranks: int = 1) -> float:
    return kv_cache.kv_bytes_per_token(llm.block_counts, BITS, ranks)


def ideal_bytes(llm: Llm, tokens: int) -> float:
    return kv_cache.sequence_kv_bytes(llm.block_counts, tokens, BITS)


def paged_bytes(llm: Llm, tokens: int, ranks: int = 1, batched_tokens: int = 8192) -> float:
    return kv_cache.paged_sequence_kv_bytes(llm.block_counts, tokens, BITS, ranks, batched_tokens)


def slot_bytes(llm: Llm, tokens: int) -> float:
    return sum(layer_cache_bytes(llm, Options(tokens)))


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("llama-2-7b", 524_288),
        ("llama-2-70b", 327_680),
        ("llama-3.3-70b", 327_680),
        ("llama-3.1-8b", 131_072),
        ("mixtral-8x7b-v0.1", 131_072),
        ("deepseek-v3", 70_272),
    ],
)
def test_kv_cache_of_a_token(name: str, token: int) -> None:
    assert token_bytes(CATALOG.llm(name)) == token


def test_llama_2_7b_keeps_2_gib_for_4096_tokens() -> None:
    llm = CATALOG.llm("llama-2-7b")
    assert ideal_bytes(llm, 4096) == paged_bytes(llm, 4096) == slot_bytes(llm, 4096) == 2 * GIB
    assert ideal_bytes(llm, 4096) / GB == pytest.approx(2.1475, abs=5e-5)


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_the_latent_of_mla_is_whole_on_every_rank(ranks: int) -> None:
    assert token_bytes(CATALOG.llm("deepseek-v3"), ranks) == 70_272


@pytest.mark.parametrize(
    ("ranks", "token"), [(2, 163_840), (4, 81_920), (8, 40_960), (16, 40_960), (64, 40_960)]
)
def test_key_value_heads_are_copied_when_ranks_outnumber_them(ranks: int, token: int) -> None:
    assert token_bytes(CATALOG.llm("llama-3.3-70b"), ranks) == token


def test_llama_cpp_keeps_the_latent_of_mla_once() -> None:
    assert slot_bytes(CATALOG.llm("deepseek-v3"), 4096) / MIB == pytest.approx(274, abs=0.6)


def test_gemma_3_27b_at_32k() -> None:
    llm = CATALOG.llm("gemma-3-27b-it")
    assert ideal_bytes(llm, 32_768) / GIB == pytest.approx(2.906, abs=5e-4)
    assert token_bytes(llm) * 32_768 / GIB == pytest.approx(15.5, abs=5e-2)
    assert slot_bytes(llm, 32_768) == 3184 * MIB


@pytest.mark.parametrize(("batched_tokens", "gib"), [(8192, 6.73), (2048, 3.91)])
def test_windows_in_vllm_cost_by_the_tokens_in_flight(batched_tokens: int, gib: float) -> None:
    llm = CATALOG.llm("gemma-3-27b-it")
    found = paged_bytes(llm, 32_768, batched_tokens=batched_tokens)
    assert found / GIB == pytest.approx(gib, abs=5e-3)


def test_gpt_oss_20b_at_32k() -> None:
    llm = CATALOG.llm("gpt-oss-20b")
    assert ideal_bytes(llm, 32_768) / GIB == pytest.approx(0.753, abs=5e-4)
    assert token_bytes(llm) * 32_768 / GIB == 1.5
    assert slot_bytes(llm, 32_768) == 786 * MIB


@pytest.mark.parametrize(("tokens", "cells"), [(1, 256), (256, 256), (257, 512), (4097, 4352)])
def test_llama_cpp_pads_contexts_to_256(tokens: int, cells: int) -> None:
    llm = CATALOG.llm("llama-2-7b")
    assert padded(tokens) == cells
    assert slot_bytes(llm, tokens) == cells * token_bytes(llm)


@pytest.mark.parametrize(("tokens", "kept"), [(1, 16), (16, 16), (17, 32), (4095, 4096)])
def test_vllm_keeps_pages_of_16_tokens(tokens: int, kept: int) -> None:
    llm = CATALOG.llm("llama-2-7b")
    assert paged_bytes(llm, tokens) == kept * token_bytes(llm)


@pytest.mark.parametrize(("kv", "mib"), [("fp16", 10_240), ("q8_0", 5440), ("q4_0", 2880)])
def test_llama_cpp_quantises_the_cache_of_a_70b(kv: str, mib: int) -> None:
    options = Options(32_768, key_format=kv, value_format=kv)
    assert sum(layer_cache_bytes(CATALOG.llm("llama-3.3-70b"), options)) == mib * MIB


@pytest.mark.parametrize(
    ("file_type", "bits"),
    [
        ("q2_k", 3.16),
        ("q3_k_m", 4.00),
        ("q4_k_s", 4.67),
        ("q4_k_m", 4.89),
        ("q5_k_m", 5.70),
        ("q6_k", 6.56),
        ("q8_0", 8.50),
    ],
)
def test_gguf_files_of_llama_3_1_8b(file_type: str, bits: float) -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    found = 8.0 * weight_bytes(llm, file_type) / total_params_count(llm)
    assert found == pytest.approx(bits, rel=1e-2)


@pytest.mark.parametrize(("name", "bits"), [("llama-3-70b", 4.82), ("qwen2.5-7b", 4.91)])
def test_the_mix_of_q4_k_m_depends_on_the_model(name: str, bits: float) -> None:
    llm = CATALOG.llm(name)
    found = 8.0 * weight_bytes(llm, "q4_k_m") / total_params_count(llm)
    assert found == pytest.approx(bits, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "format_name", "gb"),
    [
        ("llama-3.3-70b", "awq", 39.77),
        ("llama-3.3-70b", "nvfp4", 42.71),
        ("llama-3.3-70b", "nf4", 39.52),
        ("llama-3.1-8b", "awq", 5.73),
        ("llama-3.1-8b", "fp8", 9.08),
    ],
)
def test_embeddings_and_head_stay_at_16_bits(name: str, format_name: str, gb: float) -> None:
    assert weight_bytes(CATALOG.llm(name), format_name) / GB == pytest.approx(gb, abs=5e-3)


def test_gpt_oss_20b_is_published_in_12_82_gib() -> None:
    stored = weight_bytes(CATALOG.llm("gpt-oss-20b"), "checkpoint")
    assert stored / GIB == pytest.approx(12.82, rel=2e-3)


def test_pipeline_stages_of_an_even_split_are_unequal() -> None:
    # vLLM 0.19 loads 4.26 GiB on a stage with a vocabulary matrix, where a quarter is 3.75 GiB.
    first, second, third, last = rank_weight_bytes(CATALOG.llm("llama-3.1-8b"), "bf16", 1, 4)
    assert [first / GIB, last / GIB] == pytest.approx([4.26, 4.26], rel=1e-2)
    assert second == third < first


@UNHURRIED
@given(llm=LLMS, format_name=FORMATS, data=st.data())
def test_more_ranks_never_raise_the_weights_of_a_rank(
    llm: Llm, format_name: str, data: st.DataObject
) -> None:
    few, many = sorted(data.draw(st.tuples(*[st.sampled_from(valid_tps(llm, 64))] * 2)))
    before = rank_weight_bytes(llm, format_name, few, 1)[0]
    after = rank_weight_bytes(llm, format_name, many, 1)[0]
    assert after <= before
    assert after * many >= before * few * (1.0 - 1e-12)


@UNHURRIED
@given(llm=LLMS, format_name=FORMATS)
def test_one_rank_holds_the_whole_model(llm: Llm, format_name: str) -> None:
    (whole,) = rank_weight_bytes(llm, format_name, 1, 1)
    assert whole == pytest.approx(weight_bytes(llm, format_name), rel=1e-6)


@UNHURRIED
@given(llm=LLMS, shorter=CONTEXTS, longer=CONTEXTS)
def test_a_longer_context_never_keeps_less(llm: Llm, shorter: int, longer: int) -> None:
    shorter, longer = sorted((shorter, longer))
    assert ideal_bytes(llm, shorter) <= ideal_bytes(llm, longer)
    assert paged_bytes(llm, shorter) <= paged_bytes(llm, longer)
    assert slot_bytes(llm, shorter) <= slot_bytes(llm, longer)


@UNHURRIED
@given(llm=LLMS, tokens=CONTEXTS, batched_tokens=st.integers(1, 65_536), data=st.data())
def test_engines_never_keep_less_than_the_ideal(
    llm: Llm, tokens: int, batched_tokens: int, data: st.DataObject
) -> None:
    ranks = data.draw(st.sampled_from(valid_tps(llm, 64)))
    ideal = ideal_bytes(llm, tokens)
    assert paged_bytes(llm, tokens, ranks, batched_tokens) >= ideal / ranks * (1.0 - 1e-12)
    assert slot_bytes(llm, tokens) >= ideal


@UNHURRIED
@given(layers=st.integers(1, 200), data=st.data())
def test_stages_hold_every_layer_once(layers: int, data: st.DataObject) -> None:
    stages = data.draw(st.integers(1, layers))
    sizes = stage_layers(layers, stages)
    assert sum(sizes) == layers
    assert len(sizes) == stages
    assert max(sizes) - min(sizes) <= 1
    assert sizes[-1] == min(sizes)


@UNHURRIED
@given(llm=LLMS, stages=st.integers(1, 16))
def test_stages_keep_the_kinds_of_layers(llm: Llm, stages: int) -> None:
    stages = min(stages, llm.layer_count)
    kept = sum(kv_cache.kv_bytes_per_token(blocks, BITS) for blocks in stage_blocks(llm, stages))
    assert kept == token_bytes(llm)
