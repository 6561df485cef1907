"""Finalists: the best feasible candidates at their real operating point, ranked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.money import cost_usd_per_token, energy_usd_per_month
from rightrig.facts.quality import quality_note
from rightrig.planning.divided import divided
from rightrig.planning.evaluate import QUANTITY_OF, flows_at_rate, goals_of, groups
from rightrig.planning.pareto import pareto_front
from rightrig.planning.planned import Outbid, PlannedRig
from rightrig.prediction.evidence import around, p99_end_ratios
from rightrig.prediction.power import card_power_w
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import mixed_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Metric, Objective, Percentile
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.divided import Divided
    from rightrig.planning.evaluate import Group
    from rightrig.planning.planned import Met, Tariff
    from rightrig.planning.table import Table
    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.serving import Flow

    Column = NDArray[np.float64]
    Keys = NDArray[np.float64]
    """What orders rows, smaller first: dollars, seconds or watts."""

MOST_ON_FRONT: Final = 50
"""Candidates of the Pareto front that are worked out in full, cheapest first."""


def ranking(table: Table, numbers: NDArray[np.int64], question: Question) -> NDArray[np.int64]:
    """Return rows best first: by what is asked, then the lower TPOT, then the lower TTFT."""
    key = rank_keys(table, question)[numbers]
    order = np.lexsort((numbers, table.ttft_p99_s[numbers], table.tpot_p99_s[numbers], key))
    return numbers[order]


def rank_keys(table: Table, question: Question) -> Keys:
    """Return what rows are ranked by, smaller is better: dollars, seconds or watts.

    ``token`` is the rent over the tokens that the rig carries within the objectives, ``energy``
    the rated power of the cards over the same, ``e2e`` the bound on TTFT and all tokens after it.
    """
    by = question.limits.rank_by
    if by in {"month", "capex"}:
        return table.usd
    if by == "ttft":
        return table.ttft_p99_s
    if by == "tpot":
        return table.tpot_p99_s
    if by == "e2e":
        return table.ttft_p99_s + (question.workload.output_tokens - 1.0) * table.tpot_p99_s
    top = table.usd if by == "token" else table.rated_power_w
    return top / np.maximum(table.capacity_requests_per_s, 1e-12)


def best_of_each(table: Table, ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of each card and weight format, in the order given."""
    rows = table.rows[ranked]
    keys = rows["gpu"].astype(np.int64) * len(table.candidates.formats) + rows["format"]
    _, first = np.unique(keys, return_index=True)
    return ranked[np.sort(first)]


def outbid(table: Table, ranked: NDArray[np.int64]) -> tuple[Outbid, ...]:
    """Return the best row of every card but the winner's, with its gap in cost.

    Args:
        table: All rows.
        ranked: Feasible ones, best first.
    """
    if not len(ranked):
        return ()
    _, first = np.unique(table.rows["gpu"][ranked], return_index=True)
    least_usd = float(table.usd[ranked[0]])
    found = [
        Outbid(
            gpu=table.gpu(number).slug,
            engine=f"{int(table.engines_count[number])} × {table.engine_text(number)}",
            cost_usd=float(table.usd[number]),
            gap_usd=float(table.usd[number]) - least_usd,
        )
        for number in ranked[first].tolist()
        if table.gpu(number).slug != table.gpu(int(ranked[0])).slug
    ]
    return tuple(sorted(found, key=lambda one: (one.gap_usd, one.gpu)))


def front_rows(table: Table, feasible: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the feasible rows on the Pareto front of cost, latencies and throughput."""
    if not len(feasible):
        return feasible
    values = np.stack(
        [
            table.usd[feasible],
            table.ttft_p99_s[feasible],
            table.tpot_p99_s[feasible],
            -table.capacity_requests_per_s[feasible],
        ],
        axis=1,
    )
    # Candidates that are alike to a millionth stand for each other: the first counts.
    _, first = np.unique(np.round(values, 9), axis=0, return_index=True)
    kept = feasible[first][pareto_front(values[first])]
    return kept[np.argsort(table.usd[kept], kind="stable")]


def planned_rigs(
    llm: Llm,
    table: Table,
    numbers: Sequence[int],
    question: Question,
    tariff: Tariff,
    front: frozenset[int] = frozenset(),
) -> tuple[PlannedRig, ...]:
    """Return rows as plans, in the order given."""
    workload = question.workload
    lengths = Lengths(float(workload.input_tokens), float(workload.output_tokens))
    found: dict[int, PlannedRig] = {}
    for group in groups(llm, table.candidates, np.array(numbers, dtype=np.int64)):
        # Spare engines stand by: the latency is that of the engines which carry the load.
        working = table.engines_count[group.numbers] - question.limits.spare_engines_count
        rate = workload.rate_requests_per_s / np.maximum(working, 1.0)
        flow = flows_at_rate(group, lengths, rate, table.capacity_seqs[group.numbers])
        step = mixed_step(group.timer, flow.running_seqs, flow.running_seqs, lengths)
        point = flow.point
        operating = _Operating(
            group, flow, np.asarray(point.ttft_mean_s), np.asarray(point.tpot_mean_s),
            np.asarray(group.timer.use_ratio(step)),
            _parts(table, group, lengths, question),
        )  # fmt: skip
        for place, number in enumerate(group.numbers.tolist()):
            one = _planned(table, number, question, operating.at(place, question), tariff)
            found[number] = replace(one, on_front=number in front)
    return tuple(found[number] for number in numbers)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Divided engines of a group at their shares of the asked rate."""

    engines: Divided
    is_divided: NDArray[np.bool_]
    rate_per_s: Column
    running_seqs: Column


def _parts(table: Table, group: Group, lengths: Lengths, question: Question) -> _Parts | None:
    """Return the divided engines of a group; ``None`` where none are."""
    reading = table.prefill_count[group.numbers]
    if not reading.any():
        return None
    rate, limits = question.workload.rate_requests_per_s, question.limits
    goals = goals_of(group, question.slo, limits.confidence)
    engines = divided(group, lengths, table.capacity_seqs[group.numbers], goals)
    decoding = table.engines_count[group.numbers] - limits.spare_engines_count - reading
    share = np.where(reading > 0, rate / np.maximum(reading, 1), 0.0)
    running = engines.steady_seqs(rate / np.maximum(decoding, 1.0))
    return _Parts(engines, reading > 0, share, running)


@dataclass(frozen=True, slots=True)
class _Operating:
    """A group of rows, each at its share of the asked rate."""

    group: Group
    flow: Flow
    ttft_mean_s: Column
    tpot_mean_s: Column
    use_ratio: Column
    parts: _Parts | None

    def _tail_s(self, place: int, metric: Metric, percentile: Percentile) -> float:
        """Return the bound on a latency of one row."""
        parts = self.parts
        if parts is None or not parts.is_divided[place]:
            return float(np.asarray(self.flow.tail_s(metric, percentile))[place])
        tail = parts.engines.tail_s(metric, percentile, parts.rate_per_s, parts.running_seqs)
        return float(tail[place])

    def at(self, place: int, question: Question) -> _Point:
        """Return one row's operating point."""
        measured = self.group.measured(place)
        has_experts = self.group.timer.llm.has_experts

        def tail_s(objective: Objective | None, metric: Metric) -> Interval:
            percentile: Percentile = 99 if objective is None else objective.percentile
            mid = self._tail_s(place, metric, percentile)
            ends = p99_end_ratios(QUANTITY_OF[metric], measured, has_experts=has_experts)
            return around(mid, ends)

        return _Point(
            running_seqs=float(np.asarray(self.flow.running_seqs)[place]),
            ttft_mean_s=float(self.ttft_mean_s[place]),
            tpot_mean_s=float(self.tpot_mean_s[place]),
            ttft_p99_s=tail_s(None, "ttft"),
            tpot_p99_s=tail_s(None, "tpot"),
            use_ratio=float(self.use_ratio[place]),
            evidence=measured.evidence,
            met=met([(o, tail_s(o, o.metric)) for o in question.slo.objectives()]),
        )


@dataclass(frozen=True, slots=True)
class _Point:
    """One row at its share of the asked rate."""

    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: Interval
    tpot_p99_s: Interval
    use_ratio: float
    evidence: Evidence
    met: Met


def met(judged: Sequence[tuple[Objective, Interval]]) -> Met:
    """Return whether objectives are met at the pessimistic end, at the middle, or not."""
    if not judged:
        return "no objective"
    if all(value.high <= one.limit_s for one, value in judged):
        return "surely"
    return "likely" if all(value.mid <= one.limit_s for one, value in judged) else "not"


def _planned(
    table: Table, number: int, question: Question, at: _Point, tariff: Tariff
) -> PlannedRig:
    """Return one row as a plan."""
    limits = question.limits
    engines = int(table.engines_count[number])
    split = replace(table.split(number), replicas=engines)
    bought = table.suppliers.bought(number, engines) if limits.buys else None
    purchase = None if limits.buys else table.suppliers.purchase(number, engines)
    rent = 0.0 if purchase is None else purchase.rent_usd_per_month
    power = _power_w(table, number, engines, at)
    one = PlannedRig(
        number=number,
        gpu=table.gpu(number).slug,
        cards_count=split.cards,
        split=split,
        runtime=table.runtime(number).slug,
        weights=table.format_name(number),
        kv=table.kv_name(number),
        step_tokens=int(table.rows[number]["step_tokens"]),
        purchase=purchase,
        bought=bought,
        rent_usd_per_month=rent,
        capex_usd=0.0 if bought is None else bought.capex_usd,
        machines_count=int(table.machines_count[number]),
        capacity_requests_per_s=float(table.capacity_requests_per_s[number]),
        running_seqs=at.running_seqs * max(engines - limits.spare_engines_count, 1),
        ttft_mean_s=at.ttft_mean_s,
        tpot_mean_s=at.tpot_mean_s,
        ttft_p99_s=at.ttft_p99_s,
        tpot_p99_s=at.tpot_p99_s,
        met=at.met,
        evidence=at.evidence,
        quality=quality_note(table.format_name(number), table.kv_name(number)),
        prefill_count=int(table.prefill_count[number]),
    )
    return priced(one, question, tariff, power)


def priced(
    plan: PlannedRig, question: Question, tariff: Tariff, power_w: float | None
) -> PlannedRig:
    """Return a plan with what its tokens cost, and with its electricity."""
    workload, rent = question.workload, plan.rent_usd_per_month
    tokens = workload.input_tokens + workload.output_tokens
    rate = workload.rate_requests_per_s
    return replace(
        plan,
        cost_usd_per_token=cost_usd_per_token(rent, rate * tokens),
        cost_usd_per_output_token=cost_usd_per_token(rent, rate * workload.output_tokens),
        full_cost_usd_per_token=cost_usd_per_token(rent, plan.capacity_requests_per_s * tokens),
        power_w=power_w,
        energy_usd_per_month=None
        if power_w is None
        else energy_usd_per_month(power_w, tariff.pue_ratio, tariff.usd_per_kwh),
    )


def _power_w(table: Table, number: int, engines: int, at: _Point) -> float | None:
    """Return the mean draw of all cards, where the board's power is published."""
    board_power_w = table.gpu(number).board_power_w
    if board_power_w is None:
        return None
    busy_ratio = min(1.0, at.running_seqs)
    one = float(card_power_w(board_power_w, at.use_ratio, busy_ratio))
    return engines * table.engine_cards(number) * one
