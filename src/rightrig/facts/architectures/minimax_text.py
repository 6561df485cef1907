"""MiniMax-Text-01 and M1: lightning attention, with full attention in every eighth layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    experts_per_token,
    grouped_attention,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.mixers import ENGINE_STATE_BITS, layer_order
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn, Recurrent

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention

_KINDS: Final = {"linear_attention": "linear", "full_attention": "full"}
_FULL_EVERY: Final = 8


def lightning(config: Config, attention: Attention) -> Recurrent:
    """Return lightning attention (arXiv:2501.08313): queries, keys, values, a gate, a norm."""
    heads, width = attention.head_count, attention.head_dim
    inner = heads * width
    return Recurrent(
        kind="lightning",
        head_count=heads,
        key_dim=width,
        value_dim=width,
        state_bits=ENGINE_STATE_BITS,
        split_params=5 * hidden_size(config) * inner + inner,
    )


def _is_linear(config: Config) -> list[bool]:
    """Return for each layer whether it is linear: by either list, else by the published rule.

    ``attn_type_list`` marks full layers with a 1. Of the 80 published layers every eighth is
    full (arXiv:2501.08313, 2; arXiv:2506.13585, 2).
    """
    count = layer_count(config)
    order = layer_order(config, ("layer_types",), _KINDS, count)
    if order:
        return [kind == "linear" for kind in order]
    marks = config.numbers("attn_type_list")
    if marks and len(marks) != count:
        raise config.wrong("attn_type_list", f"a list of {count:,} numbers, one a layer")
    if marks:
        return [mark == 0 for mark in marks]
    if config.text("model_type") == "minimax":
        raise config.unsupported(
            "'layer_types' and 'attn_type_list' are both absent, so its layers are not known"
        )
    return [bool((layer + 1) % _FULL_EVERY) for layer in range(count)]


@architecture("minimax_text_01", "minimax_m1", "minimax", reads=("layer_types",))
def read_minimax_text(config: Config) -> Decoder:
    """Read MiniMax-Text-01 and M1, experts in every layer."""
    if config.amount("shared_intermediate_size"):
        raise config.unsupported(
            "MiniMax with a shared expert ('shared_intermediate_size') is not understood yet"
        )
    count = config.count("num_local_experts")
    ffn = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
    )
    attention, norms = grouped_attention(config), 2 * hidden_size(config)
    linear = Block(recurrent=lightning(config, attention), ffn=ffn, norm_params=norms)
    full = Block(attention=attention, ffn=ffn, norm_params=norms)
    return decoder(config, [linear if layer else full for layer in _is_linear(config)])
