"""GGUF files of newer architectures, with the tensors that llama.cpp 11434 asks for.

Names and shapes are those of its loaders (repository ggml-org/llama.cpp, src/models/*.cpp), the
dimensions those of the catalogue's models, written out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gguf_writer as writer
import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.gguf_model import read_gguf
from rightrig.work.weights import params_by_class, weight_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from gguf_writer import File, Shapes


# --- Gemma 4


def gemma4_layers(file: File, hidden: int, inner: list[int], count: int, head: int) -> None:
    """Add layers of which every sixth (or as the pattern says) has other heads."""
    pattern = file.keys["attention.sliding_window_pattern"]
    kv = file.keys["attention.head_count_kv"]
    shared = file.keys["attention.shared_kv_layers"]
    narrow = file.keys["embedding_length_per_layer_input"]
    file.tensors["rope_freqs.weight"] = (head,)
    for layer, local in enumerate(pattern):
        width = head if local else 2 * head
        kv_heads = kv[layer] if isinstance(kv, list) else kv
        own = writer.heads(hidden, count * width, kv_heads * width) | writer.head_norms(width)
        if layer >= len(pattern) - shared:
            own = {key: own[key] for key in ("attn_q", "attn_output", "attn_q_norm")}
        elif not local and not narrow:
            del own["attn_v"]
        own |= writer.norms(hidden, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
        own["layer_output_scale"] = (1,)
        if narrow:
            own |= {"inp_gate": (hidden, narrow), "proj": (narrow, hidden), "post_norm": (hidden,)}
        file.layer(layer, own, writer.gated(hidden, inner[layer]))


def gemma4(hidden: int, layers: int, every: int, **keys: Any) -> File:
    pattern = [bool((layer + 1) % every) for layer in range(layers)]
    keys = {
        "attention.sliding_window_pattern": pattern, "attention.key_length": 512,
        "attention.value_length": 512, "attention.key_length_swa": 256,
        "attention.value_length_swa": 256, "attention.shared_kv_layers": 0,
        "embedding_length_per_layer_input": 0, **keys,
    }  # fmt: skip
    file: File = writer.base("gemma4", hidden, 262_144, layers, **keys)
    narrow = keys["embedding_length_per_layer_input"]
    if narrow:
        file.tensors["per_layer_token_embd.weight"] = (narrow * layers, 262_144)
        file.tensors["per_layer_model_proj.weight"] = (hidden, narrow * layers)
        file.tensors["per_layer_proj_norm.weight"] = (narrow,)
    return file


def gemma4_small(hidden: int, layers: int, every: int, shared: int, kv: int) -> File:
    inner = 4 * hidden
    wide = [inner * (2 if every == 5 and i >= layers - shared else 1) for i in range(layers)]
    file = gemma4(
        hidden, layers, every, **{
            "attention.head_count": 8, "attention.head_count_kv": kv,
            "attention.shared_kv_layers": shared, "attention.sliding_window": 512,
            "feed_forward_length": wide if every == 5 else inner,
            "embedding_length_per_layer_input": 256,
        },
    )  # fmt: skip
    gemma4_layers(file, hidden, wide, 8, 256)
    return file


def gemma4_26b() -> File:
    kv = [8 if (layer + 1) % 6 else 2 for layer in range(30)]
    file = gemma4(
        2816, 30, 6, **{
            "attention.head_count": 16, "attention.head_count_kv": kv,
            "attention.sliding_window": 1024, "feed_forward_length": 2112, "expert_count": 128,
            "expert_used_count": 8, "expert_feed_forward_length": 704,
        },
    )  # fmt: skip
    gemma4_layers(file, 2816, [2112] * 30, 16, 256)
    experts: Shapes = {
        "ffn_gate_inp": (2816, 128), "ffn_gate_inp.scale": (2816,),
        "ffn_gate_up_exps": (2816, 1408, 128), "ffn_down_exps": (704, 2816, 128),
        "ffn_down_exps.scale": (128,),
        **writer.norms(2816, "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"),
    }  # fmt: skip
    for layer in range(30):
        file.layer(layer, experts)
    return file


def gemma4_31b() -> File:
    kv = [16 if (layer + 1) % 6 else 4 for layer in range(60)]
    file = gemma4(
        5376, 60, 6, **{
            "attention.head_count": 32, "attention.head_count_kv": kv,
            "attention.sliding_window": 1024, "feed_forward_length": 21_504,
        },
    )  # fmt: skip
    gemma4_layers(file, 5376, [21_504] * 60, 32, 256)
    return file


# --- Qwen 3.5


def qwen35(hidden: int, layers: int, kv: int, ffn: Shapes, **keys: Any) -> File:
    """Return Qwen 3.5 with its layer for multi-token prediction."""
    arch = "qwen35moe" if "expert_count" in keys else "qwen35"
    sizes = {
        "attention.head_count": 16, "attention.head_count_kv": kv, "attention.key_length": 256,
        "ssm.conv_kernel": 4, "ssm.state_size": 128, "ssm.group_count": 16,
        "ssm.time_step_rank": 32, "ssm.inner_size": 4096, "nextn_predict_layers": 1,
        "attention.recurrent_layers": [bool((i + 1) % 4) for i in range(layers)] + [False],
    }  # fmt: skip
    file: File = writer.untied(writer.base(arch, hidden, 248_320, layers + 1, **sizes, **keys))
    full = writer.heads(hidden, 8192, kv * 256, out=4096) | writer.head_norms(256)
    linear: Shapes = {
        "attn_qkv": (hidden, 8192), "attn_gate": (hidden, 4096), "ssm_conv1d": (4, 8192),
        "ssm_dt.bias": (32,), "ssm_a": (32,), "ssm_beta": (hidden, 32), "ssm_alpha": (hidden, 32),
        "ssm_norm": (128,), "ssm_out": (4096, hidden),
    }  # fmt: skip
    two = writer.norms(hidden, "attn_norm", "post_attention_norm")
    for layer in range(layers + 1):
        file.layer(layer, two, ffn, full if (layer + 1) % 4 == 0 or layer == layers else linear)
    joined: Shapes = {"nextn.eh_proj": (2 * hidden, hidden)}
    joined |= writer.norms(hidden, "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm")
    file.layer(layers, joined)
    return file


def qwen35_moe() -> File:
    ffn = writer.gated(2048, 512, "_exps", 256) | writer.gated(2048, 512, "_shexp")
    ffn |= {"ffn_gate_inp": (2048, 256), "ffn_gate_inp_shexp": (2048,)}
    return qwen35(
        2048, 40, 2, ffn, expert_count=256, expert_used_count=8, expert_feed_forward_length=512,
        expert_shared_feed_forward_length=512,
    )  # fmt: skip


# --- latent attention


def sparse(arch: str, latent: Any, words: int, layers: int, picks: list[bool]) -> File:
    """Return DeepSeek V3.2 or GLM 5, with a layer for multi-token prediction."""
    hidden = latent.hidden
    dense = 18_432 if arch == "deepseek32" else 12_288
    keys = {
        "attention.head_count_kv": 1, "feed_forward_length": dense, "expert_count": 256,
        "expert_used_count": 8, "expert_feed_forward_length": 2048, "expert_shared_count": 1,
        "leading_dense_block_count": 3, "attention.indexer.head_count": latent.index_heads,
        "attention.indexer.key_length": 128, "attention.indexer.top_k": 2048,
        "nextn_predict_layers": 1, **latent.keys(),
    }  # fmt: skip
    file: File = writer.untied(writer.base(arch, hidden, words, layers + 1, **keys))
    experts = writer.gated(hidden, 2048, "_exps", 256) | writer.gated(hidden, 2048, "_shexp")
    experts |= {"ffn_gate_inp": (hidden, 256), "exp_probs_b.bias": (256,)}
    for layer in range(layers + 1):
        file.layer(layer, writer.norms(hidden, "attn_norm", "ffn_norm"), latent.shapes())
        file.layer(layer, writer.gated(hidden, dense) if layer < 3 else experts)
        if layer >= layers or picks[layer]:
            file.layer(layer, latent.indexer())
    joined: Shapes = {"nextn.eh_proj": (2 * hidden, hidden)}
    file.layer(layers, joined | writer.norms(hidden, "nextn.enorm", "nextn.hnorm"))
    return file


def glm52() -> File:
    picks = [max(layer - 2, 0) % 4 == 0 for layer in range(78)]
    file = sparse("glm-dsa", writer.Latent(6144, 64, 192, 256, 2048, 32), 154_880, 78, picks)
    file.keys |= {"context_length": 1_048_576, "attention.indexer.types": picks}
    return file


def deepseek4() -> File:
    ratios = [0, 0] + [4, 128] * 20 + [4]
    file: File = writer.untied(writer.base("deepseek4", 4096, 129_280, 43, **{
        "attention.head_count": 64, "attention.head_count_kv": 1, "attention.key_length": 512,
        "attention.q_lora_rank": 1024, "rope.dimension_count": 64,
        "attention.sliding_window": 128, "expert_count": 256, "expert_used_count": 6,
        "expert_feed_forward_length": 2048, "expert_shared_count": 1,
        "attention.indexer.head_count": 64, "attention.indexer.key_length": 128,
        "attention.indexer.top_k": 512, "attention.output_group_count": 8,
        "attention.output_lora_rank": 1024, "attention.compress_ratios": [*ratios, 0],
        "hyper_connection.count": 4, "hash_layer_count": 3, "feed_forward_length": 2048,
    }))  # fmt: skip
    joint: Shapes = {}
    for half in ("attn", "ffn"):
        joint |= {f"hc_{half}_fn": (16_384, 24), f"hc_{half}_base": (24,), f"hc_{half}_scale": (3,)}
    attention: Shapes = {
        "attn_sinks": (64,), "attn_q_a": (4096, 1024), "attn_q_a_norm": (1024,),
        "attn_q_b": (1024, 32_768), "attn_kv": (4096, 512), "attn_kv_a_norm": (512,),
        "attn_output_a": (4096, 1024, 8), "attn_output_b": (8192, 4096),
    }  # fmt: skip
    ffn = writer.gated(4096, 2048, "_exps", 256) | writer.gated(4096, 2048, "_shexp")
    ffn |= {"ffn_gate_inp": (4096, 256), **writer.norms(4096, "attn_norm", "ffn_norm")}
    for layer, ratio in enumerate(ratios):
        hashed: Shapes = {"ffn_gate_tid2eid": (6, 129_280)}
        file.layer(layer, joint, attention, ffn)
        file.layer(layer, hashed if layer < 3 else {"exp_probs_b.bias": (256,)})
        widths = {"attn": 512} | ({"indexer": 128} if ratio == 4 else {})
        for prefix, width in widths.items() if ratio else ():
            wide = 2 * width if ratio == 4 else width
            file.layer(layer, {
                f"{prefix}_compressor_kv": (4096, wide), f"{prefix}_compressor_gate": (4096, wide),
                f"{prefix}_compressor_ape": (wide, ratio), f"{prefix}_compressor_norm": (width,),
            })  # fmt: skip
        if ratio == 4:
            file.layer(layer, {"indexer.proj": (4096, 64), "indexer.attn_q_b": (1024, 8192)})
    streams = {"output_hc_fn": (16_384, 4), "output_hc_base": (4,), "output_hc_scale": (1,)}
    file.tensors |= {f"{name}.weight": shape for name, shape in streams.items()}
    return file


# --- what comes back

MADE: Final[dict[str, Any]] = {
    "google--gemma-4-e2b-it": lambda: gemma4_small(1536, 35, 5, 20, 1),
    "google--gemma-4-e4b-it": lambda: gemma4_small(2560, 42, 6, 18, 2),
    "google--gemma-4-26b-a4b-it": gemma4_26b,
    "google--gemma-4-31b-it": gemma4_31b,
    "qwen--qwen3.5-9b": lambda: qwen35(
        4096, 32, 4, writer.gated(4096, 12_288), feed_forward_length=12_288
    ),
    "qwen--qwen3.5-35b-a3b": qwen35_moe,
    "deepseek-ai--deepseek-v3.2": lambda: sparse(
        "deepseek32", writer.Latent(7168, 128, 128, 128, 1536, 64), 129_280, 61, [True] * 61
    ),
    "zai-org--glm-5": lambda: sparse(
        "glm-dsa", writer.Latent(6144, 64, 192, 256, 2048, 32), 154_880, 78, [True] * 78
    ),
    "zai-org--glm-5.2": glm52,
    "deepseek-ai--deepseek-v4-flash": deepseek4,
}


@pytest.mark.parametrize("slug", MADE)
def test_a_file_comes_back_as_the_model_of_the_catalogue(tmp_path: Path, slug: str) -> None:
    file: File = MADE[slug]()
    read = read_gguf(file.write(tmp_path / "model.gguf"))
    known = shipped().llm(slug)
    assert params_by_class(read) == params_by_class(known)
    assert [run[1] for run in read.layout] == [run[1] for run in known.layout]
    assert read.attentions == known.attentions
    assert read.ffns == known.ffns
    assert read.family == known.family
    ahead = file.size_bytes(f"blk.{known.layer_count}.")
    tables = file.size_bytes("rope_freqs", "tid2eid")
    assert read.checkpoint.file_bytes == file.size_bytes() - ahead
    assert weight_bytes(read, "checkpoint") == pytest.approx(
        file.size_bytes() - ahead - tables, rel=1e-9
    )
    assert (read.ahead is None) == (ahead == 0)


@pytest.mark.parametrize("slug", MADE)
def test_llama_cpp_loads_the_file_and_finds_its_size(tmp_path: Path, slug: str) -> None:
    path = MADE[slug]().write(tmp_path / "model.gguf")
    found_mib = writer.llama_cpp_weights_mib(path)
    if found_mib is None:
        pytest.skip("llama.cpp is not built; 'make oracle' builds it")
    read = read_gguf(path)
    assert read.checkpoint.file_bytes is not None
    size_bytes = float(read.checkpoint.file_bytes)
    if read.tied_embeddings:  # Gemma's loader makes a second matrix for the output
        size_bytes += params_by_class(read)["embedding"] * 8.5 / 8
        size_bytes -= read.layer_embedding_params * 8.5 / 8
    assert found_mib == pytest.approx(size_bytes / 2**20, abs=1.5)
