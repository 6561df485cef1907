"""GGUF files whose layers differ: recurrent, shared or searched ones; and what is no model.

Names and shapes are those of llama.cpp 11434 (src/models/*.cpp), the dimensions those of
published models, in the words of their configurations beside each file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gguf_writer as writer
import pytest

from rightrig.facts.architectures import read_config
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from gguf_writer import File, Shapes


Made = tuple[Any, dict[str, Any]]


def named(**config: Any) -> dict[str, Any]:
    """Return a configuration with the context that the files state."""
    return {"max_position_embeddings": 131_072, **config}


# --- short convolutions


def lfm2(*, sparse: bool) -> Made:
    layers = 24 if sparse else 16
    full = (2, 6, 10, 14, 18, 21) if sparse else (2, 5, 8, 10, 12, 14)
    inner = 7168 if sparse else 8192
    kv = [8 if layer in full else 0 for layer in range(layers)]
    experts = {
        "expert_count": 32, "expert_used_count": 4, "expert_feed_forward_length": 1792,
        "leading_dense_block_count": 2,
    }  # fmt: skip
    file: File = writer.base("lfm2moe" if sparse else "lfm2", 2048, 65_536, layers, **{
        "attention.head_count": 32, "attention.head_count_kv": kv, "shortconv.l_cache": 3,
        "feed_forward_length": inner, **(experts if sparse else {}),
    })  # fmt: skip
    file.tensors["token_embd_norm.weight"] = file.tensors.pop("output_norm.weight")
    attention = writer.heads(2048, 2048, 512) | writer.head_norms(64)
    conv: Shapes = {
        "shortconv.conv": (3, 2048), "shortconv.in_proj": (2048, 6144),
        "shortconv.out_proj": (2048, 2048),
    }  # fmt: skip
    routed = writer.gated(2048, 1792, "_exps", 32)
    routed |= {"ffn_gate_inp": (2048, 32), "exp_probs_b.bias": (32,)}
    for layer in range(layers):
        file.layer(layer, writer.norms(2048, "attn_norm", "ffn_norm"))
        file.layer(layer, attention if layer in full else conv)
        file.layer(layer, routed if sparse and layer >= 2 else writer.gated(2048, inner))
    config = named(
        model_type="lfm2_moe" if sparse else "lfm2", hidden_size=2048, vocab_size=65_536,
        num_hidden_layers=layers, num_attention_heads=32, num_key_value_heads=8, conv_L_cache=3,
        block_ff_dim=12_288, intermediate_size=inner, tie_word_embeddings=True, num_experts=32,
        num_experts_per_tok=4, moe_intermediate_size=1792, num_dense_layers=2,
        layer_types=["full_attention" if i in full else "conv" for i in range(layers)],
    )  # fmt: skip
    return file, config


# --- state-space layers


def mamba2_shapes(hidden: int, inner: int, groups: int, count: int) -> Shapes:
    channels = inner + 2 * groups * 128
    return {
        "ssm_in": (hidden, inner + channels + count), "ssm_conv1d": (4, channels),
        "ssm_conv1d.bias": (channels,), "ssm_dt.bias": (count,), "ssm_a": (1, count),
        "ssm_d": (1, count), "ssm_norm": (inner // groups, groups), "ssm_out": (inner, hidden),
    }  # fmt: skip


def granite(*, sparse: bool) -> Made:
    """Return Granite 4.0 H Tiny, and H Micro."""
    hidden, inner, heads = (1536, 512, 12) if sparse else (2048, 8192, 32)
    kv_heads, shared = (4, 1024) if sparse else (8, 8192)
    attends = [layer % 10 == 5 for layer in range(40)]
    width, count = hidden // heads, 2 * hidden // 64
    experts = {
        "expert_count": 64, "expert_used_count": 6, "expert_shared_feed_forward_length": shared,
    }  # fmt: skip
    file: File = writer.base("granitehybrid", hidden, 100_352, 40, **{
        "attention.head_count": heads, "feed_forward_length": inner,
        "attention.head_count_kv": [kv_heads if full else 0 for full in attends],
        "ssm.conv_kernel": 4, "ssm.state_size": 128, "ssm.group_count": 1,
        "ssm.inner_size": 2 * hidden, "ssm.time_step_rank": count, **(experts if sparse else {}),
    })  # fmt: skip
    mixer = mamba2_shapes(hidden, 2 * hidden, 1, count)
    ffn = writer.gated(hidden, shared, "_shexp" if sparse else "")
    if sparse:
        ffn |= writer.gated(hidden, inner, "_exps", 64) | {"ffn_gate_inp": (hidden, 64)}
    for layer, full in enumerate(attends):
        file.layer(layer, writer.norms(hidden, "attn_norm", "ffn_norm"), ffn)
        file.layer(layer, writer.heads(hidden, hidden, kv_heads * width) if full else mixer)
    config = named(
        model_type="granitemoehybrid", hidden_size=hidden, vocab_size=100_352,
        num_hidden_layers=40, num_attention_heads=heads, num_key_value_heads=kv_heads,
        intermediate_size=inner, shared_intermediate_size=shared, tie_word_embeddings=True,
        num_local_experts=64 if sparse else 0, num_experts_per_tok=6, mamba_d_conv=4,
        mamba_d_state=128, mamba_n_groups=1, mamba_n_heads=count, mamba_d_head=64,
        mamba_expand=2, layer_types=["attention" if full else "mamba" for full in attends],
    )  # fmt: skip
    return file, config


def mamba1_shapes(hidden: int, state: int, rank: int) -> Shapes:
    inner = 2 * hidden
    return {
        "ssm_in": (hidden, 2 * inner), "ssm_conv1d": (4, inner), "ssm_conv1d.bias": (inner,),
        "ssm_x": (inner, rank + 2 * state), "ssm_dt": (rank, inner), "ssm_dt.bias": (inner,),
        "ssm_a": (state, inner), "ssm_d": (inner,), "ssm_out": (inner, hidden),
    }  # fmt: skip


def jamba() -> Made:
    file: File = writer.untied(writer.base("jamba", 4096, 65_536, 32, **{
        "attention.head_count": 32, "feed_forward_length": 14_336, "expert_count": 16,
        "attention.head_count_kv": [8 if layer % 8 == 4 else 0 for layer in range(32)],
        "expert_used_count": 2, "ssm.conv_kernel": 4, "ssm.inner_size": 8192,
        "ssm.state_size": 16, "ssm.time_step_rank": 256,
    }))  # fmt: skip
    mixer = mamba1_shapes(4096, 16, 256) | writer.norms(16, "ssm_b_norm", "ssm_c_norm")
    mixer |= writer.norms(256, "ssm_dt_norm")
    experts = writer.gated(4096, 14_336, "_exps", 16) | {"ffn_gate_inp": (4096, 16)}
    for layer in range(32):
        file.layer(layer, writer.norms(4096, "attn_norm", "ffn_norm"))
        file.layer(layer, writer.heads(4096, 4096, 1024) if layer % 8 == 4 else mixer)
        file.layer(layer, experts if layer % 2 else writer.gated(4096, 14_336))
    config = named(
        model_type="jamba", hidden_size=4096, vocab_size=65_536, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, intermediate_size=14_336, num_experts=16,
        num_experts_per_tok=2, attn_layer_period=8, attn_layer_offset=4, expert_layer_period=2,
        expert_layer_offset=1, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2,
        mamba_dt_rank=256, tie_word_embeddings=False,
    )  # fmt: skip
    return file, config


def mamba() -> Made:
    """Return Mamba 2.8B."""
    file: File = writer.base("mamba", 2560, 50_280, 64, **{
        "attention.head_count": 0, "feed_forward_length": 0, "ssm.conv_kernel": 4,
        "ssm.inner_size": 5120, "ssm.state_size": 16, "ssm.time_step_rank": 160,
        "ssm.dt_b_c_rms": False,
    })  # fmt: skip
    for layer in range(64):
        file.layer(layer, writer.norms(2560, "attn_norm"), mamba1_shapes(2560, 16, 160))
    config = named(
        model_type="mamba", hidden_size=2560, vocab_size=50_280, num_hidden_layers=64,
        state_size=16, intermediate_size=5120, conv_kernel=4, time_step_rank=160,
    )  # fmt: skip
    return file, config


def mamba2() -> Made:
    """Return Mamba-Codestral 7B."""
    file: File = writer.untied(writer.base("mamba2", 4096, 32_768, 64, **{
        "attention.head_count": 0, "feed_forward_length": 0, "ssm.conv_kernel": 4,
        "ssm.inner_size": 8192, "ssm.state_size": 128, "ssm.time_step_rank": 128,
        "ssm.group_count": 8,
    }))  # fmt: skip
    for layer in range(64):
        file.layer(layer, writer.norms(4096, "attn_norm"), mamba2_shapes(4096, 8192, 8, 128))
    config = named(
        model_type="mamba2", hidden_size=4096, vocab_size=32_768, num_hidden_layers=64,
        num_heads=128, head_dim=64, n_groups=8, state_size=128, conv_kernel=4,
    )  # fmt: skip
    return file, config


def kimi_linear() -> Made:
    """Return Kimi Linear 48B-A3B."""
    latent = writer.Latent(2304, 32, 128, 128, 0)
    full = (4, 8, 12, 16, 20, 24, 27)
    file: File = writer.untied(writer.base("kimi-linear", 2304, 163_840, 27, **{
        **latent.keys(), "attention.head_count_kv": [int(i + 1 in full) for i in range(27)],
        "ssm.conv_kernel": 4, "kda.head_dim": 128, "feed_forward_length": 9216,
        "expert_count": 256, "expert_used_count": 8, "expert_feed_forward_length": 1024,
        "expert_shared_count": 1, "leading_dense_block_count": 1,
    }))  # fmt: skip
    delta = writer.heads(2304, 4096, 4096) | {
        "ssm_conv1d_q": (4, 1, 4096), "ssm_conv1d_k": (4, 1, 4096), "ssm_conv1d_v": (4, 1, 4096),
        "ssm_f_a": (2304, 128), "ssm_f_b": (128, 4096), "ssm_g_a": (2304, 128),
        "ssm_g_b": (128, 4096), "ssm_beta": (2304, 32), "ssm_a": (1, 32), "ssm_dt.bias": (4096,),
        "ssm_norm": (128,),
    }  # fmt: skip
    experts = writer.gated(2304, 1024, "_exps", 256) | writer.gated(2304, 1024, "_shexp")
    experts |= {"ffn_gate_inp": (2304, 256), "exp_probs_b.bias": (256,)}
    for layer in range(27):
        file.layer(layer, writer.norms(2304, "attn_norm", "ffn_norm"))
        file.layer(layer, latent.shapes() if layer + 1 in full else delta)
        file.layer(layer, experts if layer else writer.gated(2304, 9216))
    config = named(
        model_type="kimi_linear", hidden_size=2304, vocab_size=163_840, num_hidden_layers=27,
        num_attention_heads=32, num_key_value_heads=32, intermediate_size=9216, kv_lora_rank=512,
        qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, num_experts=256,
        num_experts_per_token=8, moe_intermediate_size=1024, num_shared_experts=1,
        first_k_dense_replace=1, linear_attn_config={
            "full_attn_layers": list(full), "num_heads": 32, "head_dim": 128,
            "kda_layers": [i + 1 for i in range(27) if i + 1 not in full],
            "short_conv_kernel_size": 4,
        },
    )  # fmt: skip
    return file, config


MADE: Final[dict[str, Any]] = {
    "LFM2 1.2B": lambda: lfm2(sparse=False), "LFM2 8B-A1B": lambda: lfm2(sparse=True),
    "Granite 4 H Tiny": lambda: granite(sparse=True), "Jamba 0.1": jamba,
    "Granite 4 H Micro": lambda: granite(sparse=False), "Mamba 2.8B": mamba,
    "Mamba-Codestral 7B": mamba2, "Kimi Linear 48B-A3B": kimi_linear,
}  # fmt: skip
BILLIONS: Final = {
    "LFM2 1.2B": 1.17, "LFM2 8B-A1B": 8.34, "Granite 4 H Tiny": 6.94, "Jamba 0.1": 51.6,
    "Granite 4 H Micro": 3.19, "Mamba 2.8B": 2.77, "Mamba-Codestral 7B": 7.29,
    "Kimi Linear 48B-A3B": 49.1,
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_file_of_mixed_layers_comes_back_as_its_configuration(tmp_path: Path, name: str) -> None:
    file, config = MADE[name]()
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    stated = read_config(config, name=name)
    assert params_by_class(read) == params_by_class(stated)
    assert sum(params_by_class(read).values()) / 1e9 == pytest.approx(BILLIONS[name], rel=0.01)
    assert read.layout == stated.layout
    assert read.attentions == stated.attentions
    assert read.checkpoint.file_bytes == file.size_bytes()
    assert weight_bytes(read, "checkpoint") == pytest.approx(file.size_bytes(), rel=1e-9)
    states = {block.recurrent.state_bits for block in read.blocks if block.recurrent is not None}
    assert states == {32}  # llama.cpp keeps them so


@pytest.mark.parametrize("name", MADE)
def test_llama_cpp_loads_the_file_and_finds_its_size(tmp_path: Path, name: str) -> None:
    path = MADE[name]()[0].write(tmp_path / "model.gguf")
    found_mib = writer.llama_cpp_weights_mib(path)
    if found_mib is None:
        pytest.skip("llama.cpp is not built; 'make oracle' builds it")
    read = read_gguf(path)
    assert read.checkpoint.file_bytes is not None
    assert found_mib == pytest.approx(read.checkpoint.file_bytes / 2**20, abs=1.5)
