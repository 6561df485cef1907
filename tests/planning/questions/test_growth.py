"""Growth: the closed form, the ends in their order, and steps that carry the traffic."""

from __future__ import annotations

import datetime
import functools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.questions.growth import Runway, Span, months_until_count, runway
from rightrig.planning.search import plan, space_of

CATALOG = rightrig.shipped()
START = datetime.date(2027, 1, 1)
QUESTION = Question(
    Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=300),
    Slo(ttft_p99_s=1.0, tpot_p99_s=0.05),
    Limits(budget_usd_per_month=4000.0, max_gpus_count=12),
)


@functools.cache
def found(months: int = 36, simulated_ratio: float | None = None) -> Runway:
    cards = tuple(CATALOG.gpu(name) for name in ("rtx-4090", "l40s", "h100-sxm"))
    space = replace(space_of(CATALOG, QUESTION), gpus=cards)
    llm = CATALOG.llm("llama-3.1-8b")
    best = plan(llm, QUESTION, space).plans[0]
    if simulated_ratio is not None:
        carried = best.capacity_requests_per_s * simulated_ratio
        best = replace(best, method="simulated", capacity_requests_per_s=carried)
    return runway(llm, QUESTION, space, best, 0.1, Span(START, months))


@given(st.floats(0.1, 100.0), st.floats(1.001, 50.0), st.floats(0.001, 1.0))
def test_after_the_months_the_rate_has_grown_to_the_capacity(
    rate: float, times: float, growth: float
) -> None:
    months = months_until_count(rate * times, rate, growth)
    assert rate * (1.0 + growth) ** months == pytest.approx(rate * times, rel=1e-6)


def test_a_tenth_a_month_doubles_in_7_3_months_and_no_growth_never_ends() -> None:
    assert months_until_count(2.0, 1.0, 0.1) == pytest.approx(7.27, abs=0.01)
    assert months_until_count(2.0, 1.0, 0.0) == math.inf
    assert months_until_count(1.0, 2.0, 0.1) == 0.0


def test_headroom_ends_first_then_the_objectives_then_the_engines() -> None:
    kinds = [end.kind for end in found().ends]
    order = [kinds.index(kind) for kind in ("headroom", "objectives", "engines")]
    assert order == sorted(order)
    ends = {end.kind: end for end in found().ends}
    planned = found().planned
    assert ends["objectives"].at_requests_per_s == planned.capacity_requests_per_s
    assert ends["headroom"].at_requests_per_s == pytest.approx(
        planned.capacity_requests_per_s / 1.3
    )
    assert ends["headroom"].date is not None
    days = (ends["headroom"].date - START).days
    assert days == pytest.approx(ends["headroom"].months_count * 365 / 12, abs=1.0)


def test_every_step_carries_the_traffic_with_headroom_and_the_one_before_did_not() -> None:
    runs = found()
    each = runs.planned.capacity_requests_per_s / runs.planned.split.replicas
    assert runs.steps
    for step in runs.steps:
        wanted = step.from_requests_per_s * 1.3
        assert (step.engines_count - 1) * each == pytest.approx(wanted, rel=1e-6)
        assert step.engines_count * each > wanted
        assert step.months_count <= runs.span.months_count
        assert step.cards_count <= 12


def test_other_engines_are_lessened_by_as_much_as_a_simulation_lessened_the_plan() -> None:
    analytic = {step.engines_count: step.larger for step in found().steps}
    halved = [step for step in found(simulated_ratio=0.5).steps if step.engines_count in analytic]
    assert halved
    for step in halved:
        bound = analytic[step.engines_count]
        assert step.larger is not None
        assert bound is not None
        assert step.larger.rent_usd_per_month == bound.rent_usd_per_month
        assert step.larger.option.split == bound.option.split


def test_the_budget_ends_where_the_next_engine_would_cost_more() -> None:
    runs = found(120)
    end = next(end for end in runs.ends if end.kind == "budget")
    rents = [step.rent_usd_per_month for step in runs.steps if step.rent_usd_per_month]
    over = [s for s in runs.steps if s.rent_usd_per_month and s.rent_usd_per_month > 4000.0]
    assert rents == sorted(rents)
    if over:
        assert end.at_requests_per_s == pytest.approx(over[0].from_requests_per_s)
    else:
        cards = next(end for end in runs.ends if end.kind == "cards")
        assert end.at_requests_per_s == pytest.approx(cards.at_requests_per_s)


def test_larger_engines_each_carry_more_and_the_cheaper_way_is_named() -> None:
    runs = found()
    each = runs.planned.capacity_requests_per_s / runs.planned.split.replicas
    larger = [step for step in runs.steps if step.larger is not None]
    assert larger
    for step in larger:
        assert step.larger is not None
        assert step.rent_usd_per_month is not None
        assert step.larger.option.rate_requests_per_s > each
        cheaper = step.larger.rent_usd_per_month < step.rent_usd_per_month
        assert step.way == ("vertical" if cheaper else "horizontal")


def test_dates_beyond_a_thousand_years_are_none() -> None:
    assert Span(START).date_after(1e7) is None
    assert Span(START).date_after(12.0) == datetime.date(2028, 1, 1)
