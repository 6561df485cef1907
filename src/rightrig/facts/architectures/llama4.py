"""Llama 4: chunked attention with full layers between, experts with one shared expert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    experts_per_token,
    grouped_attention,
    hidden_size,
    layer_count,
    local_layers,
    windowed,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FULL_EVERY: Final = 4
_DEFAULT_CHUNK: Final = 8192


def _expert_layers(config: Config) -> frozenset[int]:
    """Return the layers that are mixtures of experts: listed, or every n-th."""
    if config.has("moe_layers"):
        return frozenset(config.numbers("moe_layers"))
    step = config.count("interleave_moe_layer_step", 1)
    return frozenset(range(step - 1, layer_count(config), step))


def _ffn_pair(config: Config) -> tuple[Ffn, Ffn]:
    """Return the dense feed-forward part and the mixture of experts."""
    width = config.count("intermediate_size")
    count = config.count("num_local_experts")
    experts = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=width,
        shared_inner_size=width,
    )
    return Ffn(inner_size=config.count("intermediate_size_mlp", width)), experts


@architecture("llama4_text")
def read_llama4(config: Config) -> Decoder:
    """Read Llama 4. Its norms on queries and keys have no parameters.

    Three layers of four rotate positions and attend within their chunk; ``no_rope_layers``
    lists them with a 1, and the rest attend to everything.
    """
    bias = config.flag("attention_bias", default=False)
    full = grouped_attention(config, bias=bias)
    local = windowed(config, full, "attention_chunk_size", "chunked", _DEFAULT_CHUNK)
    rope = config.numbers("no_rope_layers")
    if rope and len(rope) != layer_count(config):
        raise config.wrong("no_rope_layers", "a list with one number a layer")
    chunked = local_layers(
        config, lambda layer: bool(rope[layer]) if rope else bool((layer + 1) % _FULL_EVERY)
    )
    dense, experts = _ffn_pair(config)
    sparse = _expert_layers(config)
    norms = 2 * hidden_size(config)
    kinds = {
        (is_local, is_sparse): Block(
            attention=local if is_local else full,
            ffn=experts if is_sparse else dense,
            norm_params=norms,
        )
        for is_local in (False, True)
        for is_sparse in (False, True)
    }
    layers = [kinds[is_local, layer in sparse] for layer, is_local in enumerate(chunked)]
    return decoder(config, layers)
