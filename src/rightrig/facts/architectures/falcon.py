"""Falcon 1 and 2: one key-value head (7B) or a few (40B, 180B), layer norms, no gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    attention_of,
    decoder,
    hidden_size,
    uniform,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

# The published configurations of 7B, 40B and 180B state no context.
_CONTEXT_TOKENS: Final = 2048


def _kv_heads(config: Config, heads: int) -> int:
    """Return the key-value heads: ``num_kv_heads`` counts only in the new architecture."""
    if config.has("num_key_value_heads"):
        return config.count("num_key_value_heads", high=heads)
    if config.flag("new_decoder_architecture", default=False):
        return config.count("num_kv_heads", heads, high=heads)
    return 1 if config.flag("multi_query", default=True) else heads


def _norms_count(config: Config, *, is_new: bool) -> int:
    """Return the layer norms of one layer: parallel halves of the old architecture share one."""
    if is_new:
        return config.count("num_ln_in_parallel_attn", 2, high=2)
    return 1 if config.flag("parallel_attn", default=True) else 2


@architecture("falcon")
def read_falcon(config: Config) -> Decoder:
    """Read Falcon 7B, 40B, 180B and 11B.

    A reconstruction that does not say which architecture it is has the new one where a few
    heads, neither one nor all, hold keys and values.
    """
    hidden = hidden_size(config)
    heads = config.count("num_attention_heads")
    kv_heads = _kv_heads(config, heads)
    is_new = config.flag("new_decoder_architecture", default=kv_heads not in {1, heads})
    bias = config.flag("bias", default=False)
    block = Block(
        attention=attention_of(config, hidden, heads, kv_heads, bias=bias),
        ffn=Ffn(
            inner_size=config.count(
                config.first("ffn_hidden_size", "intermediate_size"), 4 * hidden
            ),
            gated=False,
            bias=bias,
        ),
        norm_params=_norms_count(config, is_new=is_new) * 2 * hidden,
    )
    ends = Ends(
        tied_by_default=True,
        final_norm_params=2 * hidden,
        context_by_default_tokens=_CONTEXT_TOKENS,
    )
    return decoder(config, uniform(config, block), ends)
