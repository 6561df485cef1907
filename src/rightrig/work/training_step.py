"""The work of a training step: floating-point operations and bytes, forward, again and backward.

Built on the operators of a forward pass, so that grouped heads, experts, windows and tied
embeddings are counted in one place. Formulas F10.1 and F10.2:

- forward: ``2·N_mm`` flop a token and attention's ``4·Σ H·h·context``;
- backward: as much again for the gradients of the inputs, and as much again for those of the
  weights that are trained; frozen weights have none, so that LoRA takes ``4N`` where full
  training takes ``6N``;
- recomputation (gradient checkpointing): the forward pass of the blocks once more, without its last
  product where the framework stops there; where it alternates, every second product; where it is
  selective, of attention if its scores are stored (Korthikanti et al. 2022, arXiv:2205.05198),
  else only of norms and activation functions, which takes no products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.facts.stored import LANGUAGE
from rightrig.work.attention_step import attention_operators, recurrent_operators
from rightrig.work.companions import adapted_widths_count
from rightrig.work.ffn_step import ffn_operators, other_operator
from rightrig.work.operators import (
    ACTIVATION_BYTES,
    Operator,
    Shard,
    Step,
    gemm_bytes,
    gemm_flop,
)
from rightrig.work.stored import Stored
from rightrig.work.training_again import alternate_ratio, last_ratio
from rightrig.work.weights import total_params_count, vocabulary_params

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.deployment.training import Adapter, Checkpointing, Method
    from rightrig.facts.llm import Attention, Block, Llm

Pass = Literal["forward", "recompute", "backward"]
FLASH_BACKWARD_RATIO: Final = 2.5
"""Backward over forward products of attention that keeps no scores: five against two, as it
computes the scores again (FlashAttention-2, Dao 2023, arXiv:2307.08691)."""
_ATTENTION_MATRICES_COUNT: Final = 4.0
"""Query, key, value and output."""
_STORED: Final = Stored(dict.fromkeys(LANGUAGE, 16.0), 16.0)
"""Products read weights of 16 bits; those of fewer bits are unpacked to them first."""
_WHOLE: Final = Shard()
_PRODUCTS: Final = frozenset({"gemm", "head", "experts"})
_ROWS_OF_HIDDEN_COUNT: Final = 10.0
_ROWS_OF_INNER_COUNT: Final = 3.0
"""Values that the row-by-row kernels of a layer move a token: norms, residuals and rotary
embeddings over the hidden width, the activation over the inner one; as in a step of serving."""
_LOSS_BYTES_PER_LOGIT: Final = 12.0
"""Logits written, turned into FP32, read for the loss and again for its gradient."""
_FUSED_LOSS_BYTES_PER_LOGIT: Final = 4.0
"""Logits of a few rows at a time, written and read once."""
_SCORE_BYTES: Final = 8.0
"""A score that is kept: written, read and written by the softmax, read for the sum."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Sequences that one data-parallel rank works on at once.

    Attributes:
        seqs_count: Sequences.
        seq_tokens: Tokens of each on this rank: a share where context parallelism spreads it.
        whole_seq_tokens: Tokens of each on all ranks, which attention reaches over.
    """

    seqs_count: float
    seq_tokens: float
    whole_seq_tokens: float

    @property
    def tokens(self) -> float:
        """Rows of every matrix product on this rank."""
        return self.seqs_count * self.seq_tokens


@dataclass(frozen=True, slots=True)
class TrainingKernels:
    """How a framework computes what is no matrix product.

    Attributes:
        keeps_scores: Scores of attention go through memory.
        fuses_loss: Logits are never stored whole.
        splits_rows: Tensor-parallel ranks divide the rows of norms and residuals too.
        repeats_last: Recomputation of a layer includes its last product, whose result nothing in
            the backward pass reads.
    """

    keeps_scores: bool = False
    fuses_loss: bool = False
    splits_rows: bool = True
    repeats_last: bool = True


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """One kind of work in one pass of a micro-batch, on one tensor-parallel rank.

    Attributes:
        kind: Which ceiling it meets: ``gemm``, ``head``, ``experts``, ``prefill`` (attention)
            or ``rows``.
        is_adapter: Whether it belongs to low-rank matrices, which stay at 16 bits.
        is_in_block: Whether it lies in a layer, not in the output matrix or the loss.
        launches_count: Kernels.
        alternate_ratio: Share of its products whose results are not kept where every second is.
        last_ratio: Share of its products that are a layer's last.
    """

    name: str
    kind: str
    phase: Pass
    flop: float
    moved_bytes: float
    launches_count: float
    is_adapter: bool = False
    is_in_block: bool = True
    alternate_ratio: float = 1.0
    last_ratio: float = 0.0


PLAIN_KERNELS: Final = TrainingKernels()
"""Attention that keeps no scores, and a loss over whole logits."""


def adapter_params_count(llm: Llm, adapter: Adapter) -> float:
    """Return the parameters of low-rank matrices: ``Σ r·(d_in + d_out)`` (F4.4).

    With ``trains_embeddings`` embedding and output matrix are trained whole beside them.
    """
    widths = sum(
        count * _widths_count(block, llm.hidden_size, adapter, 1)
        for block, count in llm.block_counts
    )
    whole = vocabulary_params(llm) * (1 if llm.tied_embeddings else 2)
    return adapter.rank * widths + (whole if adapter.trains_embeddings else 0.0)


def trained_params_count(llm: Llm, method: Method, adapter: Adapter) -> float:
    """Return the parameters that have gradients and states of the optimizer."""
    if method == "full":
        return float(total_params_count(llm))
    return adapter_params_count(llm, adapter)


def attended_tokens(attention: Attention, seq_tokens: float) -> float:
    """Return the mean tokens that a query of a causal sequence attends to: ``s/2``.

    In a window of ``W`` tokens ``W·(1 − W/(2s))``; in chunks of ``W`` ``W/2``. What sparse or
    compressed attention chooses is left to its operators.

    Source: definition, the mean over a causal mask. Validity: whole sequences; packed shorter ones
    attend to less.

    >>> from rightrig.facts.llm import Attention
    >>> local = Attention(kind="sliding", head_count=8, kv_head_count=8, head_dim=64,
    ...                   window_tokens=1024)
    >>> attended_tokens(local, 4096), attended_tokens(local, 512)
    (896.0, 256.0)
    """
    window = attention.window_tokens
    if window is None or window >= seq_tokens or attention.kind == "compressed":
        return seq_tokens / 2.0
    if attention.kind == "chunked":
        return window / 2.0
    return window * (1.0 - window / (2.0 * seq_tokens))


def forward_work(
    llm: Llm,
    micro: MicroBatch,
    shard: Shard = _WHOLE,
    adapter: Adapter | None = None,
    kernels: TrainingKernels = PLAIN_KERNELS,
) -> tuple[TrainingWork, ...]:
    """Return the forward pass of a micro-batch through all layers, output matrix and loss.

    Every position has a loss, so that the output matrix works on every row. Look-ups of
    embeddings cost no products.
    """
    found: list[TrainingWork] = []
    for block, count in llm.block_counts:
        found += _block_work(block, count, llm.hidden_size, micro, shard)
        found.append(_rows_work(block, count, llm.hidden_size, micro, shard, kernels))
        if adapter is not None:
            found.append(_adapter_work(block, count, llm.hidden_size, micro, shard, adapter))
    return (*found, *_head_work(llm, micro, shard, kernels))


def training_work(
    forward: Iterable[TrainingWork],
    method: Method,
    checkpointing: Checkpointing,
    kernels: TrainingKernels = PLAIN_KERNELS,
    layers_ratio: float = 1.0,
) -> tuple[TrainingWork, ...]:
    """Return the three passes of a micro-batch from its forward pass.

    Args:
        forward: What ``forward_work`` returns.
        method: Frozen weights have no gradients of their own.
        checkpointing: What is computed again before the backward pass.
        kernels: Whether scores are stored, which selective checkpointing is about.
        layers_ratio: Share of the layers that it is about.
    """
    found: list[TrainingWork] = []
    for work in forward:
        found.append(work)
        again = layers_ratio * _recomputed_ratio(work, checkpointing, kernels)
        if again:
            found.append(_scaled(work, "recompute", again, again))
        found.append(_backward(work, method))
    return tuple(found)


def _block_work(
    block: Block, count: int, hidden: int, micro: MicroBatch, shard: Shard
) -> list[TrainingWork]:
    """Return the forward pass of ``count`` equal layers on one rank."""
    reached = 0.0
    if block.attention is not None:
        reached = attended_tokens(block.attention, micro.whole_seq_tokens)
    step = Step(0.0, 0.0, micro.tokens, reached, micro.tokens)
    found: list[Operator] = []
    if block.attention is not None:
        found += attention_operators(block.attention, count, hidden, _STORED, step, shard)
    if block.recurrent is not None:
        found += recurrent_operators(block.recurrent, count, hidden, _STORED, step, shard)
    if block.ffn is not None:
        found += ffn_operators(block.ffn, count, hidden, _STORED, step, shard)
    if block.other_params:
        found.append(other_operator(block.other_params * count, _STORED, step))
    return [_of(op, block) for op in found if float(op.flop) > 0.0]


def _of(op: Operator, block: Block) -> TrainingWork:
    """Return an operator of the forward pass of a layer."""
    kind = "gemm" if op.kind == "head" else op.kind
    return TrainingWork(
        op.name, kind, "forward", float(op.flop), float(op.moved_bytes), float(op.launches_count),
        alternate_ratio=alternate_ratio(op, block), last_ratio=last_ratio(op, block),
    )  # fmt: skip


def _rows_work(
    block: Block,
    count: int,
    hidden: int,
    micro: MicroBatch,
    shard: Shard,
    kernels: TrainingKernels,
) -> TrainingWork:
    """Return what runs row by row in ``count`` equal layers."""
    ffn = block.ffn
    inner = 0.0
    if ffn is not None:
        inner = ffn.inner_size + ffn.shared_inner_size
        inner += ffn.expert_inner_size * ffn.experts_per_token
    ranks = float(shard.tp)
    values = _ROWS_OF_HIDDEN_COUNT * hidden / (ranks if kernels.splits_rows else 1.0)
    values += _ROWS_OF_INNER_COUNT * inner / ranks
    moved = ACTIVATION_BYTES * micro.tokens * values
    if kernels.keeps_scores and block.attention is not None:
        heads = block.attention.head_count / ranks
        moved += _SCORE_BYTES * micro.tokens * micro.whole_seq_tokens * heads
    return TrainingWork(
        "norms and activations", "rows", "forward", 0.0, count * moved, float(count)
    )


def _adapter_work(
    block: Block, count: int, hidden: int, micro: MicroBatch, shard: Shard, adapter: Adapter
) -> TrainingWork:
    """Return the thin products beside the adapted matrices of ``count`` equal layers (F4.4)."""
    widths = _widths_count(block, hidden, adapter, int(shard.tp))
    flop = count * float(gemm_flop(micro.tokens, adapter.rank * widths))
    # Inputs are read and results added once more than without; the rank's width is thin.
    moved = count * micro.tokens * widths * ACTIVATION_BYTES
    launches = 2.0 * count * _adapted_count(block, adapter)
    return TrainingWork(
        "adapters", "gemm", "forward", flop, moved, launches, is_adapter=True
    )  # fmt: skip


def _widths_count(block: Block, hidden: int, adapter: Adapter, ranks_count: int) -> float:
    """Return ``Σ (d_in + d_out)`` of the adapted matrices of a layer on one rank."""
    if adapter.targets == "all-linear":
        return adapted_widths_count(block, hidden, ranks_count)
    attention = block.attention
    if attention is None:
        return 0.0
    if adapter.targets == "attention":
        return adapted_widths_count(block.model_copy(update={"ffn": None}), hidden, ranks_count)
    queries = attention.head_count * attention.head_dim / ranks_count
    values = max(1.0, attention.kv_head_count / ranks_count) * attention.value_dim
    return 2.0 * hidden + queries + values


def _adapted_count(block: Block, adapter: Adapter) -> float:
    """Return the adapted matrices of a layer."""
    if adapter.targets == "all-linear":
        return adapted_matrices_count(block)
    each = _ATTENTION_MATRICES_COUNT if adapter.targets == "attention" else 2.0
    return 0.0 if block.attention is None else each


def adapted_matrices_count(block: Block) -> float:
    """Return the dense matrices of a layer: query, key, value, output, and its feed-forward's."""
    attention = 0.0 if block.attention is None else _ATTENTION_MATRICES_COUNT
    ffn = block.ffn
    if ffn is None or not (ffn.inner_size + ffn.shared_inner_size):
        return attention
    return attention + (3.0 if ffn.gated else 2.0)


def _head_work(
    llm: Llm, micro: MicroBatch, shard: Shard, kernels: TrainingKernels
) -> tuple[TrainingWork, TrainingWork]:
    """Return the output matrix on every row, and the loss over its logits."""
    params = vocabulary_params(llm) / float(shard.tp)
    outputs = llm.vocab_size / float(shard.tp)
    flop = float(gemm_flop(micro.tokens, params))
    moved = float(gemm_bytes(micro.tokens, 2.0 * params, llm.hidden_size, outputs))
    each = _FUSED_LOSS_BYTES_PER_LOGIT if kernels.fuses_loss else _LOSS_BYTES_PER_LOGIT
    loss = each * micro.tokens * outputs
    return (
        TrainingWork("output matrix", "head", "forward", flop, moved, 1.0, is_in_block=False),
        TrainingWork("loss", "rows", "forward", 0.0, loss, 1.0, is_in_block=False),
    )


def _recomputed_ratio(
    work: TrainingWork, checkpointing: Checkpointing, kernels: TrainingKernels
) -> float:
    """Return the share of work of the forward pass that is done again before the backward pass."""
    if not work.is_in_block or checkpointing == "none":
        return 0.0
    if work.kind == "rows":
        return 1.0
    if checkpointing == "alternate":
        return work.alternate_ratio
    if checkpointing == "full":
        return 1.0 if kernels.repeats_last else 1.0 - work.last_ratio
    return 1.0 if kernels.keeps_scores and work.kind == "prefill" else 0.0


def _backward(work: TrainingWork, method: Method) -> TrainingWork:
    """Return the backward pass of one kind of work."""
    if work.kind == "prefill":
        return _scaled(work, "backward", FLASH_BACKWARD_RATIO, 2.0)
    if work.kind not in _PRODUCTS:
        # Reads what the forward pass read and wrote, and writes gradients of as many.
        return _scaled(work, "backward", 2.0, 1.5)
    is_trained = method == "full" or work.is_adapter
    products = 2.0 if is_trained else 1.0
    return _scaled(work, "backward", products, products)


def _scaled(
    work: TrainingWork, phase: Pass, products_ratio: float, moved_ratio: float
) -> TrainingWork:
    """Return work of another pass: its products and its bytes over those of the forward pass."""
    return TrainingWork(
        work.name, work.kind, phase, work.flop * products_ratio,
        work.moved_bytes * moved_ratio, work.launches_count * products_ratio,
        work.is_adapter, work.is_in_block,
    )  # fmt: skip
