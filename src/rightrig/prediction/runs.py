"""A published run that a model of speed can predict: what ran, how it was loaded, what it gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Precision
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

Regime = Literal["closed_loop", "offline", "static_batch", "prompt", "decode"]
"""How the engine was loaded.

``closed_loop``: each of N users sends the next prompt when the last answer has come.
``offline``: more prompts wait than fit; memory and limits bound the batch.
``static_batch``: N sequences start together, and the time is that of the last of them.
``prompt``: prompts alone; no token after the first.
``decode``: the rate of generating alone, at a context; no prompt is in the measure.
"""
Metric = Literal[
    "ttft_s",
    "tpot_s",
    "output_tokens_per_s",
    "prompt_tokens_per_s",
    "total_tokens_per_s",
    "requests_per_s",
]
"""What was measured; rates are those of the whole system, over all sequences and engines."""


@dataclass(frozen=True, slots=True)
class InferenceRun:
    """One measured value with everything that decides it.

    Attributes:
        expert_parallel: Ranks of one engine over which whole experts are dealt out; 1 where
            every rank holds a slice of each expert.
        version: Of the runtime; empty where neither a number nor a date says it.
        date: When it was measured, as the row says.
        input_tokens: Mean length of a prompt; 0 where nothing is in the context before.
        output_tokens: Mean length of an answer.
        seqs: Users or batch over all replicas; ``None`` where prompts wait without end.
        context_tokens: Mean context of one sequence while tokens are generated.
        measured: In base units: seconds, tokens or requests a second.
        kind: The kind of source: ``trtllm-offline``, ``llama-bench``; residuals of one kind
            belong together.
        memory_ratio: The engine's memory fraction, where stated.
        max_seqs: Most sequences of a step, where stated.
        max_batched_tokens: Most tokens of a step, where stated.
        alternatives: Further splits of the same cards where the row states none: the source
            ran the best of ``split`` and these.
        note: What had to be read into the row.
    """

    llm: Llm
    rig: Rig
    split: Parallelism
    expert_parallel: int
    precision: Precision
    runtime: Runtime
    version: str
    date: str
    regime: Regime
    input_tokens: float
    output_tokens: float
    seqs: float | None
    context_tokens: float
    metric: Metric
    measured: float
    kind: str
    memory_ratio: float | None = None
    max_seqs: int | None = None
    max_batched_tokens: int | None = None
    alternatives: tuple[Parallelism, ...] = ()
    note: str = ""

    @property
    def is_mlperf(self) -> bool:
        """Whether it is a tuned submission to MLPerf: an upper bound of what users reach."""
        return self.kind.startswith("mlperf")
