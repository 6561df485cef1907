"""Files of weights beside a configuration: exact sizes, and how damaged ones are refused."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.facts.safetensors import read_header, read_index
from rightrig.facts.stored import LANGUAGE
from rightrig.facts.tensor_names import part_of_tensor
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.llm import Llm

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "U8": 1, "F8_E4M3": 1}
MATRICES = {
    "self_attn.q_proj": (256, 256), "self_attn.k_proj": (128, 256), "self_attn.v_proj": (128, 256),
    "self_attn.o_proj": (256, 256), "mlp.gate_proj": (512, 256), "mlp.up_proj": (512, 256),
    "mlp.down_proj": (256, 512),
}  # fmt: skip
Tensors = dict[str, tuple[str, tuple[int, ...]]]
OUTSIDE: Tensors = {
    "model.embed_tokens.weight": ("BF16", (1000, 256)),
    "model.norm.weight": ("BF16", (256,)),
    "lm_head.weight": ("BF16", (1000, 256)),
}


def layers(matrix: Any) -> Tensors:
    tensors = dict(OUTSIDE)
    for layer in range(2):
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{name}.weight"] = ("BF16", (256,))
        for name, (rows, columns) in MATRICES.items():
            for suffix, tensor in matrix(rows, columns).items():
                tensors[f"model.layers.{layer}.{name}.{suffix}"] = tensor
    return tensors


def plain(rows: int, columns: int) -> Tensors:
    return {"weight": ("BF16", (rows, columns))}


def fp8_block(rows: int, columns: int) -> Tensors:
    scales = (-(-rows // 128), -(-columns // 128))
    return {"weight": ("F8_E4M3", (rows, columns)), "weight_scale_inv": ("F32", scales)}


def gptq(rows: int, columns: int) -> Tensors:
    return {
        "qweight": ("I32", (columns // 8, rows)), "qzeros": ("I32", (columns // 128, rows // 8)),
        "scales": ("F16", (columns // 128, rows)), "g_idx": ("I32", (columns,)),
    }  # fmt: skip


def awq(rows: int, columns: int) -> Tensors:
    return {
        "qweight": ("I32", (columns, rows // 8)), "qzeros": ("I32", (columns // 128, rows // 8)),
        "scales": ("F16", (columns // 128, rows)),
    }  # fmt: skip


def nvfp4(rows: int, columns: int) -> Tensors:
    return {
        "weight": ("U8", (rows, columns // 2)), "weight_scale": ("F8_E4M3", (rows, columns // 16)),
        "weight_scale_2": ("F32", ()), "input_scale": ("F32", ()),
    }  # fmt: skip


def write(path: Path, tensors: Tensors) -> int:
    """Write a sparse file with these tensors and return the bytes of its data."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    content = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(content).to_bytes(8, "little") + content)
        file.truncate(8 + len(content) + end)
    return end


def model(folder: Path, tensors: Tensors, **config: object) -> tuple[Llm, int]:
    (folder / "config.json").write_text(json.dumps(LLAMA | config), encoding="utf-8")
    size = write(folder / "model.safetensors", tensors)
    return find_llm(str(folder), shipped()), size


@pytest.mark.parametrize(
    ("scheme", "matrix"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, fp8_block),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, gptq),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, awq),
        ({"quant_algo": "NVFP4", "group_size": 16, "ignore": ["lm_head"]}, nvfp4),
    ],
)
def test_a_quantised_checkpoint_takes_its_files_bytes(
    tmp_path: Path, scheme: dict[str, object], matrix: Any
) -> None:
    llm, size = model(tmp_path, layers(matrix), quantization_config=scheme)
    assert llm.checkpoint.file_bytes == size
    assert weight_bytes(llm, "checkpoint") == pytest.approx(size, rel=1e-12)


def test_scales_make_bits_and_no_weights(tmp_path: Path) -> None:
    scheme = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    llm, _ = model(tmp_path, layers(fp8_block), quantization_config=scheme)
    bits = llm.checkpoint.class_bits
    assert bits is not None
    assert bits["ffn"] == pytest.approx(8 + 32 / (128 * 128))
    assert bits["head"] == bits["embedding"] == bits["norm"] == 16


def test_an_original_keeps_its_format_and_knows_its_bytes(tmp_path: Path) -> None:
    llm, size = model(tmp_path, layers(plain))
    assert (llm.checkpoint.format, llm.checkpoint.file_bytes) == ("bf16", size)
    assert llm.checkpoint.class_bits is None
    assert weight_bytes(llm, "checkpoint") == size


def test_towers_and_layers_ahead_are_not_the_language_model(tmp_path: Path) -> None:
    more: Tensors = {
        "vision_tower.patch.weight": ("BF16", (64, 64)), "mtp.fc.weight": ("BF16", (64, 64)),
        "model.layers.2.self_attn.q_proj.weight": ("BF16", (256, 256)),
    }  # fmt: skip
    _, whole = model(tmp_path, layers(plain))
    llm, size = model(tmp_path, {**layers(plain), **more})
    assert size > whole
    assert llm.checkpoint.file_bytes == whole
    assert llm.not_counted == ("encoders of images or sound", "multi-token prediction layers")


def test_a_stored_copy_of_tied_embeddings_is_not_counted(tmp_path: Path) -> None:
    llm, size = model(tmp_path, layers(plain), tie_word_embeddings=True)
    assert llm.checkpoint.file_bytes == size - 1000 * 256 * 2


def index(folder: Path, files: dict[str, str], total: object = None) -> None:
    content: dict[str, Any] = {"weight_map": files, "metadata": {"total_size": total}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(content), encoding="utf-8")


def test_an_index_alone_gives_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    names = dict.fromkeys(layers(plain), "model-00001-of-00001.safetensors")
    index(tmp_path, names, 1_234_567)
    assert find_llm(str(tmp_path), shipped()).checkpoint.file_bytes == 1_234_567
    index(tmp_path, {**names, "mtp.fc.weight": "model-00001-of-00001.safetensors"}, 1_234_567)
    assert find_llm(str(tmp_path), shipped()).checkpoint.file_bytes is None


def test_files_that_an_index_names_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    tensors = layers(plain)
    one = dict(list(tensors.items())[:9])
    two = dict(list(tensors.items())[9:])
    size = write(tmp_path / "a.safetensors", one) + write(tmp_path / "b.safetensors", two)
    files = dict.fromkeys(one, "a.safetensors") | dict.fromkeys(two, "b.safetensors")
    index(tmp_path, files, 5)  # what the files hold is what counts
    assert find_llm(str(tmp_path), shipped()).checkpoint.file_bytes == size
    index(tmp_path, {**files, "model.layers.0.extra": "a.safetensors"})
    with pytest.raises(InputError, match=r"no file holds its tensor model\.layers\.0\.extra"):
        find_llm(str(tmp_path), shipped())


def test_the_counted_weights_are_the_models(tmp_path: Path) -> None:
    """What the headers hold, and what the dimensions say, are the same."""
    llm, _ = model(tmp_path, layers(plain))
    counted = dict.fromkeys(LANGUAGE, 0)
    for tensor in read_header(tmp_path / "model.safetensors"):
        part = part_of_tensor(tensor.name, llm.layer_count)
        assert part in counted
        counted[part] += tensor.elements_count
    assert {kind: n for kind, n in counted.items() if n} == params_by_class(llm)


NAMES = {
    "model.layers.3.self_attn.q_norm.weight": "attention",
    "model.layers.3.self_attn.kv_a_layernorm.weight": "attention",
    "model.layers.3.linear_attn.norm.weight": "attention",
    "model.layers.3.linear_attn.in_proj_qkvz.weight": "attention",
    "model.layers.3.mlp.gate.weight": "router",
    "model.layers.3.mlp.gate.e_score_correction_bias": "router",
    "model.layers.3.mlp.gate_proj.weight": "ffn",
    "model.layers.3.mlp.experts.17.down_proj.weight": "expert",
    "model.layers.3.mlp.experts.gate_up_proj_blocks": "expert",
    "model.layers.3.mlp.shared_experts.up_proj.weight": "shared_expert",
    "model.layers.3.mlp.shared_expert_gate.weight": "router",
    "model.layers.3.block_sparse_moe.experts.0.w1.weight": "expert",
    "model.layers.3.block_sparse_moe.gate.weight": "router",
    "model.layers.61.self_attn.q_proj.weight": "ahead",
    "mtp.layers.0.mlp.gate.weight": "ahead",
    "backbone.layers.3.mixer.in_proj.weight": "attention",
    "backbone.layers.3.mixer.norm.weight": "attention",
    "backbone.layers.3.norm.weight": "norm",
    "backbone.layers.3.mixer.up_proj.weight": "ffn",
    "backbone.layers.3.mixer.experts.5.up_proj.weight": "expert",
    "backbone.embeddings.weight": "embedding",
    "backbone.norm_f.weight": "norm",
    "transformer.h.3.ln_1.weight": "norm",
    "transformer.h.3.mlp.dense_h_to_4h.weight": "ffn",
    "transformer.h.3.self_attention.query_key_value.weight": "attention",
    "transformer.wte.weight": "embedding",
    "gpt_neox.layers.3.attention.rotary_emb.inv_freq": "other",
    "gpt_neox.embed_in.weight": "embedding",
    "embed_out.weight": "head",
    "model.decoder.layers.3.fc1.weight": "ffn",
    "language_model.model.layers.3.mlp.up_proj.weight": "ffn",
    "model.visual.blocks.0.attn.qkv.weight": "tower",
    "lm_head.weight": "head",
}


def test_names_of_published_checkpoints_are_sorted() -> None:
    assert {name: part_of_tensor(name, 61) for name in NAMES} == NAMES


def header(content: object, data: int = 64) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def entry(dtype: object = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


WRONG_FILES = {
    "empty": (b"", "claims a header of 0 bytes and has 0"),
    "length": ((1 << 62).to_bytes(8, "little") + b"{}", "claims a header of 4,611,686"),
    "text": (header(b"hello"), "it is not JSON"),
    "deep": (header(b"[" * 100_000), "nested too deeply"),
    "many": (header(b"[" + b"[],[]," * 2_000_000 + b"0]"), "more than 3,000,000 values"),
    "twice": (header(b'{"a":{},"a":{}}'), "the key 'a' occurs twice"),
    "no entry": (header({"a": 1}), "no pair of offsets"),
    "negative": (header(entry(offsets=[-16, 0])), "no pair of offsets"),
    "backwards": (header(entry(offsets=[16, 0])), "no pair of offsets"),
    "true": (header(entry(offsets=[False, True])), "no pair of offsets"),
    "type": (header(entry(dtype="F31")), "'F31', unknown"),
    "type's type": (header(entry(dtype=["F32"])), "unknown"),
    "shape": (header(entry(shape=[-4])), "no list of whole numbers"),
    "disagree": (header(entry(shape=[5])), "shape and the size of tensor a disagree"),
    "product": (header(entry(shape=[1 << 50] * 1000)), "shape and the size of tensor a disagree"),
    "overlap": (header(entry() | {"b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}),
                "overlaps"),
    "short": (header(entry(shape=[40], offsets=[0, 160])), "96 bytes are missing at its end"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, says = WRONG_FILES[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as refused:
        read_header(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "no table 'weight_map'"),
        ({"weight_map": []}, "no table 'weight_map'"),
        ({"weight_map": {"a": "../../etc/passwd"}}, "no file beside it"),
        ({"weight_map": {"a": "/etc/x.safetensors"}}, "no file beside it"),
        ({"weight_map": {"a": "..\\x.safetensors"}}, "no file beside it"),
        ({"weight_map": {"a": "x\n.safetensors"}}, "no file beside it"),
        ({"weight_map": {"a": 7}}, "no file beside it"),
        ({"weight_map": {"a": "x.bin"}}, "no file beside it"),
        ({"weight_map": {"a": "a.safetensors"}, "metadata": {"total_size": -1}}, "is -1"),
        ({"weight_map": {"a": "a.safetensors"}, "metadata": {"total_size": "9"}}, "is '9'"),
        ({"weight_map": {"a": "a.safetensors"}, "metadata": {"total_size": 1 << 200}}, "is 1606"),
        ({"weight_map": {str(i): f"{i}.safetensors" for i in range(10_001)}}, "than 10,000 files"),
    ],
)
def test_a_wrong_index_is_refused_in_one_sentence(
    tmp_path: Path, content: object, says: str
) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=says) as refused:
        read_index(path)
    assert "\n" not in str(refused.value)


def test_a_pipe_in_place_of_weights_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="a folder, pipe or device"):
        read_header(tmp_path / "model.safetensors")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_never_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(header(entry() | {"b": {"dtype": "U8", "shape": [4, 4],
                                                "data_offsets": [16, 32]}}))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 5))
        content[place : place + 4] = data.draw(st.binary(min_size=1, max_size=4))
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(content)
    refused = ""
    try:
        tensors = read_header(path)
    except InputError as error:
        refused = str(error)
    else:
        assert all(0 <= tensor.size_bytes <= len(content) for tensor in tensors)
    assert "\n" not in refused
