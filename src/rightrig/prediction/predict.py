"""The prediction of one deployment: TTFT, TPOT, throughput, power, and why."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import MODELLED
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, product_if_independent, sum_if_comonotone
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.evidence import around, end_ratios, highest_tokens_per_s, low_end_s
from rightrig.prediction.layered_engines import LAYERED
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.prediction.operating_point import operating_point
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.power import (
    card_power_w,
    draw_of,
    idle_power_w,
    working_interval_w,
    working_power_w,
)
from rightrig.prediction.regimes import decode_step, next_moments
from rightrig.prediction.serving import mixed_step
from rightrig.prediction.step_time import account_of, bottleneck
from rightrig.quantities import show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import CardGroup
    from rightrig.prediction.evidence import Evidence, Quantity
    from rightrig.prediction.regimes import Lengths, Moment
    from rightrig.prediction.step_time import Part, Resource, StepTimer
    from rightrig.work.operators import Step


_QUANTITIES: Final[tuple[Quantity, ...]] = ("tpot", "ttft", "throughput")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a deployment does at one concurrency.

    Attributes:
        concurrency: Users that wait for their answers, over all replicas.
        running_seqs: Sequences that run at once over all replicas; fewer when memory is short.
        ttft_s, tpot_s: Mean time to first token, mean time per output token.
        output_tokens_per_s, total_tokens_per_s: Of the whole deployment.
        requests_per_s: Requests finished.
        power_w: Cards only, all of them; ``None`` where a card's power is not published.
        step: The mean step: sequences that decode, and prompt tokens read with them.
        parts: The account of that step, longest first.
        bound_tpot_s: Least TPOT that the datasheet allows (η = 1).
    """

    deployment: Deployment
    lengths: Lengths
    fit: Fit
    concurrency: int
    running_seqs: float
    ttft_s: Interval
    tpot_s: Interval
    output_tokens_per_s: Interval
    total_tokens_per_s: Interval
    requests_per_s: Interval
    power_w: Interval | None
    step: Step
    parts: tuple[Part, ...]
    bottleneck: Resource
    bottleneck_ratio: float
    bound_tpot_s: float
    evidence: Evidence
    sources: tuple[str, ...]

    @property
    def e2e_s(self) -> Interval:
        """Mean time from a request to its last token; both parts are wrong together."""
        after_s = self.tpot_s.scaled(self.lengths.output_tokens - 1.0)
        return sum_if_comonotone(self.ttft_s, after_s)

    @property
    def user_tokens_per_s(self) -> Interval:
        """Tokens a second that one user sees: one over TPOT."""
        return self.tpot_s.reciprocal()

    @property
    def energy_j_per_token(self) -> Interval | None:
        """Energy of the cards for one output token; ``None`` where power is not known."""
        if self.power_w is None:
            return None
        return product_if_independent(self.power_w, self.output_tokens_per_s.reciprocal())

    def explain(self) -> Explanation:
        """Return what limits the speed, with figures and sources."""
        return _explain(self)


def predict(
    deployment: Deployment, lengths: Lengths, concurrency: int | None, room: Fit | None = None
) -> Prediction:
    """Return the speed of a deployment at a concurrency.

    Args:
        deployment: A deployment whose rules hold.
        lengths: Prompt and answer.
        concurrency: Users in a closed loop, over all replicas; ``None`` for as many as memory
            and the engine's limit allow.
        room: The fit for these users and lengths, where the caller has it.
    """
    asked, room = _admitted(deployment, lengths, concurrency, room)
    replicas = deployment.parallelism.replicas
    timer = timer_for(deployment, lengths)
    capacity = max(room.max_concurrency, 1)
    point = operating_point(timer, lengths, asked, capacity, replicas)
    others = max(point.engine_seqs - 1.0, 0.0)
    moments = next_moments(timer.pace, point.engine_seqs, others, lengths)
    parts = account_of(timer, moments)
    resource, share = bottleneck(parts)
    decode_s = float(timer.bound_s(decode_step(timer.pace, point.engine_seqs, lengths)))
    bound = decode_s / lengths.accepted_count
    ends = {quantity: _ends(timer, quantity) for quantity in _QUANTITIES}
    tpot = _bounded_s(point.tpot_s, ends["tpot"], bound)
    rate = point.rate_requests_per_s * lengths.output_tokens
    output = _rate_tokens_per_s(rate, tpot, bound, point.running_seqs, ends["throughput"])
    return Prediction(
        deployment=deployment,
        lengths=lengths,
        fit=room,
        concurrency=asked,
        running_seqs=point.running_seqs,
        ttft_s=around(point.ttft_s, ends["ttft"]),
        tpot_s=tpot,
        output_tokens_per_s=output,
        total_tokens_per_s=output.scaled(1.0 + lengths.input_tokens / lengths.output_tokens),
        requests_per_s=output.scaled(1.0 / lengths.output_tokens),
        power_w=mean_power_w(deployment, timer, moments, point.busy_ratio),
        step=mixed_step(timer, point.engine_seqs, others, lengths),
        parts=parts,
        bottleneck=resource,
        bottleneck_ratio=share,
        bound_tpot_s=bound,
        evidence=timer.speeds.evidence,
        sources=timer.speeds.sources,
    )


def refuse_unmodelled(deployment: Deployment) -> None:
    """Refuse what has its memory modelled, but not its speed: neither published runs nor own."""
    runtime = deployment.runtime
    if runtime.slug not in MODELLED and not _ran_here(deployment):
        raise InputError(
            f"the memory of {runtime.name} is modelled, its speed is not yet; predict with "
            f"--runtime {' or '.join(MODELLED)}, or measure it here ('rightrig load URL --model "
            "MODEL --on this', then 'rightrig calibrate --mine')"
        )
    if runtime.slug not in LAYERED and not deployment.rig.is_uniform:
        raise InputError(
            f"the speed of {runtime.name} on unequal cards ({deployment.rig.text}) is not modelled "
            "yet; predict with --runtime llama.cpp, or for equal cards"
        )


def _ran_here(deployment: Deployment) -> bool:
    """Whether runs of the engine on these very cards refined the speed model."""
    era = engine_for(deployment.runtime, deployment.version).era
    return all(
        any(one.era == era for one in group.gpu.measured_here) for group in deployment.rig.groups
    )


def _admitted(
    deployment: Deployment, lengths: Lengths, concurrency: int | None, known: Fit | None
) -> tuple[int, Fit]:
    """Return the users, as many as fit where no number is asked for, and the fit for them."""
    refuse_unmodelled(deployment)
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    room = known or fit(deployment, tokens, concurrency or 1)
    if room.lies_on_host:
        hosted = room.offloaded_layers or deployment.placement.host_expert_layers
        raise InputError(
            f"{hosted} layers of {deployment.llm.name}, or their experts, would lie in host "
            "memory, and their speed is not modelled yet; ask for a smaller format, fewer tokens "
            "or more cards"
        )
    capacity = max(room.max_concurrency, 1)
    if concurrency is None:
        return capacity, fit(deployment, tokens, capacity)
    return concurrency, room


def _ends(timer: StepTimer, quantity: Quantity) -> tuple[float, float]:
    """Return the ends of a quantity's interval over its middle."""
    return end_ratios(quantity, timer.speeds.measured, has_experts=timer.llm.has_experts)


def _bounded_s(mid_s: float, ends: tuple[float, float], least_s: float) -> Interval:
    """Return an interval around a time whose low end never passes the roofline."""
    return Interval(float(low_end_s(mid_s, ends[0], least_s)), mid_s, mid_s * ends[1])


def _rate_tokens_per_s(
    mid_tokens_per_s: float,
    tpot_s: Interval,
    bound_s: float,
    running_seqs: float,
    ends: tuple[float, float],
) -> Interval:
    """Return the interval of a throughput; its high end never passes the roofline."""
    wide = around(mid_tokens_per_s, ends)
    most = highest_tokens_per_s(mid_tokens_per_s, tpot_s.mid / tpot_s.low, running_seqs / bound_s)
    return Interval(wide.low, wide.mid, min(wide.high, float(most)))


def mean_power_w(
    deployment: Deployment, timer: StepTimer, moments: Sequence[Moment], engines_busy_ratio: float
) -> Interval | None:
    """Return the mean power of all cards over steps of several kinds, by the time they take."""
    spent = [(float(m.weight_ratio) * float(timer.step_s(m.step)), m.step) for m in moments]
    return spent_power_w(deployment, timer, spent, engines_busy_ratio)


def spent_power_w(
    deployment: Deployment,
    timer: StepTimer,
    spent: Sequence[tuple[float, Step]],
    engines_busy_ratio: float,
) -> Interval | None:
    """Return the mean power of all cards over steps; ``spent`` has the seconds of each kind."""
    total_s = sum(time_s for time_s, _ in spent)
    total: Interval | None = None
    for time_s, step in spent:
        power = cards_power_w(deployment, timer, step, engines_busy_ratio)
        if power is None:
            return None
        part = power.scaled(time_s / total_s)
        total = part if total is None else sum_if_comonotone(total, part)
    return total


def cards_power_w(
    deployment: Deployment, timer: StepTimer, step: Step, engines_busy_ratio: float
) -> Interval | None:
    """Return the mean power of all cards, in W; engines without a user idle."""
    rig = deployment.rig
    stages = float(timer.shard.stages)
    # A split by layers lets one card work at a time; a pipeline fills with enough sequences.
    by_layers = "layer" in deployment.runtime.splits
    worked = min(1.0, float(step.decode_seqs) + float(step.prefill_tokens))
    busy = engines_busy_ratio * (1.0 / stages if by_layers else worked)
    found = [group_power_w(group, timer, step, busy) for group in rig.groups]
    known = [power for power in found if power is not None]
    if len(known) < len(found):
        return None
    total = functools.reduce(sum_if_comonotone, known)
    return total.scaled(rig.nodes_count)


def group_power_w(
    group: CardGroup, timer: StepTimer, step: Step, busy_ratio: float
) -> Interval | None:
    """Return the mean power of the cards of a group in steps of one kind, in W."""
    board_w, limit_w = group.gpu.board_power_w, group.card_power_w
    if board_w is None or limit_w is None:
        return None
    draw = draw_of(group.gpu)
    memory, compute = float(timer.memory_use_ratio(step)), float(timer.use_ratio(step))
    mid_w = float(working_power_w(board_w, limit_w, memory, compute, draw.floor_ratio))
    working = working_interval_w(mid_w, draw, limit_w)
    idle = idle_power_w(board_w, draw)
    low_w, mid_w, high_w = (
        float(card_power_w(worked, idled, busy_ratio)) * group.count
        for worked, idled in (
            (working.low, idle.low), (working.mid, idle.mid), (working.high, idle.high)
        )
    )  # fmt: skip
    # Where an end is the middle, rounding may put it on the wrong side.
    return Interval(min(low_w, mid_w), mid_w, max(mid_w, high_w))


def _explain(result: Prediction) -> Explanation:
    """Return sentences, figures and sources of a prediction."""
    first, second = result.parts[0], result.parts[1]
    step_s = sum(part.time_s for part in result.parts)
    waits = (
        f"A mean step waits {result.bottleneck_ratio:.0%} of its time for "
        f"{result.bottleneck}: {show_seconds(first.time_s)} in {first.name} and "
        f"{show_seconds(second.time_s)} in {second.name}, of {show_seconds(step_s)}."
    )
    sentences = [
        waits,
        f"The datasheet allows no step below {show_seconds(result.bound_tpot_s)} (η = 1).",
        f"Evidence: {result.evidence}; the interval is the central 80 %.",
    ]
    if result.running_seqs < result.concurrency:
        sentences.append(
            f"Memory and the tokens of a step let {result.running_seqs:,.0f} of "
            f"{result.concurrency:,} sequences run at once; the others wait, and TTFT counts it."
        )
    figures = tuple(
        Figure(name, value.mid, show_number(value.mid), "prediction")
        for name, value in (
            ("output_tokens_per_s", result.output_tokens_per_s),
            ("requests_per_s", result.requests_per_s),
        )
    )
    return Explanation(tuple(sentences), figures, result.sources)
