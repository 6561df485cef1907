"""What of a layer's products recomputation does again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.work.weights import matrices_count

if TYPE_CHECKING:
    from rightrig.facts.llm import Block
    from rightrig.work.operators import Operator


def alternate_ratio(op: Operator, block: Block) -> float:
    """Return the share of an operator's products that are done again where every second is kept.

    Of query, key, value, output, gate, up and down the even ones: key, output and up. Nothing
    reads what down puts out; attention is kept (torchtitan, activation_checkpoint.py). Products of
    latent attention alternate too: about half of them, by no certain order.
    """
    attention = block.attention
    if op.kind == "prefill":
        return 0.0
    if op.name == "qkv" and attention is not None:
        if attention.kind == "mla":
            return 0.5
        keys = attention.kv_head_count * attention.head_dim
        values = attention.kv_head_count * attention.value_dim
        return keys / (attention.head_count * attention.head_dim + keys + values)
    if op.kind == "experts" and block.ffn is not None:
        return (matrices_count(block.ffn) - 2.0) / matrices_count(block.ffn)
    if op.name.endswith(": gate, up"):
        return 0.5
    return 0.0 if op.name.endswith((": up", ": down")) else 1.0


def last_ratio(op: Operator, block: Block) -> float:
    """Return the share of an operator's products that come last in a layer: those back down."""
    if op.kind == "experts" and block.ffn is not None:
        return 1.0 / matrices_count(block.ffn)
    return 1.0 if op.name.endswith(": down") else 0.0
