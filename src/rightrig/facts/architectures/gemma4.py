"""Gemma 4: wider heads in full layers, shared caches, embeddings of each layer, experts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    hidden_size,
    layer_count,
    local_layers,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FULL_EVERY: Final = 6
_FULL_HEAD_DIM: Final = 512
_KEYS: Final = (
    "num_kv_shared_layers", "hidden_size_per_layer_input", "attention_k_eq_v", "per_layer_config",
)  # fmt: skip


def _own(config: Config, layer: int) -> Config | None:
    """Return what ``per_layer_config`` says of a layer, whose key may begin with a zero."""
    table = config.table("per_layer_config")
    if table is None:
        return None
    return table.table(f"{layer:02d}") or table.table(str(layer))


def _attention(config: Config, layer: int, *, local: bool) -> Attention:
    """Return a layer's attention: full ones have other heads, and may have no values."""
    heads, width = config.count("num_attention_heads"), config.count("head_dim")
    kv_heads = config.count("num_key_value_heads")
    keys_only = config.flag("attention_k_eq_v", default=False) and not local
    if not local:
        width = config.count("global_head_dim", _FULL_HEAD_DIM)
        kv_heads = config.count("num_global_key_value_heads", kv_heads) if keys_only else kv_heads
        own = _own(config, layer)
        if own is not None:
            width = own.count("head_dim", width)
            kv_heads = own.count("num_key_value_heads", kv_heads)
    bias = config.flag("attention_bias", default=False)
    shares = layer >= layer_count(config) - config.amount("num_kv_shared_layers")
    return Attention(
        kind="sliding" if local else "full",
        head_count=heads,
        kv_head_count=kv_heads,
        head_dim=width,
        window_tokens=config.count("sliding_window") if local else None,
        bias=bias,
        output_bias=bias,
        qk_norm_params=width if shares else 2 * width,
        keys_are_values=keys_only,
        shares_kv=shares,
    )


def _ffn(config: Config, *, shares: bool) -> Ffn:
    """Return the dense part, twice as wide where keys are shared, and experts beside it.

    The router scales its input (one value a channel) and each expert's output.
    """
    inner = config.count("intermediate_size")
    if shares and config.flag("use_double_wide_mlp", default=False):
        inner *= 2
    if not config.flag("enable_moe_block", default=False):
        return Ffn(inner_size=inner)
    count = config.count("num_experts")
    chosen = config.first("top_k_experts", "num_experts_per_tok")
    return Ffn(
        inner_size=inner,
        expert_count=count,
        experts_per_token=config.count(chosen, high=count),
        expert_inner_size=config.count("moe_intermediate_size"),
        router_params=hidden_size(config) + count,
    )


def _block(config: Config, layer: int, *, local: bool) -> Block:
    """Return a layer: four norms and a scale, three more norms with experts."""
    hidden, narrow = hidden_size(config), config.amount("hidden_size_per_layer_input")
    attention = _attention(config, layer, local=local)
    ffn = _ffn(config, shares=attention.shares_kv)
    norms = 4 + (3 if ffn.expert_count else 0) + (1 if narrow else 0)
    return Block(
        attention=attention,
        ffn=ffn,
        norm_params=norms * hidden + 1,
        other_params=2 * hidden * narrow,
    )


@architecture("gemma4", "gemma4_text", reads=_KEYS)
def read_gemma4(config: Config) -> Decoder:
    """Read Gemma 4; the last layer is full, whatever its configuration prints.

    The last ``num_kv_shared_layers`` use the cache of the last layer of their kind before them.
    """
    last = layer_count(config) - 1
    is_local = local_layers(config, lambda layer: bool((layer + 1) % _FULL_EVERY))
    layers = [
        _block(config, layer, local=local and layer != last) for layer, local in enumerate(is_local)
    ]
    narrow = config.amount("hidden_size_per_layer_input") * layer_count(config)
    words = config.count("vocab_size_per_layer_input", config.count("vocab_size"))
    hidden = hidden_size(config)
    ends = Ends(
        tied_by_default=True,
        final_norm_params=hidden + config.amount("hidden_size_per_layer_input"),
        layer_embedding_params=words * narrow,
        other_params=hidden * narrow,
    )
    return decoder(config, layers, ends)
