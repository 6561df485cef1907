"""Qwen3-Next, 3.5 and 3.6: three gated delta layers before each full one.

Their full attention passes a learned gate as wide as its queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.ahead import joined_by_projection
from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    dense,
    grouped_attention,
    hidden_size,
    layer_count,
    with_head_norms,
)
from rightrig.facts.architectures.mixers import ENGINE_STATE_BITS, layer_order, state_bits
from rightrig.facts.architectures.qwen import expert_ffns
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Recurrent

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention, Ffn

_KINDS: Final = {"linear_attention": "linear", "full_attention": "full"}
_FULL_EVERY: Final = 4
_READS: Final = (
    "layer_types", "linear_num_key_heads", "linear_num_value_heads", "full_attention_interval",
    "attn_output_gate",
)  # fmt: skip


def gated_delta(config: Config) -> Recurrent:
    """Return a gated delta net (arXiv:2412.06464); its norm is shared by the heads."""
    hidden = hidden_size(config)
    key_heads = config.count("linear_num_key_heads", 16)
    heads = config.count("linear_num_value_heads", 32)
    key_dim = config.count("linear_key_head_dim", 128)
    value_dim = config.count("linear_value_head_dim", 128)
    kernel = config.count("linear_conv_kernel_dim", 4)
    values = heads * value_dim
    channels = 2 * key_heads * key_dim + values
    # Queries, keys, values and gate; write strength and decay; convolution; two values a head.
    params = hidden * (channels + values + 2 * heads) + channels * kernel + 2 * heads
    return Recurrent(
        kind="gated-delta",
        head_count=heads,
        key_dim=key_dim,
        value_dim=value_dim,
        conv_channels=channels,
        conv_kernel=kernel,
        state_bits=state_bits(config, "mamba_ssm_dtype", ENGINE_STATE_BITS),
        split_params=params + values * hidden,
        whole_params=value_dim,
    )


def _gated_attention(config: Config) -> Attention:
    """Return full attention whose output passes a gate as wide as the queries."""
    bias = config.flag("attention_bias", default=False)
    attention = with_head_norms(grouped_attention(config, bias=bias))
    if not config.flag("attn_output_gate", default=True):
        return attention
    width = attention.head_count * attention.head_dim
    gate = (hidden_size(config) + (1 if bias else 0)) * width
    return attention.model_copy(update={"split_params": gate})


def _decoder(config: Config, ffns: list[Ffn], ahead_count: int) -> Decoder:
    """Return the layers in the order that ``layer_types`` or the interval gives."""
    norms = 2 * hidden_size(config)
    every = config.count("full_attention_interval", _FULL_EVERY)
    order = layer_order(config, ("layer_types",), _KINDS, layer_count(config)) or tuple(
        "linear" if (layer + 1) % every else "full" for layer in range(layer_count(config))
    )
    mixer, attention = gated_delta(config), _gated_attention(config)
    layers = [
        Block(recurrent=mixer, ffn=ffn, norm_params=norms)
        if kind == "linear"
        else Block(attention=attention, ffn=ffn, norm_params=norms)
        for kind, ffn in zip(order, ffns, strict=True)
    ]
    last = Block(attention=attention, ffn=ffns[-1], norm_params=norms)
    return joined_by_projection(decoder(config, layers), ahead_count, last)


@architecture("qwen3_next", reads=_READS)
def read_qwen3_next(config: Config) -> Decoder:
    """Read Qwen3-Next; every published one has a layer ahead that its configuration omits."""
    ahead = config.optional_count("num_nextn_predict_layers", low=0)
    return _decoder(config, expert_ffns(config, shared=True), 1 if ahead is None else ahead)


@architecture("qwen3_5", "qwen3_5_text", reads=_READS)
def read_qwen3_5(config: Config) -> Decoder:
    """Read Qwen 3.5 and 3.6, dense."""
    ffns = [dense(config)] * layer_count(config)
    return _decoder(config, ffns, config.amount("mtp_num_hidden_layers"))


@architecture("qwen3_5_moe", "qwen3_5_moe_text", reads=_READS)
def read_qwen3_5_moe(config: Config) -> Decoder:
    """Read Qwen 3.5 and 3.6 with experts in every layer."""
    ffns = expert_ffns(config, shared=True)
    return _decoder(config, ffns, config.amount("mtp_num_hidden_layers"))
