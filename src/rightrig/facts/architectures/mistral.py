"""Mistral: 7B to Large, Ministral 3, and the mixtures of experts Mixtral."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    dense,
    experts_per_token,
    grouped_attention,
    hidden_size,
    mixed_layers,
    uniform,
    windowed,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def _sliding_attention(config: Config) -> Attention:
    """Return attention with the window of Mistral v0.1; later versions state none.

    MLC's copies of the configurations call the key ``sliding_window_size``.
    """
    key = "sliding_window" if "sliding_window" in config.values else "sliding_window_size"
    return windowed(config, grouped_attention(config), key)


@architecture("mistral", "ministral", "ministral3")
def read_mistral(config: Config) -> Decoder:
    """Read a dense Mistral: where it has a window, all layers slide unless it lists them."""
    norms = 2 * hidden_size(config)
    ffn = dense(config)
    full = Block(attention=grouped_attention(config), ffn=ffn, norm_params=norms)
    local = Block(attention=_sliding_attention(config), ffn=ffn, norm_params=norms)
    return decoder(config, mixed_layers(config, full, local, lambda _: True))


@architecture("mixtral")
def read_mixtral(config: Config) -> Decoder:
    """Read Mixtral: every layer a mixture of experts, router without bias."""
    count = config.count("num_local_experts")
    ffn = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
    )
    block = Block(
        attention=_sliding_attention(config), ffn=ffn, norm_params=2 * hidden_size(config)
    )
    return decoder(config, uniform(config, block))
