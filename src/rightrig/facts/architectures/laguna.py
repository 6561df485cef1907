"""Laguna: every layer has query heads of its own number, a gate on its output, mostly windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    attention_of,
    decoder,
    dense,
    experts_per_token,
    hidden_size,
    layer_count,
    local_layers,
    windowed,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention

_GATES: Final = ("per-head", "per-element")


def _attention(config: Config, heads: int) -> Attention:
    """Return attention with norms on its heads and a gate of one value a head or an element."""
    hidden = hidden_size(config)
    bias = config.flag("attention_bias", default=False)
    kv_heads = config.count("num_key_value_heads", heads)
    attention = with_head_norms(attention_of(config, hidden, heads, kv_heads, bias=bias))
    gate = "per-head" if config.values.get("gating") is True else config.text("gating", _GATES[0])
    if gate not in _GATES:
        raise config.unsupported(
            f"the gating {gate[:40]!a} is not understood yet; understood are {', '.join(_GATES)}"
        )
    width = heads if gate == _GATES[0] else heads * attention.head_dim
    return attention.model_copy(update={"split_params": hidden * width})


def _ffns(config: Config) -> list[Ffn]:
    """Return each layer's feed-forward part: the first is dense unless a list says otherwise."""
    count = config.count("num_experts")
    experts = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("moe_intermediate_size"),
        shared_inner_size=config.amount("shared_expert_intermediate_size"),
        router_bias=True,
    )
    layers = layer_count(config)
    names = config.texts("mlp_layer_types") or ("dense", *["sparse"] * (layers - 1))
    if len(names) != layers or not set(names) <= {"dense", "sparse"}:
        raise config.wrong("mlp_layer_types", f"a list of {layers:,} names, dense or sparse")
    plain = dense(config)
    return [plain if name == "dense" else experts for name in names]


@architecture("laguna")
def read_laguna(config: Config) -> Decoder:
    """Read Laguna."""
    layers = layer_count(config)
    own = config.numbers("num_attention_heads_per_layer")
    heads = own or (config.count("num_attention_heads"),) * layers
    if len(heads) != layers or 0 in heads:
        raise config.wrong("num_attention_heads_per_layer", f"a list of {layers:,} numbers")
    norms = 2 * hidden_size(config)
    slides = local_layers(config, lambda _: False)
    blocks = []
    for count, is_local, ffn in zip(heads, slides, _ffns(config), strict=True):
        full = _attention(config, count)
        attention = windowed(config, full) if is_local else full
        blocks.append(Block(attention=attention, ffn=ffn, norm_params=norms))
    return decoder(config, blocks)
