"""StarCoder 1 (one key-value head, a table of positions) and 2 (grouped, a window)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.gpt import learned_positions
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


@architecture("gpt_bigcode")
def read_starcoder(config: Config) -> Decoder:
    """Read StarCoder 1: GPT-2 whose query heads share one key-value head."""
    shares = config.flag("multi_query", default=True)
    return learned_positions(config, kv_head_count=1 if shares else None)


@architecture("starcoder2")
def read_starcoder2(config: Config) -> Decoder:
    """Read StarCoder 2: biases everywhere, layer norms, no gate, tied."""
    if config.text("mlp_type", "default") != "default":
        raise config.unsupported("StarCoder 2 with a gated 'mlp_type' is not understood yet")
    hidden = hidden_size(config)
    bias = config.flag("use_bias", default=True)
    attention = windowed(config, grouped_attention(config, bias=bias))
    block = Block(
        attention=attention, ffn=dense(config, gated=False, bias=bias), norm_params=4 * hidden
    )
    ends = Ends(tied_by_default=True, final_norm_params=2 * hidden)
    return decoder(config, uniform(config, block), ends)
