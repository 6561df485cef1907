"""MiMo V2 Flash: local layers keep other heads than full ones, and have attention sinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    dense,
    experts_per_token,
    hidden_size,
    layer_count,
    local_layers,
    marks,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FULL_EVERY = 6


def _attention(config: Config, *, local: bool) -> Attention:
    """Return the attention of a kind; local layers have twice the key-value heads by default."""
    prefix = "swa_" if local else ""
    heads = config.count("num_attention_heads")
    kv_heads = config.count("num_key_value_heads")
    width = config.count("head_dim")
    value_width = config.count("v_head_dim", width)
    own_heads = config.count(f"{prefix}num_attention_heads", heads)
    sinks = config.flag(f"add_{'swa' if local else 'full'}_attention_sink_bias", default=local)
    return Attention(
        kind="sliding" if local else "full",
        head_count=own_heads,
        kv_head_count=config.count(f"{prefix}num_key_value_heads", kv_heads * (2 if local else 1)),
        head_dim=config.count(f"{prefix}head_dim", width),
        value_head_dim=config.count(f"{prefix}v_head_dim", value_width),
        window_tokens=config.count("sliding_window") if local else None,
        bias=config.flag("attention_bias", default=False),
        sink_params=own_heads if sinks else 0,
    )


def _ffns(config: Config) -> list[Ffn]:
    """Return each layer's feed-forward part: the first is dense, all others have experts."""
    count = config.count("n_routed_experts")
    width = config.count("moe_intermediate_size")
    experts = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=width,
        shared_inner_size=config.amount("n_shared_experts") * width,
        router_bias=True,
    )
    words = config.texts("mlp_layer_types")
    if words:
        sparse = [word == "sparse" for word in words]
    elif config.has("moe_layer_freq"):
        sparse = marks(config, "moe_layer_freq", default=True)
    else:
        sparse = [layer > 0 for layer in range(layer_count(config))]
    plain = experts if all(sparse) else dense(config)
    return [experts if routes else plain for routes in sparse]


def _locals(config: Config) -> list[bool]:
    """Return for each layer whether it is local: printed, else five after the first full one."""
    if config.has("hybrid_layer_pattern"):
        return marks(config, "hybrid_layer_pattern", default=False)
    return local_layers(config, lambda layer: layer > 0 and bool((layer + 1) % _FULL_EVERY))


@architecture("mimo_v2_flash", reads=("hybrid_layer_pattern",))
def read_mimo_v2(config: Config) -> Decoder:
    """Read MiMo V2 Flash (309 B parameters)."""
    full, local = _attention(config, local=False), _attention(config, local=True)
    norms = 2 * hidden_size(config)
    layers = [
        Block(attention=local if is_local else full, ffn=ffn, norm_params=norms)
        for is_local, ffn in zip(_locals(config), _ffns(config), strict=True)
    ]
    return decoder(config, layers)
