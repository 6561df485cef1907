"""MPT: ALiBi, norms without biases, no gate, tied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import Decoder, Ends, attention_of, decoder
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def _is_plain(config: Config) -> bool:
    """Whether the model has what the published 7B and 30B have."""
    attention = config.table("attn_config")
    return (
        attention is not None
        and config.flag("no_bias", default=True)
        and attention.flag("alibi", default=False)
        and not attention.flag("qk_ln", default=False)
        and attention.text("attn_type", "multihead_attention") == "multihead_attention"
    )


@architecture("mpt")
def read_mpt(config: Config) -> Decoder:
    """Read MPT without biases and with ALiBi."""
    if not _is_plain(config):
        raise config.unsupported(
            "MPT with biases, learned positions, norms on queries or shared heads is not "
            "understood yet ('no_bias' and 'attn_config')"
        )
    hidden, heads = config.count("d_model"), config.count("n_heads")
    block = Block(
        attention=attention_of(config, hidden, heads, heads),
        ffn=Ffn(inner_size=config.count("expansion_ratio", 4) * hidden, gated=False),
        norm_params=2 * hidden,
    )
    ends = Ends(tied_by_default=True, context_key="max_seq_len")
    return decoder(config, [block] * config.count("n_layers"), ends)
