"""Finalists: feasible candidates at their real operating point, ranked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.costs.money import cost_usd_per_token, energy_usd_per_month
from rightrig.deployment.parallelism import Parallelism
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.evaluate import groups, points_at_rate
from rightrig.planning.pareto import pareto_front
from rightrig.prediction.evidence import around
from rightrig.prediction.power import card_power_w
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import mixed_step
from rightrig.quantities import show_seconds, show_usd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.evaluate import Group
    from rightrig.planning.table import Table
    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.serving import LoadPoint
    from rightrig.work.operators import Floats

Met = Literal["surely", "likely", "not", "no objective"]


@dataclass(frozen=True, slots=True)
class Tariff:
    """What electricity costs, and the share that does not reach the cards (PUE).

    ``usd_origin`` and ``pue_origin`` say in a few words whose figures they are.
    """

    usd_per_kwh: float
    pue_ratio: float
    usd_origin: str
    pue_origin: str


@dataclass(frozen=True, slots=True)
class PlannedRig:
    """One plan: engines on rented cards, their latency at the asked rate, their cost.

    Attributes:
        split: With ``replicas`` engines.
        capacity_requests_per_s: Most that all engines carry within the objectives.
        cost_usd_per_token, cost_usd_per_output_token: At the asked traffic.
        full_cost_usd_per_token: If the rig carried all that it can.
        ttft_p99_s, tpot_p99_s: Analytic bounds at the asked rate, with intervals, in seconds.
        ttft_mean_s, tpot_mean_s: Means at the asked rate.
        met: Whether the objectives are met surely, likely or not.
        power_w: Mean draw of the cards; ``energy_usd_per_month`` is included in a rent.
        on_front: Whether no other plan is better in cost and both latencies.
    """

    gpu: str
    cards_count: int
    split: Parallelism
    runtime: str
    weights: str
    purchase: Purchase
    rent_usd_per_month: float
    cost_usd_per_token: float
    cost_usd_per_output_token: float
    full_cost_usd_per_token: float
    capacity_requests_per_s: float
    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: Interval
    tpot_p99_s: Interval
    met: Met
    power_w: float | None
    energy_usd_per_month: float | None
    evidence: Evidence
    on_front: bool = False

    @property
    def engine_split(self) -> str:
        """The split of one engine."""
        return replace(self.split, replicas=1).text

    @property
    def rig(self) -> str:
        """One engine's cards in rig notation."""
        return f"{self.split.engine_cards}x{self.gpu}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of ``plan``.

    Attributes:
        plans: Best first.
        rejected: (card, rule, reason) of every card without a plan.
        nearest: Without a plan, what comes closest to one and what would make it one.
        candidates_count, pruned_count, feasible_count: What the search went through.
    """

    llm: Llm
    question: Question
    plans: tuple[PlannedRig, ...]
    rejected: tuple[tuple[str, str, str], ...]
    nearest: str
    candidates_count: int
    pruned_count: int
    feasible_count: int
    elapsed_s: float
    tariff: Tariff

    def explain(self) -> Explanation:
        """Return why the first plan wins, or what stands nearest to a plan."""
        if not self.plans:
            return Explanation(("No plan: every card breaks a rule.", self.nearest))
        return _explain_best(self.plans)


def finalists(
    llm: Llm,
    table: Table,
    numbers: NDArray[np.int64],
    question: Question,
    kv: str | None,
    tariff: Tariff,
) -> tuple[PlannedRig, ...]:
    """Return the feasible rows as plans, the best of each card and format, ranked."""
    workload = question.workload
    lengths = Lengths(float(workload.input_tokens), float(workload.output_tokens))
    found: list[PlannedRig] = []
    for group in groups(llm, table.candidates, numbers, kv):
        rate = question.workload.rate_requests_per_s / table.engines_count[group.numbers]
        point = points_at_rate(group, lengths, rate, table.capacity_seqs[group.numbers])
        step = mixed_step(group.timer, point.running_seqs, point.running_seqs, lengths)
        use = np.asarray(group.timer.use_ratio(step))
        found += [
            _planned(table, int(number), question, _operating(group, point, use, place), tariff)
            for place, number in enumerate(group.numbers)
        ]
    by_month = question.limits.rank_by == "month"
    found.sort(
        key=lambda p: (
            p.rent_usd_per_month if by_month else p.full_cost_usd_per_token,
            p.tpot_p99_s.mid,
            p.gpu,
            p.weights,
        )
    )
    best: dict[tuple[str, str], PlannedRig] = {}
    for one in found:
        best.setdefault((one.gpu, one.weights), one)
    return _with_front(tuple(best.values()))


@dataclass(frozen=True, slots=True)
class _Operating:
    """One row at its share of the asked rate."""

    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: Interval
    tpot_p99_s: Interval
    use_ratio: float
    evidence: Evidence


def _operating(
    group: Group, point: LoadPoint, use_ratio: NDArray[np.float64], place: int
) -> _Operating:
    """Return the operating point of one row of a group."""

    def at(values: Floats) -> float:
        return float(np.asarray(values)[place])

    measured = group.measured[place]
    return _Operating(
        running_seqs=at(point.running_seqs),
        ttft_mean_s=at(point.ttft_mean_s),
        tpot_mean_s=at(point.tpot_mean_s),
        ttft_p99_s=around(at(point.ttft_p99_s), group.p99_ends("ttft", measured)),
        tpot_p99_s=around(at(point.tpot_p99_s), group.p99_ends("tpot", measured)),
        use_ratio=at(use_ratio),
        evidence=measured.evidence,
    )


def _planned(
    table: Table, number: int, question: Question, at: _Operating, tariff: Tariff
) -> PlannedRig:
    """Return one row as a plan."""
    workload = question.workload
    bought, engines = table.purchases[number], int(table.engines_count[number])
    split = table.split(number)
    rent = bought.rent_usd_per_month
    capacity = float(table.engine_rate_per_s[number]) * engines
    power = _power_w(table, number, engines, at)
    tokens = workload.input_tokens + workload.output_tokens
    return PlannedRig(
        gpu=table.gpu(number).slug,
        cards_count=engines * split.engine_cards,
        split=Parallelism(split.tp, split.pp, engines),
        runtime=table.runtime(number).slug,
        weights=table.format_name(number),
        purchase=bought,
        rent_usd_per_month=rent,
        cost_usd_per_token=cost_usd_per_token(rent, workload.rate_requests_per_s * tokens),
        cost_usd_per_output_token=cost_usd_per_token(
            rent, workload.rate_requests_per_s * workload.output_tokens
        ),
        full_cost_usd_per_token=cost_usd_per_token(rent, capacity * tokens),
        capacity_requests_per_s=capacity,
        running_seqs=at.running_seqs * engines,
        ttft_mean_s=at.ttft_mean_s,
        tpot_mean_s=at.tpot_mean_s,
        ttft_p99_s=at.ttft_p99_s,
        tpot_p99_s=at.tpot_p99_s,
        met=_met(question, at.ttft_p99_s, at.tpot_p99_s),
        power_w=power,
        energy_usd_per_month=None
        if power is None
        else energy_usd_per_month(power, tariff.pue_ratio, tariff.usd_per_kwh),
        evidence=at.evidence,
    )


def _power_w(table: Table, number: int, engines: int, at: _Operating) -> float | None:
    """Return the mean draw of all cards, where the board's power is published."""
    board_power_w = table.gpu(number).board_power_w
    if board_power_w is None:
        return None
    busy_ratio = min(1.0, at.running_seqs)
    one = float(card_power_w(board_power_w, at.use_ratio, busy_ratio))
    return engines * table.engine_cards(number) * one


def _met(question: Question, ttft_s: Interval, tpot_s: Interval) -> Met:
    """Return whether the objectives are met at the pessimistic end, at the middle, or not."""
    pairs = [
        (limit, value)
        for limit, value in ((question.slo.ttft_p99_s, ttft_s), (question.slo.tpot_p99_s, tpot_s))
        if limit is not None
    ]
    if not pairs:
        return "no objective"
    if all(value.high <= limit for limit, value in pairs):
        return "surely"
    return "likely" if all(value.mid <= limit for limit, value in pairs) else "not"


def _with_front(plans: tuple[PlannedRig, ...]) -> tuple[PlannedRig, ...]:
    """Return the plans with those of the Pareto front marked."""
    if not plans:
        return plans
    values = np.array([[p.rent_usd_per_month, p.ttft_p99_s.mid, p.tpot_p99_s.mid] for p in plans])
    kept = pareto_front(values)
    return tuple(replace(p, on_front=bool(k)) for p, k in zip(plans, kept, strict=True))


_CLEARLY_RATIO: Final = 0.9
"""A plan is called quicker when its TPOT is at least a tenth lower."""


def _met_text(plan: PlannedRig) -> str:
    """Say how surely a plan meets the objectives."""
    if plan.met == "no objective":
        return "; no latency objective was set"
    return f" within the objectives (met {plan.met}; p99 figures are analytic bounds)"


def _explain_best(plans: tuple[PlannedRig, ...]) -> Explanation:
    """Return sentences about the winner and what beats it in something."""
    best = plans[0]
    first = (
        f"{best.split.replicas} × {best.rig} ({best.engine_split}, {best.weights}, {best.runtime}) "
        f"at {show_usd(best.rent_usd_per_month)} a month carries "
        f"{best.capacity_requests_per_s:.3g} requests/s{_met_text(best)}."
    )
    sentences = [first]
    quicker = [p for p in plans[1:] if p.tpot_p99_s.mid < _CLEARLY_RATIO * best.tpot_p99_s.mid]
    if quicker:
        other = min(quicker, key=lambda p: (p.rent_usd_per_month, p.tpot_p99_s.mid))
        extra = show_usd(other.rent_usd_per_month - best.rent_usd_per_month)
        sentences.append(
            f"For {extra} a month more, "
            f"{other.split.replicas} × {other.rig} ({other.weights}) brings TPOT p99 from "
            f"{show_seconds(best.tpot_p99_s.mid)} to {show_seconds(other.tpot_p99_s.mid)}."
        )
    price = best.purchase.price
    sentences.append(f"Price: {price.provider} {price.instance}, {price.date} ({price.source}).")
    figures = (
        Figure(
            "rent_usd_per_month",
            best.rent_usd_per_month,
            show_usd(best.rent_usd_per_month),
            price.source,
        ),
    )
    return Explanation(tuple(sentences), figures, (price.source,))
