"""GGUF files of models that mix attention with recurrent layers, against their configuration."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

import pytest

from rightrig.facts.architectures import read_config
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from pathlib import Path

Q8_0, F32 = 8, 0
Shapes = list[tuple[str, tuple[int, ...]]]
OUTSIDE: Final[Shapes] = [
    ("token_embd.weight", (256, 1000)), ("output.weight", (256, 1000)),
    ("output_norm.weight", (256,)),
]  # fmt: skip


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def value(item: int | str | list[int]) -> bytes:
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    if isinstance(item, list):
        return struct.pack(f"<IIQ{len(item)}I", 9, 4, len(item), *item)
    return struct.pack("<II", 4, item)


def write(path: Path, architecture: str, keys: dict[str, Any], tensors: Shapes) -> int:
    """Write a sparse file, matrices in eight bits, and return the bytes of its tensors."""
    pairs = {"general.architecture": architecture}
    pairs |= {f"{architecture}.{key}": item for key, item in keys.items()}
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(pairs))]
    parts += [text(key) + value(item) for key, item in pairs.items()]
    end = total = 0
    for name, shape in tensors:
        kind = Q8_0 if len(shape) > 1 and shape[0] % 32 == 0 else F32
        parts.append(text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        parts.append(struct.pack("<IQ", kind, end))
        size = math.prod(shape) // 32 * 34 if kind == Q8_0 else math.prod(shape) * 4
        total += size
        end += -(-size // 32) * 32
    header = b"".join(parts)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(-(-len(header) // 32) * 32 + end)
    return total


def in_layer(layer: int, shapes: dict[str, tuple[int, ...]]) -> Shapes:
    return [
        (f"blk.{layer}.{name}" if "." in name else f"blk.{layer}.{name}.weight", shape)
        for name, shape in shapes.items()
    ]


def qwen3_next() -> tuple[str, dict[str, Any], Shapes, dict[str, Any]]:
    keys = {
        "block_count": 4, "context_length": 4096, "embedding_length": 256,
        "feed_forward_length": 512, "attention.head_count": 4, "attention.head_count_kv": 2,
        "attention.key_length": 64, "expert_count": 8, "expert_used_count": 2,
        "expert_feed_forward_length": 64, "expert_shared_feed_forward_length": 64,
        "ssm.conv_kernel": 4, "ssm.state_size": 32, "ssm.group_count": 2,
        "ssm.time_step_rank": 4, "ssm.inner_size": 128, "full_attention_interval": 4,
    }  # fmt: skip
    every: dict[str, tuple[int, ...]] = {
        "attn_norm": (256,), "post_attention_norm": (256,), "ffn_gate_inp": (256, 8),
        "ffn_gate_inp_shexp": (256,), "ffn_gate_exps": (256, 64, 8), "ffn_up_exps": (256, 64, 8),
        "ffn_down_exps": (64, 256, 8), "ffn_gate_shexp": (256, 64), "ffn_up_shexp": (256, 64),
        "ffn_down_shexp": (64, 256),
    }  # fmt: skip
    full: dict[str, tuple[int, ...]] = {
        "attn_q": (256, 512), "attn_k": (256, 128), "attn_v": (256, 128),
        "attn_output": (256, 256), "attn_q_norm": (64,), "attn_k_norm": (64,),
    }  # fmt: skip
    linear: dict[str, tuple[int, ...]] = {
        "attn_qkv": (256, 256), "attn_gate": (256, 128), "ssm_conv1d": (4, 256), "ssm_a": (4,),
        "ssm_dt.bias": (4,), "ssm_ba": (256, 8), "ssm_norm": (32,), "ssm_out": (128, 256),
    }  # fmt: skip
    tensors = list(OUTSIDE)
    for layer in range(4):
        tensors += in_layer(layer, {**every, **(full if layer == 3 else linear)})
    config = {
        "model_type": "qwen3_next", "num_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64,
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 32,
        "linear_value_head_dim": 32, "linear_conv_kernel_dim": 4, "num_nextn_predict_layers": 0,
    }  # fmt: skip
    return "qwen3next", keys, tensors, config


def nemotron_h() -> tuple[str, dict[str, Any], Shapes, dict[str, Any]]:
    keys = {
        "block_count": 4, "context_length": 4096, "embedding_length": 256,
        "feed_forward_length": [0, 512, 0, 512], "attention.head_count": [0, 0, 4, 0],
        "attention.head_count_kv": [0, 0, 2, 0], "attention.key_length": 64,
        "ssm.conv_kernel": 4, "ssm.state_size": 16, "ssm.group_count": 2,
        "ssm.time_step_rank": 8, "ssm.inner_size": 256,
    }  # fmt: skip
    norm: dict[str, tuple[int, ...]] = {"attn_norm": (256,)}
    dense: dict[str, tuple[int, ...]] = {"ffn_up": (256, 512), "ffn_down": (512, 256)}
    channels = 256 + 2 * 2 * 16
    mixer: dict[str, tuple[int, ...]] = {
        "ssm_in": (256, 256 + channels + 8), "ssm_conv1d": (4, channels),
        "ssm_conv1d.bias": (channels,), "ssm_dt.bias": (8,), "ssm_a": (8,), "ssm_d": (8,),
        "ssm_norm": (128, 2), "ssm_out": (256, 256),
    }  # fmt: skip
    attention: dict[str, tuple[int, ...]] = {
        "attn_q": (256, 256), "attn_k": (256, 128), "attn_v": (256, 128), "attn_output": (256, 256)
    }  # fmt: skip
    tensors = list(OUTSIDE)
    for layer, own in enumerate((mixer, dense, attention, dense)):
        tensors += in_layer(layer, {**norm, **own})
    config = {
        "model_type": "nemotron_h", "hybrid_override_pattern": "M-*-", "mamba_num_heads": 8,
        "mamba_head_dim": 32, "n_groups": 2, "ssm_state_size": 16, "conv_kernel": 4,
    }  # fmt: skip
    return "nemotron_h", keys, tensors, config


COMMON: Final = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "head_dim": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.mark.parametrize("made", [qwen3_next, nemotron_h])
def test_a_hybrid_comes_out_as_its_configuration_says(tmp_path: Path, made: Any) -> None:
    architecture, keys, tensors, config = made()
    total = write(tmp_path / "model.gguf", architecture, keys, tensors)
    read = read_gguf(tmp_path / "model.gguf")
    stated = read_config({**COMMON, **config}, name="stated")
    assert params_by_class(read) == params_by_class(stated)
    kinds = [(b.attention is None, b.recurrent is None, n) for b, n in read.block_counts]
    assert kinds == [(b.attention is None, b.recurrent is None, n) for b, n in stated.block_counts]
    assert read.checkpoint.file_bytes == total
    assert weight_bytes(read, "checkpoint") == pytest.approx(total, rel=1e-12)
