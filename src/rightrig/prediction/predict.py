"""The prediction of one deployment: TTFT, TPOT, throughput, power, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.deployment.propose import MODELLED
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.prediction.efficiency import half_width_ratio
from rightrig.prediction.layered_engines import LAYERED
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.prediction.power import card_power_w
from rightrig.prediction.serving import (
    Lengths,
    closed_loop,
    decode_step,
    mixed_step,
)
from rightrig.prediction.step_time import Part, Resource, StepTimer, account, bottleneck
from rightrig.prediction.timers import timer_of
from rightrig.quantities import show_number, show_seconds

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.efficiency import Evidence
    from rightrig.work.operators import Step


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

    def explain(self) -> Explanation:
        """Return what limits the speed, with figures and sources."""
        return _explain(self)


def predict(deployment: Deployment, lengths: Lengths, concurrency: int | None) -> Prediction:
    """Return the speed of a deployment at a concurrency.

    Args:
        deployment: A deployment whose rules hold.
        lengths: Prompt and answer.
        concurrency: Users in a closed loop, over all replicas; ``None`` for as many as memory
            and the engine's limit allow.
    """
    asked, running, room = _admitted(deployment, lengths, concurrency)
    replicas = deployment.parallelism.replicas
    timer = timer_of(deployment)
    point = closed_loop(timer, max(1.0, running / replicas), lengths)
    engine_seqs = float(point.running_seqs)
    # Fewer users than engines leave the others idle.
    rate = float(point.rate_requests_per_s) * min(float(replicas), running)
    # Users beyond what memory holds wait for a place: Little's law over the whole cycle.
    waiting_s = (asked - running) / rate if asked > running else 0.0
    running = min(running, engine_seqs * replicas)
    step = mixed_step(timer, engine_seqs, max(engine_seqs - 1.0, 0.0), lengths)
    parts = account(timer, step)
    resource, share = bottleneck(parts)
    evidence = timer.speeds.evidence
    bound = float(timer.bound_s(decode_step(timer, engine_seqs, lengths)))
    tpot = _bounded_s(float(point.tpot_mean_s), half_width_ratio("tpot", evidence), bound)
    output = _rate_tokens_per_s(rate * lengths.output_tokens, tpot, bound, running, evidence)
    return Prediction(
        deployment=deployment,
        lengths=lengths,
        fit=room,
        concurrency=asked,
        running_seqs=running,
        ttft_s=Interval.around(
            float(point.ttft_mean_s) + waiting_s, half_width_ratio("ttft", evidence)
        ),
        tpot_s=tpot,
        output_tokens_per_s=output,
        total_tokens_per_s=output.scaled(1.0 + lengths.input_tokens / lengths.output_tokens),
        requests_per_s=output.scaled(1.0 / lengths.output_tokens),
        power_w=_power_w(deployment, timer, step),
        step=step,
        parts=parts,
        bottleneck=resource,
        bottleneck_ratio=share,
        bound_tpot_s=bound,
        evidence=evidence,
        sources=timer.speeds.sources,
    )


def _refuse_unmodelled(deployment: Deployment) -> None:
    """Refuse what has its memory modelled, but not its speed."""
    runtime = deployment.runtime
    if runtime.slug not in MODELLED:
        raise InputError(
            f"the memory of {runtime.name} is modelled, its speed is not yet; predict with "
            f"--runtime {' or '.join(MODELLED)}"
        )
    if runtime.slug not in LAYERED and not deployment.rig.is_uniform:
        raise InputError(
            f"the speed of {runtime.name} on unequal cards ({deployment.rig.text}) is not modelled "
            "yet; predict with --runtime llama.cpp, or for equal cards"
        )


def _admitted(
    deployment: Deployment, lengths: Lengths, concurrency: int | None
) -> tuple[int, float, Fit]:
    """Return the users, the sequences that run at once, and the fit for them."""
    _refuse_unmodelled(deployment)
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    room = fit(deployment, tokens, concurrency or 1)
    if room.verdict == "offload":
        raise InputError(
            f"{room.offloaded_layers} layers of {deployment.llm.name} would lie in host memory, "
            "and their speed is not modelled yet; ask for a smaller format, fewer tokens or more "
            "cards"
        )
    capacity = max(room.max_concurrency, 1)
    if concurrency is None:
        return capacity, float(capacity), fit(deployment, tokens, capacity)
    return concurrency, float(min(concurrency, capacity)), room


def _bounded_s(mid_s: float, factor_ratio: float, least_s: float) -> Interval:
    """Return an interval around a time whose low end never passes the roofline."""
    around = Interval.around(mid_s, factor_ratio)
    return Interval(min(max(around.low, least_s), mid_s), mid_s, around.high)


def _rate_tokens_per_s(
    mid_tokens_per_s: float,
    tpot_s: Interval,
    bound_s: float,
    running_seqs: float,
    evidence: Evidence,
) -> Interval:
    """Return the interval of a throughput; its high end never passes the roofline."""
    around = Interval.around(mid_tokens_per_s, half_width_ratio("throughput", evidence))
    quickest_tokens_per_s = mid_tokens_per_s * tpot_s.mid / tpot_s.low
    ceiling = max(mid_tokens_per_s, min(running_seqs / bound_s, quickest_tokens_per_s))
    return Interval(around.low, around.mid, min(around.high, ceiling))


def _power_w(deployment: Deployment, timer: StepTimer, step: Step) -> Interval | None:
    """Return the mean power of all cards, ±25 %, in W."""
    rig = deployment.rig
    watts = [(group.count, group.card_power_w) for group in rig.groups]
    if any(card is None for _, card in watts):
        return None
    use_ratio = float(timer.use_ratio(step))
    stages = float(timer.stages_count)
    # A split by layers lets one card work at a time; a pipeline fills with enough sequences.
    by_layers = "layer" in deployment.runtime.splits
    busy = 1.0 / stages if by_layers else min(1.0, float(step.decode_seqs))
    total = sum(
        count * float(card_power_w(card, use_ratio, busy))
        for count, card in watts
        if card is not None
    )
    return Interval.around(total * rig.nodes_count, 1.25)


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
