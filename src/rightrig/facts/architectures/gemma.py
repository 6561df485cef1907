"""Gemma 1 to 3: tied embeddings, wide heads; from 2 on four norms a layer and local layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.common import Config
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
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIED: Final = Ends(tied_by_default=True)
_FULL_EVERY: Final = 6
# The published configurations of Gemma 3 leave out what equals the defaults of the
# library's class (the 4B one states neither its heads nor its vocabulary).
_GEMMA3_DEFAULTS: Final[Mapping[str, object]] = {
    "vocab_size": 262_208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131_072,
    "sliding_window": 4096,
}


def _mixed(config: Config, full: Attention, is_local: Callable[[int], bool]) -> Decoder:
    """Return layers with a norm before and after each half, local by the rule."""
    ffn = dense(config)
    norms = 4 * hidden_size(config)
    local = windowed(config, full)
    layers = mixed_layers(
        config,
        Block(attention=full, ffn=ffn, norm_params=norms),
        Block(attention=local, ffn=ffn, norm_params=norms),
        is_local,
    )
    return decoder(config, layers, _TIED)


@architecture("gemma")
def read_gemma(config: Config) -> Decoder:
    """Read Gemma 1."""
    block = Block(
        attention=plain_attention(config), ffn=dense(config), norm_params=2 * hidden_size(config)
    )
    return decoder(config, uniform(config, block), _TIED)


@architecture("gemma2")
def read_gemma2(config: Config) -> Decoder:
    """Read Gemma 2: local and full layers take turns, local first."""
    return _mixed(config, plain_attention(config), lambda layer: layer % 2 == 0)


@architecture("gemma3", "gemma3_text")
def read_gemma3(config: Config) -> Decoder:
    """Read Gemma 3: five local layers before each full one, norms on queries and keys."""
    printed = {key: value for key, value in config.values.items() if value is not None}
    config = Config({**_GEMMA3_DEFAULTS, **printed}, config.name)
    every = config.count(
        config.first("sliding_window_pattern", "_sliding_window_pattern"), _FULL_EVERY
    )
    return _mixed(
        config, with_head_norms(plain_attention(config)), lambda layer: bool((layer + 1) % every)
    )
