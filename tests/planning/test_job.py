"""Jobs: so many tokens by a deadline; what they cost, and what stands nearest."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from one_by_one import engine, held_seqs

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.job import Job, JobPlan, JobRig, plan_job, show_hours
from rightrig.planning.search import Space, space_of, standing
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import closed_loop
from rightrig.prediction.timers import timer_of
from rightrig.quantities import HOURS_PER_MONTH

if TYPE_CHECKING:
    from rightrig.demand.objective import Confidence
    from rightrig.facts.llm import Llm

CATALOG = rightrig.shipped()
EVERY = 1000
HOUR_S = 3600.0
MODELS = ("llama-3.1-8b", "llama-3.3-70b", "qwen3-30b-a3b", "deepseek-v2-lite")
CARDS = ("h100-sxm", "l4", "a100-sxm-80gb", "rtx-4090")
# Shrinking such questions takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
some = settings(max_examples=5, deadline=None, phases=PHASES)


def asked(limits: Limits | None = None, lengths: tuple[int, int] = (1000, 300)) -> Question:
    traffic = Workload(rate_requests_per_s=1.0, input_tokens=lengths[0], output_tokens=lengths[1])
    return Question(traffic, Slo(), limits or Limits())


@functools.cache
def few_cards() -> Space:
    space = space_of(CATALOG, asked())
    cards = tuple(CATALOG.gpu(slug) for slug in CARDS)
    return replace(space, gpus=cards, formats=("fp8", "q4_k_m"))


def done(
    model: str, job: Job, question: Question | None = None, space: Space | None = None
) -> JobPlan:
    llm: Llm = CATALOG.llm(model)
    return plan_job(llm, question or asked(), space or few_cards(), job, EVERY)


jobs = st.builds(Job, st.floats(1e6, 2e11), st.floats(HOUR_S, 300 * HOUR_S))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    limits = Limits(
        spot=draw(st.booleans()),
        confidence=draw(st.sampled_from(("likely", "surely"))),
        max_gpus_count=draw(st.sampled_from((8, 64, 1000))),
    )
    return asked(limits, (draw(st.integers(1, 4000)), draw(st.integers(1, 1000))))


def lost_ratio(rig: JobRig, job: Job) -> float:
    return job.spot_waste_ratio if rig.purchase.is_spot else 0.0


@some
@given(st.sampled_from(MODELS), jobs, questions())
def test_a_job_costs_its_rent_for_its_hours(model: str, job: Job, question: Question) -> None:
    for rig in done(model, job, question).rigs:
        per_hour = rig.purchase.rent_usd_per_month / HOURS_PER_MONTH
        assert rig.usd == pytest.approx(per_hour * rig.duration_s.mid / HOUR_S)
        assert rig.purchase.rented_cards >= rig.split.cards


@some
@given(st.sampled_from(MODELS), jobs, questions())
def test_every_rig_keeps_the_deadline_and_the_cards(
    model: str, job: Job, question: Question
) -> None:
    is_sure = question.limits.confidence == "surely"
    for rig in done(model, job, question).rigs:
        judged_s = rig.duration_s.high if is_sure else rig.duration_s.mid
        assert judged_s <= job.deadline_s * (1 + 1e-6)
        assert rig.is_sure(job) or not is_sure or judged_s == pytest.approx(job.deadline_s)
        assert rig.split.cards <= question.limits.max_gpus_count


@some
@given(st.sampled_from(MODELS), jobs, questions())
def test_engines_times_throughput_times_time_are_the_tokens(
    model: str, job: Job, question: Question
) -> None:
    for rig in done(model, job, question).rigs:
        kept_s = rig.duration_s.mid * (1 - lost_ratio(rig, job))
        assert rig.tokens_per_s * kept_s == pytest.approx(job.tokens_count)


@some
@given(st.sampled_from(MODELS), jobs)
def test_one_engine_less_would_miss_the_deadline(model: str, job: Job) -> None:
    for rig in done(model, job).rigs:
        engines = rig.split.replicas
        if engines > 1:
            assert rig.duration_s.mid * engines / (engines - 1) > job.deadline_s


@pytest.mark.parametrize("model", MODELS)
def test_an_engine_runs_as_full_as_its_memory_allows(model: str) -> None:
    question, job, llm = asked(), Job(1e9, 100 * HOUR_S), CATALOG.llm(model)
    lengths = Lengths(1000.0, 300.0)
    table = standing(llm, question, few_cards()).candidates
    speeds: dict[tuple[str, str, str], set[float]] = {}
    for number in range(0, len(table.rows), 3):
        one = engine(llm, table, number)
        held = held_seqs(one, 1300, is_sure=False)
        if held >= 1.0:
            point = closed_loop(timer_of(one), math.floor(held), lengths)
            key = (one.rig.gpu.slug, one.parallelism.text, one.precision.weights)
            rate = float(np.asarray(point.rate_requests_per_s)) * 1300
            speeds.setdefault(key, set()).add(round(rate, 3))
    seen = 0
    for rig in done(model, job).rigs:
        key = (rig.gpu, replace(rig.split, replicas=1).text, rig.weights)
        if key in speeds:
            each = rig.tokens_per_s / rig.split.replicas
            seen += any(each == pytest.approx(one) for one in speeds[key])
    assert seen


@pytest.mark.parametrize(
    "spot",
    [
        False,
        True,
    ],
)
@pytest.mark.parametrize("model", ["llama-3.1-8b"])
def test_rigs_come_cheapest_first_one_of_each_card_and_format(model: str, *, spot: bool) -> None:
    limits = Limits(spot=spot, max_gpus_count=1000)
    rigs = done(model, Job(1e10, 24 * HOUR_S), asked(limits)).rigs
    assert len(rigs) > 1
    assert len({(rig.gpu, rig.weights) for rig in rigs}) == len(rigs)
    assert [rig.usd for rig in rigs] == sorted(rig.usd for rig in rigs)


@some
@given(st.sampled_from(MODELS), jobs)
def test_spot_is_never_dearer_than_none(model: str, job: Job) -> None:
    firm = {(r.gpu, r.weights): r.usd for r in done(model, job).rigs}
    spot = {(r.gpu, r.weights): r.usd for r in done(model, job, asked(Limits(spot=True))).rigs}
    for option in firm.keys() & spot.keys():
        assert spot[option] <= firm[option] * (1 + 1e-9)


def test_a_spot_price_that_saves_less_than_is_lost_is_not_taken() -> None:
    """5 % off, and a tenth of the time lost: on demand is cheaper."""
    space = few_cards()
    prices = tuple(
        price.model_copy(update={"spot_usd_per_hour": 0.95 * price.on_demand_usd_per_hour})
        for price in space.prices
        if price.on_demand_usd_per_hour is not None
    )
    space, job = replace(space, prices=prices), Job(1e10, 48 * HOUR_S)
    firm = done("llama-3.1-8b", job, space=space).rigs[0]
    spot = done("llama-3.1-8b", job, asked(Limits(spot=True)), space).rigs[0]
    assert spot.usd <= firm.usd * (1 + 1e-9)
    assert not spot.purchase.is_spot


def test_half_the_tokens_cost_half_when_they_take_whole_hours_of_one_engine() -> None:
    one, half = (done("llama-3.1-8b", Job(tokens, 1000 * HOUR_S)).rigs[0] for tokens in (1e9, 5e8))
    assert one.split.replicas == half.split.replicas == 1
    assert half.usd == pytest.approx(one.usd / 2)


@pytest.mark.parametrize(
    "confidence",
    [
        "likely",
        "surely",
    ],
)
@pytest.mark.parametrize("spot", [False, True])
def test_without_a_rig_the_nearest_miss_names_a_deadline_that_would_do(
    confidence: Confidence, *, spot: bool
) -> None:
    limits = Limits(max_gpus_count=8, confidence=confidence, spot=spot)
    hasty = done("llama-3.1-8b", Job(1e10, HOUR_S), asked(limits))
    assert hasty.rigs == ()
    assert hasty.explain().sentences == ("No rig does the job in time.", hasty.nearest)
    hours = float(re.findall(r"--by (\d+)h", hasty.nearest)[0])
    assert done("llama-3.1-8b", Job(1e10, hours * HOUR_S), asked(limits)).rigs
    sooner = Job(1e10, (hours - 1.01) * HOUR_S)
    assert not done("llama-3.1-8b", sooner, asked(limits)).rigs


def test_where_nobody_rents_a_card_the_nearest_miss_says_so() -> None:
    space = replace(few_cards(), gpus=(CATALOG.gpu("m4-max"),))
    found = done("llama-3.1-8b", Job(1e9, HOUR_S), space=space)
    assert found.rigs == ()
    assert "somebody rents" in found.nearest


def test_the_first_rig_is_explained_with_its_price() -> None:
    found = done("llama-3.1-8b", Job(1e10, 24 * HOUR_S))
    text = " ".join(found.explain().sentences)
    assert found.rigs[0].rig in text
    assert show_hours(found.rigs[0].duration_s.mid) in text
    assert found.rigs[0].purchase.price.source in text


@pytest.mark.parametrize(
    "limits",
    [
        Limits(available=dict.fromkeys(CARDS, 0)),
        Limits(max_power_w=10.0),
        Limits(max_machines_count=1),
    ],
    ids=["stock", "power", "machines"],
)
def test_a_job_keeps_the_limits_of_size(limits: Limits) -> None:
    job = Job(1e11, 24 * HOUR_S)
    free = done("llama-3.1-8b", job).rigs
    assert free
    assert min(rig.purchase.instances_count for rig in free) > 1
    assert done("llama-3.1-8b", job, asked(limits)).rigs == ()
