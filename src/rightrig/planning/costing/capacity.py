"""What a deployment carries for its cost: requests a second, places, watts, and shares of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.costs.token_price import Shares
from rightrig.interval import Interval
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.host_power import hosts_power_w
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.prediction.power import rig_idle_power_w
from rightrig.prediction.predict import Prediction, predict, refuse_unmodelled
from rightrig.prediction.regimes import decode_step, own_moments
from rightrig.prediction.serving import Goal, closed_loop, largest_load, total_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.step_time import StepTimer

_HELD: Final = ("fits", "tight")
_SLACK_RATIO: Final = 1.02
_ROUNDING_COUNT: Final = 1e-9
"""Cards may clock a little above the boost of their datasheet."""


@dataclass(frozen=True, slots=True)
class Row:
    """A deployment at one number of running sequences, around the clock.

    Attributes:
        batch: Sequences at once over all engines.
        reason: Why it cannot be; empty where it can.
        output_tokens_per_s: ``None`` where it cannot be.
        bound_tokens_per_s: What the datasheet allows the decoding alone (η = 1).
        shares: Of the engines' time.
        is_claimed: Whether the speed is what the user says, and not a prediction.
    """

    batch: int
    reason: str
    output_tokens_per_s: Interval | None = None
    bound_tokens_per_s: float | None = None
    shares: Shares | None = None
    is_claimed: bool = False

    @property
    def passes_roofline(self) -> bool:
        """Whether the speed is more than the datasheet allows, with 2 % for clocks above boost."""
        speed, bound = self.output_tokens_per_s, self.bound_tokens_per_s
        return speed is not None and bound is not None and speed.mid > bound * _SLACK_RATIO


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a deployment carries within its objectives.

    Attributes:
        fit: For one sequence an engine.
        reason: Why it carries nothing; empty where it carries something.
        rate_requests_per_s: Most that all engines carry together; ``None`` with a reason.
        slots_count: Sequences of the asked lengths that memory holds, over all engines.
        shares: Of the engines' time at that rate.
        power_w, idle_power_w: Of all cards at that rate, and without work; ``None`` where a
            card's power is not published.
        hosts_power_w: What their machines draw beside them at all times, estimated.
        class_key: Names the class of evidence: what errs together.
    """

    deployment: Deployment
    lengths: Lengths
    fit: Fit
    reason: str
    rate_requests_per_s: Interval | None = None
    slots_count: float = 0.0
    shares: Shares | None = None
    power_w: Interval | None = None
    idle_power_w: float | None = None
    hosts_power_w: Interval | None = None
    evidence: Evidence = "datasheet only"
    class_key: str = ""
    sources: tuple[str, ...] = ()

    @property
    def engines_count(self) -> int:
        """Independent engines."""
        return self.deployment.parallelism.replicas

    @property
    def request_tokens(self) -> float:
        """Tokens of a request, prompt and answer."""
        return self.lengths.input_tokens + self.lengths.output_tokens


def whole_count(wanted_per_s: Any, carried_per_s: Any) -> Any:  # noqa: ANN401 - a number or an array
    """Return the whole rigs, or engines, that carry a rate: ``⌈wanted / carried⌉``.

    A quotient that is whole but for rounding takes no one more.

    >>> float(whole_count(6.0 + 1e-12, 2.0))
    3.0
    """
    return np.ceil(wanted_per_s / carried_per_s - _ROUNDING_COUNT)


def capacity_at(deployment: Deployment, lengths: Lengths, batch: int) -> Capacity:
    """Return what a deployment carries with some sequences running at all times."""
    refuse_unmodelled(deployment)
    room = fit(deployment, int(lengths.input_tokens + lengths.output_tokens), batch)
    if room.verdict not in _HELD:
        return Capacity(deployment, lengths, room, f"{_why_not(room)} with {batch:,} sequences")
    return _capacity(predict(deployment, lengths, batch), room, None)


def capacity_of(deployment: Deployment, lengths: Lengths, slo: Slo) -> Capacity:
    """Return what a deployment carries in a steady flow of random arrivals within objectives.

    A deployment that does not fit, or that misses an objective when nearly idle, carries nothing
    and says why.
    """
    refuse_unmodelled(deployment)
    engines = deployment.parallelism.replicas
    room = fit(deployment, int(lengths.input_tokens + lengths.output_tokens), engines)
    if room.verdict not in _HELD:
        return Capacity(deployment, lengths, room, _why_not(room))
    timer = timer_for(deployment, lengths)
    goals = [Goal(*objective) for objective in slo.objectives()]
    load = largest_load(timer, lengths, max(room.max_concurrency, 1) / engines, goals)
    missed = next(
        (g for g in goals if float(load.tail_s(g.metric, g.percentile)) > g.limit_s), None
    )
    if missed is not None:
        reason = f"{missed.metric.upper()} p{missed.percentile} is missed even when nearly idle"
        return Capacity(deployment, lengths, room, reason)
    full = predict(deployment, lengths, max(round(float(load.running_seqs) * engines), engines))
    return _capacity(full, room, float(load.rate_requests_per_s) * engines)


def _capacity(full: Prediction, room: Fit, rate_requests_per_s: float | None) -> Capacity:
    """Return what a prediction carries; its own rate where none is given."""
    deployment, lengths = full.deployment, full.lengths
    timer = timer_for(deployment, lengths)
    engines = min(deployment.parallelism.replicas, full.concurrency)
    kind = "experts" if deployment.llm.has_experts else "dense"
    mid = full.requests_per_s.mid
    return Capacity(
        deployment=deployment,
        lengths=lengths,
        fit=room,
        reason="",
        rate_requests_per_s=full.requests_per_s.scaled((rate_requests_per_s or mid) / mid),
        slots_count=float(room.max_concurrency),
        shares=shares_of(timer, lengths, full.running_seqs / engines),
        power_w=full.power_w,
        idle_power_w=rig_idle_power_w(deployment.rig),
        hosts_power_w=None if full.power_w is None else hosts_power_w(deployment.rig),
        evidence=full.evidence,
        class_key=f"{timer.speeds.measured.era}, {kind}",
        sources=full.sources,
    )


def rows_of(
    deployment: Deployment,
    lengths: Lengths,
    batches: Sequence[int],
    claimed_tokens_per_s: float | None = None,
) -> tuple[Row, ...]:
    """Return a deployment at some numbers of running sequences; those that do not fit say so.

    Args:
        deployment: What serves.
        lengths: Prompt and answer.
        batches: Sequences at once, over all engines.
        claimed_tokens_per_s: Output that the user measured or read, instead of a prediction.
    """
    return tuple(_row(deployment, lengths, batch, claimed_tokens_per_s) for batch in batches)


def _row(
    deployment: Deployment, lengths: Lengths, batch: int, claimed_tokens_per_s: float | None
) -> Row:
    """Return one row."""
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    room = fit(deployment, tokens, batch)
    if room.verdict not in _HELD:
        return Row(batch, _why_not(room))
    found = predict(deployment, lengths, batch)
    speed = (
        found.output_tokens_per_s
        if claimed_tokens_per_s is None
        else Interval.exact(claimed_tokens_per_s)
    )
    engines = min(deployment.parallelism.replicas, batch)
    shares = shares_of(timer_for(deployment, lengths), lengths, found.running_seqs / engines)
    bound = _bound_tokens_per_s(found)
    return Row(batch, "", speed, bound, shares, is_claimed=claimed_tokens_per_s is not None)


def _bound_tokens_per_s(found: Prediction) -> float:
    """Return what the datasheet allows the running sequences, prompts left out."""
    return found.running_seqs / found.bound_tpot_s


def _why_not(room: Fit) -> str:
    """Return why a deployment serves nothing here."""
    if room.lies_on_host:
        return "layers would lie in host memory, and their speed is not modelled"
    return "does not fit"


def shares_of(timer: StepTimer, lengths: Lengths, engine_seqs: float) -> Shares:
    """Return how an engine's time divides among prompts and answers in a closed loop.

    The answers' time is what the steps would take if they only decoded,
    ``(output − 1) · t(b)`` of every cycle; the rest of the cycle is the prompts'. Of that, the
    cached tokens' share is what a prompt takes longer with them than without.
    """
    cycle = closed_loop(timer, engine_seqs, lengths)
    running, rate = float(cycle.running_seqs), float(cycle.rate_requests_per_s)
    cycle_s = running / rate
    step_s = float(timer.step_s(decode_step(timer.pace, running, lengths)))
    answers_s = (lengths.output_tokens - 1.0) * step_s / lengths.accepted_count
    output = min(answers_s / cycle_s, 1.0)
    cached = (1.0 - output) * _cached_ratio(timer, lengths, running)
    return Shares(output, 1.0 - output - cached, cached)


def _cached_ratio(timer: StepTimer, lengths: Lengths, running_seqs: float) -> float:
    """Return the share of a prompt's time that its cached tokens cause."""
    if lengths.cached_tokens <= 0.0:
        return 0.0
    bare = replace(lengths, input_tokens=lengths.read_tokens, cached_tokens=0.0)
    others = 0.0 * running_seqs
    with_s = float(total_s(timer, own_moments(timer.pace, others, lengths)))
    without_s = float(total_s(timer, own_moments(timer.pace, others, bare)))
    return max(1.0 - without_s / with_s, 0.0)
