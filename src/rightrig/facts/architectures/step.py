"""Step 3.5 and 3.7 Flash: a gate on every head, more query heads in local layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    attention_of,
    decoder,
    dense,
    hidden_size,
    layer_count,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FIRST_WITH_EXPERTS = 3
_IS_LOCAL = {"full_attention": False, "sliding_attention": True}


def _attention(config: Config, heads: int, *, local: bool) -> Attention:
    """Return attention with norms on heads and a learned gate of one value a head."""
    hidden = hidden_size(config)
    kv_heads = config.count(config.first("num_key_value_heads", "num_attention_groups"))
    found = with_head_norms(attention_of(config, hidden, heads, kv_heads))
    update: dict[str, object] = {"split_params": hidden * heads}
    if local:
        update |= {"kind": "sliding", "window_tokens": config.count("sliding_window")}
    return found.model_copy(update=update)


def _local_heads(config: Config) -> int:
    """Return the query heads of local layers, which the hub keeps in a table of their own."""
    own = config.optional_count("num_sliding_attention_heads")
    table = config.table("attention_other_setting")
    if own is None and table is not None:
        own = table.optional_count("num_attention_heads")
    return config.count("num_attention_heads") if own is None else own


def _locals(config: Config) -> list[bool]:
    """Return for each layer whether it is local; the list may end with layers ahead."""
    count = layer_count(config)
    names = config.texts("layer_types")
    if not names:
        return [False] * count
    if len(names) < count or not set(names) <= set(_IS_LOCAL):
        raise config.wrong("layer_types", f"of {', '.join(_IS_LOCAL)} for {count:,} layers")
    return [_IS_LOCAL[name] for name in names[:count]]


def _has_experts(config: Config) -> list[bool]:
    """Return for each layer whether it has experts: all but the first three by default."""
    count = layer_count(config)
    listed = config.values.get("moe_layers_enum")
    if isinstance(listed, str):
        found = {int(part) for part in listed.split(",") if part.strip().isdigit()}
        return [layer in found for layer in range(count)]
    if config.has("moe_layers_enum"):
        numbers = set(config.numbers("moe_layers_enum"))
        return [layer in numbers for layer in range(count)]
    first = config.optional_count("first_k_dense_replace", low=0)
    first = _FIRST_WITH_EXPERTS if first is None else first
    return [layer >= first for layer in range(count)]


def _experts(config: Config) -> Ffn:
    count = config.count(config.first("n_routed_experts", "moe_num_experts", "num_experts"))
    chosen = config.first("num_experts_per_tok", "moe_top_k")
    return Ffn(
        expert_count=count,
        experts_per_token=config.count(chosen, high=count),
        expert_inner_size=config.count("moe_intermediate_size"),
        shared_inner_size=config.count(config.first("share_expert_dim", "share_expert_dims")),
        router_bias=config.flag("use_moe_router_bias", default=True),
    )


@architecture("step3p5", "step3p7", reads=("layer_types", "attention_other_setting"))
def read_step3(config: Config) -> Decoder:
    """Read Step 3.5 and 3.7 Flash (196 B parameters in the language model)."""
    full = _attention(config, config.count("num_attention_heads"), local=False)
    local = _attention(config, _local_heads(config), local=True)
    experts, plain = _experts(config), dense(config)
    norms = 2 * hidden_size(config)
    layers = [
        Block(
            attention=local if is_local else full,
            ffn=experts if routes else plain,
            norm_params=norms,
        )
        for is_local, routes in zip(_locals(config), _has_experts(config), strict=True)
    ]
    return decoder(config, layers)
