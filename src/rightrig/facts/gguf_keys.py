"""The metadata of a GGUF file in the words of a ``config.json``, so that one reader serves both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import UnsupportedModelError
from rightrig.facts.gguf_families import COMMON, FAMILIES
from rightrig.facts.gguf_layers import WRITERS
from rightrig.facts.gguf_own import own_of
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.gguf import Value
    from rightrig.facts.gguf_families import Family
    from rightrig.facts.gguf_own import Own

_PATTERN: Final = "attention.sliding_window_pattern"
_STATES: Final = ("ssm.state_size", "ssm.inner_size", "kda.head_dim", "wkv.head_size")
_EMBEDDING: Final = "token_embd.weight"
_VALUE_WIDTHS: Final[Mapping[str, str]] = {
    "granitemoehybrid": "mamba_d_head", "mamba2": "head_dim", "nemotron_h": "mamba_head_dim",
    "qwen3_5_moe_text": "linear_value_head_dim", "qwen3_5_text": "linear_value_head_dim",
    "qwen3_next": "linear_value_head_dim",
}  # fmt: skip
"""Family → what it calls the width of one head's state."""
_NO_MODELS: Final[Mapping[str, str]] = {
    "mmproj": "a projector (mmproj), which encodes images or sound",
    "adapter": "a LoRA adapter",
    "imatrix": "an importance matrix (imatrix), which a quantiser reads",
}


def config_of(
    metadata: Mapping[str, Value], shapes: Mapping[str, tuple[int, ...]], *, name: str
) -> dict[str, object]:
    """Return the configuration that the metadata describes.

    Args:
        metadata: Of the file, or of the first part of several.
        shapes: Shape of each tensor, row length first.
        name: What messages call the model.

    Raises:
        UnsupportedModelError: for a file that holds no whole model, for an architecture that
            has no entry, and for one that says of its layers what no reader understands.
    """
    architecture = str(metadata.get("general.architecture", ""))
    _refuse_parts(metadata, architecture, name)
    family = FAMILIES.get(architecture)
    if family is None:
        raise _unknown(metadata, architecture, name)
    prefix = f"{architecture}."
    values = {k.removeprefix(prefix): v for k, v in metadata.items() if k.startswith(prefix)}
    own = own_of(values, shapes, name)
    config: dict[str, object] = {
        "model_type": family.model_type,
        "tie_word_embeddings": "output.weight" not in shapes,
        "vocab_size": shapes.get(_EMBEDDING, (0,))[-1],
        "num_hidden_layers": own.layer_count,
        "num_nextn_predict_layers": own.ahead_count,
        "mtp_num_hidden_layers": own.ahead_count,
    }
    if family.model_type in WRITERS:
        WRITERS[family.model_type](config, own)
    for key, suffix in {**COMMON, **family.keys}.items():
        if values.get(suffix) is not None and key not in config:
            config[key] = _one(values[suffix], suffix, own)
    _add_pattern(config, family, values.get(_PATTERN))
    _refine(config, own)
    return config


def _refuse_parts(metadata: Mapping[str, Value], architecture: str, name: str) -> None:
    """Refuse what belongs to a model and is none."""
    kind = "mmproj" if architecture == "clip" else str(metadata.get("general.type", "model"))
    if kind in _NO_MODELS:
        raise UnsupportedModelError(
            f"{name} is {_NO_MODELS[kind]}; name the GGUF file of the language model"
        )


def _unknown(metadata: Mapping[str, Value], architecture: str, name: str) -> UnsupportedModelError:
    """Return the error for an architecture that cannot be mapped."""
    states = any(metadata.get(f"{architecture}.{key}") is not None for key in _STATES)
    why = " (it keeps a recurrent state)" if states else ""
    shown = plain(architecture, 60) or "none"
    return UnsupportedModelError(
        f"{name}: GGUF files of the architecture {shown!a} are not understood yet{why}; name its "
        "config.json instead, with --weights and the file type, or a file of one of these: "
        f"{', '.join(sorted(FAMILIES))}"
    )


def _one(value: Value, suffix: str, own: Own) -> Value:
    """Return a value that holds for all layers, from a number or a list of equal ones."""
    if not isinstance(value, tuple):
        return value
    if len(set(value)) != 1:
        raise own.unsupported(f"its layers differ in {suffix!r}")
    return value[0]


def _add_pattern(config: dict[str, object], family: Family, pattern: Value) -> None:
    """Say which layers are local, where the file does: one in so many is not, or a list."""
    if isinstance(pattern, tuple):
        names = [family.local if local else "full_attention" for local in pattern]
        layers = config.get("num_hidden_layers")
        config["layer_types"] = names[: layers if isinstance(layers, int) else None]
    elif pattern is not None:
        config["sliding_window_pattern"] = pattern


def _refine(config: dict[str, object], own: Own) -> None:
    """Settle what one architecture's name leaves open."""
    kind = str(config["model_type"])
    if config.get("sliding_window") == 0:  # none
        del config["sliding_window"]
    if kind == "llama" and config.get("num_local_experts"):
        config["model_type"] = "mixtral"
    if kind == "olmo2" and config.get("sliding_window"):
        config["model_type"] = "olmo3"
    if "kv_lora_rank" in config:
        _refine_latent(config, own.values)
    inner, heads = own.values.get("ssm.inner_size"), own.values.get("ssm.time_step_rank")
    if kind in _VALUE_WIDTHS and isinstance(inner, int) and isinstance(heads, int) and heads > 0:
        config[_VALUE_WIDTHS[kind]] = inner // heads


def _refine_latent(config: dict[str, object], values: Mapping[str, Value]) -> None:
    """Write latent attention as its makers do.

    Recent files give the latent's lengths as ``key_length`` and those of one head under a name
    of their own; older ones give those of a head.
    """
    config["num_key_value_heads"] = config.get("num_attention_heads")
    key = values.get("attention.key_length_mla", values.get("attention.key_length"))
    rope = config.get("qk_rope_head_dim")
    if isinstance(key, int) and isinstance(rope, int):
        config["qk_nope_head_dim"] = key - rope
    value = values.get("attention.value_length_mla", values.get("attention.value_length"))
    config["v_head_dim"] = value
