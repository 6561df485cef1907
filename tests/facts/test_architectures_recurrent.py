"""Models with recurrent layers: every tensor of a small one is counted, and states as engines
keep them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from rightrig.errors import InputError, UnsupportedModelError
from rightrig.facts.architectures import read_config
from rightrig.facts.catalog import shipped
from rightrig.work.kv_cache import kv_bytes_per_token, recurrent_state_bytes
from rightrig.work.recurrent import state_bytes
from rightrig.work.weights import active_params_count, block_params, total_params_count

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

D, V = 64, 1000
COMMON: dict[str, Any] = {
    "hidden_size": D,
    "vocab_size": V,
    "num_hidden_layers": 4,
    "intermediate_size": 256,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
ENDS = 2 * V * D + D
EXPERTS = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
QKVO = 64 * 128 + 2 * 64 * 32 + 128 * 64
GATED_FFN = 3 * 64 * 256


def read(model_type: str, **changes: object) -> Llm:
    return read_config({**COMMON, "model_type": model_type, **changes}, name="test")


def shapes(*sizes: tuple[int, ...]) -> int:
    return sum(map(math.prod, sizes))


def layer_total(llm: Llm, index: int) -> int:
    return sum(block_params(llm.blocks[index], llm.hidden_size).values())


# --- Qwen3-Next, 3.5, 3.6

LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 16,
    "linear_conv_kernel_dim": 4,
}
DELTA_NET = shapes(
    (96, D),  # in_proj_qkv: 2 · 2 · 8 + 4 · 16
    (64, D),  # in_proj_z
    (4, D),  # in_proj_b
    (4, D),  # in_proj_a
    (96, 4),  # conv1d
    (4,),  # dt_bias
    (4,),  # A_log
    (16,),  # norm
    (D, 64),  # out_proj
)
GATED_ATTENTION = QKVO + 64 * 128 + 2 * 16


def test_qwen3_5_puts_three_delta_nets_before_each_gated_attention() -> None:
    llm = read("qwen3_5_text", mtp_num_hidden_layers=1, **LINEAR)
    assert llm.layout == ((0, 3), (1, 1))
    assert layer_total(llm, 0) == DELTA_NET + GATED_FFN + 2 * D
    assert layer_total(llm, 1) == GATED_ATTENTION + GATED_FFN + 2 * D
    ffns = 4 * (GATED_FFN + 2 * D)
    assert total_params_count(llm) == 3 * DELTA_NET + GATED_ATTENTION + ffns + ENDS
    assert llm.ahead is not None
    assert (llm.ahead.block, llm.ahead.other_params) == (1, 2 * D * D + 3 * D)


def test_qwen3_5_moe_has_a_shared_expert_behind_a_gate_in_every_layer() -> None:
    llm = read("qwen3_5_moe_text", shared_expert_intermediate_size=48, **LINEAR, **EXPERTS)
    experts = 8 * 3 * 64 * 32 + 8 * 64 + 3 * 64 * 48 + 64
    assert layer_total(llm, 0) == DELTA_NET + experts + 2 * D
    assert active_params_count(llm) == total_params_count(llm) - 4 * 6 * 3 * 64 * 32


def test_qwen3_next_has_one_layer_ahead_unless_it_says_none() -> None:
    moe = {**LINEAR, **EXPERTS, "shared_expert_intermediate_size": 32}
    assert read("qwen3_next", **moe).ahead is not None
    assert read("qwen3_next", num_nextn_predict_layers=0, **moe).ahead is None


def test_the_order_of_layers_is_the_list_before_the_interval() -> None:
    kinds = ["full_attention", "linear_attention"] * 2
    assert read("qwen3_5_text", layer_types=kinds, **LINEAR).layout == (
        (0, 1), (1, 1), (0, 1), (1, 1),
    )  # fmt: skip
    assert read("qwen3_5_text", full_attention_interval=2, **LINEAR).layout == (
        (0, 1), (1, 1), (0, 1), (1, 1),
    )  # fmt: skip
    with pytest.raises(InputError, match="a list of 4 names, one a layer"):
        read("qwen3_5_text", layer_types=kinds[:3], **LINEAR)
    with pytest.raises(UnsupportedModelError, match="the layer type 'ring' is not understood"):
        read("qwen3_5_text", layer_types=["ring"] * 4, **LINEAR)


def test_the_state_takes_the_type_that_the_configuration_names() -> None:
    state, inputs = 4 * 8 * 16, 96 * 3 * 2
    for name, size_bytes in (("float32", 4), ("bfloat16", 2), (None, 2)):
        llm = read("qwen3_5_text", mamba_ssm_dtype=name, **LINEAR)
        assert recurrent_state_bytes(llm.block_counts) == 3 * (state * size_bytes + inputs)
    with pytest.raises(InputError, match="one of float32, bfloat16, float16"):
        read("qwen3_5_text", mamba_ssm_dtype="int4", **LINEAR)


def test_only_the_layers_with_attention_cache_tokens() -> None:
    llm = read("qwen3_5_text", **LINEAR)
    assert kv_bytes_per_token(llm.block_counts, 16.0) == 2 * 2 * 16 * 2


# --- Nemotron-H and Nemotron 3

MAMBA2 = {
    "mamba_num_heads": 4,
    "mamba_head_dim": 8,
    "n_groups": 2,
    "ssm_state_size": 16,
    "conv_kernel": 4,
}
MAMBA2_MIXER = shapes(
    (32 + 32 + 64 + 4, D),  # in_proj: gate, x, B and C of two groups, a step a head
    (96, 4),  # conv1d
    (96,),  # its bias
    (4,),  # dt_bias
    (4,),  # A_log
    (4,),  # D
    (32,),  # norm
    (D, 32),  # out_proj
)
NEMOTRON_EXPERTS = {
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "moe_shared_expert_intermediate_size": 48,
    "moe_latent_size": 24,
}


def test_nemotron_h_has_a_mixer_or_a_feed_forward_part_in_each_layer() -> None:
    llm = read("nemotron_h", hybrid_override_pattern="M-M*", **MAMBA2)
    assert llm.layout == ((0, 1), (1, 1), (0, 1), (2, 1))
    expected = 2 * MAMBA2_MIXER + 2 * 64 * 256 + QKVO + 4 * D
    assert total_params_count(llm) == expected + ENDS
    assert recurrent_state_bytes(llm.block_counts) == 2 * (4 * 8 * 16 * 4 + 96 * 3 * 2)


def test_nemotron_3_routes_to_experts_at_a_latent_width() -> None:
    llm = read("nemotron_h", hybrid_override_pattern="MEM*", **MAMBA2, **NEMOTRON_EXPERTS)
    routed, latent = 8 * 2 * 24 * 32, 2 * 64 * 24
    experts = routed + latent + 8 * 64 + 8 + 2 * 64 * 48
    assert total_params_count(llm) == 2 * MAMBA2_MIXER + experts + QKVO + 4 * D + ENDS
    assert active_params_count(llm) == total_params_count(llm) - routed * 6 // 8


def test_nemotron_lists_its_layers_by_letters_or_names_and_says_so_when_they_disagree() -> None:
    names = ["mamba", "mlp", "mamba", "attention"]
    by_name = read("nemotron_h", layers_block_type=names, num_hidden_layers=None, **MAMBA2)
    by_letter = read("nemotron_h", hybrid_override_pattern="M-M*", **MAMBA2)
    assert by_name.blocks == by_letter.blocks
    assert by_name.layout == by_letter.layout
    with pytest.raises(InputError, match="'num_hidden_layers' is 4, not the 2 layers"):
        read("nemotron_h", hybrid_override_pattern="M*", **MAMBA2)
    with pytest.raises(UnsupportedModelError, match="the letter 'X'"):
        read("nemotron_h", hybrid_override_pattern="MXM*", **MAMBA2)
    with pytest.raises(UnsupportedModelError, match="does not say what its layers are"):
        read("nemotron_h", **MAMBA2)


def test_nemotron_predicts_ahead_with_attention_and_experts_together() -> None:
    pattern = {"hybrid_override_pattern": "MEM*", "num_nextn_predict_layers": 1}
    llm = read("nemotron_h", mtp_hybrid_override_pattern="*E", **pattern, **MAMBA2,
               **NEMOTRON_EXPERTS)  # fmt: skip
    assert llm.ahead is not None
    assert llm.blocks[llm.ahead.block].ffn is not None
    assert llm.ahead.other_params == QKVO + D + 2 * D * D + 3 * D
    with pytest.raises(UnsupportedModelError, match="mtp_layers_block_type"):
        read("nemotron_h", mtp_layers_block_type=["mamba"], **pattern, **MAMBA2,
             **NEMOTRON_EXPERTS)  # fmt: skip


# --- Kimi Linear and K3

KIMI: dict[str, Any] = {
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
    "num_key_value_heads": 8,
    "num_experts": 8,
    "num_experts_per_token": 2,
    "moe_intermediate_size": 32,
    "num_shared_experts": 1,
    "first_k_dense_replace": 1,
    "linear_attn_config": {
        "full_attn_layers": [4], "kda_layers": [1, 2, 3], "head_dim": 8, "num_heads": 4,
        "short_conv_kernel_size": 4,
    },
}  # fmt: skip
KDA_GATE = shapes((8, D), (32, 8))
KDA = KDA_GATE + shapes(
    (32, D), (32, D), (32, D),  # q, k, v
    (32, 4), (32, 4), (32, 4),  # their convolutions
    (8, D), (32, 8),  # f_a, f_b
    (32,), (4,),  # dt_bias, A_log
    (4, D), (8,), (D, 32),  # b, norm, out
)  # fmt: skip
MLA = shapes((8 * 12, D), (16 + 4, D), (16,), (8 * 16, 16), (D, 8 * 8))
KIMI_EXPERTS = 8 * 3 * 64 * 32 + 3 * 64 * 32 + 8 * 64 + 8


def test_kimi_linear_mixes_delta_attention_with_a_latent() -> None:
    llm = read("kimi_linear", **KIMI)
    assert llm.layout == ((0, 1), (1, 2), (2, 1))
    expected = 3 * KDA + MLA + GATED_FFN + 3 * KIMI_EXPERTS + 8 * D
    assert total_params_count(llm) == expected + ENDS
    assert kv_bytes_per_token(llm.block_counts, 16.0) == (16 + 4) * 2
    assert recurrent_state_bytes(llm.block_counts) == 3 * (4 * 8 * 8 * 4 + 96 * 3 * 2)


def test_kimi_k3_gates_its_outputs_and_weighs_earlier_layers() -> None:
    plain = read("kimi_linear", **KIMI)
    wide = {**KIMI["linear_attn_config"], "use_full_rank_gate": True}
    llm = read(
        "kimi_k3",
        **{
            **KIMI, "linear_attn_config": wide, "mla_use_output_gate": True,
            "routed_expert_hidden_size": 24, "latent_moe_use_norm": True,
            "attn_res_block_size": 2,
        },
    )  # fmt: skip
    gates = 3 * (32 * D - KDA_GATE) + 64 * D
    latent = 3 * (8 * 3 * (24 - 64) * 32 + 2 * 64 * 24 + 24)
    residual = 4 * 4 * D + 2 * D
    assert total_params_count(llm) - total_params_count(plain) == gates + latent + residual


def test_kimi_lists_every_layer_once() -> None:
    short = {**KIMI["linear_attn_config"], "kda_layers": [1, 2]}
    with pytest.raises(UnsupportedModelError, match="does not list every layer once"):
        read("kimi_linear", **{**KIMI, "linear_attn_config": short})


# --- MiniMax-Text-01 and M1

MINIMAX = {"num_local_experts": 4, "num_experts_per_tok": 2}
LIGHTNING = 5 * 64 * 128 + 128


def test_minimax_text_has_lightning_attention_where_its_list_says_so() -> None:
    llm = read("minimax_text_01", attn_type_list=[0, 0, 0, 1], **MINIMAX)
    experts = 4 * 3 * 64 * 256 + 4 * 64
    assert total_params_count(llm) == 3 * LIGHTNING + QKVO + 4 * (experts + 2 * D) + ENDS
    assert recurrent_state_bytes(llm.block_counts) == 3 * 8 * 16 * 16 * 2
    with pytest.raises(InputError, match="'attn_type_list'"):
        read("minimax_text_01", attn_type_list=[0, 1], **MINIMAX)


def test_minimax_m1_has_ten_full_layers_of_eighty() -> None:
    llm = read("minimax_m1", **{**MINIMAX, "num_hidden_layers": 80})
    assert llm.layout == ((0, 7), (1, 1)) * 10


# --- Mamba 1 and 2, Jamba, Bamba, Granite 4, LFM 2

MAMBA1_MIXER = shapes(
    (256, D), (128, 4), (128,),  # in, convolution, its bias
    (4 + 16, 128), (128, 4), (128,),  # x (rank 4, two states of 8), step, its bias
    (128, 8), (128,), (D, 128),  # A_log, D, out
)  # fmt: skip


@pytest.mark.parametrize("family", ["mamba", "falcon_mamba"])
def test_mamba_1_keeps_a_state_for_each_channel(family: str) -> None:
    llm = read(family, state_size=8, intermediate_size=None, tie_word_embeddings=None)
    assert total_params_count(llm) == 4 * (MAMBA1_MIXER + D) + V * D + D
    assert kv_bytes_per_token(llm.block_counts, 16.0) == 0
    # vLLM's shapes: (channels, state) and (kernel - 1, channels), both at 16 bits.
    assert recurrent_state_bytes(llm.block_counts) == 4 * (128 * 8 + 3 * 128) * 2


def test_mamba_2_is_nothing_but_mixers() -> None:
    llm = read("mamba2", num_heads=4, head_dim=8, n_groups=2, state_size=16)
    assert total_params_count(llm) == 4 * (MAMBA2_MIXER + D) + ENDS


def test_jamba_has_norms_inside_its_mixer_and_experts_in_every_other_layer() -> None:
    llm = read("jamba", num_experts=4, num_experts_per_tok=2, mamba_d_state=8,
               attn_layer_period=4, attn_layer_offset=2)  # fmt: skip
    experts = 4 * GATED_FFN + 4 * 64
    mixer = MAMBA1_MIXER + 4 + 2 * 8
    expected = 3 * mixer + QKVO + 2 * GATED_FFN + 2 * experts + 8 * D
    assert total_params_count(llm) == expected + ENDS
    assert llm.layout == ((0, 1), (1, 1), (2, 1), (1, 1))


HYBRID_MAMBA2 = {"mamba_n_heads": 16, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 16}
HYBRID_MIXER = shapes(
    (128 + 128 + 32 + 16, D), (160, 4), (160,), (16,), (16,), (16,), (128,), (D, 128)
)


def test_bamba_attends_in_the_layers_that_it_numbers() -> None:
    llm = read("bamba", attn_layer_indices=[2], **HYBRID_MAMBA2)
    assert llm.layout == ((0, 2), (1, 1), (0, 1))
    expected = 3 * HYBRID_MIXER + QKVO + 4 * (GATED_FFN + 2 * D)
    assert total_params_count(llm) == expected + ENDS


def test_granite_4_has_experts_beside_a_shared_part_or_that_part_alone() -> None:
    kinds = {"layer_types": ["mamba", "mamba", "attention", "mamba"], **HYBRID_MAMBA2}
    dense = read("granitemoehybrid", num_local_experts=0, shared_intermediate_size=48, **kinds)
    sparse = read("granitemoehybrid", num_local_experts=4, num_experts_per_tok=2,
                  shared_intermediate_size=48, **kinds)  # fmt: skip
    mixers = 3 * HYBRID_MIXER + QKVO
    assert total_params_count(dense) == mixers + 4 * (3 * 64 * 48 + 2 * D) + ENDS
    routed = 4 * (4 * 3 * 64 * 256 + 4 * 64)
    assert total_params_count(sparse) - total_params_count(dense) == routed


def test_lfm_2_keeps_the_last_inputs_of_a_convolution_and_nothing_else() -> None:
    kinds = ["conv", "conv", "full_attention", "conv"]
    llm = read("lfm2", layer_types=kinds, block_multiple_of=64, tie_word_embeddings=None)
    conv = shapes((3 * D, D), (D, 3), (D, D))
    # Two thirds of 256 are 170; the next multiple of 64 is 192.
    ffn = 3 * 64 * 192
    expected = 3 * conv + QKVO + 2 * 16 + 4 * (ffn + 2 * D) + V * D + D
    assert total_params_count(llm) == expected
    assert recurrent_state_bytes(llm.block_counts) == 3 * 64 * 2 * 2


def test_lfm_2_moe_starts_with_dense_layers() -> None:
    kinds = ["conv", "conv", "full_attention", "conv"]
    llm = read("lfm2_moe", layer_types=kinds, num_dense_layers=1, **EXPERTS)
    assert [bool(llm.blocks[index].ffn.expert_count) for index, _ in llm.layout] == [  # type: ignore[union-attr]
        False, True, True, True,
    ]  # fmt: skip


# --- Laguna


def test_laguna_has_more_heads_in_its_windows_and_a_gate_a_head() -> None:
    llm = read(
        "laguna",
        layer_types=["full_attention", *["sliding_attention"] * 3],
        num_attention_heads_per_layer=[8, 12, 12, 12],
        sliding_window=512, shared_expert_intermediate_size=32, gating="per-head", **EXPERTS,
    )  # fmt: skip
    wide = 64 * 192 + 2 * 64 * 32 + 192 * 64
    attention = QKVO + 8 * 64 + 3 * (wide + 12 * 64) + 4 * 2 * 16
    experts = 8 * 3 * 64 * 32 + 8 * 64 + 8 + 3 * 64 * 32
    assert total_params_count(llm) == attention + GATED_FFN + 3 * experts + 8 * D + ENDS


# --- Published


@pytest.mark.parametrize(
    ("name", "total_billion", "active_billion"),
    [
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 80.0, 3.9),
        ("Qwen/Qwen3.5-122B-A10B", 122.0, 9.8),
        ("Qwen/Qwen3.5-397B-A17B", 397.0, 17.3),
        ("Qwen/Qwen3.5-35B-A3B", 35.0, 3.5),
        ("Qwen/Qwen3.5-27B", 27.0, 27.0),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31.6, 3.6),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 120.6, 12.7),
        ("nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", 550.0, 56.0),
        ("nvidia/Nemotron-H-56B-Base-8K", 56.0, 56.0),
        ("poolside/Laguna-S-2.1", 118.0, 8.4),
    ],
)
def test_published_counts_are_ours_within_two_percent(
    name: str, total_billion: float, active_billion: float
) -> None:
    llm = shipped().llm(name)
    assert total_params_count(llm) / 1e9 == pytest.approx(total_billion, rel=0.02)
    assert active_params_count(llm) / 1e9 == pytest.approx(active_billion, rel=0.02)


def test_minimax_m1_activates_what_it_publishes_without_its_vocabulary() -> None:
    llm = shipped().llm("MiniMaxAI/MiniMax-M1-80k")
    vocabulary = 2 * llm.vocab_size * llm.hidden_size
    assert total_params_count(llm) / 1e9 == pytest.approx(456.0, rel=0.001)
    assert (active_params_count(llm) - vocabulary) / 1e9 == pytest.approx(45.9, rel=0.002)


def test_kimi_k3_has_the_parameters_that_its_page_shows() -> None:
    assert total_params_count(shipped().llm("moonshotai/Kimi-K3")) / 1e12 == pytest.approx(
        2.8, rel=0.01
    )


def test_ranks_divide_states_and_never_grow_them() -> None:
    for name in ("Qwen/Qwen3.5-397B-A17B", "nvidia/Nemotron-H-56B-Base-8K", "moonshotai/Kimi-K3"):
        for block in shipped().llm(name).blocks:
            if block.recurrent is not None:
                whole = state_bytes(block.recurrent)
                assert state_bytes(block.recurrent, 8) == pytest.approx(whole / 8)
