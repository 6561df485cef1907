"""llama.cpp's file types against the whole-file figures that its quantiser's page publishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import UnknownNameError
from rightrig.facts.catalog import shipped
from rightrig.facts.quantization import GGML_BITS, GGML_BLOCK_WEIGHTS, GGUF_MIXES
from rightrig.quantities import MIB
from rightrig.work.gguf_mix import gguf_bits, holds, layer_types
from rightrig.work.llama_cpp import layer_weight_bytes, vocabulary_bytes
from rightrig.work.weights import params_by_class

CATALOG = shipped()
PUBLISHED = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403,
    "iq2_m": 2.9294, "iq3_xxs": 3.2548, "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628,
    "iq4_xs": 4.4597, "iq4_nl": 4.6818, "q2_k_s": 2.9697, "q2_k": 3.1593, "q3_k_s": 3.6429,
    "q3_k_m": 3.9960, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944, "q5_k_s": 5.5704,
    "q5_k_m": 5.7036, "q6_k": 6.5633, "q8_0": 8.5008, "f16": 16.0005,
}  # fmt: skip
"""Bits a weight of Llama-3.1-8B: github:ggml-org/llama.cpp tools/quantize/README.md, 2026-10."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_llama_3_1_8b_takes_the_published_bits_a_weight(name: str) -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    bits = gguf_bits(llm, name)
    params = params_by_class(llm)
    mean = sum(count * bits[kind] for kind, count in params.items()) / sum(params.values())
    assert mean == pytest.approx(PUBLISHED[name], rel=1e-4)


DRY_RUNS = (
    ("llama-3.3-70b", "q4_k_m", 40543.11),
    ("llama-3.3-70b", "q3_k_m", 32672.53),
    ("mixtral-8x7b-v0.1", "q4_k_m", 27129.87),
    ("mixtral-8x7b-v0.1", "iq3_m", 20437.27),
    ("gemma-3-27b-it", "q5_k_m", 18372.37),
    ("gpt-oss-20b", "mxfp4_moe", 11536.18),
    ("gpt-oss-20b", "q4_k_m", 15060.55),
    ("deepseek-v3", "q4_k_m", 385750.62),
    ("deepseek-v3", "iq1_s", 127542.75),
    ("phi-4", "q4_k_m", 8636.19),
    ("falcon-40b", "q4_k_m", 24036.19),
    ("falcon-40b", "iq2_m", 14663.31),
    ("qwen2.5-0.5b-instruct", "q4_k_s", 361.94),
    ("qwen3-30b-a3b", "q2_k", 10731.35),
    ("starcoder2-7b", "iq4_xs", 3764.41),
)
"""MiB of all tensors by ``llama-quantize --dry-run`` (build 11434, 2026-11-20) on sparse files
of benchmarks/sparse_gguf.py, where biases and norms are 32 bits wide."""


@pytest.mark.parametrize(("model", "file_type", "mib"), DRY_RUNS)
def test_whole_files_take_what_the_quantiser_announces(
    model: str, file_type: str, mib: float
) -> None:
    llm = CATALOG.llm(model)
    layers = sum(total for total, _ in layer_weight_bytes(llm, file_type))
    embedding, output = vocabulary_bytes(llm, file_type)
    found = layers + output + (0.0 if llm.tied_embeddings else embedding)
    assert found / MIB == pytest.approx(mib, abs=0.02)


def test_eight_experts_raise_keys_and_values_to_eight_bits() -> None:
    llm = CATALOG.llm("mixtral-8x7b-v0.1")
    for layer in layer_types(llm, "q4_k_m"):
        types = {matrix.name: kind for matrix, kind in layer}
        assert types["attn_k"] == types["attn_v"] == "Q8_0"
        assert (types["attn_q"], types["attn_output"]) == ("Q4_K", "Q5_K")


def test_rows_that_no_block_divides_fall_back() -> None:
    """gpt-oss has rows of 2880: not divisible by 256."""
    types = {m.name: kind for m, kind in layer_types(CATALOG.llm("gpt-oss-20b"), "q4_k_m")[0]}
    assert (types["ffn_gate_exps"], types["attn_output"]) == ("Q5_0", "Q4_K")


def test_mxfp4_is_for_experts_alone() -> None:
    types = {m.name: kind for m, kind in layer_types(CATALOG.llm("gpt-oss-20b"), "mxfp4_moe")[0]}
    assert (types["ffn_up_exps"], types["attn_q"], types["ffn_gate_inp"]) == (
        "MXFP4", "Q8_0", "F32",
    )  # fmt: skip


def test_half_the_layers_of_a_medium_mix_are_raised() -> None:
    assert [i for i in range(32) if holds("some", i, 32)] == [
        0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31,
    ]  # fmt: skip


@settings(deadline=None)
@given(slug=st.sampled_from(CATALOG.slugs("llms")), file_type=st.sampled_from(GGUF_MIXES))
def test_every_matrix_gets_a_type_whose_blocks_divide_its_rows(slug: str, file_type: str) -> None:
    for layer in layer_types(CATALOG.llm(slug), file_type):
        for matrix, kind in layer:
            assert matrix.shape[0] % GGML_BLOCK_WEIGHTS[kind] == 0
            assert kind in GGML_BITS


def test_an_unknown_file_type_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="q4_k_m"):
        gguf_bits(CATALOG.llm("llama-3.1-8b"), "q4_k_x")
