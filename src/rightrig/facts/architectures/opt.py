"""OPT: layer norms, biases, no gate, a learned table of positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    grouped_attention,
    hidden_size,
    uniform,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

# The table starts two rows late (fairseq's padding index).
_UNUSED_POSITIONS: Final = 2


@architecture("opt")
def read_opt(config: Config) -> Decoder:
    """Read OPT; the 350M, whose embedding is narrower than its layers, is not understood."""
    hidden = hidden_size(config)
    if config.count("word_embed_proj_dim", hidden) != hidden or not config.flag(
        "do_layer_norm_before", default=True
    ):
        raise config.unsupported(
            "OPT with a projected embedding ('word_embed_proj_dim') or norms after the layers "
            "is not understood yet"
        )
    bias = config.flag("enable_bias", default=True)
    block = Block(
        attention=grouped_attention(config, bias=bias),
        ffn=Ffn(inner_size=config.count("ffn_dim"), gated=False, bias=bias),
        norm_params=4 * hidden,
    )
    positions = config.count("max_position_embeddings") + _UNUSED_POSITIONS
    ends = Ends(
        tied_by_default=True, final_norm_params=2 * hidden, position_params=positions * hidden
    )
    return decoder(config, uniform(config, block), ends)
