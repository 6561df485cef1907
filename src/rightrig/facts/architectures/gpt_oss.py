"""gpt-oss: experts with biases, attention sinks, local and full layers in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    experts_per_token,
    grouped_attention,
    hidden_size,
    mixed_layers,
    windowed,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@architecture("gpt_oss")
def read_gpt_oss(config: Config) -> Decoder:
    """Read gpt-oss: one learned sink logit a head, biases on every projection and expert."""
    bias = config.flag("attention_bias", default=True)
    full = grouped_attention(config, bias=bias)
    full = full.model_copy(update={"sink_params": full.head_count})
    count = config.count("num_local_experts")
    ffn = Ffn(
        bias=True,
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
        router_bias=True,
    )
    norms = 2 * hidden_size(config)
    layers = mixed_layers(
        config,
        Block(attention=full, ffn=ffn, norm_params=norms),
        Block(attention=windowed(config, full), ffn=ffn, norm_params=norms),
        lambda layer: layer % 2 == 0,
    )
    return decoder(config, layers)
