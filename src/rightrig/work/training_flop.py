"""Floating-point operations to train on one token, as MFU and HFU count them.

Model flop leave recomputation out (MFU), hardware flop count it (HFU). Two conventions of model
flop are in use: attention by what a causal model needs (here the default), or the whole square
of the sequence, ``6·N_mm + 12·L·H·h·s`` (PaLM, Chowdhery et al. 2022, arXiv:2204.02311, appendix
B), as llm-foundry and torchtitan print it; Megatron-LM counts the causal half since 2025 (megatron/
training/training.py, num_floating_point_operations).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from rightrig.work.training_step import (
    FLASH_BACKWARD_RATIO,
    PLAIN_KERNELS,
    MicroBatch,
    Pass,
    TrainingKernels,
    attended_tokens,
    forward_work,
    training_work,
)

if TYPE_CHECKING:
    from rightrig.deployment.training import Adapter, Checkpointing, Method
    from rightrig.facts.llm import Llm

FlopConvention = Literal["causal", "palm"]


def flop_by_pass(
    llm: Llm,
    seq_tokens: float,
    method: Method = "full",
    checkpointing: Checkpointing = "none",
    adapter: Adapter | None = None,
    kernels: TrainingKernels = PLAIN_KERNELS,
) -> dict[Pass, float]:
    """Return the flop of one token of a sequence in each pass (F10.1, F10.2).

    The backward pass of attention counts four products of its two, as model flop do; kernels that
    keep no scores compute them once more (``FLASH_BACKWARD_RATIO``), which is left out.
    """
    micro = MicroBatch(1.0, seq_tokens, seq_tokens)
    forward = forward_work(llm, micro, adapter=adapter if method != "full" else None)
    totals: dict[Pass, float] = defaultdict(float)
    for work in training_work(forward, method, checkpointing, kernels):
        is_attention = work.kind == "prefill" and work.phase == "backward"
        scale = 2.0 / FLASH_BACKWARD_RATIO if is_attention else 1.0
        totals[work.phase] += work.flop * scale / seq_tokens
    return dict(totals)


def model_flop_per_token(
    llm: Llm,
    seq_tokens: float,
    method: Method = "full",
    adapter: Adapter | None = None,
    convention: FlopConvention = "causal",
) -> float:
    """Return the flop to train on one token without recomputation, which MFU counts.

    ``6·N_mm + 6·Σ layers H·h·s`` for causal full attention, ``N_mm`` the weights that multiply.

    Source: Kaplan et al. 2020, arXiv:2001.08361; Chowdhery et al. 2022 (PaLM), arXiv:2204.02311.
    Validity: norms, softmax and the optimizer are left out.

    Args:
        llm: The model.
        seq_tokens: Length of its sequences.
        method: ``4·N_mm`` where weights are frozen, ``6·N_mm`` where they are trained.
        adapter: Low-rank matrices beside frozen weights: ``6·Ψ`` more.
        convention: ``palm`` adds the half of attention's square that a causal model leaves out.
    """
    passes = flop_by_pass(llm, seq_tokens, method, "none", adapter)
    flop = sum(passes.values())
    return flop if convention == "causal" else flop + _masked_flop_per_token(llm, seq_tokens)


def hardware_flop_per_token(
    llm: Llm,
    seq_tokens: float,
    method: Method = "full",
    checkpointing: Checkpointing = "full",
    adapter: Adapter | None = None,
    kernels: TrainingKernels = PLAIN_KERNELS,
) -> float:
    """Return the same with what is computed again, which HFU counts (F10.1).

    Args:
        llm: The model.
        seq_tokens: Length of its sequences.
        method: What is trained.
        checkpointing: What every layer computes again.
        adapter: Low-rank matrices beside frozen weights.
        kernels: Whether a layer's last product is among it.
    """
    return sum(flop_by_pass(llm, seq_tokens, method, checkpointing, adapter, kernels).values())


def _masked_flop_per_token(llm: Llm, seq_tokens: float) -> float:
    """Return what counting the whole square adds: three passes of the part beyond ``attended``."""
    total = 0.0
    for block, count in llm.block_counts:
        attention = block.attention
        if attention is not None and attention.kind != "compressed":
            masked = seq_tokens - attended_tokens(attention, seq_tokens)
            dims = attention.head_dim + attention.value_dim
            total += count * 3.0 * 2.0 * masked * attention.head_count * dims
    return total
