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
    "gemm", "experts", "head", "attention", "prefill", "rows",
    "all_reduce", "all_gather", "all_to_all", "send",
]  # fmt: skip
SENT: Final = frozenset({"all_reduce", "all_gather", "all_to_all", "send"})
"""Kinds whose bytes cross a link."""


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
    launches_count: Floats = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """The tokens that one step works on, in one group of tensor-parallel ranks.

    Attributes:
        decode_seqs: Sequences that get a token.
        context_tokens: Their mean context.
        prefill_tokens: Prompt tokens in the same step; what a prefix cache holds is no part.
        prefill_context_tokens: Mean tokens that a prompt token attends to, cached ones too.
        head_rows_count: Rows that need logits.
        tokens_per_seq_count: Tokens of a decoding sequence in the step: 1, or with speculative
            decoding the drafted ones and one more.
        patches_count: Patches of pictures that encoders read before the prompts.
    """

    decode_seqs: Floats
    context_tokens: Floats
    prefill_tokens: Floats = 0.0
    prefill_context_tokens: Floats = 0.0
    head_rows_count: Floats = 1.0
    tokens_per_seq_count: Floats = 1.0
    patches_count: Floats = 0.0

    @property
    def decode_rows_count(self) -> Floats:
        """Tokens of the decoding sequences."""
        return self.decode_seqs * self.tokens_per_seq_count

    @property
    def rows_count(self) -> Floats:
        """Rows of every matrix product."""
        return self.decode_rows_count + self.prefill_tokens


@dataclass(frozen=True, slots=True)
class Shard:
    """How one engine divides a step; every count is a number or one an operating point.

    Attributes:
        tp: Ranks that divide heads and inner widths, and work on the same tokens.
        stages: Pipeline stages.
        attention_dp: Groups of ``tp`` ranks, each with sequences of its own, that share experts.
        expert_parallel: Ranks over which whole experts are dealt; the other ranks of an engine
            divide each expert's inner width.
        context_parallel: Ranks among the ``tp`` over which one sequence's cache is spread.
    """

    tp: Floats = 1
    stages: Floats = 1
    attention_dp: Floats = 1
    expert_parallel: Floats = 1
    context_parallel: Floats = 1


def gemm_flop(rows_count: Floats, params_count: Floats) -> Floats:
    """Return ``2·m·k·n`` of a product of ``rows`` with a matrix of ``params`` = k·n.

    Source: definition, a product and a sum a term. Validity: exact, biases left out.
    """
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

    Validity: a lower bound; what no cache holds is read again.

    >>> gemm_bytes(1, 2.0 * 4096 * 4096, 4096, 4096)
    33570816.0
    """
    inputs_bytes = inputs_count * input_element_bytes
    return weight_bytes + rows_count * (inputs_bytes + outputs_count * ACTIVATION_BYTES)


def attention_flop(
    queries_count: Floats, context_tokens: Floats, heads_count: Floats, dims_count: Floats
) -> Floats:
    """Return the work of attention: ``2 · queries · context · heads · (h + v)``.

    Scores over ``h`` dimensions and the weighted sum over ``v``, at two flop a term;
    ``dims_count`` is their sum.

    Source: Chowdhery et al. 2022 (PaLM, appendix B), arXiv:2204.02311. Validity: the softmax is
    left out; ``context`` is the mean of what queries attend to.

    >>> attention_flop(1, 1000, 32, 256)
    16384000.0
    """
    return 2.0 * queries_count * context_tokens * heads_count * dims_count


def cache_bytes(
    sequences_count: Floats,
    context_tokens: Floats,
    elements_count: Floats,
    element_bytes: Floats,
) -> Floats:
    """Return the keys and values that a step reads: ``sequences · context · elements · bytes``.

    ``elements_count`` are the cached values of a token: ``KV·(h + v)`` (Shazeer 2019,
    arXiv:1911.02150), or MLA's latent.

    Validity: kernels that read a key once for all queries that share it.

    >>> cache_bytes(1, 1000, 8 * 256, 2.0)
    4096000.0
    """
    return sequences_count * context_tokens * elements_count * element_bytes


CORRELATION_EXPONENT: Final = 0.9
"""Tokens of one sequence and one subject choose alike: ``m`` tokens touch as many experts as
``m^0.9`` independent ones. Between 0.8 and 1.0 published runs fit about equally well."""


def distinct_experts_count(
    experts_count: Floats, experts_per_token_count: Floats, tokens_count: Floats
) -> Floats:
    """Return the experts that a step touches: ``E·(1 − (1 − k/E)^m)`` (uniform routing).

    Validity: an upper bound in the mean, as tokens of one sequence choose alike.

    Source: definition, the expectation of what ``m`` choices of ``k`` of ``E`` leave out.

    >>> round(float(distinct_experts_count(128, 8, 32)), 4)
    111.771
    """
    idle_ratio = 1.0 - experts_per_token_count / experts_count
    return experts_count * (1.0 - np.power(idle_ratio, tokens_count))


def experts_load_ratio(visits_count: Floats, expert_ranks_count: Floats) -> Floats:
    """Return the load of the busiest of ``n`` expert-parallel ranks over the mean.

    ``1 + √(2·ln n / m)`` with ``m`` visits a rank, at most ``n``: the maximum of ``n`` bins
    under uniform routing (Raab and Steger 1998, doi:10.1007/3-540-49543-6_13). Skewed routing
    is worse, balanced replicas of experts are better.

    Validity: many visits a rank; the correction is of first order.

    >>> round(float(experts_load_ratio(8192.0, 8)), 3)
    1.064
    """
    ranks = np.maximum(expert_ranks_count, 1.0)
    mean = np.maximum(visits_count / ranks, 1e-9)
    load: Floats = np.minimum(1.0 + np.sqrt(2.0 * np.log(ranks) / mean), ranks)
    return load


def destination_ranks_count(expert_ranks_count: Floats, experts_per_token_count: float) -> Floats:
    """Return the other ranks that a token's experts lie on: ``(n−1)·(1 − (1 − 1/n)^k)``.

    Source: definition, the expectation over ``k`` choices. Validity: experts spread evenly, routing
    uniform.

    >>> round(float(destination_ranks_count(8, 8)), 3)
    4.595
    """
    ranks = np.maximum(expert_ranks_count, 1.0)
    missed = np.power(1.0 - 1.0 / ranks, experts_per_token_count)
    return (ranks - 1.0) * (1.0 - missed)


def speculated_tokens_count(acceptance_ratio: Floats, drafted_count: Floats) -> Floats:
    """Return the tokens that one verified step yields: ``(1 − α^(γ+1)) / (1 − α)``.

    Leviathan et al. 2023, arXiv:2211.17192; the last one is the target model's own.

    Validity: each draft accepted with the same chance, whatever came before.

    >>> round(float(speculated_tokens_count(0.8, 4)), 4)
    3.3616
    """
    missed = 1.0 - np.power(acceptance_ratio, drafted_count + 1.0)
    return missed / (1.0 - acceptance_ratio)


def all_reduce_message_bytes(rows_count: Floats, hidden_count: float) -> Floats:
    """Return one all-reduce's message, ``m·d·2`` bytes: 16 KiB for a 70B at batch 1.

    Source: Shoeybi et al. 2019 (Megatron-LM), arXiv:1909.08053. Validity: activations of 16 bits.
    """
    return 2.0 * rows_count * hidden_count
