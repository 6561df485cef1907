"""MiniMax M3: full attention first, then attention to the best blocks of 128 tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    experts_per_token,
    grouped_attention,
    hidden_size,
    marks,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn, Indexer

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_INDEX_KEY_BYTES: Final = 2


def _indexer(config: Config, table: Config) -> Indexer:
    """Return the indexer: heads of queries and one key, both normed; keys cached in BF16."""
    heads, width = table.count("sparse_num_index_heads"), table.count("sparse_index_dim")
    return Indexer(
        head_count=heads,
        head_dim=width,
        topk_tokens=table.count("sparse_topk_blocks") * table.count("sparse_block_size"),
        cached_bytes_per_token=float(_INDEX_KEY_BYTES * width),
        params=hidden_size(config) * (heads + 1) * width + 2 * width,
    )


def _experts(config: Config) -> Ffn:
    count = config.count("num_local_experts")
    shared = config.count("n_shared_experts", 1) * config.amount("shared_intermediate_size")
    return Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
        shared_inner_size=shared,
        router_bias=config.flag("use_routing_bias", default=True),
    )


@architecture(
    "minimax_m3", "minimax_m3_vl", "minimax_m3_vl_text", reads=("sparse_attention_config",)
)
def read_minimax_m3(config: Config) -> Decoder:
    """Read MiniMax M3; lists say which layers are sparse and which have experts."""
    full = grouped_attention(config)
    if config.flag("use_qk_norm", default=True):
        full = with_head_norms(full)
    table = config.table("sparse_attention_config")
    sparse, is_sparse = full, [False] * len(marks(config, "moe_layer_freq", default=True))
    if table is not None and table.flag("use_sparse_attention", default=True):
        sparse = full.model_copy(update={"indexer": _indexer(config, table)})
        is_sparse = marks(config, "sparse_attention_freq", default=True, table=table)
    experts = _experts(config)
    has_experts = marks(config, "moe_layer_freq", default=True)
    plain = experts
    if not all(has_experts):
        plain = Ffn(inner_size=config.count("dense_intermediate_size"))
    norms = 2 * hidden_size(config)
    layers = [
        Block(
            attention=sparse if picks else full,
            ffn=experts if routes else plain,
            norm_params=norms,
        )
        for picks, routes in zip(is_sparse, has_experts, strict=True)
    ]
    return decoder(config, layers)
