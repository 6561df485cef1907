"""Layers for multi-token prediction: what a checkpoint holds for speculative decoding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.facts.llm import Ahead

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.architectures.layers import Decoder
    from rightrig.facts.llm import Block

_NORMS: Final = 3
_COUNT_KEY: Final = "num_nextn_predict_layers"
_LIKE_THE_LAST: Final = frozenset({
    "deepseek_v3", "deepseek_v32", "kimi_k2", "glm4_moe", "glm_moe_dsa", "mimo",
})  # fmt: skip
"""Families whose layers ahead are their last layer once more."""


def joined_by_projection(decoder: Decoder, layer_count: int, block: Block) -> Decoder:
    """Add layers ahead as DeepSeek-V3 (arXiv:2412.19437, 2.2) has them.

    Beside its block, each has a projection of the joined hidden state and embedding (``2d·d``)
    and three norms: of either, and before the head. Embedding and head are the model's own.
    """
    if not layer_count:
        return decoder
    width = decoder.hidden_size
    blocks = decoder.blocks if block in decoder.blocks else (*decoder.blocks, block)
    ahead = Ahead(
        layer_count=layer_count,
        block=blocks.index(block),
        other_params=2 * width * width + _NORMS * width,
    )
    return replace(decoder, blocks=blocks, ahead=ahead)


def with_ahead(config: Config, decoder: Decoder) -> Decoder:
    """Add the layers ahead that a configuration counts, where they are like the last layer."""
    count = config.amount(_COUNT_KEY)
    if decoder.ahead is not None or config.text("model_type") not in _LIKE_THE_LAST:
        return decoder
    return joined_by_projection(decoder, count, decoder.blocks[decoder.layout[-1][0]])
