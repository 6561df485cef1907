"""What the parser of configurations refuses, and how: by name, in one sentence, never a crash."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError, RightrigError, UnsupportedModelError
from rightrig.facts.architectures import load_config, read_config, understood
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    "family",
    ["rwkv", "recurrent_gemma", "falcon_h1", "zamba2", "t5", "mllama", "whisper",
     "never_heard_of"],
)  # fmt: skip
def test_a_family_that_is_not_understood_is_refused_by_name(family: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        read(model_type=family)
    assert f"'{family}' is not understood yet" in str(caught.value)
    assert f"understood are {len(understood())} families, such as bamba" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("linear_attn_config", {"full_attn_layers": [1]}), ("index_topk", 2048),
        ("ssm_state_size", 128), ("is_encoder_decoder", True), ("block_configs", [{}]),
        ("num_kv_shared_layers", 10), ("attn_output_gate", True),
    ],
)  # fmt: skip
def test_a_key_of_another_architecture_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(UnsupportedModelError, match=f"'{key}' is not understood yet"):
        read(**{key: value})


def test_a_layer_type_that_is_not_understood_is_refused_by_name() -> None:
    layers = ["full_attention", "linear_attention"] * 2
    for family in ("llama", "qwen3", "deepseek_v3"):
        with pytest.raises(UnsupportedModelError, match="linear_attention"):
            read(model_type=family, layer_types=layers)
    with pytest.raises(UnsupportedModelError, match="names local layers"):
        read(layer_types=["full_attention", "sliding_attention"] * 2)


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size"])
@pytest.mark.parametrize(
    "value",
    [-1, 0, 10**12, 10**5000, math.nan, math.inf, 4.5, "4096", [4096], {"a": 1}, True],
    ids=["negative", "zero", "huge", "astronomic", "nan", "inf", "fraction", "text", "list",
         "table", "bool"],
)  # fmt: skip
def test_a_wrong_dimension_names_key_value_and_limit(key: str, value: object) -> None:
    with pytest.raises(InputError) as caught:
        read(**{key: value})
    message = str(caught.value)
    assert message.startswith(f"test: '{key}' is ")
    assert "a whole number from 1 to 1" in message
    assert len(message) < 200


def test_a_missing_dimension_is_named() -> None:
    with pytest.raises(InputError, match="lacks 'vocab_size'"):
        read(vocab_size=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_key_value_heads": 3},
        {"num_attention_heads": 7, "num_key_value_heads": 7},
        {"tie_word_embeddings": "yes"},
        {"model_type": "qwen3", "layer_types": ["full_attention"]},
        {"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 4},
        {"model_type": ["llama"]},
        {"text_config": [1]},
        {"quantization_config": {"quant_method": 4}},
    ],
)
def test_what_does_not_fit_together_is_one_sentence(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"^test: [^\n]+$"):
        read(**changes)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(InputError, match="not an object"):
        read_config([1, 2], name="list")  # type: ignore[arg-type]


def test_a_configuration_is_found_in_its_folder_with_its_quantisation(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8-sig")
    beside = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside))
    for path in (tmp_path, tmp_path / "config.json"):
        llm = read_config(load_config(path), name="x")
        assert llm.checkpoint.format == "nvfp4"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b"not json", b"\xff\xfe\x00", b'{"a": ' + b"9" * 5000 + b"}",
     b"[" * 100_000, b'{"a":' * 100_000],
    ids=["empty", "truncated", "array", "text", "binary", "digits", "deep", "deeper"],
)  # fmt: skip
def test_what_is_no_configuration_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json is no model configuration: [^\n]+$"):
        load_config(file)


def test_an_oversized_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b" " * 16_000_001)
    with pytest.raises(InputError, match="larger than 16 MB"):
        load_config(file)


def test_an_absent_file_and_a_gguf_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path)
    gguf = tmp_path / "model.bin"
    gguf.write_bytes(b"GGUF\x03")
    with pytest.raises(InputError, match=r"is a GGUF file: call it by a name that ends in \.gguf"):
        load_config(gguf)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(0, 300) | st.floats() | st.text()
    | st.sampled_from(["full_attention", "sliding_attention", "fp8", "gptq", "awq", "re:.*x", "*"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = (
    *LLAMA, *LATENT, *EXPERTS, "head_dim", "layer_types", "sliding_window", "text_config",
    "tie_word_embeddings", "dtype", "use_sliding_window", "max_window_layers", "mlp_only_layers",
    "decoder_sparse_step", "num_local_experts", "no_rope_layers", "attn_type_list", "n_embd",
    "n_head", "n_layer", "n_positions", "ffn_dim", "d_model", "n_heads", "n_layers",
    "max_seq_len", "attn_config", "moe_layers", "architectures", "vision_config",
)  # fmt: skip
SCHEMES = st.dictionaries(
    st.sampled_from(["quant_method", "quant_algo", "bits", "group_size", "weight_block_size",
                     "config_groups", "ignore", "modules_to_not_convert", "kv_cache_scheme",
                     "quant_config", "head_bits", "load_in_8bit"]),
    VALUES | st.sampled_from(["fp8", "awq", "gptq", "hqq", "exl2", "compressed-tensors", "FP8"]),
    max_size=5,
)  # fmt: skip
FAMILIES = st.fixed_dictionaries({"model_type": st.sampled_from(understood())})


@settings(max_examples=400, deadline=None)
@given(
    base=st.sampled_from([{}, LLAMA, {**LLAMA, **LATENT, **EXPERTS, "num_local_experts": 4}]),
    family=FAMILIES,
    changes=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), VALUES, max_size=6),
    scheme=st.none() | SCHEMES,
)
def test_no_json_raises_anything_but_our_own_errors(
    base: dict[str, object],
    family: dict[str, object],
    changes: dict[str, object],
    scheme: dict[str, object] | None,
) -> None:
    config = {**base, **family, **changes, "quantization_config": scheme}
    layers = config.get("num_hidden_layers")
    if isinstance(layers, int):
        # Ten thousand layers are accepted, but would make this test slow.
        config["num_hidden_layers"] = min(layers, 200)
    with contextlib.suppress(RightrigError):
        assert total_params_count(read_config(config, name="random")) > 0
