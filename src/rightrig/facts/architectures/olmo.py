"""OLMo 2 and 3: norms after each half and over all query and key heads; 3 has local layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    grouped_attention,
    mixed_layers,
    uniform,
    windowed,
    with_wide_norms,
)
from rightrig.facts.architectures.llama import plain_block
from rightrig.facts.architectures.registry import architecture

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention

_FULL_EVERY: Final = 4


def _attention(config: Config) -> Attention:
    """Return full attention with wide norms."""
    bias = config.flag("attention_bias", default=False)
    return with_wide_norms(grouped_attention(config, bias=bias))


@architecture("olmo2")
def read_olmo2(config: Config) -> Decoder:
    """Read OLMo 2."""
    return decoder(config, uniform(config, plain_block(config, _attention(config))))


@architecture("olmo3")
def read_olmo3(config: Config) -> Decoder:
    """Read OLMo 3: three local layers before each full one."""
    full = _attention(config)
    layers = mixed_layers(
        config,
        plain_block(config, full),
        plain_block(config, windowed(config, full)),
        lambda layer: bool((layer + 1) % _FULL_EVERY),
    )
    return decoder(config, layers)
