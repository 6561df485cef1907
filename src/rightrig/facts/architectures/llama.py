"""Llama and what has its shape: Llama 1 to 3, Yi, SmolLM, CodeLlama, Falcon 3, Granite, SmolLM3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    dense,
    hidden_size,
    local_layers,
    mixed_layers,
    plain_attention,
    uniform,
    windowed,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def plain_block(config: Config, attention: Attention) -> Block:
    """Return a layer with two RMS norms and a gated feed-forward part."""
    bias = config.flag("mlp_bias", default=False)
    return Block(
        attention=attention, ffn=dense(config, bias=bias), norm_params=2 * hidden_size(config)
    )


@architecture("llama", "granite")
def read_llama(config: Config) -> Decoder:
    """Read a dense decoder with grouped full attention."""
    # Llama 1 calls its context by another key.
    ends = Ends(context_key=config.first("max_position_embeddings", "max_sequence_length"))
    return decoder(config, uniform(config, plain_block(config, plain_attention(config))), ends)


@architecture("smollm3")
def read_smollm3(config: Config) -> Decoder:
    """Read SmolLM3: Llama's shape, tied; local layers only where ``use_sliding_window``."""
    full = plain_attention(config)
    slides = config.flag("use_sliding_window", default=False)
    local = windowed(config, full) if slides else full
    rope = config.numbers("no_rope_layers")
    if slides and not config.has("layer_types") and len(rope) != len(local_layers(config, bool)):
        raise config.wrong("no_rope_layers", "a list with one number a layer")
    layers = mixed_layers(
        config,
        plain_block(config, full),
        plain_block(config, local),
        lambda layer: slides and bool(rope[layer]),
    )
    return decoder(config, layers, Ends(tied_by_default=True))
