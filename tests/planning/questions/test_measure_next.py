"""What to measure next: open objectives, what nearby runs would change, and the run itself."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.interval import Interval
from rightrig.planning.constraints import Question
from rightrig.planning.questions.measure_next import (
    NextMeasurement,
    measure_next,
    measure_next_on,
    met_ratio,
    outcome_of,
)
from rightrig.planning.search import plan, space_of
from rightrig.prediction.regimes import Lengths

CATALOG = rightrig.shipped()
LLM = CATALOG.llm("llama-3.1-8b")


@functools.cache
def found(ttft: float, tpot: float) -> NextMeasurement:
    question = Question(
        Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=300),
        Slo(ttft_p99_s=ttft, tpot_p99_s=tpot),
        Limits(),
    )
    cards = tuple(CATALOG.gpu(name) for name in ("rtx-4090", "l40s", "h100-sxm", "rtx-5090"))
    space = replace(space_of(CATALOG, question), gpus=cards)
    return measure_next(plan(LLM, question, space, 5), space)


def on_rig(rig: str, slo: Slo) -> NextMeasurement:
    deployment = propose(CATALOG, LLM, parse_rig(rig, CATALOG), Choices())
    return measure_next_on(deployment, Lengths(1000.0, 300.0), 1.0, slo)


def test_only_plans_whose_objective_divides_the_interval_are_in_doubt() -> None:
    tight = found(0.4, 0.02)
    assert tight.doubts
    for doubt in tight.doubts:
        assert doubt.limit_s is not None
        assert doubt.now_s.low <= doubt.limit_s < doubt.now_s.high
        assert 0.1 <= (doubt.met_ratio or 0.0) <= 0.9 + 1e-9
    places = [doubt.place for doubt in tight.doubts]
    assert places == sorted(places)


def test_wide_objectives_leave_nothing_open() -> None:
    free = found(600.0, 5.0)
    assert free.doubts == ()
    assert "lies outside the intervals" in free.explain().sentences[0]


def test_the_run_has_the_traffic_of_one_engine() -> None:
    doubt = found(0.4, 0.02).doubts[0]
    assert "vllm bench serve" in doubt.run
    assert "--random-input-len 1000 --random-output-len 300" in doubt.run
    assert LLM.name in doubt.run


def test_a_card_known_by_its_datasheet_alone_would_be_known_better_after_a_run() -> None:
    weak = on_rig("1xrtx-2080-ti", Slo()).doubts
    assert {doubt.evidence for doubt in weak} != {"this GPU and runtime"}
    assert max(doubt.narrowing_ratio for doubt in weak) > 0.0
    for doubt in weak:
        assert doubt.after_s.mid == doubt.now_s.mid
        assert doubt.after_s.low >= doubt.now_s.low
        assert doubt.after_s.high <= doubt.now_s.high


def test_the_closest_evidence_is_narrowed_by_no_other_run() -> None:
    for doubt in on_rig("1xh100-sxm", Slo()).doubts:
        assert doubt.is_closest
        assert doubt.narrowing_ratio == 0.0
        assert doubt.after_s == doubt.now_s


def test_one_user_hangs_on_memory_bandwidth_and_a_prompt_on_arithmetic() -> None:
    resources = {d.quantity: d.weakness.resource for d in on_rig("1xl4", Slo()).doubts}
    assert resources == {"tpot": "memory bandwidth", "ttft": "arithmetic"}


def test_outcomes_say_what_each_end_of_the_interval_would_mean() -> None:
    doubt = next(d for d in on_rig("1xl4", Slo(tpot_p99_s=0.1)).doubts if d.quantity == "tpot")
    quick, _, slow = doubt.outcomes()
    assert quick[1] in {"met surely", "met likely"}
    assert slow[1] in {"missed likely", "missed surely"}
    assert (quick[0], slow[0]) == (doubt.now_s.low, doubt.now_s.high)


def test_rivals_are_those_that_some_throughput_makes_cheaper() -> None:
    judged = found(0.4, 0.02)
    most = judged.rents[0].now_usd_per_month.high
    for rent in judged.rents[1:]:
        assert (rent in judged.rivals) == (rent.now_usd_per_month.low < most)


@given(st.floats(0.1, 10.0), st.floats(1.05, 4.0), st.floats(1.05, 4.0))
def test_one_in_ten_lies_outside_each_end(mid: float, down: float, up: float) -> None:
    value = Interval(mid / down, mid, mid * up)
    assert met_ratio(value, value.high) == pytest.approx(0.9, abs=1e-4)
    assert met_ratio(value, value.low) == pytest.approx(0.1, abs=1e-4)
    assert met_ratio(value, mid) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [(2.5, "met surely"), (1.5, "met likely"), (0.7, "missed likely"), (0.4, "missed surely"),
     (None, "no objective")],
)  # fmt: skip
def test_a_limit_is_judged_by_the_ends_and_the_middle(limit: float | None, outcome: str) -> None:
    assert outcome_of(Interval(0.5, 1.0, 2.0), limit) == outcome
