"""Runs that a user measured on a machine of their own, beside the predictions for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rightrig.prediction.run_plan import plan_run
from rightrig.prediction.run_tables import PlannedRow
from rightrig.prediction.runs import InferenceRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.runs import Metric

FILE = "mine"
"""What a user's own runs are called where a table's file is named."""


@dataclass(frozen=True, slots=True)
class OwnFigure:
    """One measured value of a closed loop of users.

    Attributes:
        deployment: What ran, on cards as the machine's file describes them.
        input_tokens, output_tokens: Mean lengths.
        seqs: Users at once, over all replicas.
        measured: In base units; rates are those of the whole system.
        row: The same as a row of a table.
    """

    deployment: Deployment
    input_tokens: float
    output_tokens: float
    seqs: float
    metric: Metric
    measured: float
    row: Measurement


def plan_own(figure: OwnFigure) -> PlannedRow:
    """Return a measured value with the steps behind it."""
    deployment = figure.deployment
    split, limits = deployment.parallelism, deployment.limits
    run = InferenceRun(
        llm=deployment.llm,
        rig=deployment.rig,
        split=split,
        expert_parallel=split.experts_over if deployment.llm.has_experts else 1,
        precision=deployment.precision,
        runtime=deployment.runtime,
        version=deployment.version,
        date=figure.row["date"],
        regime="closed_loop",
        input_tokens=figure.input_tokens,
        output_tokens=figure.output_tokens,
        seqs=figure.seqs,
        context_tokens=figure.input_tokens + figure.output_tokens / 2.0,
        metric=figure.metric,
        measured=figure.measured,
        kind="",
        memory_ratio=limits.memory_ratio,
        max_seqs=limits.max_seqs,
        max_batched_tokens=limits.max_batched_tokens,
    )
    return PlannedRow(FILE, figure.row, figure.row["source"], plan_run(run))


def unrefined(figures: Iterable[OwnFigure]) -> tuple[OwnFigure, ...]:
    """Return the values as if no run had refined the machine yet."""
    return tuple(
        replace(figure, deployment=replace(figure.deployment, rig=_unrefined_rig(figure)))
        for figure in figures
    )


def _unrefined_rig(figure: OwnFigure) -> Rig:
    """Return the rig of a value without what runs made of its cards."""
    rig = figure.deployment.rig
    groups = (
        replace(group, gpu=group.gpu.model_copy(update={"measured_here": ()}))
        for group in rig.groups
    )
    return replace(rig, groups=tuple(groups))
