"""Mamba 1 and 2, Falcon Mamba: nothing but state-space mixers behind norms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import Decoder, Ends, decoder, hidden_size, layer_count
from rightrig.facts.architectures.mixers import (
    ENGINE_STATE_BITS,
    Mamba1,
    Mamba2,
    mamba1_mixer,
    mamba2_mixer,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Recurrent

_READS: Final = ("layer_types", "state_size", "ssm_cfg")
# A state of constant size has no longest context and most configurations state none; the
# record needs a bound.
_CONTEXT_TOKENS: Final = 1_048_576


def _stacked(config: Config, mixer: Recurrent, *, tied_by_default: bool) -> Decoder:
    """Return a model of equal mixers."""
    block = Block(recurrent=mixer, norm_params=hidden_size(config))
    ends = Ends(tied_by_default=tied_by_default, context_by_default_tokens=_CONTEXT_TOKENS)
    return decoder(config, [block] * layer_count(config), ends)


@architecture("mamba", "falcon_mamba", reads=_READS)
def read_mamba(config: Config) -> Decoder:
    """Read Mamba 1 in the words of transformers. Falcon's norms inside have no parameters."""
    hidden = hidden_size(config)
    words = Mamba1(
        inner_size=config.count("intermediate_size", config.count("expand", 2) * hidden),
        state_key="state_size",
        kernel_key="conv_kernel",
        rank_key="time_step_rank",
        bias_key="use_bias",
        conv_bias_key="use_conv_bias",
    )
    return _stacked(config, mamba1_mixer(config, hidden, words), tied_by_default=True)


@architecture("mamba2", reads=_READS)
def read_mamba2(config: Config) -> Decoder:
    """Read Mamba 2 in the words of transformers."""
    size = Mamba2(
        head_count=config.count("num_heads"),
        head_dim=config.count("head_dim"),
        group_count=config.count("n_groups", 8),
        state_size=config.count("state_size", 128),
        kernel=config.count("conv_kernel", 4),
        bias=config.flag("use_bias", default=False),
        conv_bias=config.flag("use_conv_bias", default=True),
        state_bits=ENGINE_STATE_BITS,
    )
    return _stacked(config, mamba2_mixer(hidden_size(config), size), tied_by_default=False)
