"""What checkpoints say of their quantisation: bits a weight, by hand, for each method."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from rightrig.errors import UnsupportedModelError
from rightrig.facts.architectures import read_config
from rightrig.facts.architectures.checkpoint import read_checkpoint
from rightrig.facts.architectures.common import Config
from rightrig.facts.architectures.layers import Decoder
from rightrig.facts.llm import Attention, Block, Ffn
from rightrig.work.weights import class_bits_per_weight

SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED", "../shared"))
CONFIGS: Final = SHARED / "facts" / "model_configs"

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 4,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip


def ffn_bits(**scheme: object) -> tuple[str, float]:
    llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
    return llm.checkpoint.format, class_bits_per_weight(llm, "ffn", "checkpoint")


TORCHAO: Final = {
    "quant_method": "torchao",
    "quant_type": {"default": {"_type": "Int4WeightOnlyConfig", "_data": {"group_size": 64}}},
}
QUARK_FP4: Final = {
    "quant_method": "quark",
    "global_quant_config": {"weight": {"dtype": "fp4", "group_size": 32}},
}
VPTQ_LAYER: Final = {
    "vector_lens": [-1, 8], "num_centroids": [-1, 65536], "num_res_centroids": [-1, 256],
}  # fmt: skip
BITS = (
    # b + 16/g + b/g: the weights, a 16-bit scale and a zero point a group.
    ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "gptq", 3 + 19 / 128),
    ({"quant_method": "gptq", "bits": 8, "group_size": 32}, "gptq", 8 + 24 / 32),
    ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "gptq", 4.0),
    ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq", 4 + 20 / 128),
    ({"quant_method": "awq", "bits": 4, "group_size": 64}, "awq", 4 + 20 / 64),
    ({"quant_method": "auto-round", "bits": 2, "group_size": 64}, "gptq", 2 + 18 / 64),
    ({"quant_method": "auto-round", "bits": 4, "group_size": 128,
      "packing_format": "auto_round:auto_awq"}, "awq", 4 + 20 / 128),
    ({"quant_method": "auto-round", "bits": 4, "group_size": 32, "data_type": "mx_fp"},
     "mxfp4", 4.25),
    ({"quant_method": "exl2", "bits": 4.65}, "exl2", 4.65),
    ({"quant_method": "exl3", "bits": 3}, "exl3", 3.0),
    ({"quant_method": "hqq", "quant_config": {
        "weight_quant_params": {"nbits": 2, "group_size": 16}}}, "hqq", 2 + 32 / 16),
    ({"quant_method": "eetq"}, "int8-weight-only", 8.0),
    # One codebook of 16 bits for eight weights.
    ({"quant_method": "aqlm", "num_codebooks": 1, "nbits_per_codebook": 16, "in_group_size": 8,
      "out_group_size": 1}, "aqlm", 2.0),
    # 16 bits of index and 8 of the residual for eight weights.
    ({"quant_method": "vptq", "config_for_layers": {"a": VPTQ_LAYER, "b": VPTQ_LAYER}},
     "vptq", 3.0),
    ({"quant_method": "spqr", "bits": 3, "beta1": 16, "beta2": 16}, "spqr", 3.945),
    ({"quant_method": "bitnet"}, "bitnet", 2.0),
    (TORCHAO, "gptq", 4 + 20 / 64),
    ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, "int8-weight-only", 8.0),
    ({"quant_method": "torchao", "quant_type": "float8_weight_only"}, "fp8", 8.0),
    ({"quant_method": "quanto", "weights": "int4"}, "gptq", 4.25),
    ({"quant_method": "fp8", "weight_block_size": [1, 128]}, "fp8-block", 8.25),
    (QUARK_FP4, "mxfp4", 4.25),
    ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}},
     "fp8", 8.0),
    ({"quant_method": "compressed-tensors", "config_groups": {"a": {
        "weights": {"type": "int", "num_bits": 8, "group_size": 128}}}}, "gptq", 8 + 24 / 128),
    ({"quant_algo": "W4A16_NVFP4"}, "nvfp4", 4.5),
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "name", "bits"), BITS)
def test_a_scheme_takes_its_bits(scheme: dict[str, object], name: str, bits: float) -> None:
    found, found_bits = ffn_bits(**scheme)
    assert found == name
    assert found_bits == pytest.approx(bits)


def test_a_head_of_its_own_width_is_counted_so() -> None:
    scheme = {"quant_method": "exl2", "bits": 4.0, "head_bits": 6}
    llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
    assert class_bits_per_weight(llm, "head", "checkpoint") == 6
    assert class_bits_per_weight(llm, "attention", "checkpoint") == 4
    assert class_bits_per_weight(llm, "embedding", "checkpoint") == 16


def modules(name: str, count: int = 4) -> list[str]:
    return [f"model.layers.{layer}.{name}" for layer in range(count)]


ATTENTION = [m for p in "qkvo" for m in modules(f"self_attn.{p}_proj")]
DENSE = [m for p in ("gate", "up", "down") for m in modules(f"mlp.{p}_proj")]


def test_several_groups_are_read_by_class() -> None:
    groups = {
        "attention": {
            "targets": ATTENTION, "weights": {"type": "float", "num_bits": 8},
            "input_activations": {"num_bits": 8},
        },
        "rest": {"targets": DENSE, "weights": {"type": "float", "num_bits": 4, "group_size": 16}},
    }  # fmt: skip
    scheme = {"quant_method": "compressed-tensors", "config_groups": groups}
    llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
    bits = {k: class_bits_per_weight(llm, k, "checkpoint") for k in ("attention", "ffn", "head")}
    assert bits == {"attention": 8.0, "ffn": 4.5, "head": 16.0}


def test_mixed_precision_is_read_layer_by_layer() -> None:
    layers: dict[str, dict[str, Any]] = {m: {"quant_algo": "FP8"} for m in ATTENTION}
    layers |= {m: {"quant_algo": "NVFP4", "group_size": 16} for m in DENSE}
    layers["lm_head"] = {"quant_algo": "W4A16_NVFP4", "group_size": 16}
    scheme = {"quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
    llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
    assert llm.checkpoint.format == "nvfp4"
    bits = {k: class_bits_per_weight(llm, k, "checkpoint") for k in ("attention", "ffn", "head")}
    assert bits == {"attention": 8.0, "ffn": 4.5, "head": 4.5}
    # Half of the layers in either format: the wider one, until the files say it exactly.
    layers |= {m: {"quant_algo": "FP8"} for m in DENSE[::2]}
    llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
    assert class_bits_per_weight(llm, "ffn", "checkpoint") == 8.0


def test_layers_that_a_tool_leaves_out_stay_at_16_bits() -> None:
    rounds = {"quant_method": "auto-round", "bits": 4, "group_size": 128,
              "extra_config": {m: {"bits": 16} for m in ATTENTION}}  # fmt: skip
    dynamic = {"quant_method": "gptq", "bits": 4, "group_size": 128,
               "dynamic": {r"-:.*self_attn.*": {}, r"+:.*down_proj.*": {"bits": 8}}}  # fmt: skip
    for scheme in (rounds, dynamic):
        llm = read_config({**LLAMA, "quantization_config": scheme}, name="test")
        assert class_bits_per_weight(llm, "attention", "checkpoint") == 16
        assert class_bits_per_weight(llm, "ffn", "checkpoint") == pytest.approx(4 + 20 / 128)


def any_decoder(config: dict[str, Any]) -> Decoder:
    """Layers with every class, as many as the configuration has."""
    ffn = Ffn(expert_count=8, experts_per_token=2, expert_inner_size=64, shared_inner_size=64)
    attention = Attention(kind="full", head_count=8, kv_head_count=2, head_dim=8)
    block = Block(attention=attention, ffn=ffn, norm_params=128)
    count = config.get("num_hidden_layers") or len(config.get("layers_block_type", [])) or 4
    return Decoder(64, 1000, 4096, tied_embeddings=False, blocks=(block,), layout=((0, count),),
                   final_norm_params=64)  # fmt: skip


def test_every_quantisation_in_the_shared_configurations_is_understood() -> None:
    if not CONFIGS.is_dir():
        pytest.skip(f"no shared tables at {SHARED} (RIGHTRIG_SHARED)")
    formats: dict[str, str] = {}
    for path in sorted(CONFIGS.glob("*.json")):
        if path.name.endswith("hf_quant_config.json"):
            continue
        outer = json.loads(path.read_text(encoding="utf-8"))
        beside = path.with_name(f"{path.stem}.hf_quant_config.json")
        if beside.is_file():
            outer["hf_quant_config"] = json.loads(beside.read_text(encoding="utf-8"))
        whole = {**outer, **(outer.get("text_config") or {})}
        if outer.get("quantization_config"):
            whole["quantization_config"] = outer["quantization_config"]
        try:
            checkpoint = read_checkpoint(Config(whole, path.stem), any_decoder(whole))
        except UnsupportedModelError as error:  # pragma: no cover - the message is the finding
            pytest.fail(f"{path.name}: {error}")
        formats[path.stem] = checkpoint.format
        if whole.get("expert_dtype") == "fp4":
            bits = 4.5 if "NVFP4" in path.stem else 4.25
            assert checkpoint.extra_bits == {"expert": bits}, path.stem
            assert checkpoint.format == "fp8-block"
    assert len(formats) >= 170
    assert formats["nvidia--NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4"] == "nvfp4"
    assert formats["moonshotai--Kimi-K3"] == "mxfp4"
