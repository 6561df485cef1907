"""What a plan hangs on: every sentence is checked by a search of the changed question."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.explain import CHANGE_RATIO, Hinges, Varying, hinges
from rightrig.planning.options import engine_options
from rightrig.planning.search import Space, plan, space_of

if TYPE_CHECKING:
    from rightrig.planning.planned import Plan, PlannedRig

CATALOG = rightrig.shipped()
CARDS = ("rtx-4090", "l40s", "h100-sxm", "rtx-5090", "l4")
CLOSE_RATIO = 1e-3
"""Flips are found to within much less; at the flip itself two cards cost the same."""
MOST_FLIPS = 4
QUICK = Slo(ttft_p99_s=1.0, tpot_p99_s=0.05)
ASKED = (
    ("llama-3.1-8b", 5.0, Limits(), QUICK),
    ("llama-3.3-70b", 3.0, Limits(), QUICK),
    ("qwen3-30b-a3b", 10.0, Limits(), Slo(ttft_p90_s=2.0, e2e_p99_s=12.0)),
    ("llama-3.1-8b", 5.0, Limits(buys=True, rank_by="capex"), QUICK),
    ("llama-3.1-8b", 20.0, Limits(spare_engines_count=1, confidence="surely"), QUICK),
)


def question_of(rate: float, limits: Limits, slo: Slo) -> Question:
    traffic = Workload(rate_requests_per_s=rate, input_tokens=1000, output_tokens=300)
    return Question(traffic, slo, limits)


@functools.cache
def hung(place: int) -> tuple[Plan, Hinges, Space]:
    model, rate, limits, slo = ASKED[place]
    question = question_of(rate, limits, slo)
    cards = tuple(CATALOG.gpu(slug) for slug in CARDS)
    space = replace(space_of(CATALOG, question), gpus=cards, formats=("fp8",), kv="fp8")
    found = plan(CATALOG.llm(model), question, space, 1000)
    answer = hinges(found, space)
    assert answer is not None
    return found, answer, space


def cheapest(found: Plan, question: Question, space: Space) -> PlannedRig | None:
    plans = plan(found.llm, question, space, 1000).plans
    return plans[0] if plans else None


def at_rate(question: Question, rate: float) -> Question:
    workload = question.workload.model_copy(update={"rate_requests_per_s": rate})
    return replace(question, workload=workload)


every = pytest.mark.parametrize("place", range(len(ASKED)))


@every
def test_another_card_wins_on_each_side_of_a_flip(place: int) -> None:
    found, answer, space = hung(place)
    for flip in answer.flips[:MOST_FLIPS]:
        for side, engine in ((-1, flip.before), (1, flip.after)):
            rate = flip.from_requests_per_s * (1 + side * CLOSE_RATIO)
            best = cheapest(found, at_rate(found.question, rate), space)
            assert best is not None
            assert best.gpu == engine.split("x", 1)[1], (flip, side)


def test_some_question_has_a_flip() -> None:
    assert sum(len(hung(place)[1].flips) for place in range(len(ASKED))) >= 3


@every
def test_flips_come_lowest_first_and_turn_over_the_card(place: int) -> None:
    flips = hung(place)[1].flips
    rates = [flip.from_requests_per_s for flip in flips]
    assert rates == sorted(rates)
    for flip in flips:
        assert flip.before.split("x", 1)[1] != flip.after.split("x", 1)[1]


def priced(space: Space, gpu: str, factor: float) -> Space:
    """Return the space with every price of one card changed."""
    prices = []
    for price in space.prices:
        changed = {
            name: None if usd is None else usd * factor
            for name in ("on_demand_usd_per_hour", "spot_usd_per_hour")
            for usd in (getattr(price, name),)
        }
        prices.append(price.model_copy(update=changed) if price.gpu == gpu else price)
    goods = tuple(
        replace(good, low_usd=good.low_usd * factor, high_usd=good.high_usd * factor)
        if good.gpu == gpu
        else good
        for good in space.goods
    )
    return replace(space, prices=tuple(prices), goods=goods)


@every
def test_the_price_margin_is_where_another_card_wins(place: int) -> None:
    found, answer, space = hung(place)
    assert answer.price_margin_ratio is not None
    assert answer.rival is not None
    gpu, factor = found.plans[0].gpu, 1.0 + answer.price_margin_ratio
    below = cheapest(found, found.question, priced(space, gpu, factor * (1 - CLOSE_RATIO)))
    above = cheapest(found, found.question, priced(space, gpu, factor * (1 + CLOSE_RATIO)))
    assert below is not None
    assert above is not None
    assert below.gpu == gpu
    assert above.gpu == answer.rival.gpu != gpu
    assert above.cost_usd == pytest.approx(answer.rival.cost_usd)


def changed(question: Question, space: Space, one: Varying, gpu: str) -> tuple[Question, Space]:
    """Return the question and the space that a changed input makes."""
    factor, workload = 1.0 + one.change_ratio, question.workload
    if one.name == "price":
        return question, priced(space, gpu, factor)
    if one.name == "rate":
        return at_rate(question, workload.rate_requests_per_s * factor), space
    if one.name == "input":
        tokens = round(workload.input_tokens * factor)
        longer = workload.model_copy(update={"input_tokens": tokens})
        return replace(question, workload=longer), space
    if one.name == "output":
        tokens = round(workload.output_tokens * factor)
        longer = workload.model_copy(update={"output_tokens": tokens})
        return replace(question, workload=longer), space
    limits = {
        f"{o.metric}_p{o.percentile}_s": o.limit_s * factor
        for o in question.slo.objectives()
        if o.metric == one.name
    }
    return replace(question, slo=question.slo.model_copy(update=limits)), space


@every
def test_every_changed_input_is_what_a_plan_of_it_says(place: int) -> None:
    found, answer, space = hung(place)
    gpu = found.plans[0].gpu
    for one in answer.varied:
        assert abs(one.change_ratio) == CHANGE_RATIO
        best = cheapest(found, *changed(found.question, space, one, gpu))
        assert (best is None) == (one.winner is None), one.name
        if best is not None and one.winner is not None:
            assert one.winner.cost_usd == pytest.approx(best.cost_usd), one.name
            assert one.winner.gpu == best.gpu, one.name
            assert one.is_other == (best.gpu != gpu)


@every
def test_price_rate_prompts_answers_and_objectives_are_all_varied(place: int) -> None:
    found, answer, _ = hung(place)
    metrics = {one.metric for one in found.question.slo.objectives()}
    for ratio in (-CHANGE_RATIO, CHANGE_RATIO):
        names = {one.name for one in answer.varied if one.change_ratio == ratio}
        assert names == {"price", "rate", "input", "output"} | metrics


@every
def test_the_binding_constraint_counts_the_engines_of_the_plan(place: int) -> None:
    found, answer, _ = hung(place)
    assert answer.sentences()[0] == answer.binding
    assert (
        f"{1.3 * found.question.workload.rate_requests_per_s:.3g} with headroom" in answer.binding
    )
    assert str(found.plans[0].split.replicas) in answer.binding


def test_memory_is_not_blamed_where_prompts_fill_the_steps() -> None:
    """Answers of four tokens: a card is busy with prompts long before its memory is full."""
    workload = Workload(rate_requests_per_s=20.0, input_tokens=4000, output_tokens=4)
    question = Question(workload, Slo(), Limits())
    space = replace(space_of(CATALOG, question), gpus=(CATALOG.gpu("h100-sxm"),), formats=("fp8",))
    llm = CATALOG.llm("llama-3.1-8b")
    found = plan(llm, question, space)
    (held,) = {o.capacity_seqs for o in engine_options(llm, question, space)
               if o.split == replace(found.plans[0].split, replicas=1)
               and o.kv == found.plans[0].kv and o.runtime == found.plans[0].runtime
               and o.step_tokens == found.plans[0].step_tokens}  # fmt: skip
    assert found.plans[0].running_seqs < 0.5 * held * found.plans[0].split.replicas
    answer = hinges(found, space)
    assert answer is not None
    assert "memory is full" not in answer.binding


def test_without_a_plan_there_is_nothing_to_hang_on() -> None:
    question = question_of(5.0, Limits(), Slo(ttft_p99_s=1e-4))
    space = replace(space_of(CATALOG, question), gpus=(CATALOG.gpu("l4"),))
    assert hinges(plan(CATALOG.llm("llama-3.1-8b"), question, space), space) is None
