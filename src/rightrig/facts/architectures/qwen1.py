"""Qwen, the first: Llama's shape with biases on query, key and value; a doubled inner width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    attention_of,
    decoder,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@architecture("qwen")
def read_qwen(config: Config) -> Decoder:
    """Read Qwen 1.8B to 72B; ``intermediate_size`` is that of gate and up part together."""
    if not config.flag("no_bias", default=True):
        raise config.unsupported("Qwen with biases on every projection is not understood yet")
    hidden, heads = hidden_size(config), config.count("num_attention_heads")
    width = config.count("kv_channels", hidden // heads)
    attention = attention_of(config.replaced({"head_dim": width}), hidden, heads, heads, bias=True)
    block = Block(
        attention=attention.model_copy(update={"output_bias": False}),
        ffn=Ffn(inner_size=config.count("intermediate_size") // 2),
        norm_params=2 * hidden,
    )
    return decoder(config, [block] * layer_count(config))
