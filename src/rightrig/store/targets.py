"""Which of the things worth measuring on a rig were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.store.tables import is_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.store.records import Run, Served, Value

_NEAR_RATIO: Final = 0.1
"""Lengths that differ by less are one workload: servers and tokenizers count differently."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Users in a closed loop, who all ask and get as much.

    Attributes:
        name: In words.
        concurrency: Users at once.
    """

    name: str
    input_tokens: int
    output_tokens: int
    concurrency: int


WORKLOADS: Final = (
    Workload("one user", 1000, 300, 1),
    Workload("chat", 1000, 300, 16),
    Workload("long prompts", 8000, 300, 4),
)
"""What is worth measuring of any model: latency alone, throughput of many, and prompts."""


@dataclass(frozen=True, slots=True)
class MeasuredLevel:
    """What a run measured of a workload, means; ``None`` where it did not keep the figure."""

    run: Run
    ttft_s: float | None
    tpot_s: float | None
    output_tokens_per_s: float | None


def measured(
    runs: Sequence[Run], workload: Workload, is_same: Callable[[Served], bool]
) -> MeasuredLevel | None:
    """Return what the newest finished ``load`` run measured of a workload, if any did.

    Args:
        runs: Newest first.
        workload: At this concurrency, and of lengths within 10 %.
        is_same: Whether what a server ran is what is asked about.
    """
    for run in runs:
        served = run.new.served
        is_of_it = run.new.kind == "load" and run.status == "finished" and served is not None
        if is_of_it and served is not None and is_same(served):
            means = {v.name: v.value for v in run.values if _is_at(v, workload)}
            found = [means.get(name) for name in ("ttft_s", "tpot_s", "output_tokens_per_s")]
            if any(value is not None for value in found):
                return MeasuredLevel(run, *found)
    return None


def _is_at(value: Value, workload: Workload) -> bool:
    """Whether a figure is a mean of a level that is the workload."""
    labels = value.labels
    return (
        is_sound(value)
        and labels.get("concurrency") == workload.concurrency
        and _is_near(labels.get("input_tokens"), workload.input_tokens)
        and _is_near(labels.get("output_tokens"), workload.output_tokens)
    )


def _is_near(label: object, tokens: int) -> bool:
    """Whether a length is that of a workload."""
    if not isinstance(label, int | float):
        return False
    return math.isclose(label, tokens, rel_tol=_NEAR_RATIO)
