"""Finalists: the best feasible candidates at their real operating point, ranked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.money import cost_usd_per_token, energy_usd_per_month
from rightrig.facts.quality import quality_note
from rightrig.planning.evaluate import groups
from rightrig.planning.operating import operating
from rightrig.planning.pareto import pareto_front
from rightrig.planning.planned import Outbid, PlannedRig
from rightrig.prediction.host_power import beside_w

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.costs.goods import Bought
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.operating import Point
    from rightrig.planning.planned import Tariff
    from rightrig.planning.table import Table


MOST_ON_FRONT: Final = 50
"""Candidates of the Pareto front that are worked out in full, cheapest first."""


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
    found: dict[int, PlannedRig] = {}
    for group in groups(llm, table.candidates, np.array(numbers, dtype=np.int64)):
        points = operating(table, group, question)
        for place, number in enumerate(group.numbers.tolist()):
            one = _planned(table, number, question, points.at(place, question), tariff)
            found[number] = replace(one, on_front=number in front)
    return tuple(found[number] for number in numbers)


def _planned(
    table: Table, number: int, question: Question, at: Point, tariff: Tariff
) -> PlannedRig:
    """Return one row as a plan."""
    limits = question.limits
    engines = int(table.engines_count[number])
    split = replace(table.split(number), replicas=engines)
    bought = table.suppliers.bought(number, engines) if limits.buys else None
    purchase = None if limits.buys else table.suppliers.purchase(number, engines)
    rent = 0.0 if purchase is None else purchase.rent_usd_per_month
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
        host_power_w=0.0 if bought is None else host_power_w(table.gpu(number), bought),
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
    return priced(one, question, tariff, at.power_w)


def host_power_w(gpu: Gpu, bought: Bought) -> float:
    """Return what bought machines draw beside their cards: the middle of the estimate, in W."""
    cards = bought.cards_count
    cards_w = (gpu.board_power_w or 0.0) * cards
    return beside_w(gpu, cards_w, cards, bought.machines_count).mid


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
        else energy_usd_per_month(
            power_w + plan.host_power_w, tariff.pue_ratio, tariff.usd_per_kwh
        ),
    )
