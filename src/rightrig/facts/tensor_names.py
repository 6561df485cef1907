"""Names of tensors in published checkpoints: which part of a model, and what they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.stored import Part

_TOWERS: Final = re.compile(
    r"vision|visual\.|image_|multi_modal|mm_projector|patch_merge|audio|embed_vision|aligner\."
)
_AHEAD: Final = re.compile(r"(?:^|\.)(?:mtp\w*|nextn\w*|eagle\w*)\.")
_LAYER: Final = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d{1,6})\.(.+)")
_TABLES: Final = re.compile(r"inv_freq|masked_bias|attn\.bias$|rotary|tid2eid")
_NORM: Final = re.compile(r"norm|(?:^|\.)ln_|(?:^|\.)ln\d|layer_?norm")
# Norms of heads and latents, and inside recurrent mixers, count with their attention.
_INNER_NORM: Final = re.compile(
    r"(?:q|k|query|key|q_a|kv_a|kv|compress\w*)_(?:layer)?norm|(?:linear_attn|mixer|mamba)\..*norm"
)
_ROUTER: Final = re.compile(
    r"router|e_score_correction|shared_expert_gate|(?:mlp|moe|mixer|ffn|feed_forward)\.gate\."
)
_FEED_FORWARD: Final = re.compile(
    r"mlp|feed_forward|ffn|fc1|fc2|fc_in|fc_out|(?:^|\.)mixer\.(?:up|down)_proj"
)
_ATTENTION: Final = re.compile(r"attn|attention|mixer|mamba|ssm|temporal|indexer")
_EMBEDDING: Final = re.compile(r"embed(?:ding|_tokens|_positions|_in\b|\.)|wte|wpe|embeddings?\b")
_HEAD: Final = re.compile(r"lm_head|embed_out|(?:^|\.)output\.|^head\.")

_NO_WEIGHTS: Final = re.compile(
    r"(?:scales?(?:_2|_inv)?|zeros?|zero_point|g_idx|absmax|quant_map|nested_\w+|weight_shape|"
    r"quant_state\.\w+|SCB|weight_format|perm|invperm|meta|workspace)$"
)
_PACKED: Final = re.compile(r"(?:qweight|weight_packed|_blocks|W_q)$")


def part_of_tensor(name: str, layer_count: int) -> Part:
    """Return the part of the model that a tensor belongs to, by its name.

    Args:
        name: As in the checkpoint's files.
        layer_count: Decoder layers of the model; those after them predict further tokens.
    """
    if _TOWERS.search(name):
        return "tower"
    layer = _LAYER.search(name)
    if _AHEAD.search(name) or (layer is not None and int(layer[1]) >= layer_count):
        return "ahead"
    if _TABLES.search(name):
        return "other"
    return _outside(name) if layer is None else _inside(layer[2])


def _outside(name: str) -> Part:
    """Return the part of a tensor that belongs to no layer."""
    kinds: Mapping[Part, re.Pattern[str]] = {"head": _HEAD, "norm": _NORM, "embedding": _EMBEDDING}
    for part, pattern in kinds.items():
        if pattern.search(name):
            return part
    return "norm" if name.endswith(("ln_f.weight", "ln_f.bias")) else "other"


def _inside(name: str) -> Part:
    """Return the part of a tensor of a layer."""
    if _NORM.search(name) and not _INNER_NORM.search(name):
        return "norm"
    if _ROUTER.search(name):
        return "router"
    if "shared_expert" in name or "shared_mlp" in name:
        return "shared_expert"
    if "experts" in name:
        return "expert"
    if _FEED_FORWARD.search(name):
        return "ffn"
    return "attention" if _ATTENTION.search(name) else "other"


def stands_for_weights(name: str) -> bool:
    """Whether a tensor holds weights; scales, zero points and orders do not."""
    return not _NO_WEIGHTS.search(name)


def is_packed(name: str, dtype: str) -> bool:
    """Whether one element of a tensor holds several weights."""
    return bool(_PACKED.search(name)) or (dtype == "U8" and name.endswith(("weight", "proj")))
