"""Phi: Phi-1 to 2 (parallel halves, biases, a head with bias), Phi-3 to 4 (Llama's shape)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    dense,
    grouped_attention,
    hidden_size,
    uniform,
    windowed,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@architecture("phi")
def read_phi(config: Config) -> Decoder:
    """Read Phi-1, 1.5 and 2: one layer norm feeds attention and feed-forward side by side."""
    hidden = hidden_size(config)
    attention = grouped_attention(config, bias=True)
    if config.flag("qk_layernorm", default=False):
        # Weight and bias of one norm for query heads and one for key heads.
        attention = attention.model_copy(update={"qk_norm_params": 4 * attention.head_dim})
    ffn = dense(config, gated=False, bias=True)
    block = Block(attention=attention, ffn=ffn, norm_params=2 * hidden)
    return decoder(
        config, uniform(config, block), Ends(final_norm_params=2 * hidden, head_bias=True)
    )


@architecture("phi3")
def read_phi3(config: Config) -> Decoder:
    """Read Phi-3, 3.5 and 4. A window as long as the context (262,144) means full attention."""
    bias = config.flag("attention_bias", default=False)
    attention = windowed(config, grouped_attention(config, bias=bias))
    block = Block(attention=attention, ffn=dense(config), norm_params=2 * hidden_size(config))
    head_bias = config.flag("lm_head_bias", default=False)
    return decoder(config, uniform(config, block), Ends(head_bias=head_bias))
