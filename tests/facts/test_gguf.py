"""The header of GGUF files: what it says, and how damaged ones are refused."""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.gguf import read_header
from rightrig.facts.gguf_model import part_of, read_gguf
from rightrig.facts.gguf_types import BLOCK_TYPES
from rightrig.facts.quantization import GGML_BITS
from rightrig.work.weights import params_by_class, weight_bytes

SCRIPT: Final = Path(sys.executable).with_name("rightrig")
U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def number(value: int) -> bytes:
    return struct.pack("<II", U32, value)


def words(*values: str) -> bytes:
    return struct.pack("<IIQ", ARRAY, STRING, len(values)) + b"".join(map(text, values))


@dataclass
class Gguf:
    """A small GGUF file; each field can be made wrong."""

    keys: list[tuple[str, bytes]] = field(default_factory=list)
    tensors: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)
    magic: bytes = b"GGUF"
    version: bytes = struct.pack("<I", 3)
    claimed_tensors: int | None = None
    claimed_keys: int | None = None
    alignment: int = 32

    def places(self) -> list[int]:
        places, end = [], 0
        for _, shape, kind in self.tensors:
            places.append(end)
            block = BLOCK_TYPES.get(kind, BLOCK_TYPES[0])
            size = math.prod(shape) // block.weights_count * block.block_bytes
            end += -(-size // self.alignment) * self.alignment
        return [*places, end]

    def header(self) -> bytes:
        tensors = len(self.tensors) if self.claimed_tensors is None else self.claimed_tensors
        keys = len(self.keys) if self.claimed_keys is None else self.claimed_keys
        parts = [self.magic, self.version, struct.pack("<QQ", tensors, keys)]
        parts += [text(key) + value for key, value in self.keys]
        for (name, shape, kind), place in zip(self.tensors, self.places(), strict=False):
            parts.append(text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            parts.append(struct.pack("<IQ", kind, place))
        return b"".join(parts)

    def write(self, path: Path) -> Path:
        header = self.header()
        start = -(-len(header) // self.alignment) * self.alignment
        with path.open("wb") as file:
            file.write(header)
            file.truncate(start + min(self.places()[-1], 1 << 40))
        return path


# A Llama of two layers: hidden 256, inner 512, four query and two key-value heads of 64.
LLAMA_KEYS = [
    ("general.architecture", struct.pack("<I", STRING) + text("llama")),
    ("llama.block_count", number(2)),
    ("llama.context_length", number(4096)),
    ("llama.embedding_length", number(256)),
    ("llama.feed_forward_length", number(512)),
    ("llama.attention.head_count", number(4)),
    ("llama.attention.head_count_kv", number(2)),
    ("tokenizer.ggml.tokens", words(*(f"t{i}" for i in range(1000)))),
]
Q4_K, Q6_K, Q8_0 = 12, 14, 8


def llama_tensors() -> list[tuple[str, tuple[int, ...], int]]:
    tensors: list[tuple[str, tuple[int, ...], int]] = [
        ("token_embd.weight", (256, 1000), Q4_K),
        ("output_norm.weight", (256,), 0),
        ("output.weight", (256, 1000), Q6_K),
        ("rope_freqs.weight", (32,), 0),
    ]
    for layer in range(2):
        own = (
            ("attn_norm.weight", (256,), 0),
            ("attn_q.weight", (256, 256), Q4_K),
            ("attn_k.weight", (256, 128), Q4_K),
            ("attn_v.weight", (256, 128), Q6_K if layer else Q8_0),
            ("attn_output.weight", (256, 256), Q4_K),
            ("ffn_norm.weight", (256,), 0),
            ("ffn_gate.weight", (256, 512), Q4_K),
            ("ffn_up.weight", (256, 512), Q4_K),
            ("ffn_down.weight", (512, 256), Q6_K),
        )
        tensors += [(f"blk.{layer}.{name}", shape, kind) for name, shape, kind in own]
    return tensors


def llama() -> Gguf:
    return Gguf([*LLAMA_KEYS, ("general.file_type", number(15))], llama_tensors())


def test_block_types_take_the_published_bits() -> None:
    """Bits a weight that llama.cpp prints for its types."""
    bits = {t.name: 8 * t.block_bytes / t.weights_count for t in BLOCK_TYPES.values()}
    known = {"Q4_0": 4.5, "Q8_0": 8.5, "Q2_K": 2.625, "Q4_K": 4.5, "Q6_K": 6.5625, "IQ1_S": 1.5625,
             "IQ2_XXS": 2.0625, "IQ4_XS": 4.25, "TQ1_0": 1.6875, "TQ2_0": 2.0625, "MXFP4": 4.25,
             "NVFP4": 4.5, "Q1_0": 1.125}  # fmt: skip
    assert {name: bits[name] for name in known} == known
    assert {name: bits[name] for name in GGML_BITS} == GGML_BITS


def test_a_header_gives_metadata_and_tensors(tmp_path: Path) -> None:
    header = read_header(llama().write(tmp_path / "model.gguf"))
    assert header.metadata["llama.embedding_length"] == 256
    assert header.metadata["tokenizer.ggml.tokens"] is None
    assert len(header.tensors) == 22
    assert header.tensors[0].size_bytes == 256 * 1000 * 4.5 / 8


def test_a_model_has_the_exact_sizes_of_its_file(tmp_path: Path) -> None:
    file = llama()
    llm = read_gguf(file.write(tmp_path / "Tiny-Q4_K_M.gguf"))
    assert (llm.name, llm.vocab_size, llm.layer_count) == ("Tiny-Q4_K_M", 1000, 2)
    assert not llm.tied_embeddings
    assert llm.checkpoint.format == "q4_k_m"
    assert llm.checkpoint.class_bits is not None
    # q, k and output at 4.5, values at 8.5 in one layer and at 6.5625 in the other.
    mean = (2 * 163_840 * 4.5 + 32_768 * 8.5 + 32_768 * 6.5625) / (2 * 196_608)
    assert llm.checkpoint.class_bits["attention"] == pytest.approx(mean)
    everything = sum(t.size_bytes for t in read_header(tmp_path / "Tiny-Q4_K_M.gguf").tensors)
    assert llm.checkpoint.file_bytes == everything
    factors_of_rotary_positions = 32 * 4
    assert weight_bytes(llm, "checkpoint") == pytest.approx(
        everything - factors_of_rotary_positions
    )


def test_biases_and_norms_are_those_of_the_file(tmp_path: Path) -> None:
    file = llama()
    for layer in range(2):
        for name, width in (("attn_q", 256), ("attn_k", 128), ("attn_v", 128)):
            file.tensors.append((f"blk.{layer}.{name}.bias", (width,), 0))
    llm = read_gguf(file.write(tmp_path / "model.gguf"))
    attention = llm.attentions[0]
    assert (attention.bias, attention.output_bias) == (True, False)
    assert params_by_class(llm)["attention"] == 2 * (196_608 + 512)


def fitted(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(SCRIPT), "fit", str(path), "--on", "1xrtx-4090", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


@pytest.mark.parametrize(("number_of_type", "name"), [(15, "q4_k_m"), (32, "f16"), (26, "iq3_s")])
def test_a_file_fits_as_it_is_on_llama_cpp(tmp_path: Path, number_of_type: int, name: str) -> None:
    file = Gguf([*LLAMA_KEYS, ("general.file_type", number(number_of_type))], llama_tensors())
    path = file.write(tmp_path / "model.gguf")
    shown = json.dumps(fitted(path))
    assert "llama.cpp" in shown
    assert f'"{name}"' in shown or f"{name} (as published)" in shown


def test_a_file_without_an_output_matrix_has_tied_embeddings(tmp_path: Path) -> None:
    file = llama()
    file.tensors = [t for t in file.tensors if t[0] != "output.weight"]
    llm = read_gguf(file.write(tmp_path / "model.gguf"))
    assert llm.tied_embeddings
    assert llm.checkpoint.class_bits is not None
    assert llm.checkpoint.class_bits["head"] == llm.checkpoint.class_bits["embedding"] == 4.5


def test_parts_are_read_together_and_missing_ones_are_named(tmp_path: Path) -> None:
    whole = llama()
    count = len(whole.tensors)
    split = [("split.count", number(2)), ("split.tensors.count", number(count))]
    first = Gguf(whole.keys + split, whole.tensors[:7])
    second = Gguf([("split.no", number(1))], whole.tensors[7:])
    one = first.write(tmp_path / "m-00001-of-00002.gguf")
    with pytest.raises(InputError, match=r"missing beside it: m-00002-of-00002\.gguf"):
        read_gguf(one)
    two = second.write(tmp_path / "m-00002-of-00002.gguf")
    assert read_gguf(two) == read_gguf(one)
    complete = read_gguf(whole.write(tmp_path / "m.gguf"))
    assert read_gguf(one).checkpoint == complete.checkpoint
    renamed = first.write(tmp_path / "renamed.gguf")
    with pytest.raises(InputError, match="hold 7 tensors and should hold 22"):
        read_gguf(renamed)


def test_a_download_cut_short_says_how_much_is_missing(tmp_path: Path) -> None:
    path = llama().write(tmp_path / "model.gguf")
    os.truncate(path, path.stat().st_size - 1000)
    with pytest.raises(InputError, match="1,000 bytes are missing at its end"):
        read_gguf(path)
    os.truncate(path, 300)
    with pytest.raises(InputError, match="ends inside its header"):
        read_gguf(path)


def changed(**changes: object) -> Gguf:
    file = llama()
    for name, value in changes.items():
        setattr(file, name, value)
    return file


NESTED = struct.pack("<IIQ", ARRAY, ARRAY, 1) + struct.pack("<IQ", U32, 0)
WRONG: dict[str, tuple[Gguf, str]] = {
    "magic": (changed(magic=b"GGML"), "begins with 'GGML', not with GGUF"),
    "version 1": (changed(version=struct.pack("<I", 1)), "version is 1; understood are 2 and 3"),
    "big-endian": (changed(version=struct.pack(">I", 3)), "big-endian; convert it"),
    "tensors claimed": (changed(claimed_tensors=1 << 60), "claims 1,152,921,504,606,846,976"),
    "keys claimed": (changed(claimed_keys=1 << 40), "metadata keys, more than 1,000"),
    "more tensors": (changed(claimed_tensors=99), "shape of tensor  is"),
    "type": (changed(tensors=[("a", (32,), 99)]), "number 99, is unknown"),
    "removed type": (changed(tensors=[("a", (32,), 31)]), "Q4_0_4_4, which llama.cpp no longer"),
    "zero": (changed(tensors=[("a", (32, 0), 0)]), r"shape of tensor a is \[32, 0\]"),
    "product": (changed(tensors=[("a", (1 << 30, 1 << 30), 0)]), "shape of tensor a is"),
    "dimensions": (changed(tensors=[("a", (1,) * 5, 0)]), "claims 5 dimensions of a"),
    "blocks": (changed(tensors=[("a", (100,), 12)]), "no whole blocks of 256 Q4_K"),
    "twice": (changed(tensors=[("a", (32,), 0), ("a", (32,), 0)]), "names a tensor twice"),
    "key twice": (changed(keys=[LLAMA_KEYS[0]] * 2), "'general.architecture' occurs twice"),
    "nested": (changed(keys=[("a", NESTED)]), "unknown or nested type 9"),
    "value": (changed(keys=[("a", struct.pack("<I", 77))]), "of the unknown type 77"),
    "long text": (
        changed(keys=[("a", struct.pack("<IQ", STRING, 1 << 62))]), "bytes of text, more than"
    ),
    "long list": (
        changed(keys=[("a", struct.pack("<IIQ", ARRAY, U64, 1 << 61))]), "numbers in a list, more"
    ),
    "alignment": (
        changed(keys=[*LLAMA_KEYS, ("general.alignment", number(7))]), "'general.alignment' is 7"
    ),
    "vocabulary": (changed(tensors=[]), "a vocabulary only, no tensors"),
    "hidden size": (
        changed(tensors=[("token_embd.weight", (32, 10), 0)]), "does not have the model's hidden"
    ),
    "layers differ": (
        changed(keys=[*LLAMA_KEYS[:-3], ("llama.attention.head_count", struct.pack(
            "<IIQII", ARRAY, U32, 2, 4, 8))]), "layers differ in 'attention.head_count'"
    ),
    "foreign": (
        changed(keys=[("general.architecture", struct.pack("<I", STRING) + text("rwkv7"))]),
        "GGUF files of the architecture 'rwkv7' are not understood yet",
    ),
    "projector": (
        changed(keys=[("general.architecture", struct.pack("<I", STRING) + text("clip"))]),
        r"is a projector \(mmproj\), which encodes images or sound; name the GGUF file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    file, says = WRONG[name]
    path = file.write(tmp_path / "model.gguf")
    with pytest.raises(InputError, match=says) as refused:
        read_gguf(path)
    assert "\n" not in str(refused.value)


def test_overlapping_and_unaligned_tensors_are_refused(tmp_path: Path) -> None:
    header = bytearray(Gguf([], [("a", (32,), 0), ("b", (32,), 0)]).header())
    for place, says in ((0, "overlaps"), (33, "not aligned to 32 bytes")):
        header[-8:] = struct.pack("<Q", place)
        path = tmp_path / f"{place}.gguf"
        path.write_bytes(bytes(header) + bytes(4096))
        with pytest.raises(InputError, match=says):
            read_header(path)


def test_tensors_are_sorted_into_parts() -> None:
    known = {
        "token_embd.weight": "embedding", "output.weight": "head", "output_norm.bias": "norm",
        "blk.0.attn_qkv.bias": "attention", "blk.0.attn_norm.weight": "norm",
        "blk.0.attn_q_norm.weight": "attention", "blk.0.post_ffw_norm.weight": "norm",
        "blk.3.ssm_conv1d.weight": "attention", "blk.3.ssm_norm.weight": "attention",
        "blk.0.ffn_gate_inp.weight": "router", "blk.0.exp_probs_b.bias": "router",
        "blk.0.ffn_gate_inp_shexp.weight": "router", "blk.1.ffn_down_exps.weight": "expert",
        "blk.1.ffn_up_shexp.weight": "shared_expert", "blk.1.ffn_up.weight": "ffn",
        "blk.4.ffn_up.weight": "ahead", "v.blk.0.ln1.weight": "tower", "rope_freqs.weight": "other",
    }  # fmt: skip
    assert {name: part_of(name, 4) for name in known} == known


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_never_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(llama().header() + bytes(64))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 9))
        content[place : place + 8] = data.draw(st.binary(min_size=1, max_size=8))
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(content)
    refused = ""
    try:
        llm = read_gguf(path)
    except InputError as error:
        refused = str(error)
    else:
        assert weight_bytes(llm, "checkpoint") > 0
    assert "\n" not in refused
