"""DeepSeek V4: one entry for several tokens, four residual streams, experts in FP4."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.deepseek import routed_experts
from rightrig.facts.architectures.deepseek_sparse import index_key_bytes
from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn, Indexer

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_RATIOS: Final = {
    "sliding_attention": 0,
    "compressed_sparse_attention": 4,
    "heavily_compressed_attention": 128,
}
_OVERLAPPING: Final = 4
_KEYS: Final = ("index_topk", "index_n_heads", "compress_ratios", "layer_types")


def _ratios(config: Config) -> list[int]:
    """Return for each layer how many tokens share one entry; 0 for a window alone.

    The list of the hub also has the layers for multi-token prediction, last.
    """
    count = layer_count(config)
    words = config.texts("layer_types")
    if words:
        if not set(words) <= set(_RATIOS):
            raise config.wrong("layer_types", f"of {', '.join(_RATIOS)}")
        ratios = [_RATIOS[word] for word in words]
    else:
        ratios = list(config.numbers("compress_ratios"))
    if len(ratios) < count or not set(ratios) <= set(_RATIOS.values()):
        raise config.wrong("compress_ratios", f"0, 4 or 128 for each of {count:,} layers")
    return ratios[:count]


def _compressor_params(hidden: int, width: int, ratio: int) -> int:
    """Return a compressor's: keys-and-values and gates, positions, one norm.

    Where entries overlap (ratio 4) each token is projected twice.
    """
    if not ratio:
        return 0
    wide = width * (2 if ratio == _OVERLAPPING else 1)
    return 2 * hidden * wide + ratio * wide + width


def _indexer(config: Config) -> Indexer:
    """Return the indexer; its compressor is counted with the layer's other matrices."""
    heads, width = config.count("index_n_heads"), config.count("index_head_dim")
    return Indexer(
        head_count=heads,
        head_dim=width,
        topk_tokens=config.count("index_topk"),
        cached_bytes_per_token=index_key_bytes(width),
        params=config.count("q_lora_rank") * heads * width + hidden_size(config) * heads,
    )


def _attention(config: Config, ratio: int) -> Attention:
    """Return attention with one key that is the value too, and a low-rank grouped output.

    Ranks divide what makes the heads and what joins them; the projections to the two latents
    and their norms are whole.
    """
    hidden, heads = hidden_size(config), config.count("num_attention_heads")
    width, rank = config.count("head_dim"), config.count("q_lora_rank")
    outputs = config.count("o_groups") * config.count("o_lora_rank")
    joined = heads * width // config.count("o_groups") * outputs
    return Attention(
        kind="compressed",
        head_count=heads,
        kv_head_count=config.count("num_key_value_heads", 1, high=1),
        head_dim=width,
        rope_head_dim=config.count("qk_rope_head_dim"),
        query_lora_rank=rank,
        window_tokens=config.count("sliding_window"),
        compression_tokens=ratio,
        output_group_count=config.count("o_groups"),
        sink_params=heads,
        split_params=rank * heads * width + joined + outputs * hidden,
        whole_params=hidden * (rank + width) + rank + width,
        indexer=_indexer(config) if ratio == _OVERLAPPING else None,
    )


def _block(config: Config, ratio: int, ffn: Ffn) -> Block:
    """Return a layer: attention, experts, and two joints of the residual streams.

    A joint maps all streams to weights for reading, writing and mixing them. Joints and
    compressors stay at 16 bits or more in every checkpoint.
    """
    hidden, streams = hidden_size(config), config.count("hc_mult")
    weights = (2 + streams) * streams
    joint = weights * streams * hidden + weights + 3
    other = 2 * joint + _compressor_params(hidden, config.count("head_dim"), ratio)
    if ratio == _OVERLAPPING:
        other += _compressor_params(hidden, config.count("index_head_dim"), ratio)
    return Block(
        attention=_attention(config, ratio), ffn=ffn, norm_params=2 * hidden, other_params=other
    )


@architecture("deepseek_v4", "deepseek_ref", reads=_KEYS)
def read_deepseek_v4(config: Config) -> Decoder:
    """Read DeepSeek V4; ``deepseek_ref`` is what copies converted to plain FP8 call it.

    The table of hashed experts (whole numbers, one row a token) is no parameter.
    """
    hashed = config.amount("num_hash_layers")
    layers = [
        # Hashed layers look their experts up by the token, without a correction.
        _block(config, ratio, routed_experts(config, router_bias=layer >= hashed))
        for layer, ratio in enumerate(_ratios(config))
    ]
    streams = config.count("hc_mult")
    head = streams * streams * hidden_size(config) + streams + 1
    found = decoder(config, layers, Ends(other_params=head))
    return replace(found, kept_16bit=("ffn",))
