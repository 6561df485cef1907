"""The matrices of a model as llama.cpp stores them, with the names that its quantiser reads.

Names and shapes are those that llama.cpp's loaders ask for (repository ggml-org/llama.cpp,
src/models/*.cpp, 2026-10). Vectors (norms, biases, sinks) are no part of the list: they stay
at 32 bits.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Attention, Block, Ffn, Llm, TensorClass

Role = Literal[
    "token_embd", "output", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up",
    "ffn_down", "other", "router",
]  # fmt: skip
"""What the quantiser takes a matrix for; fused query-key-value matrices count as values."""

_FUSED_QKV: Final = frozenset({"phi3", "falcon"})
_FUSED_GATE: Final = frozenset({"phi3"})


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix, or one stack of experts' matrices.

    Attributes:
        name: After the layer's number, without ``.weight``.
        shape: Fastest dimension first; the quantiser's blocks run along it.
        role: What the quantiser takes it for.
        kind: Our class of its parameters.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    kind: TensorClass

    @property
    def params_count(self) -> int:
        """Weights in it."""
        return math.prod(self.shape)


@functools.lru_cache(maxsize=1024)
def layer_matrices(llm: Llm, block_index: int) -> tuple[Matrix, ...]:
    """Return the matrices of one kind of layer; none for a recurrent mixer."""
    block = llm.blocks[block_index]
    found = list(_attention_matrices(llm, block))
    if block.ffn is not None:
        found += _ffn_matrices(llm, block.ffn)
        found += _expert_matrices(llm, block.ffn)
    return tuple(found)


def _attention_matrices(llm: Llm, block: Block) -> Iterator[Matrix]:
    """Yield the projections of attention."""
    attention = block.attention
    if attention is None or attention.kind == "compressed":
        return
    if attention.kind == "mla":
        yield from _latent_matrices(llm, attention)
        return
    hidden = llm.hidden_size
    query = attention.head_count * attention.head_dim
    key = attention.kv_head_count * attention.head_dim
    value = attention.kv_head_count * attention.value_dim
    if llm.family in _FUSED_QKV:
        yield Matrix("attn_qkv", (hidden, query + key + value), "attn_v", "attention")
    else:
        yield Matrix("attn_q", (hidden, query), "attn_q", "attention")
        if not attention.shares_kv:
            yield Matrix("attn_k", (hidden, key), "attn_k", "attention")
            if not attention.keys_are_values:
                yield Matrix("attn_v", (hidden, value), "attn_v", "attention")
    width = attention.head_count * attention.value_dim
    yield Matrix("attn_output", (width, hidden), "attn_output", "attention")


def _latent_matrices(llm: Llm, attention: Attention) -> Iterator[Matrix]:
    """Yield the projections of multi-head latent attention, absorbed form (deepseek2.cpp)."""
    hidden, heads = llm.hidden_size, attention.head_count
    latent, rope = attention.kv_lora_rank, attention.rope_head_dim
    nope, rank = attention.nope_head_dim, attention.query_lora_rank
    query = heads * attention.head_dim
    if rank:
        yield Matrix("attn_q_a", (hidden, rank), "other", "attention")
        yield Matrix("attn_q_b", (rank, query), "other", "attention")
    else:
        yield Matrix("attn_q", (hidden, query), "attn_q", "attention")
    yield Matrix("attn_kv_a_mqa", (hidden, latent + rope), "other", "attention")
    yield Matrix("attn_k_b", (nope, latent, heads), "other", "attention")
    yield Matrix("attn_v_b", (latent, attention.value_dim, heads), "other", "attention")
    width = heads * attention.value_dim
    yield Matrix("attn_output", (width, hidden), "attn_output", "attention")


def _ffn_matrices(llm: Llm, ffn: Ffn) -> Iterator[Matrix]:
    """Yield the dense feed-forward matrices."""
    hidden, inner = llm.hidden_size, ffn.inner_size
    if not inner:
        return
    if llm.family in _FUSED_GATE:
        yield Matrix("ffn_up", (hidden, 2 * inner), "ffn_up", "ffn")
    else:
        if ffn.gated:
            yield Matrix("ffn_gate", (hidden, inner), "ffn_gate", "ffn")
        yield Matrix("ffn_up", (hidden, inner), "ffn_up", "ffn")
    yield Matrix("ffn_down", (inner, hidden), "ffn_down", "ffn")


def _expert_matrices(llm: Llm, ffn: Ffn) -> Iterator[Matrix]:
    """Yield the router, the routed experts' stacks and the shared expert."""
    if ffn.expert_count:
        hidden = ffn.expert_hidden_size or llm.hidden_size
        count, inner = ffn.expert_count, ffn.expert_inner_size
        yield Matrix("ffn_gate_inp", (llm.hidden_size, count), "router", "router")
        if ffn.gated:
            yield Matrix("ffn_gate_exps", (hidden, inner, count), "ffn_gate", "expert")
        yield Matrix("ffn_up_exps", (hidden, inner, count), "ffn_up", "expert")
        yield Matrix("ffn_down_exps", (inner, hidden, count), "ffn_down", "expert")
    if ffn.shared_inner_size:
        hidden, inner = llm.hidden_size, ffn.shared_inner_size
        if ffn.gated:
            yield Matrix("ffn_gate_shexp", (hidden, inner), "ffn_gate", "shared_expert")
        yield Matrix("ffn_up_shexp", (hidden, inner), "ffn_up", "shared_expert")
        yield Matrix("ffn_down_shexp", (inner, hidden), "ffn_down", "shared_expert")


def vocabulary_matrix(llm: Llm, role: Literal["token_embd", "output"]) -> Matrix:
    """Return the input embedding or the output matrix."""
    kind: TensorClass = "embedding" if role == "token_embd" else "head"
    return Matrix(role, (llm.hidden_size, llm.vocab_size), role, kind)
