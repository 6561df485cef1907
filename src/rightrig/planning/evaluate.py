"""Evaluate candidates: the load that an engine carries within objectives, for many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.quantization import KV_BITS
from rightrig.facts.stored import LANGUAGE
from rightrig.planning.speed_table import speed_table
from rightrig.prediction.evidence import p99_end_ratios
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.regimes import Pace
from rightrig.prediction.serving import Goal, at_rate, largest_load
from rightrig.prediction.step_time import StepTimer
from rightrig.prediction.timers import LAYERS_OVERLAP_RATIO
from rightrig.work.operators import Shard
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Confidence, Objective, Slo
    from rightrig.facts.llm import Llm
    from rightrig.planning.candidates import Candidates
    from rightrig.planning.speed_table import SpeedTable
    from rightrig.prediction.evidence import Measured, Quantity
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.serving import Flow
    from rightrig.work.operators import Floats

    Column = NDArray[np.float64]

QUANTITY_OF: Final[dict[str, Quantity]] = {
    "ttft": "ttft", "tpot": "tpot", "itl": "tpot", "e2e": "tpot",
}  # fmt: skip
"""Whose interval a latency has; an answer's end comes mostly of its tokens."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are evaluated together, with their timer."""

    numbers: NDArray[np.int64]
    timer: StepTimer
    table: SpeedTable

    def measured(self, place: int) -> Measured:
        """Return what was measured near a row."""
        return self.table.measured[int(self.table.kinds[place])]

    def high_ratio(self, quantity: Quantity) -> Column:
        """Return the high end of a percentile's interval over its middle, an element a row."""
        has_experts = self.timer.llm.has_experts
        ends = [
            p99_end_ratios(quantity, m, has_experts=has_experts)[1] for m in self.table.measured
        ]
        return np.array(ends)[self.table.kinds]


def groups(llm: Llm, candidates: Candidates, numbers: NDArray[np.int64]) -> Iterator[Group]:
    """Yield the given rows in groups whose engines take in prompts alike, each with its timer."""
    engines = [engine_for(runtime) for runtime in candidates.runtimes]
    ways = [(engine.mixes_prompts, engine.overlapped) for engine in engines]
    runtime = candidates.rows["runtime"][numbers]
    for way in sorted(set(ways)):
        alike = np.array([own == way for own in ways])
        chosen = numbers[alike[runtime]]
        if len(chosen):
            yield _group(llm, candidates, chosen)


def _group(llm: Llm, candidates: Candidates, numbers: NDArray[np.int64]) -> Group:
    """Return rows of one way of taking in prompts as a group."""
    rows = candidates.rows[numbers]
    table = speed_table(llm, candidates, numbers)
    bits = [class_bits(llm, name) for name in candidates.formats]
    of_kind = {kind: np.array([own[kind] for own in bits])[rows["format"]] for kind in LANGUAGE}
    kv_bits = np.array([KV_BITS[name] for name in candidates.kvs])[rows["kv"]]
    timer = StepTimer(
        llm=llm,
        stored=Stored(of_kind, kv_bits),
        speeds=table.speeds,
        shard=Shard(
            rows["tp"].astype(float),
            rows["pp"].astype(float),
            _ranks_count(rows["dp"]),
            _ranks_count(rows["ep"]),
            _ranks_count(rows["cp"]),
        ),
        pace=_pace(candidates, rows),
    )
    return Group(numbers, timer, table)


def _ranks_count(column: NDArray[np.int32]) -> Floats:
    """Return a column, or 1 where nothing is divided: whole operators fall away then."""
    return 1.0 if (column == 1).all() else column.astype(float)


def _pace(candidates: Candidates, rows: NDArray[np.void]) -> Pace:
    """Return how the rows take in prompts (``timers.pace_of`` in arrays)."""
    engines = [engine_for(runtime) for runtime in candidates.runtimes]
    by_layers = np.array([engine.by_layers for engine in engines])[rows["runtime"]]
    stages = rows["pp"].astype(float)
    overlap = np.where(by_layers, LAYERS_OVERLAP_RATIO, 1.0)
    return Pace(
        rows["step_tokens"].astype(float),
        engines[int(rows["runtime"][0])].mixes_prompts,
        np.where(by_layers, 1.0, stages),
        rows["dp"].astype(float),
        1.0 + overlap * (stages - 1.0),
    )


def raised_ratio(
    group: Group, objectives: Sequence[Objective], confidence: Confidence
) -> list[Floats]:
    """Return by how much each objective's latency is raised before it is judged.

    With ``surely`` by the high end of the prediction's interval, with ``likely`` not at all.
    """
    if confidence == "likely":
        return [1.0 for _ in objectives]
    known = {name: group.high_ratio(name) for name in {QUANTITY_OF[o.metric] for o in objectives}}
    return [known[QUANTITY_OF[o.metric]] for o in objectives]


def largest_loads(
    group: Group, lengths: Lengths, capacity_seqs: Column, slo: Slo, confidence: Confidence
) -> Flow:
    """Return the largest load within objectives of every row of a group."""
    goals = goals_of(group, slo, confidence)
    return largest_load(group.timer, lengths, capacity_seqs, goals)


def goals_of(group: Group, slo: Slo, confidence: Confidence) -> list[Goal]:
    """Return the objectives with their limits, lowered where they are judged surely."""
    objectives = slo.objectives()
    raised = raised_ratio(group, objectives, confidence)
    return [
        Goal(one.metric, one.percentile, one.limit_s / ratio)
        for one, ratio in zip(objectives, raised, strict=True)
    ]


def judged_s(group: Group, flows: Sequence[Flow], slo: Slo, confidence: Confidence) -> list[Column]:
    """Return what each objective's latency is judged by: the worst of some flows, raised."""
    objectives = slo.objectives()
    raised = raised_ratio(group, objectives, confidence)
    return [
        np.maximum.reduce([np.asarray(f.tail_s(o.metric, o.percentile)) for f in flows]) * ratio
        for o, ratio in zip(objectives, raised, strict=True)
    ]


def flows_at_rate(
    group: Group, lengths: Lengths, rate_requests_per_s: Column, capacity_seqs: Column
) -> Flow:
    """Return the flows of a group's rows, each at its own rate an engine."""
    return at_rate(group.timer, lengths, rate_requests_per_s, capacity_seqs)
