"""How long one step takes: operators over achieved speeds, plus the host.

    step_s = Σ operator_s + host
    operator_s = launches · overhead + [(flop / compute)³ + (bytes / bandwidth)³]^(1/3)

Kernels run one after another, so their times add (formulas F5.3); messages are no overlap with
them, as measured on PCIe. An engine whose scheduler runs ahead hides the work that it does for
each sequence behind the device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from rightrig.prediction.network import bus_bytes
from rightrig.prediction.roofline import bound_s, smooth_max_s
from rightrig.work.operators import SENT
from rightrig.work.step import host_launches_count, step_operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.llm import Llm
    from rightrig.prediction.efficiency import Speeds
    from rightrig.prediction.rates import KernelRates
    from rightrig.prediction.regimes import Moment, Pace
    from rightrig.work.operators import Floats, Operator, Shard, Step
    from rightrig.work.stored import Stored

Resource = Literal["memory bandwidth", "compute", "communication", "host"]


@dataclass(frozen=True, slots=True)
class StepTimer:
    """A model on cards of one kind, ready to be asked how long a step takes.

    Attributes:
        llm: The model.
        stored: Its formats.
        speeds: What a card and its links achieve.
        shard: How an engine divides a step.
        pace: How it takes in prompts.
        draft: What drafts tokens before each step, where something does.
    """

    llm: Llm
    stored: Stored
    speeds: Speeds
    shard: Shard
    pace: Pace
    draft: Drafting | None = None

    def operators(self, step: Step) -> tuple[Operator, ...]:
        """Return the operators of a step."""
        return step_operators(self.llm, self.stored, step, self.shard)

    def step_s(self, step: Step) -> Floats:
        """Return the time of a step, with the passes that draft tokens for it."""
        drafted_s = 0.0 if self.draft is None else self.draft.passes_s(step)
        return self.own_step_s(step) + drafted_s

    def own_step_s(self, step: Step) -> Floats:
        """Return the time of a step of one micro-batch through all stages."""
        device_s = sum(self.operator_s(operator) for operator in self.operators(step))
        prompted = np.asarray(step.prefill_tokens) > 0.0
        eager_s = np.where(prompted, host_launches_count(self.llm) * self.speeds.eager_s, 0.0)
        return host_and_device_s(self.speeds, device_s, step.decode_seqs, eager_s)

    def operator_s(self, operator: Operator) -> Floats:
        """Return the time of one operator on one rank."""
        return operator_s(operator, self.speeds.rates[operator.kind], self.shard)

    def use_ratio(self, step: Step) -> Floats:
        """Return the share of a card's peak arithmetic that a step uses."""
        flop = sum(operator.flop for operator in self.operators(step))
        return flop / self.speeds.peak_flop_per_s / self.step_s(step)

    def memory_use_ratio(self, step: Step) -> Floats:
        """Return the share of a card's peak bandwidth that a step uses."""
        moved_bytes = sum(operator.moved_bytes for operator in self.operators(step))
        return moved_bytes / self.speeds.peak_bytes_per_s / self.step_s(step)

    def bound_s(self, step: Step) -> Floats:
        """Return the least time that the datasheet allows for a step (η = 1)."""
        operators = self.operators(step)
        flop = sum(operator.flop for operator in operators)
        moved = sum(operator.moved_bytes for operator in operators if operator.kind != "rows")
        return bound_s(flop, moved, self.speeds.peak_flop_per_s, self.speeds.peak_bytes_per_s)


@dataclass(frozen=True, slots=True)
class Drafting:
    """A smaller model that drafts tokens, which the next step verifies.

    Attributes:
        timer: The model and its shard; of its host no time counts, for the target's step has it.
        passes_count: Passes a step: one a drafted token.
    """

    timer: StepTimer
    passes_count: float

    def steps(self, step: Step) -> tuple[Step, Step]:
        """Return the first pass, which reads new prompts too, and each later one."""
        first = replace(step, head_rows_count=step.decode_seqs, tokens_per_seq_count=1.0)
        return first, replace(first, prefill_tokens=0.0, prefill_context_tokens=0.0)

    def passes_s(self, step: Step) -> Floats:
        """Return the time of all passes before one step."""
        first_s, later_s = (
            sum(self.timer.operator_s(operator) for operator in self.timer.operators(one))
            for one in self.steps(step)
        )
        has_seqs = np.asarray(step.decode_seqs) > 0.0
        return first_s + np.where(has_seqs, (self.passes_count - 1.0) * later_s, 0.0)


def operator_s(operator: Operator, rates: KernelRates, shard: Shard) -> Floats:
    """Return the time of one operator from what its kind achieves; idle ones take none."""
    if operator.kind in SENT:
        moved = bus_bytes(operator, shard)
        launched = _launches_count(moved, operator.launches_count)
        return launched * rates.overhead_s + moved / rates.memory_bytes_per_s
    if operator.kind == "rows":
        moved = operator.moved_bytes
        return operator.launches_count * rates.overhead_s + moved / rates.memory_bytes_per_s
    launched = _launches_count(operator.flop, operator.launches_count)
    busy = smooth_max_s(
        operator.flop / rates.compute_flop_per_s, operator.moved_bytes / rates.memory_bytes_per_s
    )
    return launched * rates.overhead_s + busy


def _launches_count(work_count: Floats, launches_count: Floats) -> Floats:
    """Return the launches of what has work to do; idle kernels are not launched."""
    if isinstance(work_count, float):
        return launches_count if work_count > 0.0 else 0.0
    return np.where(np.asarray(work_count) > 0.0, launches_count, 0.0)


def host_and_device_s(
    speeds: Speeds, device_s: Floats, decode_seqs: Floats, eager_s: Floats
) -> Floats:
    """Return device time and host time together.

    Steps with prompts run kernel by kernel, so that the host may be what they wait for.
    """
    sequences_s = decode_seqs * speeds.sequence_s
    launched_s = smooth_max_s(device_s, eager_s)
    if speeds.overlapped:
        return speeds.step_s + smooth_max_s(launched_s, sequences_s)
    return speeds.step_s + launched_s + sequences_s


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a step's account: what, how long, and which resource it waits for.

    Attributes:
        share_of_limit_ratio: How near the operator comes to the datasheet's limit of that
            resource; 0 for the host.
    """

    name: str
    time_s: float
    resource: Resource
    share_of_limit_ratio: float = 0.0


def account(timer: StepTimer, step: Step) -> tuple[Part, ...]:
    """Return a single step's parts, longest first (for one operating point, no arrays).

    Layers of several kinds make one part a name, which waits for what its longest does.
    """
    found: dict[str, list[Part]] = {}
    for operator in timer.operators(step):
        time_s = float(timer.operator_s(operator))
        if time_s > 0.0:
            part = Part(operator.name, time_s, *_resource(timer, operator, time_s))
            found.setdefault(operator.name, []).append(part)
    parts = [
        replace(max(alike, key=lambda part: part.time_s), time_s=sum(p.time_s for p in alike))
        for alike in found.values()
    ]
    device_s = sum(part.time_s for part in parts)
    host_s = float(timer.own_step_s(step)) - device_s
    if timer.draft is not None:
        parts.append(_drafted_part(timer.draft, step))
    parts.append(Part("scheduler and sampling", host_s, "host"))
    return tuple(sorted(parts, key=lambda part: -part.time_s))


def account_of(timer: StepTimer, moments: Sequence[Moment]) -> tuple[Part, ...]:
    """Return the parts of the mean of several steps, by their weights, longest first.

    A part waits for what it waits for where it takes longest.
    """
    found: dict[str, list[Part]] = {}
    for moment in moments:
        weight = float(moment.weight_ratio)
        for part in account(timer, moment.step) if weight > 0.0 else ():
            found.setdefault(part.name, []).append(replace(part, time_s=weight * part.time_s))
    parts = (
        replace(max(alike, key=lambda part: part.time_s), time_s=sum(p.time_s for p in alike))
        for alike in found.values()
    )
    return tuple(sorted(parts, key=lambda part: -part.time_s))


def _drafted_part(draft: Drafting, step: Step) -> Part:
    """Return the passes that draft, as one part: it waits for what its longest operator does."""
    first, _ = draft.steps(step)
    longest = max(draft.timer.operators(first), key=lambda op: float(draft.timer.operator_s(op)))
    resource, share = _resource(draft.timer, longest, float(draft.timer.operator_s(longest)))
    return Part("drafting", float(draft.passes_s(step)), resource, share)


def _resource(timer: StepTimer, operator: Operator, time_s: float) -> tuple[Resource, float]:
    """Return what an operator waits for, and the share of the datasheet's limit it reaches."""
    speeds = timer.speeds
    if operator.kind in SENT:
        limit_s = float(bus_bytes(operator, timer.shard)) / float(speeds.link_bytes_per_s)
        return "communication", float(limit_s / time_s)
    rates = speeds.rates[operator.kind]
    compute_s = float(operator.flop / rates.compute_flop_per_s)
    memory_s = float(operator.moved_bytes / rates.memory_bytes_per_s)
    if compute_s > memory_s:
        peak = speeds.peak_flop_per_s if operator.kind in {"gemm", "experts"} else (
            speeds.peak_16bit_flop_per_s
        )  # fmt: skip
        return "compute", float(operator.flop) / float(peak) / time_s
    limit_s = float(operator.moved_bytes) / float(speeds.peak_bytes_per_s)
    return "memory bandwidth", limit_s / time_s


def bottleneck(parts: tuple[Part, ...]) -> tuple[Resource, float]:
    """Return the resource that most of the time waits for, and its share."""
    totals: dict[Resource, float] = {}
    for part in parts:
        totals[part.resource] = totals.get(part.resource, 0.0) + part.time_s
    first = max(totals, key=lambda resource: totals[resource])
    return first, totals[first] / sum(totals.values())
