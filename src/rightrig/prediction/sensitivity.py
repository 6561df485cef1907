"""What ten per cent more of something would change, and where the ridge of a card lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.prediction.drafting import timer_for
from rightrig.prediction.operating_point import operating_point
from rightrig.prediction.roofline import ridge_tokens_count
from rightrig.work.operators import SENT

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn, TensorClass
    from rightrig.prediction.efficiency import Speeds
    from rightrig.prediction.operating_point import OperatingPoint
    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.rates import KernelRates
    from rightrig.prediction.step_time import StepTimer
    from rightrig.work.operators import OperatorKind

STEP_RATIO: Final = 1.1
"""What a quantity is multiplied by."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What more of one thing does: each new value over the old one.

    Attributes:
        change: What there is more of.
    """

    change: str
    ttft_ratio: float
    tpot_ratio: float
    output_tokens_per_s_ratio: float


def sensitivities(result: Prediction) -> tuple[Sensitivity, ...]:
    """Return what 10 % more of each resource, and of users, changes at the middle.

    One rate at a time, the others as they are: links keep their latency, and where steps wait
    for several things each change is less than 10 %.
    """
    timer = timer_for(result.deployment, result.lengths)
    before = _point(result, timer)
    changed = {
        "memory bandwidth": _point(result, _quicker(timer, memory_ratio=STEP_RATIO)),
        "arithmetic": _point(result, _quicker(timer, compute_ratio=STEP_RATIO)),
        "link bandwidth": _point(result, _quicker(timer, link_ratio=STEP_RATIO)),
        "speed of the host": _point(result, _quicker(timer, host_ratio=STEP_RATIO)),
        "memory for the KV cache": _point(result, timer, capacity_ratio=STEP_RATIO),
        "users": _point(result, timer, users_ratio=STEP_RATIO),
    }
    return tuple(
        Sensitivity(
            change,
            after.ttft_s / before.ttft_s,
            after.tpot_s / before.tpot_s,
            after.rate_requests_per_s / before.rate_requests_per_s,
        )
        for change, after in changed.items()
    )


def _point(
    result: Prediction, timer: StepTimer, *, capacity_ratio: float = 1.0, users_ratio: float = 1.0
) -> OperatingPoint:
    """Return the operating point of a prediction with another timer, capacity or crowd."""
    capacity = max(result.fit.max_concurrency, 1) * capacity_ratio
    users = result.concurrency * users_ratio
    replicas = result.deployment.parallelism.replicas
    return operating_point(timer, result.lengths, users, capacity, replicas)


def _quicker(
    timer: StepTimer,
    *,
    memory_ratio: float = 1.0,
    compute_ratio: float = 1.0,
    link_ratio: float = 1.0,
    host_ratio: float = 1.0,
) -> StepTimer:
    """Return a timer with quicker cards, links or hosts; the draft's cards are the same ones."""

    def rates(kind: OperatorKind, own: KernelRates) -> KernelRates:
        reads = link_ratio if kind in SENT else memory_ratio
        return replace(
            own,
            compute_flop_per_s=own.compute_flop_per_s * compute_ratio,
            memory_bytes_per_s=own.memory_bytes_per_s * reads,
        )

    def quicker(own: Speeds) -> Speeds:
        return replace(
            own,
            rates={kind: rates(kind, rate) for kind, rate in own.rates.items()},
            step_s=own.step_s / host_ratio,
            sequence_s=own.sequence_s / host_ratio,
            request_s=own.request_s / host_ratio,
            turn_s=own.turn_s / host_ratio,
            eager_s=own.eager_s / host_ratio,
        )

    draft = timer.draft
    if draft is not None:
        own = replace(draft.timer, speeds=quicker(draft.timer.speeds))
        draft = replace(draft, timer=own)
    return replace(timer, speeds=quicker(timer.speeds), draft=draft)


@dataclass(frozen=True, slots=True)
class Ridge:
    """Where products of one kind turn from reading weights to arithmetic.

    Attributes:
        part: Which weights.
        rows_count: Tokens of the step.
        ridge_rows_count: Tokens at which both take as long, by the datasheet.
        achieved_rows_count: The same by the rates that kernels achieve.
    """

    part: str
    rows_count: float
    ridge_rows_count: float
    achieved_rows_count: float

    @property
    def is_passed(self) -> bool:
        """Whether the step has more tokens than that: arithmetic decides."""
        return self.rows_count > self.ridge_rows_count


def ridges(result: Prediction) -> tuple[Ridge, ...]:
    """Return the ridge batch of dense weights and of experts: ``Π·b/(2·BW)`` (F5.5).

    Of E experts a token visits k, so that experts need E/k times the tokens.
    """
    timer = timer_for(result.deployment, result.lengths)
    llm, step = timer.llm, result.step
    rows = float(step.rows_count)
    is_dense = any(f.inner_size or f.shared_inner_size for f in llm.ffns) or not llm.has_experts
    routed = next((f for f in llm.ffns if f.expert_count), None)
    found = [_ridge(timer, "ffn" if is_dense else "attention", rows)]
    if routed is not None:
        groups = float(timer.shard.attention_dp)
        found.append(_ridge(timer, "expert", rows * groups, routed))
    return tuple(found)


def _ridge(timer: StepTimer, kind: TensorClass, rows_count: float, ffn: Ffn | None = None) -> Ridge:
    """Return the ridge of one class of weights."""
    speeds = timer.speeds
    rates = speeds.rates["gemm" if ffn is None else "experts"]
    weight_bytes = float(timer.stored.weight_bits[kind]) / 8.0
    spread = 1.0 if ffn is None else ffn.expert_count / ffn.experts_per_token
    peaks = (speeds.peak_flop_per_s, speeds.peak_bytes_per_s)
    achieved = (rates.compute_flop_per_s, rates.memory_bytes_per_s)
    by_sheet, by_kernels = (
        spread * ridge_tokens_count(float(flop_per_s), float(bytes_per_s), weight_bytes)
        for flop_per_s, bytes_per_s in (peaks, achieved)
    )
    name = "dense weights" if ffn is None else "experts"
    return Ridge(name, rows_count, by_sheet, by_kernels)
