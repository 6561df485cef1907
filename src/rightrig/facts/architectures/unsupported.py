"""What is refused by name: families and keys whose memory or work is not understood yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATE: Final = "it keeps a recurrent state instead of keys and values"
_HYBRID: Final = "it mixes attention with linear-attention or state-space layers"
_SHARED_ATTENTION: Final = "its state-space layers share attention layers and adapt them"
_SIDE_BY_SIDE: Final = "each of its layers has attention and a state-space mixer side by side"
_SPARSE: Final = "its sparse attention keeps an index cache beside keys and values"
_ENCODER: Final = "it has an encoder or cross-attention"

# Prefixes of model_type; a type that has a reader is never looked up here.
_FAMILIES: Final[dict[str, str]] = {
    "rwkv": _STATE, "recurrent_gemma": _HYBRID, "zamba": _SHARED_ATTENTION,
    "falcon_h1": _SIDE_BY_SIDE, "minimax_m3": _SPARSE,
    "deepseek_v32": _SPARSE, "deepseek_v4": _SPARSE, "deepseek_ref": _SPARSE,
    "glm_moe_dsa": _SPARSE,
    "gemma4": "its layers share keys and values and add embeddings of their own",
    "mimo_v2": "its local layers keep other heads than its full ones",
    "step3": "its attention and experts follow rules of their own",
    "mllama": _ENCODER, "t5": _ENCODER, "mt5": _ENCODER, "umt5": _ENCODER, "t5gemma": _ENCODER,
    "bart": _ENCODER, "mbart": _ENCODER, "whisper": _ENCODER, "bert": _ENCODER,
    "roberta": _ENCODER,
}  # fmt: skip

_KEYS: Final[dict[str, str]] = {
    "is_encoder_decoder": _ENCODER, "add_cross_attention": _ENCODER,
    "cross_attention_layers": _ENCODER,
    "linear_attn_config": _HYBRID, "linear_num_key_heads": _HYBRID,
    "linear_num_value_heads": _HYBRID, "full_attention_interval": _HYBRID,
    "hybrid_override_pattern": _HYBRID, "layers_block_type": _HYBRID,
    "ssm_state_size": _STATE, "ssm_cfg": _STATE, "state_size": _STATE,
    "mamba_num_heads": _STATE, "mamba_d_state": _STATE, "mamba_d_ssm": _STATE,
    "index_topk": _SPARSE, "index_n_heads": _SPARSE, "compress_ratios": _SPARSE,
    "sparse_attention_config": _SPARSE,
    "hybrid_layer_pattern": "its local layers keep other heads than its full ones",
    "block_configs": "each of its layers has dimensions of its own",
    "num_kv_shared_layers": "its layers share keys and values",
    "hidden_size_per_layer_input": "its layers add embeddings of their own",
    "attention_k_eq_v": "its values are its keys",
    "per_layer_config": "each of its layers has dimensions of its own",
    "attention_other_setting": "its local layers keep other heads than its full ones",
    "attn_output_gate": "its attention output passes a learned gate",
    "attention_output_gate": "its attention output passes a learned gate",
}  # fmt: skip


def reason_against_family(model_type: str) -> str | None:
    """Return why a family is refused, by its longest matching prefix, or ``None``."""
    near = [prefix for prefix in _FAMILIES if model_type.startswith(prefix)]
    return _FAMILIES[max(near, key=len)] if near else None


def foreign_key(config: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the first key in use that no reader understands, and why; or ``None``."""
    return next(((key, why) for key, why in _KEYS.items() if config.get(key)), None)
