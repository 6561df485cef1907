"""How long one step takes: operators over achieved speeds, plus the host.

    step_s = Σ kernel_s + all-reduces + host

Kernels run one after another, so their times add (formulas F5.3); an engine whose scheduler
runs ahead hides the work that it does for each sequence behind the device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from rightrig.prediction.network import all_reduce_s, send_s
from rightrig.prediction.roofline import bound_s, kernel_s, smooth_max_s
from rightrig.work.step import Stored, step_operators

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm
    from rightrig.prediction.efficiency import KernelRates, LinkSpeed, Speeds
    from rightrig.work.operators import Floats, Operator, Step

Resource = Literal["memory bandwidth", "compute", "communication", "host"]


@dataclass(frozen=True, slots=True)
class StepTimer:
    """A model on cards of one kind, ready to be asked how long a step takes.

    Attributes:
        llm: The model.
        stored: Its formats.
        speeds: What a card achieves.
        link: What an all-reduce among the ranks achieves.
        stage_link: What a transfer from stage to stage achieves.
        ranks_count: Tensor-parallel ranks, a number or one an element.
        stages_count: Pipeline stages.
        in_flight_count: Micro-batches that the stages work on at once.
        step_tokens: Most tokens in one step (chunked prefill).
    """

    llm: Llm
    stored: Stored
    speeds: Speeds
    link: LinkSpeed
    stage_link: LinkSpeed
    ranks_count: Floats
    stages_count: Floats
    in_flight_count: Floats
    step_tokens: Floats

    def operators(self, step: Step) -> tuple[Operator, ...]:
        """Return the operators of a step."""
        return step_operators(self.llm, self.stored, step, self.ranks_count, self.stages_count)

    def step_s(self, step: Step) -> Floats:
        """Return the time of a step of one micro-batch through all stages."""
        device_s = sum(self.operator_s(operator) for operator in self.operators(step))
        return self._with_host_s(device_s, step.decode_seqs)

    def _with_host_s(self, device_s: Floats, decode_seqs: Floats) -> Floats:
        """Return device time and host time together."""
        sequences_s = decode_seqs * self.speeds.sequence_overhead_s
        if self.speeds.overlapped:
            return self.speeds.step_overhead_s + smooth_max_s(device_s, sequences_s)
        return self.speeds.step_overhead_s + device_s + sequences_s

    def operator_s(self, operator: Operator) -> Floats:
        """Return the time of one operator on one rank."""
        speeds = self.speeds
        if operator.kind == "all_reduce":
            once = all_reduce_s(
                operator.message_bytes,
                self.ranks_count,
                self.link.latency_s,
                self.link.bus_bytes_per_s,
            )
            return operator.launches_count * once
        if operator.kind == "send":
            hops = np.maximum(self.stages_count - 1.0, 0.0)
            latency = np.where(hops > 0, hops * self.stage_link.latency_s, 0.0)
            return send_s(operator.message_bytes, latency, self.stage_link.bus_bytes_per_s)
        if operator.kind == "rows":
            layers_s = self.llm.layer_count * speeds.layer_overhead_s
            return layers_s + operator.moved_bytes / speeds.gemm.memory_bytes_per_s
        if operator.kind == "prefill":
            return smooth_max_s(
                operator.flop / speeds.prefill_flop_per_s,
                operator.moved_bytes / speeds.attention.memory_bytes_per_s,
            )
        return self._kernel_s(operator, self._rates(operator))

    def _rates(self, operator: Operator) -> KernelRates:
        """Return the achieved rates of an operator's kind."""
        if operator.kind == "head":
            return self.speeds.head
        return self.speeds.attention if operator.kind == "attention" else self.speeds.gemm

    def _kernel_s(self, operator: Operator, rates: KernelRates) -> Floats:
        """Return the time of a kernel; one without work is not launched."""
        compute = rates.compute_flop_per_s
        if operator.kind == "experts":
            compute = compute * self.speeds.expert_compute_ratio
        launched = np.where(np.asarray(operator.flop) > 0.0, operator.launches_count, 0.0)
        return kernel_s(
            operator.flop,
            operator.moved_bytes,
            compute,
            rates.memory_bytes_per_s,
            launched * rates.overhead_s,
        )

    def use_ratio(self, step: Step) -> Floats:
        """Return the share of a card's peak arithmetic that a step uses."""
        flop = sum(operator.flop for operator in self.operators(step))
        return flop / self.speeds.peak_flop_per_s / self.step_s(step)

    def bound_s(self, step: Step) -> Floats:
        """Return the least time that the datasheet allows for a step (η = 1)."""
        operators = self.operators(step)
        flop = sum(operator.flop for operator in operators)
        moved = sum(operator.moved_bytes for operator in operators if operator.kind != "rows")
        return bound_s(flop, moved, self.speeds.peak_flop_per_s, self.speeds.peak_bytes_per_s)


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a step's account: what, how long, and which resource it waits for."""

    name: str
    time_s: float
    resource: Resource


def account(timer: StepTimer, step: Step) -> tuple[Part, ...]:
    """Return a single step's parts, longest first (for one operating point, no arrays).

    Layers of several kinds make one part a name, which waits for what its longest does.
    """
    found: dict[str, list[Part]] = {}
    for operator in timer.operators(step):
        time_s = float(timer.operator_s(operator))
        if time_s > 0.0:
            part = Part(operator.name, time_s, _resource(timer, operator))
            found.setdefault(operator.name, []).append(part)
    parts = [
        replace(max(alike, key=lambda part: part.time_s), time_s=sum(p.time_s for p in alike))
        for alike in found.values()
    ]
    device_s = sum(part.time_s for part in parts)
    host_s = float(timer.step_s(step)) - device_s
    parts.append(Part("scheduler and sampling", host_s, "host"))
    return tuple(sorted(parts, key=lambda part: -part.time_s))


def _resource(timer: StepTimer, operator: Operator) -> Resource:
    """Return what an operator waits for."""
    if operator.kind in {"all_reduce", "send"}:
        return "communication"
    rates = timer._rates(operator)  # noqa: SLF001 - the same file
    compute = (
        timer.speeds.prefill_flop_per_s if operator.kind == "prefill" else rates.compute_flop_per_s
    )
    compute_s = float(operator.flop / compute)
    memory_s = float(operator.moved_bytes / rates.memory_bytes_per_s)
    return "compute" if compute_s > memory_s else "memory bandwidth"


def bottleneck(parts: tuple[Part, ...]) -> tuple[Resource, float]:
    """Return the resource that most of the time waits for, and its share."""
    totals: dict[Resource, float] = {}
    for part in parts:
        totals[part.resource] = totals.get(part.resource, 0.0) + part.time_s
    first = max(totals, key=lambda resource: totals[resource])
    return first, totals[first] / sum(totals.values())
