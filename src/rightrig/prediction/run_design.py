"""All measured runs as arrays: their work counted once, their values for any parameters.

Each run uses one parameter of each kind at most, so that the derivative by all parameters of a
kind costs one evaluation (``run_fit``). An evaluation of ten thousand runs is a few dozen array
operations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rightrig.prediction.efficiency import Keyed, keyed_of
from rightrig.prediction.network import bus_bytes
from rightrig.prediction.parameters import KINDS
from rightrig.prediction.rates import Sheet, kernel_rates
from rightrig.prediction.roofline import smooth_max_s
from rightrig.prediction.run_values import Loads, Times, loads_of, run_values
from rightrig.prediction.timers import joined_of
from rightrig.work.operators import SENT
from rightrig.work.step import host_launches_count, step_operators

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.prediction.run_plan import RunPlan
    from rightrig.work.operators import Operator, Shard

Array = NDArray[np.float64]
Places = NDArray[np.int64]
_OPERATOR_KINDS: Final = (
    "gemm", "experts", "head", "attention", "prefill", "rows",
    "all_reduce", "all_gather", "all_to_all", "send",
)  # fmt: skip
_ROLES: Final = 3  # own, burst, next


def keyed_run(plan: RunPlan) -> Keyed:
    """Return which parameters and which datasheet a run uses."""
    run = plan.run
    group = run.rig.groups[0]
    joined = joined_of(run.rig, replace(run.split, replicas=1))
    return keyed_of(
        group.gpu, run.runtime, plan.engine, run.precision.weights, joined, group.power_cap_w
    )


@dataclass(frozen=True, slots=True)
class Design:
    """All runs as arrays.

    Attributes:
        kind, flop, moved_bytes, launches_count, step_of: An entry an operator: its kind, its
            work, and its step.
        step_run, step_role, step_weight_ratio, step_seqs, step_launches_count: An entry a step;
            roles are own, burst, next; launches are 0 for a step without prompts.
        places: Kind of parameter → place of each run's parameter among ``names``.
        names: (kind, key) of every parameter.
        own: Kind → what each run's very machine made of it; NaN where it made nothing.
        measured: Of every run.
    """

    plans: tuple[RunPlan, ...]
    loads: Loads
    kind: Places
    flop: Array
    moved_bytes: Array
    launches_count: Array
    step_of: Places
    step_run: Places
    step_role: Places
    step_weight_ratio: Array
    step_seqs: Array
    step_launches_count: Array
    sheet: Sheet
    overlapped: NDArray[np.bool_]
    places: Mapping[str, Places]
    names: tuple[tuple[str, str], ...]
    measured: Array
    own: Mapping[str, Array] = field(default_factory=dict)

    def at(self, values: Array) -> dict[str, Array]:
        """Return each kind's parameter run by run, from a value a name."""
        found = {kind: values[self.places[kind]] for kind in KINDS}
        return found | {
            kind: np.where(np.isnan(own), found[kind], own) for kind, own in self.own.items()
        }


def design_of(plans: Sequence[RunPlan]) -> Design:
    """Return the runs as arrays, each operator counted once."""
    entries: list[tuple[float, ...]] = []
    steps: list[tuple[float, ...]] = []
    for number, plan in enumerate(plans):
        _count(number, plan, entries, steps)
    keyed = [keyed_run(plan) for plan in plans]
    names: dict[tuple[str, str], int] = {}
    places = {
        kind: np.array(
            [names.setdefault((kind, k.keys[kind]), len(names)) for k in keyed], dtype=np.int64
        )
        for kind in KINDS
    }
    entry, step = np.array(entries), np.array(steps)
    sheet = {f.name: np.array([float(getattr(k.sheet, f.name)) for k in keyed])
             for f in fields(Sheet)}  # fmt: skip
    return Design(
        plans=tuple(plans),
        loads=loads_of(plans),
        kind=entry[:, 0].astype(np.int64),
        flop=entry[:, 1],
        moved_bytes=entry[:, 2],
        launches_count=entry[:, 3],
        step_of=entry[:, 4].astype(np.int64),
        step_run=step[:, 0].astype(np.int64),
        step_role=step[:, 1].astype(np.int64),
        step_weight_ratio=step[:, 2],
        step_seqs=step[:, 3],
        step_launches_count=step[:, 4],
        sheet=Sheet(**sheet),
        overlapped=np.array([plan.engine.overlapped for plan in plans]),
        places=places,
        names=tuple(names),
        measured=np.array([plan.run.measured for plan in plans]),
        own={
            kind: np.array([one.own.get(kind, np.nan) for one in keyed])
            for kind in sorted({kind for one in keyed for kind in one.own})
        },
    )


def _count(
    number: int, plan: RunPlan, entries: list[tuple[float, ...]], steps: list[tuple[float, ...]]
) -> None:
    """Add the steps of a run and their operators."""
    llm = plan.run.llm
    launches = host_launches_count(llm)
    for role, moments in enumerate((plan.own, plan.burst, plan.next)):
        for moment in moments:
            weight = float(moment.weight_ratio)
            if weight == 0.0:
                continue
            prompted = float(moment.step.prefill_tokens) > 0.0
            seqs = float(moment.step.decode_seqs)
            steps.append((number, role, weight, seqs, launches * prompted))
            for operator in step_operators(llm, plan.stored, moment.step, plan.shard):
                entry = _entry(operator, plan.shard)
                if any(entry[1:]):
                    entries.append((*entry, len(steps) - 1))


def _entry(operator: Operator, shard: Shard) -> tuple[float, float, float, float]:
    """Return kind, flop, bytes and launches of an operator; idle ones launch nothing."""
    place = float(_OPERATOR_KINDS.index(operator.kind))
    flop = float(operator.flop)
    if operator.kind in SENT:
        moved = float(bus_bytes(operator, shard))
        return place, 0.0, moved, float(operator.launches_count) if moved > 0.0 else 0.0
    runs = flop > 0.0 or operator.kind == "rows"
    return place, flop, float(operator.moved_bytes), float(operator.launches_count) if runs else 0.0


def predicted_values(design: Design, of: Mapping[str, Array]) -> Array:
    """Return every run's value; ``of`` holds each kind's parameter run by run."""
    own_s, burst_s, next_s = _role_times_s(design, of)
    times = Times(
        own_s, burst_s, next_s, of["request_s"], of["miss_ratio"], of["burst_ratio"],
        of["turn_s"],
    )  # fmt: skip
    return run_values(design.loads, times)


def _role_times_s(design: Design, of: Mapping[str, Array]) -> list[Array]:
    """Return the times of own, burst and next steps of every run."""
    count = len(design.plans)
    rates = kernel_rates(design.sheet, of.__getitem__)
    run = design.step_run[design.step_of]

    def column(name: str) -> Array:
        rows = [np.broadcast_to(getattr(rates[k], name), count) for k in _OPERATOR_KINDS]
        found: Array = np.stack(rows)[design.kind, run]
        return found

    busy_s = smooth_max_s(
        design.flop / column("compute_flop_per_s"),
        design.moved_bytes / column("memory_bytes_per_s"),
    )
    taken_s = design.launches_count * column("overhead_s") + busy_s
    device_s = _sums(design.step_of, taken_s, len(design.step_run))
    step_s = _with_host_s(design, device_s, of)
    weighted = design.step_weight_ratio * step_s
    return [
        _sums(design.step_run, np.where(design.step_role == role, weighted, 0.0), count)
        for role in range(_ROLES)
    ]


def _sums(places: Places, values: Array, count: int) -> Array:
    """Return the sum of the values at each place."""
    return np.bincount(places, values, count).astype(np.float64)


def _with_host_s(design: Design, device_s: Array, of: Mapping[str, Array]) -> Array:
    """Return the times of steps with the host's, as ``step_time.host_and_device_s`` has them."""
    run = design.step_run
    eager_s = design.step_launches_count * (of["eager_s"] * of["pair_host"])[run]
    launched_s = np.asarray(smooth_max_s(device_s, eager_s))
    sequences_s = design.step_seqs * of["sequence_s"][run]
    together_s = np.where(
        design.overlapped[run], smooth_max_s(launched_s, sequences_s), launched_s + sequences_s
    )
    return np.asarray((of["step_s"] * of["pair_host"])[run] + together_s)
