"""MPT: ALiBi without biases, or learned positions with them; no gate, tied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import Decoder, Ends, attention_of, decoder
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def _refuse_variants(config: Config, attention: Config) -> None:
    """Refuse what no published size has: shared key-value heads, norms on queries and keys."""
    if (
        attention.flag("qk_ln", default=False)
        or attention.text("attn_type", "multihead_attention") != "multihead_attention"
    ):
        raise config.unsupported(
            "MPT with norms on queries or shared heads is not understood yet ('attn_config')"
        )


@architecture("mpt")
def read_mpt(config: Config) -> Decoder:
    """Read MPT: published ones have ALiBi and no biases, LLM Foundry's recipes the opposite.

    Without ALiBi or rotary positions each position has a learned vector.
    """
    attention = config.table("attn_config")
    if attention is None:
        raise config.unsupported("MPT without 'attn_config' is not understood yet")
    _refuse_variants(config, attention)
    bias = not config.flag("no_bias", default=True)
    hidden, heads = config.count("d_model"), config.count("n_heads")
    norm = hidden * (2 if bias else 1)
    rotates = attention.flag("alibi", default=False) or attention.flag("rope", default=False)
    learns = config.flag("learned_pos_emb", default=True) and not rotates
    block = Block(
        attention=attention_of(config, hidden, heads, heads, bias=bias),
        ffn=Ffn(inner_size=config.count("expansion_ratio", 4) * hidden, gated=False, bias=bias),
        norm_params=2 * norm,
    )
    ends = Ends(
        tied_by_default=True,
        final_norm_params=norm,
        position_params=config.count("max_seq_len") * hidden if learns else 0,
        context_key="max_seq_len",
    )
    return decoder(config, [block] * config.count("n_layers"), ends)
