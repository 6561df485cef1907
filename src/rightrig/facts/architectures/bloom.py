"""BLOOM: ALiBi instead of positions, layer norms, biases, no gate, tied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import Decoder, Ends, attention_of, decoder
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

# What BLOOM was trained on; ALiBi states no limit, and many copies print none.
_CONTEXT_TOKENS: Final = 2048


@architecture("bloom")
def read_bloom(config: Config) -> Decoder:
    """Read BLOOM; the norm after its embedding is counted with the final one."""
    hidden = config.count(config.first("hidden_size", "n_embed"))
    heads = config.count(config.first("n_head", "num_attention_heads"))
    block = Block(
        attention=attention_of(config, hidden, heads, heads, bias=True),
        ffn=Ffn(inner_size=4 * hidden, gated=False, bias=True),
        norm_params=4 * hidden,
    )
    layers = config.count(config.first("n_layer", "num_hidden_layers"))
    ends = Ends(
        tied_by_default=True,
        final_norm_params=4 * hidden,
        context_key="seq_length",
        context_by_default_tokens=_CONTEXT_TOKENS,
    )
    return decoder(config, [block] * layers, ends)
