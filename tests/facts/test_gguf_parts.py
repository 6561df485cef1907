"""GGUF files whose layers share, differ or lie ahead, and files that are no whole model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gguf_writer as writer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.architectures import read_config
from rightrig.facts.catalog import shipped
from rightrig.facts.gguf_families import FAMILIES
from rightrig.facts.gguf_keys import config_of
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from gguf_writer import File, Shapes

SCRIPT: Final = Path(sys.executable).with_name("rightrig")


def gemma3n_e4b() -> File:
    """Return Gemma 3n E4B, whose last 15 layers keep projections that nothing uses."""
    hidden, layers, words = 2048, 35, 262_400
    file: File = writer.base("gemma3n", hidden, words, layers, **{
        "attention.head_count": 8, "attention.head_count_kv": 2, "attention.key_length": 256,
        "attention.sliding_window": 512, "attention.shared_kv_layers": 15,
        "attention.sliding_window_pattern": [bool((i + 1) % 5) for i in range(layers)],
        "feed_forward_length": [16_384] * layers, "embedding_length_per_layer_input": 256,
        "altup.num_inputs": 4,
    })  # fmt: skip
    file.tensors |= {
        "altup_proj.weight": (hidden, hidden, 3), "altup_unembd_proj.weight": (hidden, hidden, 3),
        "per_layer_token_embd.weight": (256 * layers, words),
        "per_layer_model_proj.weight": (hidden, 256 * layers), "per_layer_proj_norm.weight": (256,),
    }  # fmt: skip
    other: Shapes = {
        "inp_gate": (hidden, 256), "proj": (256, hidden), "altup_correct_coef": (4, 4),
        "altup_predict_coef": (4, 16), "altup_router": (hidden, 4), "laurel_l": (hidden, 64),
        "laurel_r": (64, hidden),
    }  # fmt: skip
    around = writer.norms(
        hidden, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm",
        "laurel_post_norm", "altup_router_norm", "altup_correct_scale",
    )  # fmt: skip
    for layer in range(layers):
        file.layer(layer, writer.heads(hidden, 2048, 512), writer.head_norms(256), around, other)
        file.layer(layer, writer.gated(hidden, 16_384))
    return file


def test_gemma_3n_holds_projections_that_shared_layers_do_not_use(tmp_path: Path) -> None:
    file = gemma3n_e4b()
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    stated = params_by_class(read_config({"model_type": "gemma3n_text"}, name="Gemma 3n E4B"))
    unused = 15 * (2 * 2048 * 512 + 256)
    padding = (262_400 - 262_144) * 256 * 35
    stated["attention"] += unused
    stated["embedding"] += padding
    assert params_by_class(read) == stated
    assert read.checkpoint.file_bytes == file.size_bytes()
    assert weight_bytes(read, "checkpoint") == pytest.approx(file.size_bytes(), rel=1e-9)
    kept = sum(n for block, n in read.block_counts if block.attention and block.attention.shares_kv)
    assert kept == 15


def searched(slug: str, arch: str) -> File:
    """Return a model of the catalogue whose layers have dimensions of their own."""
    llm = shipped().llm(slug)
    order = [llm.blocks[index] for index in llm.layer_order]
    some = llm.attentions[0]
    kv = [0 if b.attention is None else b.attention.kv_head_count for b in order]
    same = all(kv)
    inner = [0 if b.ffn is None else b.ffn.inner_size for b in order]
    queries = [some.head_count if heads else 0 for heads in kv]
    file: File = writer.untied(writer.base(arch, llm.hidden_size, llm.vocab_size, len(order), **{
        "attention.head_count": some.head_count if same else queries,
        "attention.head_count_kv": kv, "attention.key_length": some.head_dim,
        "feed_forward_length": inner[0] if same else inner,
    }))  # fmt: skip
    for layer, (heads, width) in enumerate(zip(kv, inner, strict=True)):
        query, key = some.head_count * some.head_dim, heads * some.head_dim
        if heads:
            file.layer(layer, writer.norms(llm.hidden_size, "attn_norm"))
            file.layer(layer, writer.heads(llm.hidden_size, query, key))
        if width:
            file.layer(layer, writer.norms(llm.hidden_size, "ffn_norm"))
            file.layer(layer, writer.gated(llm.hidden_size, width))
    return file


@pytest.mark.parametrize(
    ("slug", "arch"),
    [("nvidia--llama-3_3-nemotron-super-49b-v1", "deci"), ("deci--decilm-7b", "deci"),
     ("deci--decilm-7b", "llama")],
)  # fmt: skip
def test_layers_with_dimensions_of_their_own_come_back(
    tmp_path: Path, slug: str, arch: str
) -> None:
    file = searched(slug, arch)
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    known = shipped().llm(slug)
    assert params_by_class(read) == params_by_class(known)
    assert read.layout == known.layout
    assert read.attentions == known.attentions
    assert read.family == known.family
    assert read.checkpoint.file_bytes == file.size_bytes()
    assert weight_bytes(read, "checkpoint") == pytest.approx(file.size_bytes(), rel=1e-9)


def llama(layers: int = 2, *, of: range | None = None, **keys: Any) -> File:
    """Return a small Llama that says it has so many layers, and holds these."""
    sizes = {
        "attention__head_count": 4, "attention__head_count_kv": 2, "feed_forward_length": 512,
        **keys,
    }  # fmt: skip
    file: File = writer.base("llama", 256, 1024, layers, **sizes)
    for layer in range(layers) if of is None else of:
        file.layer(layer, writer.norms(256, "attn_norm", "ffn_norm"))
        file.layer(layer, writer.heads(256, 256, 128), writer.gated(256, 512))
    return file


def test_one_matrix_may_stand_for_attention(tmp_path: Path) -> None:
    file = llama(2, of=range(1), feed_forward_length=[512, 0])
    file.keys |= {"attention.head_count_kv": [2, 0], "attention.key_length": 64}
    file.architecture = "deci"
    file.keys["attention.head_count"] = [4, 4]
    file.layer(1, {"attn_norm": (256,), "attn_output": (256, 256)})
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    assert (read.blocks[1].attention, read.blocks[1].other_params) == (None, 256 * 256)
    assert weight_bytes(read, "checkpoint") == pytest.approx(file.size_bytes(), rel=1e-9)


def test_granite_has_experts_beside_a_shared_part(tmp_path: Path) -> None:
    file = llama(
        of=range(0), feed_forward_length=64, expert_count=4, expert_used_count=2,
        expert_shared_feed_forward_length=128,
    )  # fmt: skip
    file.architecture = "granitemoe"
    for layer in range(2):
        file.layer(layer, writer.norms(256, "attn_norm", "ffn_norm"), writer.heads(256, 256, 128))
        file.layer(layer, writer.gated(256, 64, "_exps", 4), writer.gated(256, 128, "_shexp"))
        file.layer(layer, {"ffn_gate_inp": (256, 4)})
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    assert params_by_class(read)["shared_expert"] == 2 * 3 * 256 * 128
    assert params_by_class(read)["expert"] == 2 * 4 * 3 * 256 * 64
    assert weight_bytes(read, "checkpoint") == pytest.approx(file.size_bytes(), rel=1e-9)


def test_layers_ahead_are_counted_apart_and_named(tmp_path: Path) -> None:
    plain = read_gguf(llama().write(tmp_path / "plain.gguf"))
    file = llama(3, nextn_predict_layers=1)
    file.layer(2, {"nextn.eh_proj": (512, 256), "nextn.enorm": (256,), "nextn.hnorm": (256,)})
    read = read_gguf(file.write(tmp_path / "ahead.gguf"))
    assert read.layer_count == 2
    assert read.checkpoint.file_bytes == plain.checkpoint.file_bytes
    assert read.not_counted == ("multi-token prediction layers",)


def test_layers_ahead_that_were_taken_out_are_not_there(tmp_path: Path) -> None:
    file = llama(3, of=range(2), nextn_predict_layers=1)
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    assert (read.layer_count, read.ahead, read.not_counted) == (2, None, ())
    counted_alone = llama(2, nextn_predict_layers=1)
    assert read_gguf(counted_alone.write(tmp_path / "alone.gguf")).layer_count == 2


def without_keys(**general: Any) -> File:
    file: File = writer.File("", {}, {"blk.0.attn_q.weight.lora_a": (256, 8)}, general)
    return file


def mixed_jamba() -> File:
    file = llama(4, of=range(4))
    file.architecture = "jamba"
    file.keys["attention.head_count_kv"] = [0, 2, 2, 0]
    return file


WRONG: Final[dict[str, tuple[File, str]]] = {
    "projector": (
        writer.File("clip", {}, {"v.patch_embd.weight": (14, 14, 3)}),
        r"is a projector \(mmproj\), which encodes images or sound; name the GGUF file of the",
    ),
    "adapter": (
        writer.File(
            "llama", {}, {"blk.0.attn_q.weight.lora_a": (256, 8)}, {"general.type": "adapter"}
        ),
        "is a LoRA adapter; name the GGUF file of the language model",
    ),
    "imatrix": (
        without_keys(**{"general.type": "imatrix"}), r"is an importance matrix \(imatrix\), which"
    ),
    "unknown": (
        writer.File("rwkv7", {}, {"token_embd.weight": (256, 8)}, {"general.type": "model"}),
        "architecture 'rwkv7' are not understood yet.*bloom, cohere2, command-r.*gemma4, glm-dsa",
    ),
    "ahead alone": (
        llama(3, of=range(2, 3), nextn_predict_layers=1), "for multi-token prediction alone"
    ),
    "experts of their own": (
        llama(expert_count=4, feed_forward_length=[512, 256]), "experts and dimensions of"
    ),
    "no layers": (llama(block_count=0), "'block_count' is 0, not a whole number from 1 to 10,000"),
    "many layers": (llama(block_count=2**31), "'block_count' is 2147483648, not a whole number"),
    "short list": (
        llama(attention__head_count_kv=[2]), "a list of 1, not a number of at least 0 for"
    ),
    "negative": (llama(feed_forward_length=[512, -1]), "a list of 2, not a number of at"),
    "distances": (mixed_jamba(), "its layers with attention do not come at equal distances"),
}  # fmt: skip
# A file of layers ahead holds what joins them.
WRONG["ahead alone"][0].layer(2, {"nextn.eh_proj": (512, 256)})


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_readable_model_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    file, says = WRONG[name]
    with pytest.raises(InputError, match=says) as refused:
        read_gguf(file.write(tmp_path / "model.gguf"))
    assert "\n" not in str(refused.value)


VALUES: Final = st.one_of(
    st.integers(-2, 300), st.booleans(), st.floats(), st.text(max_size=3), st.none(),
    st.lists(st.integers(-1, 300), max_size=6).map(tuple), st.sampled_from([2**31, 2**63]),
)  # fmt: skip
NAMES: Final = st.sampled_from([
    "blk.0.attn_q.weight", "blk.1.nextn.eh_proj.weight", "blk.3.ffn_gate_inp.weight",
    "per_layer_token_embd.weight", "blk.0.laurel_l.weight", "token_embd.weight",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_values_make_a_configuration_or_a_sentence(data: st.DataObject) -> None:
    architecture = data.draw(st.sampled_from(sorted(FAMILIES)))
    family = FAMILIES[architecture]
    keys = sorted({
        *family.keys.values(), "attention.head_count", "attention.head_count_kv",
        "feed_forward_length", "attention.sliding_window_pattern", "nextn_predict_layers",
        "ssm.inner_size", "attention.compress_ratios", "embedding_length", "context_length",
        "attention.indexer.types", "attention.recurrent_layers", "attention.shared_kv_layers",
    })  # fmt: skip
    drawn = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=len(keys)))
    drawn["block_count"] = data.draw(st.one_of(st.integers(1, 6), VALUES))
    metadata = {f"{architecture}.{key}": item for key, item in drawn.items()}
    shapes = data.draw(st.dictionaries(NAMES, st.just((256, 1024)), max_size=6))
    refused = ""
    try:
        config = config_of({"general.architecture": architecture, **metadata}, shapes, name="drawn")
        llm = read_config(config, name="drawn")
    except InputError as error:
        refused = str(error)
    else:
        assert 1 <= llm.layer_count <= drawn["block_count"]
    assert "\n" not in refused


@pytest.mark.parametrize("made", [gemma3n_e4b, lambda: searched("deci--decilm-7b", "deci")])
def test_fit_answers_for_such_a_file(tmp_path: Path, made: Any) -> None:
    file = made()
    path = file.write(tmp_path / "model.gguf")
    done = subprocess.run(
        [str(SCRIPT), "fit", str(path), "--on", "1xrtx-4090", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "fits"
    found_mib = writer.llama_cpp_weights_mib(path)  # where it is built, it must load the file
    assert found_mib is None or found_mib >= file.size_bytes() // 2**20
