"""DeciLM: a search over architectures gave each layer its own heads and widths (NAS)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    attention_of,
    decoder,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.llama import plain_block
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_WIDTH_STEP: Final = 256
_MOST_WIDTHS: Final = 1_000
_LOCAL_KEYS: Final = ("window_length", "num_sink_tokens")


def _layer_tables(config: Config) -> list[Config]:
    """Return one table a layer."""
    tables = config.tables("block_configs")
    if len(tables) != layer_count(config):
        raise config.wrong(
            "block_configs", f"a list of {layer_count(config):,} tables, one a layer"
        )
    return tables


def _inner_size(config: Config, table: Config) -> int:
    """Return two thirds of ``ffn_mult`` hidden sizes, rounded up to a multiple of 256."""
    if table.has("intermediate_size"):
        return table.count("intermediate_size")
    share = table.values.get("ffn_mult")
    if not isinstance(share, int | float) or not 0 < share < _MOST_WIDTHS:
        raise table.wrong("ffn_mult", f"a number between 0 and {_MOST_WIDTHS:,}")
    inner = int(2 * share * hidden_size(config) / 3)
    return math.ceil(inner / _WIDTH_STEP) * _WIDTH_STEP


def _attention(config: Config, table: Config) -> Attention | None:
    """Return the attention of a layer, or ``None`` where it has none of its own."""
    if table.flag("no_op", default=False) or table.flag("replace_with_linear", default=False):
        return None
    if any(table.has(key) for key in _LOCAL_KEYS):
        raise config.unsupported("windows in 'block_configs' are not understood yet")
    heads = config.count("num_attention_heads")
    groups = table.count("n_heads_in_group", high=heads)
    bias = config.flag("attention_bias", default=False)
    return attention_of(config, hidden_size(config), heads, heads // groups, bias=bias)


def _block(config: Config, layer: Config) -> Block:
    """Return a layer; a half that is left out has no norm, a linear one keeps it."""
    hidden = hidden_size(config)
    halves = (layer.table("attention"), layer.table("ffn"))
    if halves[0] is None or halves[1] is None:
        raise config.wrong("block_configs", "a table of 'attention' and 'ffn' for each layer")
    attention, ffn_table = halves[0], halves[1]
    linear = sum(half.flag("replace_with_linear", default=False) for half in (attention, ffn_table))
    skipped = sum(half.flag("no_op", default=False) for half in (attention, ffn_table))
    has_ffn = not (
        ffn_table.flag("no_op", default=False)
        or ffn_table.flag("replace_with_linear", default=False)
    )
    return Block(
        attention=_attention(config, attention),
        ffn=Ffn(inner_size=_inner_size(config, ffn_table)) if has_ffn else None,
        norm_params=(2 - skipped) * hidden,
        other_params=linear * hidden * hidden,
    )


@architecture("nemotron-nas", reads=("block_configs",))
def read_nemotron_nas(config: Config) -> Decoder:
    """Read Llama Nemotron Super and Ultra, whose layers are listed one by one."""
    return decoder(config, [_block(config, layer) for layer in _layer_tables(config)])


@architecture("deci")
def read_deci(config: Config) -> Decoder:
    """Read DeciLM 7B: Llama's shape with its own number of key-value heads in each layer.

    vLLM's first versions loaded all layers with the most key-value heads of any (4).
    """
    if config.has("block_configs"):
        return read_nemotron_nas(config)
    heads, hidden = config.count("num_attention_heads"), hidden_size(config)
    kv_heads = config.numbers("num_key_value_heads_per_layer")
    if len(kv_heads) != layer_count(config):
        raise config.wrong("num_key_value_heads_per_layer", "a list of one number a layer")
    layers = [
        plain_block(config, attention_of(config, hidden, heads, max(1, count)))
        for count in kv_heads
    ]
    return decoder(config, layers)
