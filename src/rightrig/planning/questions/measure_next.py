"""What to measure next: the run or the kernel that would decide what a prediction leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.interval import Interval
from rightrig.planning.questions.growth import rent_usd_per_month
from rightrig.planning.questions.measure_next_words import explained
from rightrig.planning.questions.measurements import (
    DEVIATIONS_COUNT,
    Weakness,
    deployed,
    run_command,
    weakest_kernel,
)
from rightrig.prediction.evidence import (
    EVIDENCE_ORDER,
    HERE,
    around,
    end_ratios,
    measured_of,
    p99_end_ratios,
)
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.serving import at_rate
from rightrig.prediction.timers import timer_of

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.explanation import Explanation
    from rightrig.planning.planned import Plan, PlannedRig
    from rightrig.planning.search import Space
    from rightrig.prediction.evidence import Evidence, Measured
    from rightrig.prediction.regimes import Lengths

Latency = Literal["ttft", "tpot"]
Outcome = Literal["met surely", "met likely", "missed likely", "missed surely", "no objective"]
LATENCIES: Final[tuple[Latency, ...]] = ("ttft", "tpot")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One latency of one deployment whose interval an objective divides, or that has no objective.

    Attributes:
        place: Of the plan among the plans, from 1.
        name: The engines, as people write them.
        limit_s: The objective, where one is set.
        now_s: Bound of the 99th percentile, with its interval by the evidence that there is.
        after_s: The same by runs of this runtime on this card.
        met_ratio: Chance that the objective is met, by the interval; ``None`` without objective.
        run: The command that measures it.
        weakness: The kernels that decide most, and how to time them alone.
    """

    place: int
    name: str
    quantity: Latency
    limit_s: float | None
    now_s: Interval
    after_s: Interval
    evidence: Evidence
    met_ratio: float | None
    run: str
    weakness: Weakness

    @property
    def is_closest(self) -> bool:
        """Whether runs of this runtime on this card are behind the prediction already."""
        return self.evidence in {HERE, EVIDENCE_ORDER[0]}

    @property
    def narrowing_ratio(self) -> float:
        """Share of the interval's width that such runs would take away."""
        now, after = (math.log(i.high / i.low) for i in (self.now_s, self.after_s))
        return max(0.0, 1.0 - after / now) if now else 0.0

    def outcomes(self) -> tuple[tuple[float, Outcome], ...]:
        """Return what runs nearby would say at the quick end, the middle and the slow end of now.

        Each as the middle that they would show, in seconds, and what follows from it.
        """
        ends = (self.after_s.low / self.after_s.mid, self.after_s.high / self.after_s.mid)
        middles_s = (self.now_s.low, self.now_s.mid, self.now_s.high)
        return tuple((mid_s, outcome_of(around(mid_s, ends), self.limit_s)) for mid_s in middles_s)


@dataclass(frozen=True, slots=True)
class RentRange:
    """What a plan's traffic costs when its engines carry more or less than predicted.

    Attributes:
        now_usd_per_month: By the interval of throughput that there is.
        after_usd_per_month: By that of runs of this runtime on this card.
    """

    name: str
    evidence: Evidence
    now_usd_per_month: Interval
    after_usd_per_month: Interval


@dataclass(frozen=True, slots=True)
class NextMeasurement:
    """What is undecided, the plan that it would change first.

    Attributes:
        judged_count: Plans that were looked at.
        doubts: Best plan first, the most open question first within it.
        rents: Of the plans that were looked at, in their order; none of plans that are bought.
    """

    judged_count: int
    doubts: tuple[Doubt, ...]
    rents: tuple[RentRange, ...] = ()

    @property
    def rivals(self) -> tuple[RentRange, ...]:
        """Plans that are cheaper than the first somewhere in the interval of throughput."""
        if not self.rents:
            return ()
        most = self.rents[0].now_usd_per_month.high
        return tuple(one for one in self.rents[1:] if one.now_usd_per_month.low < most)

    def explain(self) -> Explanation:
        """Return what to measure, what it would decide, and why."""
        return explained(self)


def outcome_of(value_s: Interval, limit_s: float | None) -> Outcome:
    """Return whether an interval keeps a limit: at its far end, its middle, or not at all."""
    if limit_s is None:
        return "no objective"
    if value_s.high <= limit_s:
        return "met surely"
    if value_s.mid <= limit_s:
        return "met likely"
    return "missed likely" if value_s.low <= limit_s else "missed surely"


def met_ratio(value_s: Interval, limit_s: float) -> float:
    """Return the chance that a value is at most a limit.

    Logarithms are taken as normal, each side of the middle with its own spread, so that one in
    ten lies below the interval and one in ten above it.

    >>> from rightrig.interval import Interval
    >>> round(met_ratio(Interval(0.5, 1.0, 2.0), 2.0), 2)
    0.9
    """
    end = value_s.high if limit_s >= value_s.mid else value_s.low
    spread = abs(math.log(end / value_s.mid)) / DEVIATIONS_COUNT
    if not spread:
        return 1.0 if limit_s >= value_s.mid else 0.0
    return 0.5 * math.erfc(-math.log(limit_s / value_s.mid) / spread / math.sqrt(2.0))


def measure_next(plan: Plan, space: Space, top: int = 5) -> NextMeasurement:
    """Return what should be measured before the best plans are chosen from.

    A plan is in doubt where an objective lies within the interval of its latency.

    Args:
        plan: The plans of a question.
        space: What they were chosen from, for the records of cards and runtimes.
        top: Plans to look at, best first.
    """
    judged = plan.plans[:top]
    doubts: list[Doubt] = []
    for place, planned in enumerate(judged, 1):
        open_ones = [q for q in LATENCIES if _is_open(planned, plan.question.slo, q)]
        own = [_planned_doubt(plan, space, place, planned, quantity) for quantity in open_ones]
        doubts += sorted(own, key=lambda doubt: abs((doubt.met_ratio or 0.0) - 0.5))
    rented = () if plan.question.limits.buys else judged
    rents = tuple(_rent_range(plan, space, planned) for planned in rented)
    return NextMeasurement(len(judged), tuple(doubts), rents)


def _rent_range(plan: Plan, space: Space, planned: PlannedRig) -> RentRange:
    """Return what a plan costs at the ends of its throughput, as engines are added or left out."""
    deployment, _ = deployed(plan, space, planned)
    measured = measured_of(deployment.rig.gpu, engine_for(deployment.runtime))
    spares = plan.question.limits.spare_engines_count
    each = planned.engine_requests_per_s(plan.question.limits)
    wanted = plan.question.wanted_requests_per_s

    def rented_usd_per_month(evidence: Evidence) -> Interval:
        ends = end_ratios(
            "throughput", replace(measured, evidence=evidence), has_experts=plan.llm.has_experts
        )
        mid = planned.rent_usd_per_month
        engines = [math.ceil(wanted / (each * end)) + spares for end in ends]
        usd = [rent_usd_per_month(space, planned, count) or mid for count in engines]
        return Interval(min(mid, *usd), mid, max(mid, *usd))

    return RentRange(
        plan_name(planned),
        measured.evidence,
        rented_usd_per_month(measured.evidence),
        rented_usd_per_month(EVIDENCE_ORDER[0]),
    )


def plan_name(planned: PlannedRig) -> str:
    """Return a plan's engines as people write them."""
    kind = f"{planned.engine_split}, {planned.weights}, {planned.runtime}"
    return f"{planned.split.replicas} × {planned.rig} ({kind})"


def measure_next_on(
    deployment: Deployment, lengths: Lengths, rate_requests_per_s: float, slo: Slo
) -> NextMeasurement:
    """Return what should be measured of one deployment: its latencies at a rate.

    Without an objective, the latency whose interval such a run would narrow most comes first.
    """
    timer = timer_of(deployment)
    engines = deployment.parallelism.replicas
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    held = max(fit(deployment, tokens, engines).max_concurrency, engines) / engines
    point = at_rate(timer, lengths, rate_requests_per_s / engines, held).point
    mids: dict[Latency, float] = {
        "ttft": float(point.ttft_p99_s), "tpot": float(point.tpot_p99_s)
    }  # fmt: skip
    name = f"{deployment.rig.text} ({deployment.parallelism.text})"
    running = float(point.running_seqs) * engines
    subject = _Subject(1, name, deployment, lengths, rate_requests_per_s, running)
    limits = {quantity: _limit_s(slo, quantity) for quantity in LATENCIES}
    doubts = [
        _doubt(subject, quantity, around(mids[quantity], subject.ends(quantity)), limits[quantity])
        for quantity in LATENCIES
    ]
    asked = [d for d in doubts if _divides(d.now_s, d.limit_s)]
    if any(limits.values()):
        doubts = sorted(asked, key=lambda doubt: abs((doubt.met_ratio or 0.0) - 0.5))
    else:
        doubts.sort(key=lambda doubt: -doubt.narrowing_ratio)
    return NextMeasurement(1, tuple(doubts))


@dataclass(frozen=True, slots=True)
class _Subject:
    """Engines at a rate, whose latencies are in doubt."""

    place: int
    name: str
    deployment: Deployment
    lengths: Lengths
    rate_requests_per_s: float
    running_seqs: float

    @property
    def measured(self) -> Measured:
        """What was measured near them."""
        runtime = self.deployment.runtime
        return measured_of(self.deployment.rig.gpu, engine_for(runtime, self.deployment.version))

    def ends(self, quantity: Latency, evidence: Evidence | None = None) -> tuple[float, float]:
        """Return the ends of an interval over its middle, by its own evidence or another."""
        own = self.measured
        near = own if evidence is None else replace(own, evidence=evidence)
        return p99_end_ratios(quantity, near, has_experts=self.deployment.llm.has_experts)


def _planned_doubt(
    plan: Plan, space: Space, place: int, planned: PlannedRig, quantity: Latency
) -> Doubt:
    """Return one latency of a plan as a doubt."""
    deployment, lengths = deployed(plan, space, planned)
    # One engine is measured, at its share of the traffic.
    working = planned.working_count(plan.question.limits)
    rate = plan.question.workload.rate_requests_per_s / working
    seqs = planned.running_seqs / working
    subject = _Subject(place, plan_name(planned), deployment, lengths, rate, seqs)
    return _doubt(
        subject, quantity, _now_s(planned, quantity), _limit_s(plan.question.slo, quantity)
    )


def _doubt(subject: _Subject, quantity: Latency, now_s: Interval, limit_s: float | None) -> Doubt:
    """Return one latency as a doubt, with what a run would make of it."""
    after = around(now_s.mid, subject.ends(quantity, EVIDENCE_ORDER[0]))
    return Doubt(
        place=subject.place,
        name=subject.name,
        quantity=quantity,
        limit_s=limit_s,
        now_s=now_s,
        after_s=after,
        evidence=subject.measured.evidence,
        met_ratio=None if limit_s is None else met_ratio(now_s, limit_s),
        run=run_command(subject.deployment, subject.lengths, subject.rate_requests_per_s),
        weakness=weakest_kernel(
            subject.deployment, subject.lengths, subject.running_seqs, quantity
        ),
    )


def _now_s(planned: PlannedRig, quantity: Latency) -> Interval:
    """Return the interval of a plan's latency."""
    return planned.ttft_p99_s if quantity == "ttft" else planned.tpot_p99_s


def _limit_s(slo: Slo, quantity: Latency) -> float | None:
    """Return the objective for a latency."""
    return slo.ttft_p99_s if quantity == "ttft" else slo.tpot_p99_s


def _is_open(planned: PlannedRig, slo: Slo, quantity: Latency) -> bool:
    """Whether an objective lies within the interval of a plan's latency."""
    return _divides(_now_s(planned, quantity), _limit_s(slo, quantity))


def _divides(value_s: Interval, limit_s: float | None) -> bool:
    """Whether a limit lies within an interval."""
    return limit_s is not None and value_s.low <= limit_s < value_s.high
