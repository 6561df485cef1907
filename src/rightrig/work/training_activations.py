"""Activations of training: what a layer keeps from its forward to its backward pass, in bytes.

One count for the known cases (formulas F4.1 and F4.2): a GPT block with dropout and stored scores
takes ``s·b·h·(34 + 5·a·s/h)`` (Korthikanti et al. 2022, arXiv:2205.05198), a Llama block under
FlashAttention ``s·b·(8d + 4·H·h + 4·KV·h + 4·H + 8f)``. Values have 16 bits, log-sums of attention
32, masks of dropout 8. A matrix keeps its input only where something learns from it: the matrix
itself, low-rank matrices beside it, or (bitsandbytes) any unpacking product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention, Block, Ffn, Recurrent

_VALUE_BYTES: Final = 2.0
_LOG_SUM_BYTES: Final = 4.0
_DROPPED_SCORE_BYTES: Final = 3.0
"""A score that dropout meets: its mask and the result beside the softmax's own output."""
_MASK_BYTES: Final = 1.0
_ROUTER_BYTES: Final = 8.0
"""Logit and probability of one expert, 32 bits each."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a layer is kept.

    Attributes:
        attention_inputs: Whether the projections of attention keep their input.
        ffn_inputs: Whether the feed-forward matrices keep theirs.
        has_flash_attention: Whether log-sums of rows are kept instead of scores.
        has_dropout: Whether dropout on scores and both outputs keeps masks.
        is_selective: Whether what is cheap to compute again is not kept: scores where they would
            be stored, else what norms and the activation function put out.
        is_alternate: Whether of the products only every second keeps what it puts out: queries,
            values and the first into the inner width, beside the layer's input and what attention
            puts out (torchtitan, activation_checkpoint.py).
        dropped_attention_inputs, dropped_ffn_inputs: Low-rank matrices beside the projections of
            attention (the feed-forward matrices) whose input dropout copies.
        value_bytes: Of one value: 2, or 4 in FP32.
    """

    attention_inputs: bool = True
    ffn_inputs: bool = True
    has_flash_attention: bool = True
    has_dropout: bool = False
    is_selective: bool = False
    is_alternate: bool = False
    dropped_attention_inputs: int = 0
    dropped_ffn_inputs: int = 0
    value_bytes: float = _VALUE_BYTES


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a micro-batch on one card.

    Attributes:
        tokens: Rows of every matrix product: sequences times their tokens on this card.
        seq_tokens: Tokens that attention reaches over.
        tp: Tensor-parallel ranks.
        has_sequence_parallel: Whether what tensor parallelism leaves whole is split by tokens.
    """

    tokens: float
    seq_tokens: float
    tp: int = 1
    has_sequence_parallel: bool = True

    @property
    def whole_ratio(self) -> float:
        """Part of the values of the hidden width that lies on this card."""
        return 1.0 / self.tp if self.has_sequence_parallel else 1.0


def layer_activation_bytes(block: Block, hidden_size: int, share: Share, kept: Kept) -> float:
    """Return what one layer keeps of a micro-batch on one card.

    ``s·b·h·(34 + 5·a·s/h)`` for the layer of GPT below; other kinds sum what their operators keep.
    Source: Korthikanti et al. 2022, arXiv:2205.05198. Validity: 16 bits; what a compiler fuses is
    kept once less.

    >>> from rightrig.facts.llm import Attention, Block, Ffn
    >>> gpt = Block(attention=Attention(kind="full", head_count=96, kv_head_count=96, head_dim=128),
    ...             ffn=Ffn(inner_size=4 * 12288, gated=False), norm_params=4 * 12288)
    >>> dropout = Kept(has_flash_attention=False, has_dropout=True)
    >>> layer_activation_bytes(gpt, 12288, Share(4 * 2048, 2048), dropout)
    11475615744.0
    """
    if kept.is_alternate:
        return checkpoint_bytes(hidden_size, share, kept.value_bytes) + _alternate_bytes(
            block, share, kept
        )
    inputs = _norm_bytes(block, hidden_size, kept) * share.whole_ratio
    split = 0.0
    if block.attention is not None:
        split += _attention_bytes(block.attention, share.seq_tokens, kept)
    if block.recurrent is not None:
        split += _recurrent_bytes(block.recurrent, kept)
    if block.ffn is not None:
        split += _ffn_bytes(block.ffn, hidden_size, kept)
    return share.tokens * (inputs + split / share.tp)


def _alternate_bytes(block: Block, share: Share, kept: Kept) -> float:
    """Return what attention and every second product of a layer put out.

    The products come as query, key, value, output, gate, up, down; nothing reads what the last
    puts out.
    """
    values, log_sums = 0.0, 0.0
    attention, ffn = block.attention, block.ffn
    if attention is not None:
        heads = attention.head_count
        kv_heads = heads if attention.kind == "mla" else attention.kv_head_count
        values += heads * (attention.head_dim + attention.value_dim)
        values += kv_heads * attention.value_dim
        log_sums = _LOG_SUM_BYTES * heads
    if ffn is not None:
        values += ffn.inner_size + ffn.shared_inner_size
        values += ffn.experts_per_token * ffn.expert_inner_size
    recurrent = 0.0 if block.recurrent is None else _recurrent_bytes(block.recurrent, kept)
    return share.tokens * (kept.value_bytes * values + log_sums + recurrent) / share.tp


def checkpoint_bytes(hidden_size: int, share: Share, value_bytes: float = _VALUE_BYTES) -> float:
    """Return what a layer that is computed again keeps: its input, ``2·s·b·d`` (F4.6)."""
    return share.tokens * value_bytes * hidden_size * share.whole_ratio


def backward_bytes(block: Block, hidden_size: int, share: Share, value_bytes: float) -> float:
    """Return the gradients of activations that the backward pass of one layer holds at once.

    At its widest: those of the feed-forward part's inner width, and of its input and the residual.
    """
    ffn = block.ffn
    inner = 0.0
    if ffn is not None:
        matrices = 3.0 if ffn.gated else 2.0
        inner = matrices * (ffn.inner_size + ffn.shared_inner_size)
        inner += matrices * ffn.expert_inner_size * ffn.experts_per_token
    widths = inner / share.tp + 2.0 * hidden_size * share.whole_ratio
    return share.tokens * value_bytes * widths


def _norm_bytes(block: Block, hidden_size: int, kept: Kept) -> float:
    """Return inputs and outputs of the norms, and masks of dropout, of one token."""
    mixers = (block.attention is not None or block.recurrent is not None) + (block.ffn is not None)
    outputs = 0
    # Norms are as cheap as scores are not: only one of the two is worth computing again.
    if not (kept.is_selective and kept.has_flash_attention):
        outputs = int(kept.attention_inputs) + (int(kept.ffn_inputs) if mixers > 1 else 0)
    masks = float(mixers) if kept.has_dropout else 0.0
    dropped = kept.dropped_attention_inputs + kept.dropped_ffn_inputs
    copies = dropped * (kept.value_bytes + _MASK_BYTES)
    return hidden_size * (kept.value_bytes * (mixers + outputs) + masks + copies)


def _attention_bytes(attention: Attention, seq_tokens: float, kept: Kept) -> float:
    """Return queries, keys, values, output and what the softmax leaves, of one token."""
    heads = attention.head_count
    kv_heads = heads if attention.kind == "mla" else attention.kv_head_count
    values = heads * attention.head_dim + kv_heads * (attention.head_dim + attention.value_dim)
    values += heads * attention.value_dim
    if attention.kind == "mla":
        values += attention.query_lora_rank + attention.kv_lora_rank + attention.rope_head_dim
    if kept.has_flash_attention:
        return kept.value_bytes * values + _LOG_SUM_BYTES * heads
    if kept.is_selective:
        return kept.value_bytes * values
    score = kept.value_bytes + (_DROPPED_SCORE_BYTES if kept.has_dropout else 0.0)
    return kept.value_bytes * values + score * heads * seq_tokens


def _recurrent_bytes(recurrent: Recurrent, kept: Kept) -> float:
    """Return the inputs of convolution and scan, and the gated output, of one token."""
    values = 2.0 * recurrent.conv_channels + 2.0 * recurrent.head_count * recurrent.value_dim
    return kept.value_bytes * values


def _ffn_bytes(ffn: Ffn, hidden_size: int, kept: Kept) -> float:
    """Return what a feed-forward part keeps of one token, routed experts by those it visits."""
    total = _inner_bytes(ffn.inner_size + ffn.shared_inner_size, ffn, kept)
    if ffn.expert_count:
        visited = ffn.experts_per_token
        total += visited * _inner_bytes(ffn.expert_inner_size, ffn, kept)
        # Rows sorted by expert, and their results before the router weighs them.
        outer = ffn.expert_hidden_size or hidden_size
        total += visited * kept.value_bytes * outer * (2.0 if kept.ffn_inputs else 1.0)
        total += _ROUTER_BYTES * ffn.expert_count
    return total


def _inner_bytes(inner_size: int, ffn: Ffn, kept: Kept) -> float:
    """Return the inner width's values: before the activation, after it, and their product."""
    before = 2 if ffn.gated else 1
    if kept.is_selective and kept.has_flash_attention:
        return kept.value_bytes * before * inner_size
    after = int(ffn.gated) + int(kept.ffn_inputs)
    return kept.value_bytes * (before + after) * inner_size
