"""A deployment: one model on one rig, split, stored and served in one way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIB

if TYPE_CHECKING:
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

CAPPED_ARCHITECTURES: Final = ("Ampere",)
"""vLLM keeps its small defaults on A100 whatever the memory."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Formats of weights (``checkpoint``: as published) and of the KV cache."""

    weights: str = "checkpoint"
    kv: str = "bf16"


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The knobs of an engine that decide its memory.

    Attributes:
        max_seqs: Most sequences in one step (``--max-num-seqs``; llama.cpp ``--parallel``).
        max_batched_tokens: Most tokens in one step (``--max-num-batched-tokens``; llama.cpp
            ``--ubatch-size``).
        memory_ratio: Share of the card's memory that vLLM may use.
        flash_attention: llama.cpp's ``-fa``.
    """

    max_seqs: int
    max_batched_tokens: int
    memory_ratio: float
    flash_attention: bool = True


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that a fit and a prediction need to know."""

    llm: Llm
    rig: Rig
    parallelism: Parallelism
    precision: Precision
    runtime: Runtime
    limits: EngineLimits

    def with_precision(self, **changes: str) -> Deployment:
        """Return the same deployment in other formats."""
        return replace(self, precision=replace(self.precision, **changes))


def memory_class(gpu: Gpu) -> int:
    """Return which of vLLM's default limits a card gets: 0 small, 1 from 70 GiB, 2 from 160 GiB.

    vLLM 0.33 ``get_batch_defaults``: 16,384 batched tokens from 160 GiB, 8,192 from 70 GiB
    except on A100 and GB10, 2,048 otherwise; 1,024 sequences from 70 GiB, else 256.
    """
    memory_bytes = gpu.memory_bytes.mid
    capped = gpu.architecture in CAPPED_ARCHITECTURES or gpu.memory_is_unified
    if memory_bytes < 70 * GIB or capped:
        return 0
    return 2 if memory_bytes >= 160 * GIB else 1


def default_limits(runtime: Runtime, gpu: Gpu) -> EngineLimits:
    """Return the limits that an engine sets when nobody does."""
    if runtime.slug == "llama.cpp":
        return EngineLimits(max_seqs=1, max_batched_tokens=512, memory_ratio=1.0)
    size = memory_class(gpu)
    return EngineLimits(
        max_seqs=(256, 1024, 1024)[size],
        max_batched_tokens=(2048, 8192, 16384)[size],
        memory_ratio=runtime.default_memory_ratio or 0.9,
    )
