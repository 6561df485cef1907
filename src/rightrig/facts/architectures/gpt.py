"""The GPT line: GPT-2, GPT-J, GPT-NeoX and Pythia. Layer norms, no gate, all heads keep keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    attention_of,
    decoder,
    dense,
    grouped_attention,
    hidden_size,
    uniform,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions that GPT-2's descendants name by their own keys."""

    hidden_size: int
    head_count: int
    layer_count: int
    context_key: str


def gpt_shape(config: Config) -> Shape:
    """Return the dimensions by GPT-2's keys, or by the usual ones where a copy prints those."""
    return Shape(
        hidden_size=config.count(config.first("n_embd", "hidden_size")),
        head_count=config.count(config.first("n_head", "num_attention_heads")),
        layer_count=config.count(config.first("n_layer", "num_hidden_layers")),
        context_key=config.first("n_positions", "max_position_embeddings"),
    )


def _layer(config: Config, shape: Shape, attention: Attention, norms_count: int) -> Block:
    """Return a layer whose feed-forward part has biases and four times the hidden size."""
    hidden = shape.hidden_size
    inner = config.count(config.first("n_inner", "intermediate_size"), 4 * hidden)
    return Block(
        attention=attention,
        ffn=Ffn(inner_size=inner, gated=False, bias=True),
        norm_params=norms_count * 2 * hidden,
    )


def learned_positions(config: Config, *, kv_head_count: int | None = None) -> Decoder:
    """Return GPT-2: biases everywhere, tied embeddings, one learned vector a position."""
    shape = gpt_shape(config)
    hidden, heads = shape.hidden_size, shape.head_count
    kv_heads = heads if kv_head_count is None else kv_head_count
    attention = attention_of(config, hidden, heads, kv_heads, bias=True)
    ends = Ends(
        tied_by_default=True,
        final_norm_params=2 * hidden,
        position_params=config.count(shape.context_key) * hidden,
        context_key=shape.context_key,
    )
    return decoder(config, [_layer(config, shape, attention, 2)] * shape.layer_count, ends)


@architecture("gpt2")
def read_gpt2(config: Config) -> Decoder:
    """Read GPT-2."""
    return learned_positions(config)


@architecture("gptj")
def read_gptj(config: Config) -> Decoder:
    """Read GPT-J: rotary positions, no biases in attention, one norm a layer, a head with bias."""
    shape = gpt_shape(config)
    heads = shape.head_count
    attention = attention_of(config, shape.hidden_size, heads, heads)
    ends = Ends(
        final_norm_params=2 * shape.hidden_size, head_bias=True, context_key=shape.context_key
    )
    return decoder(config, [_layer(config, shape, attention, 1)] * shape.layer_count, ends)


@architecture("gpt_neox")
def read_gpt_neox(config: Config) -> Decoder:
    """Read GPT-NeoX and Pythia: two norms a layer, biases everywhere, untied."""
    hidden = hidden_size(config)
    bias = config.flag("attention_bias", default=True)
    block = Block(
        attention=grouped_attention(config, bias=bias),
        ffn=dense(config, gated=False, bias=True),
        norm_params=4 * hidden,
    )
    return decoder(config, uniform(config, block), Ends(final_norm_params=2 * hidden))
