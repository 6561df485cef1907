"""The engine limits that a plan assumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED, default_limits

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime

LAYERED_SLOTS: Final = 32
"""llama.cpp and Ollama serve one sequence unless told otherwise; a plan tells them otherwise."""


def limits_for(
    runtime: Runtime, gpu: Gpu, split: Parallelism, step_tokens: int | None = None
) -> EngineLimits:
    """Return the engine limits of a candidate: the runtime's defaults, or another step size."""
    limits = default_limits(runtime, gpu, split)
    if runtime.slug in LAYERED:
        limits = replace(limits, max_seqs=LAYERED_SLOTS)
    if step_tokens is None or step_tokens == limits.max_batched_tokens:
        return limits
    return replace(limits, max_batched_tokens=step_tokens)
