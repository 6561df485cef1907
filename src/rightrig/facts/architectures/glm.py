"""GLM 4.5 to 4.7: DeepSeek's arrangement of experts under grouped attention with biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.deepseek import sparse_layers
from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    grouped_attention,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@architecture("glm4_moe", "glm4v_moe_text")
def read_glm4_moe(config: Config) -> Decoder:
    """Read GLM 4.5: biases on query, key and value only, a router with score correction."""
    bias = config.flag("attention_bias", default=False)
    attention = grouped_attention(config, bias=bias, output_bias=False)
    if config.flag("use_qk_norm", default=False):
        attention = with_head_norms(attention)
    return decoder(config, sparse_layers(config, attention, router_bias=True))
