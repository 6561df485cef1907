"""The metadata of a GGUF file in the words of a ``config.json``, so that one reader serves both.

Keys are those of llama.cpp's converters (repository ggml-org/llama.cpp, conversion/, 2026-10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.errors import UnsupportedModelError
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.gguf import Value

_COMMON: Final[Mapping[str, str]] = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "num_experts_per_tok": "expert_used_count",
    "num_nextn_predict_layers": "nextn_predict_layers",
}
_EXPERTS: Final[Mapping[str, str]] = {
    "num_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
}
_LOCAL_EXPERTS: Final[Mapping[str, str]] = {"num_local_experts": "expert_count"}
_ROUTED_EXPERTS: Final[Mapping[str, str]] = {
    "n_routed_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "n_shared_experts": "expert_shared_count",
    "first_k_dense_replace": "leading_dense_block_count",
}
_LATENT: Final[Mapping[str, str]] = {
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "qk_rope_head_dim": "rope.dimension_count",
}
_INDEXER: Final[Mapping[str, str]] = {
    "index_n_heads": "attention.indexer.head_count",
    "index_head_dim": "attention.indexer.key_length",
    "index_topk": "attention.indexer.top_k",
}
_DELTA: Final[Mapping[str, str]] = {
    "linear_conv_kernel_dim": "ssm.conv_kernel",
    "linear_key_head_dim": "ssm.state_size",
    "linear_num_key_heads": "ssm.group_count",
    "linear_num_value_heads": "ssm.time_step_rank",
    "full_attention_interval": "full_attention_interval",
}
_NEMOTRON: Final[Mapping[str, str]] = {
    "conv_kernel": "ssm.conv_kernel",
    "ssm_state_size": "ssm.state_size",
    "n_groups": "ssm.group_count",
    "mamba_num_heads": "ssm.time_step_rank",
    "n_routed_experts": "expert_count",
    "n_shared_experts": "expert_shared_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "moe_shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "moe_latent_size": "moe_latent_size",
}
_OWN_EXPERT_WIDTH: Final[Mapping[str, str]] = {"intermediate_size": "expert_feed_forward_length"}


@dataclass(frozen=True, slots=True)
class Family:
    """How one ``general.architecture`` maps: its ``model_type``, and its own keys."""

    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    local: str = "sliding_attention"


_FAMILIES: Final[Mapping[str, Family]] = {
    **{
        name: Family(name)
        for name in (
            "bloom", "cohere2", "exaone", "exaone4", "falcon", "gemma", "gemma2", "glm4", "gpt2",
            "gptj", "granite", "internlm2", "nemotron", "olmo", "olmo2", "orion", "phi3", "qwen2",
            "qwen3", "smollm3", "starcoder2",
        )
    },
    "command-r": Family("cohere"),
    "deepseek2": Family("deepseek_v3", {**_ROUTED_EXPERTS, **_LATENT}),
    "deepseek32": Family("deepseek_v32", {**_ROUTED_EXPERTS, **_LATENT, **_INDEXER}),
    "gemma3": Family("gemma3_text"),
    "glm-dsa": Family("glm_moe_dsa", {**_ROUTED_EXPERTS, **_LATENT, **_INDEXER}),
    "glm4moe": Family("glm4_moe", _ROUTED_EXPERTS),
    "gpt-oss": Family("gpt_oss", {**_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH}),
    "gptneox": Family("gpt_neox"),
    "granitemoe": Family("granitemoe", _LOCAL_EXPERTS),
    "llama": Family("llama", _LOCAL_EXPERTS),
    "llama4": Family(
        "llama4_text",
        {
            **_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH, "intermediate_size_mlp": "feed_forward_length",
            "interleave_moe_layer_step": "interleave_moe_layer_step",
            "attention_chunk_size": "attention.sliding_window",
        },
        "chunked_attention",
    ),
    "minimax-m2": Family(
        "minimax_m2",
        {**_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH, "rotary_dim": "rope.dimension_count"},
    ),
    "mistral3": Family("ministral3"),
    "nemotron_h": Family("nemotron_h", _NEMOTRON),
    "nemotron_h_moe": Family("nemotron_h", _NEMOTRON),
    "olmoe": Family("olmoe", _EXPERTS),
    "phi2": Family("phi"),
    "phimoe": Family("phimoe", _LOCAL_EXPERTS),
    "qwen2moe": Family("qwen2_moe", _EXPERTS),
    "qwen2vl": Family("qwen2"),
    "qwen35": Family("qwen3_5_text", _DELTA),
    "qwen35moe": Family("qwen3_5_moe_text", {**_EXPERTS, **_DELTA}),
    "qwen3moe": Family("qwen3_moe", _EXPERTS),
    "qwen3next": Family("qwen3_next", {**_EXPERTS, **_DELTA}),
    "qwen3vl": Family("qwen3_vl_text"),
    "qwen3vlmoe": Family("qwen3_vl_moe_text", _EXPERTS),
    "seed_oss": Family("seed_oss"),
    "stablelm": Family("stablelm", {"use_parallel_residual": "use_parallel_residual"}),
    "starcoder": Family("gpt_bigcode"),
}  # fmt: skip
_PATTERN: Final = "attention.sliding_window_pattern"
_STATES: Final = ("ssm.state_size", "ssm.inner_size", "kda.head_dim", "wkv.head_size")


def config_of(
    metadata: Mapping[str, Value], vocabulary: tuple[int, ...], *, tied: bool, name: str
) -> dict[str, object]:
    """Return the configuration that the metadata describes.

    Args:
        metadata: Of the file, or of the first part of several.
        vocabulary: Shape of the token embedding, row length first.
        tied: Whether the file has no output matrix of its own.
        name: What messages call the model.

    Raises:
        UnsupportedModelError: for an architecture that has no entry here, or that says of its
            layers what no reader understands.
    """
    architecture = str(metadata.get("general.architecture", ""))
    family = _FAMILIES.get(architecture)
    if family is None:
        raise _unknown(metadata, architecture, name)
    prefix = f"{architecture}."
    own = {k.removeprefix(prefix): v for k, v in metadata.items() if k.startswith(prefix)}
    config: dict[str, object] = {
        "model_type": family.model_type,
        "tie_word_embeddings": tied,
        "vocab_size": vocabulary[-1],
    }
    if family.model_type == "nemotron_h":
        _write_pattern(config, own)
    for key, suffix in {**_COMMON, **family.keys}.items():
        if own.get(suffix) is not None and key not in config:
            config[key] = _one(own[suffix], suffix, name)
    _take_out_layers_ahead(config)
    _add_pattern(config, family, own.get(_PATTERN))
    _refine(config, own)
    return config


def _unknown(metadata: Mapping[str, Value], architecture: str, name: str) -> UnsupportedModelError:
    """Return the error for an architecture that cannot be mapped."""
    kind = str(metadata.get("general.type", "model"))
    if kind in {"mmproj", "adapter"} or architecture == "clip":
        what = "a LoRA adapter" if kind == "adapter" else "an encoder of images or sound"
        return UnsupportedModelError(f"{name} is {what}; name the GGUF file of the language model")
    states = any(metadata.get(f"{architecture}.{key}") is not None for key in _STATES)
    why = " (it keeps a recurrent state)" if states else ""
    shown = plain(architecture, 60) or "none"
    return UnsupportedModelError(
        f"{name}: GGUF files of the architecture {shown!a} are not understood yet{why}; name its "
        "config.json instead, with --weights and the file type"
    )


def _one(value: Value, suffix: str, name: str) -> Value:
    """Return a value that holds for all layers, from a number or a list of equal ones."""
    if not isinstance(value, tuple):
        return value
    if len(set(value)) != 1:
        raise UnsupportedModelError(
            f"{name}: its layers differ in {suffix!r}, which is not understood yet in this "
            "architecture"
        )
    return value[0]


def _take_out_layers_ahead(config: dict[str, object]) -> None:
    """Count the layers that decode; files count those for multi-token prediction with them."""
    ahead, count = config.get("num_nextn_predict_layers"), config.get("num_hidden_layers")
    if isinstance(ahead, int) and isinstance(count, int) and 0 < ahead < count:
        config["num_hidden_layers"] = count - ahead


def _add_pattern(config: dict[str, object], family: Family, pattern: Value) -> None:
    """Say which layers are local, where the file does: one in so many is not, or a list."""
    if isinstance(pattern, tuple):
        names = [family.local if local else "full_attention" for local in pattern]
        layers = config.get("num_hidden_layers")
        config["layer_types"] = names[: layers if isinstance(layers, int) else None]
    elif pattern is not None:
        config["sliding_window_pattern"] = pattern


def _refine(config: dict[str, object], own: Mapping[str, Value]) -> None:
    """Settle what one architecture's name leaves open."""
    kind = config["model_type"]
    if config.get("sliding_window") == 0:  # none
        del config["sliding_window"]
    if kind == "llama" and config.get("num_local_experts"):
        config["model_type"] = "mixtral"
    if kind == "olmo2" and config.get("sliding_window"):
        config["model_type"] = "olmo3"
    if "kv_lora_rank" in config:
        _refine_latent(config, own)
    inner, heads = own.get("ssm.inner_size"), own.get("ssm.time_step_rank")
    if isinstance(inner, int) and isinstance(heads, int) and heads > 0:
        width = "mamba_head_dim" if kind == "nemotron_h" else "linear_value_head_dim"
        config[width] = inner // heads
    if kind == "qwen3_next":  # its reader takes one layer ahead for granted
        config.setdefault("num_nextn_predict_layers", 0)


def _write_pattern(config: dict[str, object], own: Mapping[str, Value]) -> None:
    """Write Nemotron-H's kinds of layers: lists say which attend, and which feed forward."""
    keys, widths = own.get("attention.head_count_kv"), own.get("feed_forward_length")
    if not isinstance(keys, tuple) or not isinstance(widths, tuple) or len(keys) != len(widths):
        return
    experts = "E" if own.get("expert_count") else "-"
    config["hybrid_override_pattern"] = "".join(
        "*" if key else experts if width else "M" for key, width in zip(keys, widths, strict=True)
    )
    config["num_key_value_heads"] = max(keys)
    if experts == "-":
        config["intermediate_size"] = max(widths)
    else:
        config["intermediate_size"] = own.get("expert_feed_forward_length")
    heads = own.get("attention.head_count")
    config["num_attention_heads"] = max(heads) if isinstance(heads, tuple) and heads else heads


def _refine_latent(config: dict[str, object], own: Mapping[str, Value]) -> None:
    """Write latent attention as its makers do.

    Recent files give the latent's lengths as ``key_length`` and those of one head under a name
    of their own; older ones give those of a head.
    """
    config["num_key_value_heads"] = config.get("num_attention_heads")
    key = own.get("attention.key_length_mla", own.get("attention.key_length"))
    rope = config.get("qk_rope_head_dim")
    if isinstance(key, int) and isinstance(rope, int):
        config["qk_nope_head_dim"] = key - rope
    config["v_head_dim"] = own.get("attention.value_length_mla", own.get("attention.value_length"))
