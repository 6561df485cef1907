"""Operators: what one engine step does, kind by kind, on one tensor-parallel rank.

Every quantity may be a float or a NumPy array (an operating point an element), so that one
formula serves a single prediction and a search over thousands of candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACTIVATION_BYTES: Final = 2.0
"""Activations are 16-bit."""
Floats: TypeAlias = "float | NDArray[np.float64]"
OperatorKind = Literal[
    "gemm", "experts", "head", "attention", "prefill", "rows", "all_reduce", "send"
]


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of work of a step, summed over the layers that do it.

    Attributes:
        name: As people call it: ``qkv``, ``attention decode``, ``all-reduce`` …
        kind: Which ceiling it meets.
        flop: Floating-point operations.
        moved_bytes: Read from and written to the card's memory.
        message_bytes: Of one message, for what is sent between cards.
        launches_count: How many kernels or messages.
    """

    name: str
    kind: OperatorKind
    flop: Floats = 0.0
    moved_bytes: Floats = 0.0
    message_bytes: Floats = 0.0
    launches_count: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """The tokens that one step works on.

    Attributes:
        decode_seqs: Sequences that get one token each.
        context_tokens: Their mean context.
        prefill_tokens: Prompt tokens in the same step.
        prefill_context_tokens: Mean tokens that a prompt token attends to.
        head_rows_count: Rows that need logits.
    """

    decode_seqs: Floats
    context_tokens: Floats
    prefill_tokens: Floats = 0.0
    prefill_context_tokens: Floats = 0.0
    head_rows_count: Floats = 1.0

    @property
    def rows_count(self) -> Floats:
        """Rows of every matrix product."""
        return self.decode_seqs + self.prefill_tokens


def gemm_flop(rows_count: Floats, params_count: Floats) -> Floats:
    """Return ``2·m·k·n`` of a product of ``rows`` with a matrix of ``params`` = k·n (F5.1)."""
    return 2.0 * rows_count * params_count


def gemm_bytes(
    rows_count: Floats,
    weight_bytes: Floats,
    inputs_count: Floats,
    outputs_count: Floats,
    input_element_bytes: float = ACTIVATION_BYTES,
) -> Floats:
    """Return the bytes that a matrix product must move: ``w + m·(k·a + 2·n)``.

    Each matrix once: weights, inputs of ``a`` bytes an element (16-bit unless said), a 16-bit
    result. The working set of the roofline (Williams et al. 2009, doi:10.1145/1498765.1498785).

    >>> gemm_bytes(1, 2.0 * 4096 * 4096, 4096, 4096)
    33570816.0
    """
    inputs_bytes = inputs_count * input_element_bytes
    return weight_bytes + rows_count * (inputs_bytes + outputs_count * ACTIVATION_BYTES)


def attention_flop(
    queries_count: Floats, context_tokens: Floats, heads_count: Floats, dims_count: Floats
) -> Floats:
    """Return the work of attention: ``2 · queries · context · heads · (h + v)``.

    Scores over ``h`` dimensions and the weighted sum over ``v``, at two flop a term (F5.1);
    ``dims_count`` is their sum.

    >>> attention_flop(1, 1000, 32, 256)
    16384000.0
    """
    return 2.0 * queries_count * context_tokens * heads_count * dims_count


def cache_bytes(
    sequences_count: Floats,
    context_tokens: Floats,
    elements_count: Floats,
    element_bytes: float,
) -> Floats:
    """Return the keys and values that a step reads: ``sequences · context · elements · bytes``.

    ``elements_count`` are the cached values of a token: ``KV·(h + v)`` (Shazeer 2019,
    arXiv:1911.02150), or MLA's latent.

    >>> cache_bytes(1, 1000, 8 * 256, 2.0)
    4096000.0
    """
    return sequences_count * context_tokens * elements_count * element_bytes


def distinct_experts_count(
    experts_count: float, experts_per_token_count: float, tokens_count: Floats
) -> Floats:
    """Return the experts that a step touches: ``E·(1 − (1 − k/E)^m)`` (F6.1, uniform routing).

    An upper bound: tokens of one sequence choose alike.

    >>> round(float(distinct_experts_count(128, 8, 32)), 4)
    111.771
    """
    idle_ratio = 1.0 - experts_per_token_count / experts_count
    return experts_count * (1.0 - np.power(idle_ratio, tokens_count))


def all_reduce_message_bytes(rows_count: Floats, hidden_count: float) -> Floats:
    """Return one all-reduce's message, ``m·d·2`` bytes (F7.3): 16 KiB for a 70B at batch 1."""
    return 2.0 * rows_count * hidden_count
