"""MiniMax M2: experts in every layer, norms as wide as all query and all key heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    experts_per_token,
    grouped_attention,
    hidden_size,
    uniform,
    windowed,
    with_wide_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def _attention(config: Config) -> Attention:
    """Return attention; ``attn_type_list`` marks full layers with a 1, and M2 has no others."""
    if 0 in config.numbers("attn_type_list"):
        raise config.unsupported(
            "linear attention ('attn_type_list' has a 0) is not understood yet"
        )
    full = grouped_attention(config)
    if config.flag("use_qk_norm", default=True):
        kind = config.text("qk_norm_type", "per_layer")
        if kind != "per_layer":
            raise config.unsupported(f"'qk_norm_type' {kind[:40]!a} is not understood yet")
        full = with_wide_norms(full)
    return windowed(config, full)


@architecture("minimax_m2")
def read_minimax_m2(config: Config) -> Decoder:
    """Read MiniMax M2; its router adds a learned score correction of one value an expert."""
    count = config.count("num_local_experts")
    ffn = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
        shared_inner_size=config.amount("shared_intermediate_size"),
        router_bias=config.flag("use_routing_bias", default=True),
    )
    block = Block(attention=_attention(config), ffn=ffn, norm_params=2 * hidden_size(config))
    return decoder(config, uniform(config, block))
