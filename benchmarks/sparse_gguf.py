"""GGUF files with a model's real tensors and no data, for programs that only read sizes.

A file is a header (names, shapes, block types, hyper-parameters) and a hole of the full length:
a few hundred kilobytes on disk for any model. The keys are those of llama.cpp's loaders
(src/llama-arch.cpp, src/models/*.cpp); the vocabulary is declared, not listed.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from rightrig.facts.gguf_types import BLOCK_TYPES
from rightrig.facts.quantization import GGML_BITS
from rightrig.work.gguf_mix import block_type, layer_types, profile_of
from rightrig.work.gguf_tensors import vocabulary_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rightrig.facts.llm import Attention, Block, Llm

ARCHITECTURES: Final[dict[str, str]] = {
    "llama": "llama",
    "mistral": "llama",
    "mixtral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen3_moe": "qwen3moe",
    "gemma2": "gemma2",
    "gemma3_text": "gemma3",
    "gpt_oss": "gpt-oss",
    "deepseek_v2": "deepseek2",
    "deepseek_v3": "deepseek2",
    "kimi_k2": "deepseek2",
    "phi3": "phi3",
    "cohere": "command-r",
    "olmo2": "olmo2",
    "granite": "granite",
    "smollm3": "smollm3",
    "starcoder2": "starcoder2",
    "falcon": "falcon",
    "glm4_moe": "glm4moe",
    "minimax_m2": "minimax-m2",
}
"""Family of a record → architecture of llama.cpp; what this module can write."""

_TYPE_IDS: Final = {kind.name: number for number, kind in BLOCK_TYPES.items()}
_ALIGNMENT: Final = 32
_NORMS: Final[dict[str, tuple[str, ...]]] = {
    "gemma2": ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"),
    "gemma3_text": ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"),
    "gpt_oss": ("attn_norm", "post_attention_norm"),
    "glm4_moe": ("attn_norm", "post_attention_norm"),
    "olmo2": ("post_attention_norm", "post_ffw_norm"),
    "cohere": ("attn_norm",),
    "falcon": ("attn_norm",),
}
_BIASED_NORMS: Final = frozenset({"starcoder2", "falcon"})
Tensor = tuple[str, tuple[int, ...], str]
"""Name, shape (fastest dimension first), block type."""


def _norm_vectors(llm: Llm, block: Block) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the norms of one layer."""
    for name in _NORMS.get(llm.family, ("attn_norm", "ffn_norm")):
        yield f"{name}.weight", (llm.hidden_size,)
        if llm.family in _BIASED_NORMS:
            yield f"{name}.bias", (llm.hidden_size,)
    if llm.family == "falcon" and block.norm_params == 4 * llm.hidden_size:
        yield "attn_norm_2.weight", (llm.hidden_size,)
        yield "attn_norm_2.bias", (llm.hidden_size,)


def _attention_vectors(llm: Llm, attention: Attention) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield biases, norms and sinks of attention."""
    query = attention.head_count * attention.head_dim
    key = attention.kv_head_count * attention.head_dim
    if attention.kind == "mla":
        if attention.query_lora_rank:
            yield "attn_q_a_norm.weight", (attention.query_lora_rank,)
        yield "attn_kv_a_norm.weight", (attention.kv_lora_rank,)
        return
    if attention.bias:
        yield from (("attn_q.bias", (query,)), ("attn_k.bias", (key,)), ("attn_v.bias", (key,)))
    if attention.output_bias:
        yield "attn_output.bias", (llm.hidden_size,)
    if attention.sink_params:
        yield "attn_sinks.weight", (attention.sink_params,)
    if attention.qk_norm_params:
        yield from _head_norms(llm, attention)


def _head_norms(llm: Llm, attention: Attention) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the norms of queries and keys: one of a head's width, one a head, or whole."""
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = (
        (attention.head_count * attention.head_dim,),
        (attention.kv_head_count * attention.head_dim,),
    )
    if attention.qk_norm_params == 2 * attention.head_dim:
        shapes = ((attention.head_dim,), (attention.head_dim,))
    elif llm.family == "cohere":
        shapes = tuple(  # type: ignore[assignment]
            (attention.head_dim, n) for n in (attention.head_count, attention.kv_head_count)
        )
    yield "attn_q_norm.weight", shapes[0]
    yield "attn_k_norm.weight", shapes[1]


def _ffn_vectors(llm: Llm, block: Block) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield biases of the feed-forward part."""
    ffn = block.ffn
    if ffn is None:
        return
    if ffn.expert_count and ffn.router_bias:
        name = "ffn_gate_inp.bias" if llm.family == "gpt_oss" else "exp_probs_b.bias"
        yield name, (ffn.expert_count,)
    if not ffn.bias:
        return
    if ffn.expert_count:
        inner, count = ffn.expert_inner_size, ffn.expert_count
        yield "ffn_gate_exps.bias", (inner, count)
        yield "ffn_up_exps.bias", (inner, count)
        yield "ffn_down_exps.bias", (llm.hidden_size, count)
    else:
        yield "ffn_up.bias", (ffn.inner_size,)
        yield "ffn_down.bias", (llm.hidden_size,)


def tensors_of(llm: Llm, file_type: str) -> list[Tensor]:
    """Return every tensor of the file."""
    profile = profile_of(llm)
    found: list[Tensor] = []
    for role in ("token_embd", "output"):
        if role == "output" and llm.tied_embeddings:
            continue
        matrix = vocabulary_matrix(llm, role)
        found.append((f"{role}.weight", matrix.shape, block_type(file_type, profile, matrix, 0)))
    found.append(("output_norm.weight", (llm.hidden_size,), "F32"))
    if llm.family in _BIASED_NORMS:
        found.append(("output_norm.bias", (llm.hidden_size,), "F32"))
    order = llm.layer_order
    for layer, (index, matrices) in enumerate(
        zip(order, layer_types(llm, file_type), strict=True)
    ):  # fmt: skip
        block = llm.blocks[index]
        vectors = [*_norm_vectors(llm, block), *_ffn_vectors(llm, block)]
        if block.attention is not None:
            vectors += _attention_vectors(llm, block.attention)
        found += [(f"blk.{layer}.{m.name}.weight", m.shape, kind) for m, kind in matrices]
        found += [(f"blk.{layer}.{name}", shape, "F32") for name, shape in vectors]
    return found


def _attention_keys(llm: Llm, attention: Attention) -> dict[str, float | int]:
    """Return the hyper-parameters of attention."""
    keys: dict[str, float | int] = {
        "attention.head_count": attention.head_count,
        "attention.head_count_kv": attention.kv_head_count,
        "attention.key_length": attention.head_dim,
        "attention.value_length": attention.value_dim,
        "rope.dimension_count": attention.head_dim,
    }
    if attention.kind == "mla":
        latent, rope = attention.kv_lora_rank, attention.rope_head_dim
        keys |= {
            "attention.head_count_kv": 1,
            "attention.key_length": latent + rope,
            "attention.value_length": latent,
            "attention.key_length_mla": attention.head_dim,
            "attention.value_length_mla": attention.value_dim,
            "attention.kv_lora_rank": latent,
            "rope.dimension_count": rope,
        }
        if attention.query_lora_rank:
            keys["attention.q_lora_rank"] = attention.query_lora_rank
    windows = [a.window_tokens for a in llm.attentions if a.window_tokens]
    if windows and llm.family not in {"phi3", "mistral", "starcoder2"}:
        keys["attention.sliding_window"] = windows[0]
    return keys


def _expert_keys(llm: Llm) -> dict[str, float | int]:
    """Return the hyper-parameters of the feed-forward parts."""
    dense = max((ffn.inner_size for ffn in llm.ffns), default=0)
    sparse = next((ffn for ffn in llm.ffns if ffn.expert_count), None)
    if sparse is None:
        return {"feed_forward_length": dense}
    leading = sum(n for i, n in llm.layout if not _is_sparse(llm.blocks[i]))
    keys: dict[str, float | int] = {
        "feed_forward_length": dense or sparse.expert_inner_size,
        "expert_feed_forward_length": sparse.expert_inner_size,
        "expert_count": sparse.expert_count,
        "expert_used_count": sparse.experts_per_token,
        "leading_dense_block_count": leading,
        "expert_weights_norm": True,
    }
    if sparse.shared_inner_size:
        keys["expert_shared_count"] = sparse.shared_inner_size // sparse.expert_inner_size
    if sparse.router_bias and llm.family != "gpt_oss":
        keys["expert_gating_func"] = 2
    if llm.family == "deepseek_v3":
        keys |= {"expert_group_count": 8, "expert_group_used_count": 4}
        keys["expert_weights_scale"] = 2.5
    return keys


def _is_sparse(block: Block) -> bool:
    """Whether a kind of layer has routed experts."""
    return block.ffn is not None and block.ffn.expert_count > 0


def keys_of(llm: Llm) -> dict[str, str | float | int]:
    """Return the metadata of the file."""
    arch = ARCHITECTURES[llm.family]
    own: dict[str, float | int] = {
        "context_length": llm.max_context_tokens,
        "embedding_length": llm.hidden_size,
        "block_count": llm.layer_count,
        "vocab_size": llm.vocab_size,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "attention.layer_norm_epsilon": 1e-5,
        "rope.freq_base": 10000.0,
        "logit_scale": 0.5,
        "residual_scale": 0.5,
        "embedding_scale": 2.0,
        "attention.scale": 0.1,
        **_expert_keys(llm),
    }
    for name in ("logit_scale", "residual_scale", "embedding_scale", "attention.scale"):
        if llm.family not in {"granite", "cohere"}:
            del own[name]
    if llm.attentions:
        own |= _attention_keys(llm, llm.attentions[0])
    if llm.family == "gemma2":
        own |= {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
    return {
        "general.architecture": arch,
        "general.alignment": _ALIGNMENT,
        "tokenizer.ggml.model": "none",
        **{f"{arch}.{name}": value for name, value in own.items()},
    }


def _text(value: str) -> bytes:
    """Return a string of the format: length and bytes."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: str | float) -> bytes:
    """Return a tagged value of the format."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    return struct.pack("<If", 6, value)


def write(llm: Llm, file_type: str, path: Path) -> int:
    """Write the file and return the bytes of its tensors."""
    keys = keys_of(llm)
    tensors = tensors_of(llm, file_type)
    header = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(keys))]
    header += [_text(name) + _value(value) for name, value in keys.items()]
    offset = total = 0
    for name, shape, kind in tensors:
        header.append(_text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        header.append(struct.pack("<IQ", _TYPE_IDS[kind], offset))
        size = round(math.prod(shape) * GGML_BITS[kind] / 8)
        total += size
        offset += -(-size // _ALIGNMENT) * _ALIGNMENT
    data = b"".join(header)
    start = -(-len(data) // _ALIGNMENT) * _ALIGNMENT
    with path.open("wb") as file:
        file.write(data)
        file.truncate(start + offset)
    return total
