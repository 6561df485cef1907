"""StableLM: Llama's shape with layer norms that have biases."""

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
    with_wide_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@architecture("stablelm")
def read_stablelm(config: Config) -> Decoder:
    """Read StableLM 3B, Zephyr and 2; halves side by side share one norm."""
    hidden = hidden_size(config)
    bias = config.flag("use_qkv_bias", default=False)
    attention = grouped_attention(config, bias=bias, output_bias=False)
    if config.flag("qk_layernorm", default=False):
        attention = with_wide_norms(attention)
    norms = 1 if config.flag("use_parallel_residual", default=False) else 2
    block = Block(attention=attention, ffn=dense(config), norm_params=norms * 2 * hidden)
    return decoder(config, uniform(config, block), Ends(final_norm_params=2 * hidden))
