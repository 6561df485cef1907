"""Cohere: Command R, Aya, Command A. One norm feeds attention and feed-forward side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    dense,
    hidden_size,
    mixed_layers,
    plain_attention,
    uniform,
    windowed,
    with_wide_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FULL_EVERY: Final = 4


def _ends(config: Config) -> Ends:
    """Command R serves ``model_max_length`` tokens; its ``max_position_embeddings`` is smaller."""
    key = config.first("model_max_length", "max_position_embeddings")
    return Ends(tied_by_default=True, context_key=key)


def _block(config: Config, attention: Attention) -> Block:
    """Return a layer; Cohere's layer norms have no bias."""
    return Block(attention=attention, ffn=dense(config), norm_params=hidden_size(config))


@architecture("cohere")
def read_cohere(config: Config) -> Decoder:
    """Read Command R and Aya; R+ has a norm of its own for each query and key head."""
    attention = plain_attention(config)
    if config.flag("use_qk_norm", default=False):
        attention = with_wide_norms(attention)
    return decoder(config, uniform(config, _block(config, attention)), _ends(config))


@architecture("cohere2")
def read_cohere2(config: Config) -> Decoder:
    """Read Command R7B and Command A: three local layers before each full one."""
    full = plain_attention(config)
    every = config.count(
        config.first("sliding_window_pattern", "_sliding_window_pattern"), _FULL_EVERY
    )
    layers = mixed_layers(
        config,
        _block(config, full),
        _block(config, windowed(config, full, default=4096)),
        lambda layer: bool((layer + 1) % every),
    )
    return decoder(config, layers, _ends(config))
