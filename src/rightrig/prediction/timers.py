"""Step timers: a deployment, or many candidates at once, ready to be asked for times."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.efficiency import Joined, Speeds, speeds
from rightrig.prediction.evidence import measured_of
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.rates import KernelRates
from rightrig.prediction.regimes import Pace
from rightrig.prediction.step_time import StepTimer
from rightrig.work.operators import Shard
from rightrig.work.stored import Adapters, Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Rig
    from rightrig.prediction.parameters import Engine
    from rightrig.work.operators import Floats


LAYERS_OVERLAP_RATIO: Final = 0.5
"""Share of a pipeline's overlap that llama.cpp's split by layers reaches with chunks of a prompt:
between what runs of 16-bit files (more) and 4-bit files (none) on two to eight cards show."""


def joined_of(rig: Rig, split: Parallelism) -> Joined:
    """Return the links that an engine's ranks and stages use.

    Stages lie one after another: those of several machines meet on the network.
    """
    together = split.expert_ranks
    neighbours = 2 if split.pp > 1 else 1
    reach = rig.cards_per_node + 1 if rig.nodes_count > 1 and split.pp > 1 else neighbours
    return Joined(rig.link(together), together, rig.link(reach), split.attention_dp > 1)


def shard_of(split: Parallelism) -> Shard:
    """Return how an engine of a split divides a step."""
    return Shard(
        float(split.tp),
        float(split.pp),
        float(split.attention_dp),
        float(split.experts_over),
        float(split.context_parallel),
    )


def speeds_of(deployment: Deployment) -> Speeds:
    """Return what the cards and links of one engine of a deployment achieve together."""
    own = deployment.llm.format_of(deployment.precision.weights)
    rig = deployment.rig
    joined = joined_of(rig, deployment.parallelism)
    engine = engine_for(deployment.runtime, deployment.version)
    shares = []
    for group in rig.groups:
        found = speeds(
            group.gpu, deployment.runtime, own, joined,
            power_cap_w=group.power_cap_w, version=deployment.version,
        )  # fmt: skip
        if group.gpu.measured_here:
            measured = measured_of(group.gpu, engine, deployment.llm.slug)
            found = replace(found, measured=measured)
        shares.append((group.count / rig.cards_per_node, found))
    return _blend(shares)


def timer_of(deployment: Deployment) -> StepTimer:
    """Return the step timer of one engine of a deployment."""
    llm, precision, split = deployment.llm, deployment.precision, deployment.parallelism
    engine = engine_for(deployment.runtime, deployment.version)
    return StepTimer(
        llm=llm,
        stored=Stored(
            class_bits(llm, precision.weights),
            KV_BITS[precision.kv],
            Adapters(deployment.companions.lora_count, deployment.companions.lora_rank),
        ),
        speeds=speeds_of(deployment),
        shard=shard_of(split),
        pace=pace_of(
            engine,
            float(split.pp),
            float(split.attention_dp),
            float(deployment.limits.max_batched_tokens),
        ),
    )


def pace_of(
    engine: Engine, stages_count: Floats, groups_count: Floats, step_tokens: Floats
) -> Pace:
    """Return how an engine of some stages and groups takes in prompts.

    A split by layers passes one batch through the cards in turn; chunks of one prompt overlap
    half of what a full pipeline would.
    """
    overlap = LAYERS_OVERLAP_RATIO if engine.by_layers else 1.0
    return Pace(
        step_tokens,
        engine.mixes_prompts,
        1.0 + 0.0 * stages_count if engine.by_layers else stages_count,
        groups_count,
        1.0 + overlap * (stages_count - 1.0),
    )


def _blend(shares: Sequence[tuple[float, Speeds]]) -> Speeds:
    """Return the speeds of cards that take shares of the layers.

    Times add, so rates combine as the weighted harmonic mean.
    """
    first = shares[0][1]
    if len(shares) == 1:
        return first

    def harmonic(of: Callable[[Speeds], Floats]) -> Floats:
        total = sum(share / of(own) for share, own in shares)
        return 1.0 / total if total else np.inf  # what costs no time on any card

    rates = {
        kind: KernelRates(
            harmonic(lambda own, kind=kind: own.rates[kind].compute_flop_per_s),  # type: ignore[misc]
            harmonic(lambda own, kind=kind: own.rates[kind].memory_bytes_per_s),  # type: ignore[misc]
            sum(share * own.rates[kind].overhead_s for share, own in shares),
        )
        for kind in first.rates
    }

    def mean(of: Callable[[Speeds], Floats]) -> Floats:
        return sum(share * of(own) for share, own in shares)

    return replace(
        first,
        rates=rates,
        step_s=mean(lambda own: own.step_s),
        sequence_s=mean(lambda own: own.sequence_s),
        eager_s=mean(lambda own: own.eager_s),
        measured=max((own.measured for _, own in shares), key=lambda m: m.weakness),
        peak_flop_per_s=harmonic(lambda own: own.peak_flop_per_s),
        peak_16bit_flop_per_s=harmonic(lambda own: own.peak_16bit_flop_per_s),
        peak_bytes_per_s=harmonic(lambda own: own.peak_bytes_per_s),
    )


def stack_speeds(rows: Sequence[Speeds]) -> Speeds:
    """Return many cards' speeds as one record of arrays, an element a row.

    The rows must be of one runtime: what is not a number is taken from the first.
    """
    first = rows[0]
    columns: dict[str, object] = {
        "rates": {kind: _stack_rates([row.rates[kind] for row in rows]) for kind in first.rates}
    }
    for field in fields(Speeds):
        values = [getattr(row, field.name) for row in rows]
        if isinstance(values[0], float):
            columns[field.name] = np.array(values)
    return replace(first, **columns)  # type: ignore[arg-type] # names and types are the fields' own


def _stack_rates(rows: Sequence[KernelRates]) -> KernelRates:
    """Return rates as arrays."""
    return KernelRates(
        np.array([float(r.compute_flop_per_s) for r in rows]),
        np.array([float(r.memory_bytes_per_s) for r in rows]),
        np.array([float(r.overhead_s) for r in rows]),
    )
