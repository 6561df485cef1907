"""Encoders of images and sound beside the language model, projectors included.

Each family is counted as its modules in transformers are built; one that is not understood, or
that leaves out a dimension, is named instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.common import Config
from rightrig.facts.llm import Tower

if TYPE_CHECKING:
    from collections.abc import Callable

_COLOURS: Final = 3
_CONV_WINDOW: Final = 9
_CONVOLUTIONS: Final = 2
# What the configuration of the whole model says of its projector.
_SHARED_KEYS: Final = ("spatial_merge_size", "multimodal_projector_bias")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of encoder: the dimensions that it must state and how they make parameters.

    Attributes:
        needs: Keys of its own configuration.
        params: From its configuration and the model's hidden size.
    """

    needs: tuple[str, ...]
    params: Callable[[Config, int], int]


@dataclass(frozen=True, slots=True)
class _Layer:
    """The dimensions of one transformer layer of an encoder."""

    width: int
    inner: int
    gated: bool = False
    bias: bool = True
    layer_norm: bool = True
    qkv_width: int | None = None

    def params(self) -> int:
        """Return its parameters: attention, feed-forward part and two norms."""
        width, inner = self.width, self.inner
        heads = width if self.qkv_width is None else self.qkv_width
        up_count = 2 if self.gated else 1
        total = 4 * width * heads + (up_count + 1) * width * inner
        total += (3 * heads + width + up_count * inner + width) if self.bias else 0
        return total + 2 * self.norm()

    def norm(self) -> int:
        """Return the parameters of one norm."""
        return (2 if self.layer_norm else 1) * self.width


def _merger(width: int, merge: int, outputs: int, *, bias: bool = True) -> int:
    """Return two linear layers over patches merged by ``merge`` on a side."""
    wide = width * merge * merge
    return wide * wide + wide * outputs + ((wide + outputs) if bias else 0)


def _patches(config: Config, width: int, *, time: int = 1, bias: bool = False) -> int:
    """Return the convolution that makes a patch a vector."""
    patch = config.count("patch_size")
    return _COLOURS * time * patch * patch * width + (width if bias else 0)


def _qwen3(config: Config, text_width: int) -> int:
    """Qwen3-VL, 3.5, 3.6: positions learned, one merger at the end and some between."""
    width = config.count("hidden_size")
    layer = _Layer(width, config.count("intermediate_size"))
    merge = config.count("spatial_merge_size", 2)
    outputs = config.count("out_hidden_size", text_width)
    total = _patches(config, width, time=config.count("temporal_patch_size", 2), bias=True)
    total += config.count("num_position_embeddings") * width
    total += config.count("depth") * layer.params()
    total += layer.norm() + _merger(width, merge, outputs)
    between = len(config.numbers("deepstack_visual_indexes"))
    return total + between * (layer.norm() * merge * merge + _merger(width, merge, outputs))


def _qwen2(config: Config, text_width: int) -> int:
    """Qwen2-VL, whose ``hidden_size`` is that of the language model."""
    width = config.count("embed_dim")
    layer = _Layer(width, config.count("mlp_ratio", 4) * width)
    total = _patches(config, width, time=config.count("temporal_patch_size", 2))
    total += config.count("depth") * layer.params() + layer.norm()
    return total + _merger(width, config.count("spatial_merge_size", 2), text_width)


def _qwen2_5(config: Config, text_width: int) -> int:
    """Qwen2.5-VL: gated, with plain scales as norms."""
    width = config.count("hidden_size")
    layer = _Layer(width, config.count("intermediate_size"), gated=True, layer_norm=False)
    outputs = config.count("out_hidden_size", text_width)
    total = _patches(config, width, time=config.count("temporal_patch_size", 2))
    total += config.count("depth") * layer.params() + layer.norm()
    return total + _merger(width, config.count("spatial_merge_size", 2), outputs)


def _siglip(config: Config, text_width: int) -> int:
    """SigLIP behind Gemma 3's projection."""
    width = config.count("hidden_size")
    layer = _Layer(width, config.count("intermediate_size"))
    side = config.count("image_size") // config.count("patch_size")
    total = _patches(config, width, bias=True) + side * side * width
    total += config.count("num_hidden_layers") * layer.params() + layer.norm()
    return total + width * text_width + width


def _llama4(config: Config, text_width: int) -> int:
    """Llama 4: a class vector, an adapter over shuffled pixels, a projection."""
    width, inner = config.count("hidden_size"), config.count("intermediate_size")
    layer = _Layer(width, inner)
    side = config.count("image_size") // config.count("patch_size")
    outputs = config.count("projector_output_dim")
    total = _patches(config, width) + width + (side * side + 1) * width
    total += config.count("num_hidden_layers") * layer.params() + 2 * layer.norm()
    total += inner * config.count("projector_input_dim") + outputs * outputs
    return total + config.count("vision_output_dim") * text_width


def _pixtral(config: Config, text_width: int) -> int:
    """Pixtral behind the projector of Mistral Small 3.1 and Ministral 3."""
    width = config.count("hidden_size")
    layer = _Layer(
        width, config.count("intermediate_size"), gated=True, bias=False, layer_norm=False
    )
    merge = config.count("spatial_merge_size", 2)
    total = _patches(config, width) + layer.norm()
    total += config.count("num_hidden_layers") * layer.params()
    total += width + width * merge * merge * width + width * text_width
    total += text_width * text_width
    has_bias = config.flag("multimodal_projector_bias", default=False)
    return total + (2 * text_width if has_bias else 0)


def _moonvit(config: Config, text_width: int) -> int:
    """MoonViT of Kimi K2.5 (layer norms and biases) and K3 (neither, wider heads)."""
    width = config.count("vt_hidden_size")
    is_plain = config.text("norm_type", "layernorm") == "rmsnorm"
    layer = _Layer(
        width,
        config.count("vt_intermediate_size"),
        bias=config.flag("attn_bias", default=not is_plain),
        layer_norm=not is_plain,
        qkv_width=config.optional_count("qkv_hidden_size"),
    )
    merge = next(iter(config.numbers("merge_kernel_size")), 2)
    positions = config.count("init_pos_emb_height") * config.count("init_pos_emb_width")
    has_bias = config.flag("patch_embed_proj_bias", default=True)
    total = _patches(config, width, bias=has_bias) + positions * width
    total += config.count("vt_num_hidden_layers") * layer.params() + layer.norm()
    if config.text("mm_projector_type", "patchmerger") == "patchmergerv2":
        return total + _merger(width, merge, text_width, bias=False) + text_width
    return total + 2 * width + _merger(width, merge, text_width)


def _gemma4_vision(config: Config, text_width: int) -> int:
    """Gemma 4's encoder: four norms a layer, norms on queries and keys, positions by side."""
    width, head = config.count("hidden_size"), config.count("head_dim")
    heads = 2 * config.count("num_attention_heads") + 2 * config.count("num_key_value_heads")
    one = width * heads * head + 3 * width * config.count("intermediate_size")
    one += 4 * width + 2 * head
    total = _patches(config, width) + 2 * config.count("position_embedding_size") * width
    return total + config.count("num_hidden_layers") * one + width * text_width


def _gemma4_audio(config: Config, text_width: int) -> int:
    """Gemma 4's encoder of sound: a conformer behind two convolutions."""
    width = config.count("hidden_size")
    head = width // config.count("num_attention_heads")
    channels = config.numbers("subsampling_conv_channels") or (128, 32)
    if len(channels) != _CONVOLUTIONS:
        raise config.wrong("subsampling_conv_channels", "a list of two numbers")
    first, second = channels
    outputs = config.count("output_proj_dims")
    feed_forward = 8 * width * width + 2 * width
    attention = 5 * width * width + head
    convolution = 3 * width * width + width * config.count("conv_kernel_size", 5) + 2 * width
    one = 2 * feed_forward + attention + convolution + 3 * width
    total = (_CONV_WINDOW + 1) * first + _CONV_WINDOW * first * second + second
    total += first // 4 * second * width
    total += config.count("num_hidden_layers") * one
    return total + width * outputs + outputs + outputs * text_width


_PLAIN: Final = ("hidden_size", "intermediate_size", "num_hidden_layers", "patch_size")
_QWEN3: Final = _Kind(
    ("hidden_size", "intermediate_size", "depth", "patch_size", "num_position_embeddings"), _qwen3
)
_QWEN2_5: Final = _Kind(("hidden_size", "intermediate_size", "depth", "patch_size"), _qwen2_5)
_MOONVIT: Final = _Kind(
    (
        "vt_hidden_size", "vt_intermediate_size", "vt_num_hidden_layers", "patch_size",
        "init_pos_emb_height", "init_pos_emb_width",
    ),
    _moonvit,
)  # fmt: skip
_GEMMA4: Final = (
    *_PLAIN, "head_dim", "num_attention_heads", "num_key_value_heads", "position_embedding_size",
)  # fmt: skip
# By the model_type of the whole model.
_VISION: Final[dict[str, _Kind]] = {
    "qwen2_vl": _Kind(("embed_dim", "depth", "patch_size"), _qwen2),
    "qwen2_5_vl": _QWEN2_5,
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "qwen3_5": _QWEN3,
    "qwen3_5_moe": _QWEN3,
    "gemma3": _Kind((*_PLAIN, "image_size"), _siglip),
    "llama4": _Kind(
        (*_PLAIN, "image_size", "projector_input_dim", "projector_output_dim",
         "vision_output_dim"),
        _llama4,
    ),
    "mistral3": _Kind(_PLAIN, _pixtral),
    "ministral3": _Kind(_PLAIN, _pixtral),
    "kimi_k25": _MOONVIT,
    "kimi_k3": _MOONVIT,
    "gemma4": _Kind(_GEMMA4, _gemma4_vision),
}  # fmt: skip
_AUDIO: Final[dict[str, _Kind]] = {
    "gemma4": _Kind(
        ("hidden_size", "num_attention_heads", "num_hidden_layers", "output_proj_dims"),
        _gemma4_audio,
    ),
}


def read_towers(outer: Config, text_width: int) -> tuple[tuple[Tower, ...], tuple[str, ...]]:
    """Return the encoders that can be counted, and the names of those that cannot.

    Args:
        outer: The configuration of the whole model.
        text_width: The hidden size of its language model.
    """
    vision, audio = outer.table("vision_config"), outer.table("audio_config")
    family = outer.text("model_type")
    sees = vision is not None or any(
        name.endswith("ForConditionalGeneration") for name in outer.texts("architectures")
    )
    towers: list[Tower] = []
    unnamed: list[str] = []
    if sees:
        params = _counted(_VISION.get(family), outer, vision, text_width)
        towers += [Tower(kind="vision", params=params)] if params else []
        unnamed += [] if params else ["vision tower"]
    if audio is not None:
        params = _counted(_AUDIO.get(family), outer, audio, text_width)
        towers += [Tower(kind="audio", params=params)] if params else []
        unnamed += [] if params else ["audio tower"]
    return tuple(towers), tuple(unnamed)


def _counted(
    kind: _Kind | None, outer: Config, config: Config | None, text_width: int
) -> int | None:
    """Return the parameters, or ``None`` where the kind or one of its dimensions is unknown."""
    if kind is None or config is None or not all(map(config.has, kind.needs)):
        return None
    shared = {key: outer.values[key] for key in _SHARED_KEYS if outer.has(key)}
    return kind.params(Config({**shared, **config.values}, config.name), text_width)
