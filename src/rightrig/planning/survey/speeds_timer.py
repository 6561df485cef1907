"""The step timer of many models at once: ``StepTimer`` with an element a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.prediction.rates import KernelRates
from rightrig.prediction.roofline import bound_s
from rightrig.prediction.step_time import host_and_device_s, operator_s
from rightrig.work.flat_operators import KERNEL_KINDS

if TYPE_CHECKING:
    from rightrig.prediction.efficiency import Speeds
    from rightrig.prediction.regimes import Pace
    from rightrig.work.flat_operators import Amounts, Table
    from rightrig.work.flat_steps import FlatSteps, Part
    from rightrig.work.operators import Floats, OperatorKind, Step


@dataclass(frozen=True, slots=True)
class ManyTimer:
    """Many models, each on its cards, ready to be asked how long a step of each takes.

    Attributes:
        steps: What their steps do.
        speeds: What their cards and links achieve, an element a model.
        pace: How their engines take in prompts; all mix prompts with decoding, or none does.
        rates: The rates of each part of the steps, an element an operator.
    """

    steps: FlatSteps
    speeds: Speeds
    pace: Pace
    rates: tuple[KernelRates, ...]

    def step_s(self, step: Step) -> Floats:
        """Return the time of a step of every model (``StepTimer.own_step_s``)."""
        device_s: Floats = 0.0
        for part, rates in zip(self.steps.parts, self.rates, strict=True):
            each_s = operator_s(part.operator(step), rates, part.shard)
            device_s = device_s + self.steps.totals(part, each_s)
        prompted = np.asarray(step.prefill_tokens) > 0.0
        eager_s = np.where(prompted, self.steps.host_launches_count * self.speeds.eager_s, 0.0)
        return host_and_device_s(self.speeds, device_s, step.decode_seqs, eager_s)

    def bound_s(self, step: Step) -> Floats:
        """Return the least time that the datasheet allows (``StepTimer.bound_s``)."""
        kernels = self.steps.parts[0]
        work = kernels.operator(step)
        flop = self.steps.totals(kernels, work.flop)
        moved = self.steps.totals(kernels, work.moved_bytes)
        return bound_s(flop, moved, self.speeds.peak_flop_per_s, self.speeds.peak_bytes_per_s)


def many_timer(steps: FlatSteps, speeds: Speeds, pace: Pace) -> ManyTimer:
    """Return the timer of some models with the speeds of each."""
    return ManyTimer(steps, speeds, pace, tuple(_rates(part, speeds) for part in steps.parts))


def _rates(part: Part, speeds: Speeds) -> KernelRates:
    """Return the rates of a part, an element an operator."""
    kinds: tuple[OperatorKind, ...] = KERNEL_KINDS if part.kind == "gemm" else (part.kind,)
    rows = part.kinds if part.kind == "gemm" else 0
    rates = [speeds.rates[kind] for kind in kinds]
    count = len(np.asarray(speeds.step_s))

    def gathered(values: list[Amounts]) -> Table:
        columns = np.array([np.broadcast_to(value, count) for value in values])
        return np.asarray(columns[rows, part.models])

    return KernelRates(
        gathered([rate.compute_flop_per_s for rate in rates]),
        gathered([rate.memory_bytes_per_s for rate in rates]),
        gathered([rate.overhead_s for rate in rates]),
    )
