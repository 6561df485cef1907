"""Step timers: a deployment, or many candidates at once, ready to be asked for times."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.efficiency import (
    EVIDENCE_ORDER,
    KernelRates,
    Speeds,
    link_speed,
    speeds,
)
from rightrig.prediction.step_time import StepTimer
from rightrig.work.step import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.work.operators import Floats


def timer_of(deployment: Deployment) -> StepTimer:
    """Return the step timer of one engine of a deployment."""
    llm, precision, split = deployment.llm, deployment.precision, deployment.parallelism
    own = llm.checkpoint.format if precision.weights == "checkpoint" else precision.weights
    rig = deployment.rig
    shares = [
        (
            group.count / rig.cards_per_node,
            speeds(group.gpu, deployment.runtime, own, group.power_cap_w),
        )
        for group in rig.groups
    ]
    neighbours = 2 if split.pp > 1 else 1
    # Stages lie one after another: those of several machines meet on the network.
    reach = rig.cards_per_node + 1 if rig.nodes_count > 1 and split.pp > 1 else neighbours
    by_layers = "layer" in deployment.runtime.splits
    return StepTimer(
        llm=llm,
        stored=Stored(class_bits(llm, precision.weights), KV_BITS[precision.kv]),
        speeds=_blend(shares),
        link=link_speed(rig.gpu, rig.link(split.tp), split.tp),
        stage_link=link_speed(rig.gpu, rig.link(reach), neighbours),
        ranks_count=split.tp,
        stages_count=split.pp,
        # llama.cpp's layer split passes one batch through the cards in turn.
        in_flight_count=1.0 if by_layers else float(split.pp),
        step_tokens=float(deployment.limits.max_batched_tokens),
    )


def _blend(shares: Sequence[tuple[float, Speeds]]) -> Speeds:
    """Return the speeds of cards that take shares of the layers.

    Times add, so rates combine as the weighted harmonic mean.
    """
    first = shares[0][1]
    if len(shares) == 1:
        return first

    def harmonic(values: Sequence[Floats]) -> Floats:
        return 1.0 / sum(share / value for (share, _), value in zip(shares, values, strict=True))

    def rates(name: str) -> KernelRates:
        kernels = [getattr(own, name) for _, own in shares]
        return KernelRates(
            harmonic([k.compute_flop_per_s for k in kernels]),
            harmonic([k.memory_bytes_per_s for k in kernels]),
            sum(share * k.overhead_s for (share, _), k in zip(shares, kernels, strict=True)),
        )

    weakest = max((own.evidence for _, own in shares), key=EVIDENCE_ORDER.index)
    return replace(
        first,
        gemm=rates("gemm"),
        head=rates("head"),
        attention=rates("attention"),
        evidence=weakest,
        prefill_flop_per_s=harmonic([own.prefill_flop_per_s for _, own in shares]),
        peak_flop_per_s=harmonic([own.peak_flop_per_s for _, own in shares]),
        peak_16bit_flop_per_s=harmonic([own.peak_16bit_flop_per_s for _, own in shares]),
        peak_bytes_per_s=harmonic([own.peak_bytes_per_s for _, own in shares]),
    )


def stack_speeds(rows: Sequence[Speeds]) -> Speeds:
    """Return many cards' speeds as one record of arrays, an element a row.

    The rows must be of one runtime: what is not a number is taken from the first.
    """
    first = rows[0]
    columns: dict[str, object] = {}
    for field in fields(Speeds):
        values = [getattr(row, field.name) for row in rows]
        if isinstance(values[0], KernelRates):
            columns[field.name] = KernelRates(
                np.array([v.compute_flop_per_s for v in values]),
                np.array([v.memory_bytes_per_s for v in values]),
                np.array([v.overhead_s for v in values]),
            )
        elif isinstance(values[0], float):
            columns[field.name] = np.array(values)
    return replace(first, **columns)  # type: ignore[arg-type] # names and types are the fields' own
