"""Kimi Linear and Kimi K3: Kimi delta attention, with latent attention in every fourth layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.common import Config
from rightrig.facts.architectures.deepseek import latent_attention
from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    dense,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn, Recurrent

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention

_STATE_BITS: Final = 32
_READS: Final = ("linear_attn_config",)


def delta_attention(config: Config, linear: Config) -> Recurrent:
    """Return Kimi delta attention (arXiv:2510.26692).

    Its decay comes from a projection as narrow as a head; so does its output gate, unless the
    configuration says ``use_full_rank_gate``. vLLM keeps its state in 32 bits.
    """
    hidden = hidden_size(config)
    heads, width = linear.count("num_heads"), linear.count("head_dim")
    kernel = linear.count("short_conv_kernel_size", 4)
    inner = heads * width
    params = 4 * hidden * inner + 3 * inner * kernel + width * inner + inner
    params += hidden * heads + heads
    whole = hidden * width + width
    if linear.flag("use_full_rank_gate", default=False):
        params += hidden * inner
    else:
        params += width * inner
        whole += hidden * width
    return Recurrent(
        kind="kda",
        head_count=heads,
        key_dim=width,
        value_dim=width,
        conv_channels=3 * inner,
        conv_kernel=kernel,
        state_bits=_STATE_BITS,
        split_params=params,
        whole_params=whole,
    )


def _attention(config: Config) -> Attention:
    """Return latent attention, with an output gate as wide as its values where it has one."""
    attention = latent_attention(config)
    if not config.flag("mla_use_output_gate", default=False):
        return attention
    gate = hidden_size(config) * attention.head_count * attention.value_dim
    return attention.model_copy(update={"split_params": gate})


def _experts(config: Config) -> Ffn:
    """Return its experts, which may read and write at a width of their own behind a norm."""
    count = config.count("num_experts")
    width = config.count("moe_intermediate_size")
    latent = config.amount("routed_expert_hidden_size")
    has_norm = bool(latent) and config.flag("latent_moe_use_norm", default=False)
    return Ffn(
        expert_count=count,
        experts_per_token=config.count("num_experts_per_token", high=count),
        expert_inner_size=width,
        shared_inner_size=config.amount("num_shared_experts") * width,
        router_bias=True,
        router_params=latent if has_norm else 0,
        expert_hidden_size=latent,
    )


def _is_linear(config: Config, linear: Config) -> list[bool]:
    """Return for each layer whether it is linear; the lists count layers from one."""
    count = layer_count(config)
    full = frozenset(linear.numbers("full_attn_layers"))
    listed = frozenset(linear.numbers("kda_layers")) | full
    if listed != frozenset(range(1, count + 1)):
        raise config.unsupported(
            "'linear_attn_config' does not list every layer once, from 1 to "
            f"{count:,}, under 'full_attn_layers' or 'kda_layers'"
        )
    return [layer + 1 not in full for layer in range(count)]


def _is_sparse(config: Config) -> list[bool]:
    """Return for each layer whether it has experts."""
    first = config.amount("first_k_dense_replace")
    step = config.count("moe_layer_freq", 1)
    return [layer >= first and layer % step == 0 for layer in range(layer_count(config))]


def _with_names(config: Config) -> Config:
    """Return the configuration with the context under its usual key."""
    context = config.first("max_position_embeddings", "model_max_length")
    return Config(
        {**config.values, "max_position_embeddings": config.values.get(context)}, config.name
    )


@architecture("kimi_linear", "kimi_k3", reads=_READS)
def read_kimi_linear(config: Config) -> Decoder:
    """Read Kimi Linear and K3.

    With ``attn_res_block_size``, each half of a layer and the end of the model weigh earlier
    outputs by a norm and a vector.
    """
    linear = config.table("linear_attn_config")
    if linear is None or not config.has("num_experts"):
        raise config.unsupported(
            "Kimi Linear without 'linear_attn_config' or 'num_experts' is not understood yet"
        )
    hidden = hidden_size(config)
    weighs = config.optional_count("attn_res_block_size") is not None
    norms = (2 + 4 * weighs) * hidden
    plain, experts = dense(config), _experts(config)
    mixer, attention = delta_attention(config, linear), _attention(config)
    layers = [
        Block(
            attention=None if is_linear else attention,
            recurrent=mixer if is_linear else None,
            ffn=experts if is_sparse else plain,
            norm_params=norms,
        )
        for is_linear, is_sparse in zip(_is_linear(config, linear), _is_sparse(config), strict=True)
    ]
    ends = Ends(final_norm_params=(1 + 2 * weighs) * hidden)
    return decoder(_with_names(config), layers, ends)
