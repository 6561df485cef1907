"""The matrix products of a model's layers, from its record: what k and n a serving engine meets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Attention, Block, Ffn, Llm

PLAIN: Final = frozenset({"full", "sliding", "chunked"})
"""Kinds of attention that keep keys and values of every head."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One product of a layer: ``y[m×n] = x[m×k] · W[k×n]``.

    Attributes:
        name: ``qkv``, ``o``, ``gate_up``, ``down``, ``expert_gate_up``, ``lm_head`` …
        inputs_count: k.
        outputs_count: n.
    """

    model: str
    name: str
    inputs_count: int
    outputs_count: int

    @property
    def params_count(self) -> int:
        """Weights: k·n."""
        return self.inputs_count * self.outputs_count


def shapes_of(llm: Llm, model: str) -> tuple[Shape, ...]:
    """Return the distinct products of a model, engines' fused ones: qkv together, gate with up.

    Products of latents (MLA), of recurrent mixers and of compressed attention are left out;
    :func:`uncovered` names them.
    """
    found = [(name, k, n) for block in llm.blocks for name, k, n in _of_block(block, llm)]
    found.append(("lm_head", llm.hidden_size, llm.vocab_size))
    return tuple(Shape(model, name, k, n) for name, k, n in dict.fromkeys(found))


def _of_block(block: Block, llm: Llm) -> Iterator[tuple[str, int, int]]:
    """Yield the products of one kind of layer."""
    hidden = llm.hidden_size
    if block.attention is not None and block.attention.kind in PLAIN:
        yield from _of_attention(block.attention, hidden)
    if block.ffn is not None:
        yield from _of_ffn(block.ffn, hidden)


def _of_attention(attention: Attention, hidden: int) -> Iterator[tuple[str, int, int]]:
    """Yield the projections of attention."""
    queries = attention.head_count * attention.head_dim
    values = 0 if attention.keys_are_values else attention.kv_head_count * attention.value_dim
    cached = attention.kv_head_count * attention.head_dim + values
    yield "qkv", hidden, queries + (0 if attention.shares_kv else cached)
    yield "o", attention.head_count * attention.value_dim, hidden


def _of_ffn(ffn: Ffn, hidden: int) -> Iterator[tuple[str, int, int]]:
    """Yield the products of a feed-forward part; of routed experts those of one."""
    first, wide = ("gate_up", 2) if ffn.gated else ("up", 1)
    sizes = (
        ("", ffn.inner_size, hidden),
        ("shared_", ffn.shared_inner_size, hidden),
        ("expert_", ffn.expert_inner_size, ffn.expert_hidden_size or hidden),
    )
    for prefix, inner, outer in sizes:
        if inner:
            yield f"{prefix}{first}", outer, wide * inner
            yield f"{prefix}down", inner, outer


def uncovered(llm: Llm) -> str:
    """Return what of a model's layers the stack cannot build; empty where it can build all.

    The stack is dense: attention with keys and values of every head, and a feed-forward part
    without experts, since what experts cost hangs on kernels that PyTorch does not have.
    """
    for block in llm.blocks:
        attention = block.attention
        if block.recurrent is not None:
            return f"recurrent mixers ({block.recurrent.kind})"
        if attention is not None and attention.kind not in PLAIN:
            return f"{attention.kind} attention"
        if attention is not None and (attention.shares_kv or attention.indexer is not None):
            return "attention that takes keys or choices of another layer"
        if attention is not None and attention.value_dim != attention.head_dim:
            return "values of another width than keys"
        if block.ffn is not None and block.ffn.expert_count:
            return "mixtures of experts"
    return ""
