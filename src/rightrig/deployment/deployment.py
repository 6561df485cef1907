"""A deployment: one model on one rig, split, stored and served in one way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import OperatingSystem, Runtime


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
        memory_ratio: The engine's memory fraction; what it is a fraction of is the runtime's
            ``memory_rule``.
        flash_attention: llama.cpp's ``-fa``.
    """

    max_seqs: int
    max_batched_tokens: int
    memory_ratio: float
    flash_attention: bool = True


@dataclass(frozen=True, slots=True)
class Placement:
    """Where llama.cpp and Ollama put layers, where the user says so.

    Attributes:
        gpu_layers: Layers on the cards (``-ngl``; the output matrix counts as one); ``None``
            for all.
        part_ratio: Parts of the layers that each card takes (``-ts``); empty for by memory.
        host_expert_layers: First layers whose routed experts stay in host memory
            (``--n-cpu-moe``).
    """

    gpu_layers: int | None = None
    part_ratio: tuple[float, ...] = ()
    host_expert_layers: int = 0


@dataclass(frozen=True, slots=True)
class Companions:
    """What an engine loads beside the model.

    Attributes:
        draft: A smaller model that drafts tokens for speculative decoding.
        draft_ahead: Whether the model's own layers ahead (MTP) are loaded to draft.
        lora_count: Adapters that may be active at once (``--max-loras``).
        lora_rank: Their largest rank.
    """

    draft: Llm | None = None
    draft_ahead: bool = False
    lora_count: int = 0
    lora_rank: int = 0


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that a fit and a prediction need to know.

    Attributes:
        version: Of the runtime, where it is not the record's.
        operating_system: Of the machine, where it was named: linux, windows, macos.
    """

    llm: Llm
    rig: Rig
    parallelism: Parallelism
    precision: Precision
    runtime: Runtime
    limits: EngineLimits
    version: str = ""
    companions: Companions = Companions()
    placement: Placement = Placement()
    operating_system: OperatingSystem | None = None

    def with_precision(self, **changes: str) -> Deployment:
        """Return the same deployment in other formats."""
        return replace(self, precision=replace(self.precision, **changes))
