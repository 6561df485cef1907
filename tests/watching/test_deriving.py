"""What follows from two readings and a plan, and what cannot be known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.watching.deriving import (
    deployed_cards,
    derived,
    is_restarted,
    rate_at_tokens_per_s,
    read_bytes_per_output_token,
)
from rightrig.watching.expected import Expected, ExpectedCard, ExpectedRate
from rightrig.watching.states import (
    Activity,
    CardState,
    Derived,
    EngineState,
    Moment,
    Power,
    Snapshot,
)

URL = "http://127.0.0.1:8000"
CARD = ExpectedCard("h100-sxm", "H100", 2, 18, 5, 16, 700.0, 80e9, 3e12)
PLAN = Expected(
    name="a plan",
    model="a model",
    rig="2xh100-sxm",
    runtime="vllm",
    cards=(CARD,),
    peak_requests_per_s=5.0,
    slo=Slo(),
    cost_usd_per_hour=7.2,
    # A step moves 3 GB of weights, and 0.25 GB for each user.
    rates=(
        ExpectedRate(1, Interval(80.0, 100.0, 110.0), 3.25e9),
        ExpectedRate(4, Interval(300.0, 400.0, 450.0), 1e9),
        ExpectedRate(16, Interval(800.0, 1_000.0, 1_200.0), 0.4375e9),
    ),
)


def card(index: int, energy_j: float | None = None, **more: Any) -> CardState:
    power = Power(more.pop("draw_w", None), 700.0, 700.0, energy_j)
    return CardState(index, "H100", f"GPU-{index}", power=power, **more)


def engine(at_s: float, tokens: float, **more: Any) -> EngineState:
    given: dict[str, Any] = {
        "kind": "vllm",
        "running_count": 4.0,
        "finished": {"stop": tokens / 100},
    }
    return EngineState(URL, at_s, generation_tokens=tokens, **(given | more))


def moment(at_s: float, one: EngineState | None, *cards: CardState) -> Moment:
    return Moment(Snapshot(at_s, cards), one)


BEFORE = moment(100.0, engine(100.0, 1_000.0), card(0, 5_000.0), card(1, 7_000.0))
NOW = moment(110.0, engine(110.0, 5_000.0), card(0, 9_000.0), card(1, 11_000.0))


def test_rates_cost_and_energy_are_those_of_the_time_between() -> None:
    found = derived(BEFORE, NOW, PLAN)
    assert found.over_s == 10.0
    assert found.output_tokens_per_s == 400.0
    assert found.requests_per_s == 4.0
    assert found.cost_usd_per_output_token == pytest.approx(7.2 / 3600.0 / 400.0)
    # Two cards of 400 W each: half a token a joule.
    assert found.output_tokens_per_j == pytest.approx(0.5)
    assert found.prediction_ratio == 1.0


def test_without_a_plan_there_is_no_cost_no_bandwidth_and_no_comparison() -> None:
    found = derived(BEFORE, NOW, None)
    assert found.output_tokens_per_s == 400.0
    assert found.output_tokens_per_j == pytest.approx(0.5)
    assert found.cost_usd_per_output_token is None
    assert (found.bandwidth_ratio, found.bandwidth_source) == (None, "")
    assert found.prediction_ratio is None


def test_bandwidth_is_that_of_the_model_where_nothing_measures_it() -> None:
    found = derived(BEFORE, NOW, PLAN)
    assert found.bandwidth_source == "model"
    assert found.bandwidth_ratio == pytest.approx(400.0 * 1e9 / 6e12)


@pytest.mark.parametrize(
    ("users", "moved_bytes"),
    [(0.5, 3.25e9), (1.0, 3.25e9), (2.0, 1.75e9), (8.0, 0.625e9), (99.0, 0.4375e9)],
)
def test_a_token_of_few_users_moves_more_than_one_of_many(users: float, moved_bytes: float) -> None:
    assert read_bytes_per_output_token(PLAN, users) == pytest.approx(moved_bytes)
    before, now = (engine(at, n, running_count=users) for at, n in ((100.0, 0.0), (110.0, 1_000.0)))
    found = derived(moment(100.0, before), moment(110.0, now), PLAN)
    assert found.bandwidth_source == "model"
    assert found.bandwidth_ratio == pytest.approx(100.0 * moved_bytes / 6e12)


def test_where_nothing_ran_nothing_moved() -> None:
    before, now = (engine(at, 7.0, running_count=0.0) for at in (100.0, 110.0))
    found = derived(moment(100.0, before), moment(110.0, now), PLAN)
    assert (found.bandwidth_ratio, found.bandwidth_source) == (0.0, "model")
    assert read_bytes_per_output_token(PLAN, 0.0) is None
    assert read_bytes_per_output_token(replace(PLAN, rates=()), 1.0) is None


def test_bandwidth_is_the_engine_s_where_it_makes_an_estimate() -> None:
    before = replace(BEFORE, engine=engine(100.0, 1_000.0, read_bytes=0.0))
    now = replace(NOW, engine=engine(110.0, 5_000.0, read_bytes=6e12))
    found = derived(before, now, PLAN)
    assert found.bandwidth_source == "engine"
    assert found.bandwidth_ratio == pytest.approx(0.2)


def test_an_estimate_that_stands_still_is_none() -> None:
    before = replace(BEFORE, engine=engine(100.0, 1_000.0, read_bytes=0.0))
    now = replace(NOW, engine=engine(110.0, 5_000.0, read_bytes=0.0))
    assert derived(before, now, PLAN).bandwidth_source == "model"


def test_bandwidth_is_measured_where_every_card_tells_it() -> None:
    cards = [card(n, 9_000.0, activity=Activity(dram_ratio=0.3 + 0.2 * n)) for n in range(2)]
    found = derived(BEFORE, moment(110.0, NOW.engine, *cards), PLAN)
    assert found.bandwidth_source == "measured"
    assert found.bandwidth_ratio == pytest.approx(0.4)
    silent = derived(BEFORE, moment(110.0, NOW.engine, cards[0], card(1, 9_000.0)), PLAN)
    assert silent.bandwidth_source == "model"


def test_power_stands_in_for_energy_that_is_not_counted() -> None:
    before = moment(100.0, BEFORE.engine, card(0, draw_w=300.0), card(1, draw_w=500.0))
    now = moment(110.0, NOW.engine, card(0, draw_w=500.0), card(1, draw_w=300.0))
    assert derived(before, now, PLAN).output_tokens_per_j == pytest.approx(0.5)


def test_of_one_reading_of_the_cards_the_power_counts() -> None:
    cards = (card(0, 5_000.0, draw_w=300.0), card(1, 7_000.0, draw_w=500.0))
    before, now = (moment(104.0, one, *cards) for one in (BEFORE.engine, NOW.engine))
    assert derived(before, now, PLAN).output_tokens_per_j == pytest.approx(0.5)


def test_an_engine_that_was_started_anew_tells_nothing_of_the_time_between() -> None:
    now = replace(NOW, engine=engine(110.0, 10.0))
    found = derived(BEFORE, now, PLAN)
    assert found == Derived(over_s=10.0)


def test_any_count_that_falls_is_a_restart() -> None:
    one = engine(1.0, 10.0, preemptions_count=3.0)
    assert not is_restarted(one, one)
    assert is_restarted(one, replace(one, preemptions_count=2.0))
    assert is_restarted(one, replace(one, generation_tokens=9.0))
    assert is_restarted(one, replace(one, finished={"stop": 0.0}))


@pytest.mark.parametrize(
    "now",
    [
        engine(110.0, 5_000.0, trouble="nothing listens there"),
        engine(110.0, 5_000.0, model="another"),
        engine(110.0, 5_000.0, kind="sglang"),
        None,
    ],
)
def test_another_engine_or_none_tells_nothing(now: EngineState | None) -> None:
    found = derived(BEFORE, replace(NOW, engine=now), PLAN)
    assert found.output_tokens_per_s is None
    assert found.cost_usd_per_output_token is None
    assert found.output_tokens_per_j is None


@pytest.mark.parametrize("at_s", [100.0, 90.0, math.nan])
def test_a_clock_that_stands_or_goes_back_tells_nothing(at_s: float) -> None:
    assert derived(BEFORE, moment(at_s, engine(at_s, 5_000.0)), PLAN) == Derived(over_s=0.0)


def test_an_idle_engine_has_a_rate_of_zero_and_no_cost() -> None:
    now = replace(NOW, engine=engine(110.0, 1_000.0))
    found = derived(BEFORE, now, PLAN)
    assert (found.output_tokens_per_s, found.output_tokens_per_j) == (0.0, 0.0)
    assert found.cost_usd_per_output_token is None
    assert found.prediction_ratio == 0.0


def test_a_lost_card_leaves_energy_unknown_and_tokens_known() -> None:
    lost = moment(110.0, NOW.engine, card(0, 9_000.0), card(1, trouble="GpuIsLost"))
    found = derived(BEFORE, lost, PLAN)
    assert (found.output_tokens_per_s, found.output_tokens_per_j) == (400.0, None)
    assert deployed_cards(lost.snapshot, PLAN) == ()


def test_a_driver_in_trouble_leaves_energy_unknown() -> None:
    hung = Moment(Snapshot(110.0, NOW.snapshot.cards, trouble="hung"), NOW.engine)
    assert derived(BEFORE, hung, PLAN).output_tokens_per_j is None


def test_fewer_cards_than_planned_leave_energy_unknown() -> None:
    one = moment(110.0, NOW.engine, card(0, 9_000.0))
    assert derived(BEFORE, one, PLAN).output_tokens_per_j is None


def test_of_more_cards_than_planned_the_fullest_serve() -> None:
    cards = tuple(card(n, memory_used_bytes=used) for n, used in enumerate((5, 90, 0, 80)))
    assert [one.index for one in deployed_cards(Snapshot(1.0, cards), PLAN)] == [1, 3]
    assert len(deployed_cards(Snapshot(1.0, cards), None)) == 4


def test_cards_of_one_of_several_machines_are_not_those_of_all() -> None:
    wide = replace(PLAN, machines_count=2)
    found = derived(BEFORE, NOW, wide)
    assert found.output_tokens_per_j is None
    assert found.bandwidth_ratio == pytest.approx(400.0 * 1e9 / 12e12)


def test_the_predicted_rate_lies_on_a_line_between_predictions() -> None:
    assert rate_at_tokens_per_s(PLAN, 4.0) == Interval(300.0, 400.0, 450.0)
    assert rate_at_tokens_per_s(PLAN, 10.0) == Interval(550.0, 700.0, 825.0)
    assert rate_at_tokens_per_s(PLAN, 0.5) == Interval(40.0, 50.0, 55.0)
    assert rate_at_tokens_per_s(PLAN, 999.0) == Interval(800.0, 1_000.0, 1_200.0)
    assert rate_at_tokens_per_s(PLAN, 0.0) is None
    assert rate_at_tokens_per_s(replace(PLAN, rates=()), 4.0) is None


counts = st.none() | st.floats(0.0, 1e15)
times = st.floats(-1e6, 1e6) | st.just(math.nan)
engines = st.none() | st.builds(
    EngineState, url=st.just(URL), at_s=times, kind=st.just("vllm"), generation_tokens=counts,
    running_count=counts, read_bytes=counts, trouble=st.sampled_from(["", "", "gone"]),
    finished=st.dictionaries(st.sampled_from(["stop", "abort"]), st.floats(0.0, 1e9)),
)  # fmt: skip
cards = st.builds(
    CardState, index=st.integers(0, 3), name=st.just("H100"), memory_used_bytes=st.integers(0, 9),
    trouble=st.sampled_from(["", "", "", "GpuIsLost"]),
    power=st.builds(Power, draw_w=counts, energy_j=counts),
    activity=st.builds(Activity, dram_ratio=st.none() | st.floats(0.0, 1.0)),
)  # fmt: skip
moments = st.builds(
    Moment, engine=engines, snapshot=st.builds(
        Snapshot, at_s=times, cards=st.lists(cards, max_size=3).map(tuple),
        trouble=st.sampled_from(["", "", "hung"]),
    ),
)  # fmt: skip


@given(moments, moments, st.sampled_from([None, PLAN]))
def test_what_is_told_is_finite_and_never_negative(
    before: Moment, now: Moment, expected: Expected | None
) -> None:
    found = derived(before, now, expected)
    for value in (
        found.over_s, found.output_tokens_per_s, found.requests_per_s, found.output_tokens_per_j,
        found.cost_usd_per_output_token, found.bandwidth_ratio, found.prediction_ratio,
    ):  # fmt: skip
        assert value is None or 0.0 <= value < math.inf
    assert bool(found.bandwidth_source) == (found.bandwidth_ratio is not None)


@given(st.floats(0.01, 100.0), st.floats(1.0, 10.0))
def test_more_users_are_never_predicted_to_get_less(users: float, factor: float) -> None:
    few, many = rate_at_tokens_per_s(PLAN, users), rate_at_tokens_per_s(PLAN, users * factor)
    assert few is not None
    assert many is not None
    assert many.mid >= few.mid * (1.0 - 1e-12)
