"""GGUF files → a model: dimensions from the metadata, exact sizes from the tensors."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.architectures import read_config
from rightrig.facts.gguf import KIND, Header, TensorInfo, read_header
from rightrig.facts.gguf_keys import config_of
from rightrig.facts.gguf_types import FILE_TYPES
from rightrig.facts.llm import Attention, Block, Checkpoint, Ffn, Llm
from rightrig.facts.reading import no_file, plain
from rightrig.facts.stored import StoredTensor, class_bits, language_bytes, not_counted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from rightrig.facts.stored import Part

CONFIG_KIND: Final = "gguf_header"
"""Of a model that was read from a GGUF file: llama.cpp and its relatives run it."""
_SPLIT: Final = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_MOST_PARTS: Final = 500
_LONGEST_LIST: Final = 5
_LAYER: Final = re.compile(r"blk\.(\d{1,6})\.(.+)")
_EMBEDDING: Final = "token_embd.weight"
_OUTSIDE: Final[Mapping[str, Part]] = {
    "token_embd": "embedding", "position_embd": "embedding", "token_types": "embedding",
    "per_layer_token_embd": "embedding", "output": "head", "output_norm": "norm",
    "token_embd_norm": "norm", "per_layer_proj_norm": "norm", "per_layer_model_proj": "ffn",
    "altup_proj": "ffn", "altup_unembd_proj": "ffn", "output_hc_fn": "ffn",
    "output_hc_base": "ffn", "output_hc_scale": "ffn",
}  # fmt: skip
_TOWERS: Final = ("v.", "a.", "mm.", "resampler.")
_OF_HEADS: Final = (
    "attn_q_norm", "attn_k_norm", "attn_q_a_norm", "attn_kv_a_norm", "ssm_", "indexer.",
)  # fmt: skip
_TABLES: Final = ("rope_freqs", "rope_factors", "attn_rot_embd", "ffn_gate_tid2eid")
_FIRST: Final[tuple[tuple[tuple[str, ...], Part], ...]] = (
    (_TABLES, "other"),
    (("attn_compressor", "indexer_compressor"), "ffn"),
    (("layer_output_scale", "altup_correct_scale"), "norm"),
    # Gemma 4's router scales each expert's output.
    (("ffn_gate_inp", "exp_probs_b", "ffn_down_exps.scale"), "router"),
)
"""Beginnings of names within a layer that say the part, before all others."""
_MIXER: Final = ("attn_", "ssm_", "indexer", "shortconv", "time_mix")
_STATE_BITS: Final = 32
"""Of a recurrent state in llama.cpp, whatever the model's own type (src/llama-model.cpp)."""


def read_gguf(path: Path) -> Llm:
    """Return the model in a GGUF file, or in the parts of one that lie beside each other.

    Raises:
        InputError: when a file is damaged or a part is missing.
        UnsupportedModelError: when its architecture is not understood yet.
    """
    headers = [read_header(part) for part in _parts(path)]
    metadata = headers[0].metadata
    tensors = _all_tensors(headers)
    embedding = tensors.get(_EMBEDDING)
    if not tensors:
        raise no_file(path, KIND, "it holds a vocabulary only, no tensors")
    split = _SPLIT.fullmatch(path.name)
    name = plain(split["stem"] if split else path.stem, 120)
    config = config_of(metadata, {t.name: t.shape for t in tensors.values()}, name=name)
    shape = (0, 0) if embedding is None else embedding.shape
    if embedding is None or len(shape) != 2 or shape[0] != config.get("hidden_size"):  # noqa: PLR2004
        raise no_file(path, KIND, "its token embedding does not have the model's hidden size")
    llm = _adjusted(read_config(config, name=name), tensors)
    stored = _stored(llm, tensors)
    checkpoint = Checkpoint(
        format=_file_type(metadata, tensors.values()),
        class_bits=class_bits(stored),
        file_bytes=language_bytes(stored),
    )
    left = not_counted(llm, stored)
    return llm.model_copy(
        update={"checkpoint": checkpoint, "config_kind": CONFIG_KIND, "not_counted": left}
    )


def _stored(llm: Llm, tensors: Mapping[str, TensorInfo]) -> list[StoredTensor]:
    """Return the tensors by their parts; the matrix that replaces attention is like a dense one."""
    order = llm.layer_order
    plain_layers = {
        str(layer)
        for layer, index in enumerate(order)
        if llm.blocks[index].attention is None and llm.blocks[index].recurrent is None
    }
    found = []
    for tensor in tensors.values():
        part = part_of(tensor.name, llm.layer_count)
        layer = _LAYER.fullmatch(tensor.name)
        if part == "attention" and layer and layer[1] in plain_layers:
            part = "ffn"
        found.append(StoredTensor(part, tensor.weights_count, tensor.size_bytes))
    return found


def _parts(path: Path) -> list[Path]:
    """Return the parts of a split file, of which a user names any one; the first comes first."""
    split = _SPLIT.fullmatch(path.name)
    if split is None:
        return [path]
    count = int(split["count"])
    if not 1 <= int(split["part"]) <= count <= _MOST_PARTS:
        raise no_file(path, KIND, f"its name claims part {split['part']} of {count:,}")
    parts = [
        path.with_name(f"{split['stem']}-{number:05d}-of-{count:05d}.gguf")
        for number in range(1, count + 1)
    ]
    missing = [plain(part.name, 80) for part in parts if not part.exists()]
    if missing:
        more = f" and {len(missing) - _LONGEST_LIST} more" if len(missing) > _LONGEST_LIST else ""
        raise InputError(
            f"{plain(path)} is one of {count} parts; missing beside it: "
            f"{', '.join(missing[:_LONGEST_LIST])}{more}"
        )
    return parts


def _all_tensors(headers: list[Header]) -> dict[str, TensorInfo]:
    """Return the tensors of all parts by name."""
    first = headers[0]
    tensors = {tensor.name: tensor for header in headers for tensor in header.tensors}
    if len(tensors) != sum(len(header.tensors) for header in headers):
        raise no_file(first.path, KIND, "two of its parts hold the same tensor")
    claimed = first.metadata.get("split.tensors.count")
    if claimed is not None and claimed != len(tensors):
        raise no_file(
            first.path, KIND, f"its parts hold {len(tensors):,} tensors and should hold {claimed}"
        )
    parts = first.metadata.get("split.count")
    if parts is not None and parts not in {0, len(headers)}:
        raise no_file(
            first.path, KIND, f"it is one of {parts} parts; call them by their original names"
        )
    return tensors


def part_of(name: str, layer_count: int) -> Part:
    """Return the part of the model that a tensor belongs to."""
    if name.startswith(_TOWERS):
        return "tower"
    if name.startswith(_TABLES):
        return "other"
    layer = _LAYER.fullmatch(name)
    if layer is None:
        return _OUTSIDE.get(name.rpartition(".")[0], "other")
    if int(layer[1]) >= layer_count:
        return "ahead"
    return _part_of_layer(layer[2])


def _part_of_layer(name: str) -> Part:
    """Return the part of a layer that a tensor belongs to."""
    first = next((part for prefixes, part in _FIRST if name.startswith(prefixes)), None)
    if first is not None:
        return first
    if "norm" in name and not name.startswith(_OF_HEADS):
        return "norm"
    if name.startswith(_MIXER):
        return "attention"
    if "_exps." in name or "_chexps." in name:
        return "expert"
    return "shared_expert" if "_shexp." in name else "ffn"


def _file_type(metadata: Mapping[str, object], tensors: Collection[TensorInfo]) -> str:
    """Return the name of the mix, or where the file states none, of what most of it is."""
    number = metadata.get("general.file_type")
    if isinstance(number, int) and number in FILE_TYPES:
        name = FILE_TYPES[number]
        return "f16" if name == "bf16" else name  # of one size; runtimes' records know the other
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.type.name] += tensor.size_bytes
    most = sizes.most_common(1)[0][0].lower()
    return next((name for name in (f"{most}_m", most) if name in FILE_TYPES.values()), most)


def _adjusted(llm: Llm, tensors: Mapping[str, TensorInfo]) -> Llm:
    """Return the model with the biases and norms that the file really has."""
    firsts: dict[int, int] = {}
    layer = 0
    for index, count in llm.layout:
        firsts.setdefault(index, layer)
        layer += count
    blocks = tuple(
        _adjusted_block(block, _layer_tensors(tensors, firsts[index]))
        for index, block in enumerate(llm.blocks)
    )
    outside = {name.rpartition(".")[0]: 0 for name in tensors}
    for name, tensor in tensors.items():
        outside[name.rpartition(".")[0]] += tensor.weights_count
    return llm.model_copy(
        update={
            "blocks": blocks,
            "final_norm_params": sum(
                params for name, params in outside.items() if _OUTSIDE.get(name) == "norm"
            ),
            "position_params": outside.get("position_embd", 0),
            "head_bias": "output.bias" in tensors,
        }
    )


def _layer_tensors(tensors: Mapping[str, TensorInfo], layer: int) -> dict[str, TensorInfo]:
    """Return the tensors of one layer by their names within it."""
    prefix = f"blk.{layer}."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _sum(tensors: Mapping[str, TensorInfo], *prefixes: str) -> int:
    """Return the weights of the tensors whose names begin so."""
    return sum(t.weights_count for name, t in tensors.items() if name.startswith(prefixes))


def _adjusted_block(block: Block, own: Mapping[str, TensorInfo]) -> Block:
    """Return one kind of layer as its first layer in the file is."""
    norms = sum(t.weights_count for name, t in own.items() if _part_of_layer(name) == "norm")
    changes: dict[str, object] = {"norm_params": norms}
    if block.attention is not None and block.attention.kind in {"full", "sliding", "chunked"}:
        changes["attention"] = _adjusted_attention(block.attention, own)
    if block.recurrent is not None:
        changes["recurrent"] = block.recurrent.model_copy(update={"state_bits": _STATE_BITS})
    if block.ffn is not None:
        changes["ffn"] = _adjusted_ffn(block.ffn, own)
    return block.model_copy(update=changes)


def _adjusted_attention(attention: Attention, own: Mapping[str, TensorInfo]) -> Attention:
    """Return attention with the biases, norms and sinks of the file.

    Where layers share a cache a file may still hold projections of keys and values: they are
    loaded, and never used.
    """
    unused = _sum(own, "attn_k.", "attn_v.") if attention.shares_kv else 0
    return attention.model_copy(
        update={
            "bias": "attn_q.bias" in own or "attn_qkv.bias" in own,
            "output_bias": "attn_output.bias" in own,
            "qk_norm_params": _sum(own, "attn_q_norm", "attn_k_norm"),
            "sink_params": _sum(own, "attn_sinks"),
            "split_params": attention.split_params + unused,
        }
    )


def _adjusted_ffn(ffn: Ffn, own: Mapping[str, TensorInfo]) -> Ffn:
    """Return a feed-forward part with the biases and gate of the file."""
    return ffn.model_copy(
        update={
            "bias": "ffn_down.bias" in own or "ffn_down_exps.bias" in own,
            "router_bias": any(name.startswith("exp_probs_b") for name in own)
            or "ffn_gate_inp.bias" in own,
            "shared_gate": any(name.startswith("ffn_gate_inp_shexp") for name in own),
        }
    )
