"""Configurations of every kind of architecture, written here, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rightrig.errors import UnsupportedModelError
from rightrig.facts.architectures import read_config
from rightrig.work.kv_cache import model_kv_bytes_per_token
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}
# d=64, H=8, KV=2, h=8, f=256, V=1000, L=4, untied.
LLAMA_LAYER = 64 * 64 + 2 * 64 * 16 + 64 * 64 + 3 * 64 * 256 + 2 * 64
LLAMA_PARAMS = 2 * 1000 * 64 + 4 * LLAMA_LAYER + 64
EXPERTS = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
}


def read(**changes: object) -> Llm:
    return read_config({**LLAMA, **changes}, name="test")


def kinds(llm: Llm) -> list[str]:
    order = [llm.blocks[index] for index in llm.layer_order]
    return ["none" if b.attention is None else b.attention.kind for b in order]


def test_grouped_queries_count_as_the_formula_says() -> None:
    llm = read()
    attention = llm.attentions[0]
    assert (attention.head_count, attention.kv_head_count, attention.head_dim) == (8, 2, 8)
    assert llm.layout == ((0, 4),)
    assert total_params_count(llm) == LLAMA_PARAMS
    assert model_kv_bytes_per_token(llm, 16.0) == 2 * 4 * 2 * 8 * 2
    assert llm.slug == "test"
    assert llm.checkpoint.format == "bf16"


def test_without_key_value_heads_every_head_keeps_its_own() -> None:
    llm = read(num_key_value_heads=None)
    assert llm.attentions[0].kv_head_count == 8


def test_falcon_7b_shares_one_head_and_one_norm() -> None:
    llm = read_config(
        {
            "model_type": "falcon",
            "hidden_size": 4544,
            "num_hidden_layers": 32,
            "num_attention_heads": 71,
            "multi_query": True,
            "new_decoder_architecture": False,
            "vocab_size": 65024,
        },
        name="falcon-7b",
    )
    assert llm.attentions[0].kv_head_count == 1
    assert llm.max_context_tokens == 2048
    assert total_params_count(llm) == 6_921_720_704


def test_qwen2_has_biases_and_a_window_that_is_not_in_use() -> None:
    llm = read(model_type="qwen2", sliding_window=1024, use_sliding_window=False)
    attention = llm.attentions[0]
    assert (attention.kind, attention.bias, attention.output_bias) == ("full", True, False)
    assert total_params_count(llm) == LLAMA_PARAMS + 4 * (64 + 2 * 16)


def test_qwen2_slides_after_its_first_layers_when_it_says_so() -> None:
    llm = read(
        model_type="qwen2", sliding_window=1024, use_sliding_window=True, max_window_layers=3
    )
    assert kinds(llm) == ["full", "full", "full", "sliding"]


def test_qwen3_norms_each_query_and_key_head() -> None:
    llm = read(model_type="qwen3", head_dim=16)
    attention = llm.attentions[0]
    assert (attention.head_dim, attention.bias, attention.qk_norm_params) == (16, False, 32)


def test_mistral_slides_in_every_layer() -> None:
    llm = read(model_type="mistral", sliding_window=1024)
    assert kinds(llm) == ["sliding"] * 4
    assert llm.attentions[0].window_tokens == 1024


@pytest.mark.parametrize("window", [4096, 262144])
def test_a_window_as_long_as_the_context_is_full_attention(window: int) -> None:
    assert kinds(read(model_type="phi3", sliding_window=window)) == ["full"] * 4


def test_gemma2_takes_turns_and_is_tied() -> None:
    llm = read(model_type="gemma2", head_dim=32, sliding_window=512)
    assert kinds(llm) == ["sliding", "full", "sliding", "full"]
    assert llm.tied_embeddings
    assert llm.blocks[0].norm_params == 4 * 64


def test_gemma3_reads_its_layer_types_and_fills_in_what_the_hub_leaves_out() -> None:
    llm = read_config(
        {
            "model_type": "gemma3_text",
            "hidden_size": 2560,
            "intermediate_size": 10240,
            "num_hidden_layers": 12,
            "sliding_window": 1024,
        },
        name="gemma",
    )
    assert kinds(llm) == (["sliding"] * 5 + ["full"]) * 2
    assert (llm.attentions[0].head_count, llm.vocab_size, llm.max_context_tokens) == (
        8,
        262_208,
        131_072,
    )
    listed = read(
        model_type="gemma3_text", layer_types=["full_attention"] * 3 + ["sliding_attention"]
    )
    assert kinds(listed) == ["full"] * 4, "its default window is as long as this context"


def test_mixtral_counts_experts_and_router() -> None:
    llm = read(model_type="mixtral", num_local_experts=8, num_experts_per_tok=2)
    ffn = llm.ffns[0]
    assert (ffn.expert_count, ffn.experts_per_token, ffn.expert_inner_size) == (8, 2, 256)
    assert ffn.inner_size == 0
    grown = 7 * 3 * 64 * 256 + 8 * 64
    assert total_params_count(llm) == LLAMA_PARAMS + 4 * grown


def test_qwen2_moe_gates_its_shared_expert() -> None:
    llm = read(model_type="qwen2_moe", shared_expert_intermediate_size=48, **EXPERTS)
    assert (llm.ffns[0].shared_inner_size, llm.ffns[0].shared_gate) == (48, True)


def test_qwen3_moe_may_be_dense_in_some_layers() -> None:
    llm = read(model_type="qwen3_moe", mlp_only_layers=[3], decoder_sparse_step=2, **EXPERTS)
    assert llm.layout == ((0, 1), (1, 1), (0, 2))
    assert llm.ffns[1].expert_count == 8


def test_deepseek_v3_keeps_a_latent_and_shares_experts() -> None:
    llm = read(model_type="deepseek_v3", num_nextn_predict_layers=1, **LATENT)
    attention, sparse = llm.attentions[0], llm.ffns[1]
    assert llm.layout == ((0, 1), (1, 3))
    assert (attention.kind, attention.head_dim, attention.value_dim) == ("mla", 12, 8)
    assert (sparse.shared_inner_size, sparse.router_bias) == (64, True)
    assert model_kv_bytes_per_token(llm, 16.0) == 4 * (16 + 4) * 2
    assert llm.not_counted == ()
    assert llm.ahead is not None
    assert (llm.ahead.layer_count, llm.ahead.block) == (1, 1)


def test_gpt_oss_has_sinks_biases_and_turns() -> None:
    llm = read(
        model_type="gpt_oss",
        num_local_experts=8,
        num_experts_per_tok=2,
        sliding_window=128,
        layer_types=["sliding_attention", "full_attention"] * 2,
        quantization_config={
            "quant_method": "mxfp4",
            "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens",
                "lm_head",
            ],
        },
    )  # fmt: skip
    attention, ffn = llm.attentions[0], llm.ffns[0]
    assert kinds(llm) == ["sliding", "full"] * 2
    assert (attention.sink_params, attention.bias, attention.output_bias) == (8, True, True)
    assert (ffn.bias, ffn.router_bias) == (True, True)
    assert llm.checkpoint.format == "mxfp4"
    assert llm.checkpoint.kept_16bit == ("embedding", "head", "attention", "router", "norm")


def test_llama4_chunks_three_layers_of_four_and_alternates_experts() -> None:
    llm = read(
        model_type="llama4_text",
        num_local_experts=8,
        num_experts_per_tok=1,
        intermediate_size_mlp=512,
        interleave_moe_layer_step=2,
        attention_chunk_size=1024,
        no_rope_layers=[],
    )
    assert kinds(llm) == ["chunked"] * 3 + ["full"]
    ffns = [llm.ffns[index] for index, _ in llm.layout]
    assert [ffn.expert_count for ffn in ffns] == [0, 8, 0, 8]
    assert (ffns[0].inner_size, ffns[1].shared_inner_size) == (512, 256)


def test_tied_embeddings_count_once() -> None:
    assert total_params_count(read(tie_word_embeddings=True)) == LLAMA_PARAMS - 64_000


def test_cohere2_has_three_local_layers_before_a_full_one_and_one_norm() -> None:
    llm = read(model_type="cohere2", sliding_window=1024)
    assert kinds(llm) == ["sliding"] * 3 + ["full"]
    assert llm.blocks[0].norm_params == 64


@pytest.mark.parametrize(
    ("config", "params"),
    [
        ({"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
          "vocab_size": 50257}, 124_439_808),
        ({"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_positions": 2048,
          "vocab_size": 50400}, 6_050_882_784),
        ({"model_type": "gpt_neox", "hidden_size": 6144, "num_attention_heads": 64,
          "num_hidden_layers": 44, "intermediate_size": 24576, "vocab_size": 50432,
          "max_position_embeddings": 2048}, 20_554_567_680),
        ({"model_type": "opt", "hidden_size": 4096, "ffn_dim": 16384, "num_attention_heads": 32,
          "num_hidden_layers": 32, "vocab_size": 50272, "max_position_embeddings": 2048},
         6_658_473_984),
        ({"model_type": "bloom", "n_embed": 14336, "n_head": 112, "n_layer": 70,
          "vocab_size": 250880}, 176_247_271_424),
        ({"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32,
          "vocab_size": 50432, "max_seq_len": 2048, "attn_config": {"alibi": True}},
         6_649_286_656),
        ({"model_type": "stablelm", "hidden_size": 2560, "intermediate_size": 6912,
          "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 50304,
          "max_position_embeddings": 4096}, 2_795_443_200),
        ({"model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240,
          "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 51200,
          "max_position_embeddings": 2048}, 2_779_683_840),
        ({"model_type": "gpt_bigcode", "n_embd": 6144, "n_inner": 24576, "n_head": 48,
          "n_layer": 40, "n_positions": 8192, "vocab_size": 49152}, 15_517_456_384),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_older_families_have_their_published_parameters(
    config: dict[str, object], params: int
) -> None:
    assert total_params_count(read_config(config, name="old")) == params


def test_the_language_part_of_a_vision_model_is_read() -> None:
    inner = {key: value for key, value in LLAMA.items() if key != "model_type"}
    llm = read_config(
        {
            "model_type": "mistral3",
            "text_config": {**inner, "model_type": "mistral"},
            "vision_config": {"hidden_size": 32},
            "tie_word_embeddings": True,
            "torch_dtype": "float16",
        },
        name="org/Seeing",
    )
    assert (llm.family, llm.slug) == ("mistral", "org--seeing")
    assert llm.not_counted == ("vision tower",)
    assert llm.tied_embeddings
    assert llm.checkpoint.format == "fp16"


FP8_GROUP = {"weights": {"num_bits": 8, "type": "float"}, "targets": ["Linear"]}


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        ({"quant_method": "fp8", "activation_scheme": "static"}, "fp8"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}, "gptq"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True,
          "bnb_4bit_use_double_quant": True}, "nf4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "nf4-single"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": FP8_GROUP}}, "fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {
            "weights": {"num_bits": 8, "type": "int"},
            "input_activations": {"num_bits": 8, "type": "int"}}}}, "int8"),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {
            "weights": {"num_bits": 4, "type": "int", "group_size": 128}}}}, "gptq"),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {
            "weights": {"num_bits": 4, "type": "float", "group_size": 16}}}}, "nvfp4"),
        ({"quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "hqq", "quant_config": {
            "weight_quant_params": {"nbits": 4, "group_size": 64}}}, "hqq4"),
        ({"quant_method": "exl2", "bits": 8.0, "head_bits": 8}, "exl2-8bpw"),
    ],
)  # fmt: skip
def test_each_quantisation_has_its_format(scheme: dict[str, object], name: str) -> None:
    assert read(quantization_config=scheme).checkpoint.format == name


def test_an_empty_quantisation_is_none() -> None:
    assert read(quantization_config={}).checkpoint.format == "bf16"
    assert read(dtype="float32").checkpoint.format == "bf16", "engines load it at 16 bits"


def test_excluded_modules_count_when_a_whole_class_is_left_out() -> None:
    scheme = {"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}
    every = [f"model.layers.{layer}.self_attn*" for layer in range(4)]
    whole = read(quantization_config={**scheme, "ignore": ["lm_head", *every]})
    part = read(quantization_config={**scheme, "ignore": ["lm_head", *every[:3]]})
    by_regex = read(quantization_config={**scheme, "ignore": [r"re:.*mlp\.(gate|up|down)_proj.*"]})
    assert whole.checkpoint.kept_16bit == ("embedding", "head", "attention", "router", "norm")
    assert whole.checkpoint.kv_format == "fp8"
    assert part.checkpoint.kept_16bit is None
    assert "ffn" in (by_regex.checkpoint.kept_16bit or ())


@pytest.mark.parametrize(
    ("scheme", "word"),
    [
        ({"quant_method": "higgs"}, "higgs"),
        ({"quant_method": "gptq", "bits": 12, "group_size": 128}, "12 bits"),
        ({"quant_method": "exl2", "bits": 40.5}, "40.5"),
        ({"quant_algo": "MIXED_PRECISION"}, "MIXED_PRECISION"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {}, "b": {}}}, "group"),
        ({"quant_algo": "FP8", "ignore": ["re:(a+)+$"]}, "(a+)+"),
        ({"quant_algo": "FP8", "kv_cache_quant_algo": "INT3"}, "INT3"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": FP8_GROUP},
          "sparsity_config": {"format": "sparse-24-bitmask"}}, "sparse"),
    ],
)  # fmt: skip
def test_a_quantisation_that_is_not_understood_is_refused(
    scheme: dict[str, object], word: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=r"test: ") as caught:
        read(quantization_config=scheme)
    assert word in str(caught.value)
