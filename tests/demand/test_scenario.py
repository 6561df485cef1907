"""Scenarios: seeds, common random numbers, sessions, chains, prefixes, classes."""

from __future__ import annotations

import itertools
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rightrig.demand.arrivals import (
    AnyArrivals,
    AtOnce,
    ClosedLoop,
    Diurnal,
    GammaArrivals,
    MarkovModulated,
    Poisson,
)
from rightrig.demand.lengths import Empirical, Fixed, Zipf, lognormal
from rightrig.demand.objective import SloClass, Tenant
from rightrig.demand.pauses import Pause
from rightrig.demand.scenario import (
    ReasoningShare,
    Scenario,
    Sessions,
    SharedPrefixes,
    requests_of,
    sample,
)
from rightrig.demand.workload import Workload
from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.demand.requests import Requests

CHAT = Scenario(
    input=lognormal(1155.0, p99_tokens=4142.0), output=lognormal(211.0, p99_tokens=601.0)
)
TALK = Scenario(
    input=Zipf(exponent_ratio=0.5, low_tokens=10, high_tokens=300),
    output=Zipf(exponent_ratio=0.5, low_tokens=5, high_tokens=90),
    sessions=Sessions(
        turns=Zipf(exponent_ratio=0.8, low_tokens=1, high_tokens=9),
        think=Pause(mean_s=20.0),
        max_context_tokens=1500,
    ),
    prefixes=SharedPrefixes(count=3, tokens=100, popularity_ratio=1.0),
    block_tokens=16,
)
ARRIVALS: tuple[AnyArrivals, ...] = (
    Poisson(),
    GammaArrivals(burstiness_ratio=0.5),
    MarkovModulated(rates_requests_per_s=(1.0, 9.0), sojourns_s=(9.0, 1.0)),
    Diurnal(peak_ratio=3.0),
    AtOnce(),
    ClosedLoop(users=5, think=Pause(mean_s=2.0)),
)
arrivals = st.sampled_from(ARRIVALS)
scenarios = st.builds(
    lambda base, law: base.model_copy(update={"arrivals": law}),
    st.sampled_from([CHAT, TALK]),
    arrivals,
)


def columns(requests: Requests) -> dict[str, Any]:
    return {name: getattr(requests, name) for name in requests.__slots__}


def same(one: Requests, other: Requests, *but: str) -> bool:
    left, right = columns(one), columns(other)
    return all(np.array_equal(left[name], right[name]) for name in left if name not in but)


def chains_of(requests: Requests) -> list[list[int]]:
    found = []
    for row in range(requests.open_count):
        chain, at = [], row
        while at >= 0:
            chain.append(at)
            at = int(requests.next_index[at])
        found.append(chain)
    return found


def blocks_of(requests: Requests, row: int) -> list[int]:
    first, end = requests.block_offsets[row : row + 2]
    return [int(one) for one in requests.block_ids[first:end]]


@settings(max_examples=40, deadline=None)
@given(scenarios, st.integers(1, 300), st.integers(0, 2**32))
def test_a_seed_gives_the_same_requests_and_exactly_as_many(
    scenario: Scenario, count: int, seed: int
) -> None:
    one = sample(scenario, count, seed)
    assert len(one) == count
    assert same(one, sample(scenario, count, seed))


def test_another_seed_gives_other_requests() -> None:
    assert not same(sample(CHAT, 100, 1), sample(CHAT, 100, 2))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([CHAT, TALK]), st.sampled_from(ARRIVALS[:4]), st.floats(0.01, 1e3))
def test_another_rate_keeps_everything_but_arrivals(
    scenario: Scenario, law: AnyArrivals, rate: float
) -> None:
    before = scenario.model_copy(update={"arrivals": law})
    after = before.at_rate(rate)
    assert same(sample(before, 200, 7), sample(after, 200, 7), "arrival_s")


def test_poisson_gaps_scale_with_the_rate() -> None:
    slow, fast = sample(CHAT.at_rate(1.0), 500, 1), sample(CHAT.at_rate(8.0), 500, 1)
    np.testing.assert_allclose(slow.arrival_s, fast.arrival_s * 8.0)


def test_other_answers_keep_arrivals_and_prompts() -> None:
    other = CHAT.model_copy(update={"output": Fixed(tokens=9)})
    assert same(sample(CHAT, 500, 1), sample(other, 500, 1), "output_tokens")


def test_reasoning_classes_and_patience_change_nothing_else() -> None:
    more = CHAT.model_copy(
        update={
            "reasoning": ReasoningShare(shares_ratio=(0.2, 0.8)),
            "classes": (SloClass(name="a"), SloClass(name="b", priority=1, share_ratio=3.0)),
            "tenants": (Tenant(name="x"), Tenant(name="y")),
            "patience": Pause(mean_s=30.0),
        }
    )
    added = ("reasoning_tokens", "class_index", "tenant_index", "patience_s", "classes", "tenants")
    assert same(sample(CHAT, 500, 1), sample(more, 500, 1), *added)


def test_lengths_have_the_statistics_that_were_asked() -> None:
    found = sample(CHAT, 200_000, 1)
    assert found.input_tokens.mean() == pytest.approx(1155.0, rel=0.01)
    assert np.percentile(found.output_tokens, 99) == pytest.approx(601.0, rel=0.02)
    assert found.mean_rate_requests_per_s == pytest.approx(1.0, rel=0.01)


@settings(max_examples=40, deadline=None)
@given(arrivals, st.integers(1, 400), st.integers(0, 1000))
def test_chains_hold_every_row_once(law: AnyArrivals, count: int, seed: int) -> None:
    found = sample(TALK.model_copy(update={"arrivals": law}), count, seed)
    rows = [row for chain in chains_of(found) for row in chain]
    assert sorted(rows) == list(range(count))
    assert not np.isfinite(found.arrival_s[found.open_count :]).any()
    assert (np.diff(found.arrival_s[: found.open_count]) >= 0.0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.integers(0, 1000))
def test_a_turn_begins_with_all_before_it_or_anew(count: int, seed: int) -> None:
    found = sample(TALK, count, seed)
    bounds = []
    for chain in chains_of(found):
        for before, after in itertools.pairwise(chain):
            context = found.input_tokens[before] + found.output_tokens[before]
            grown = 10 <= found.input_tokens[after] - context <= 300
            anew = 110 <= found.input_tokens[after] <= 400
            assert grown or anew
            shared = blocks_of(found, before)
            kept = blocks_of(found, after)[: len(shared)] == shared
            assert kept if grown and not anew else True
            bounds.append(found.input_tokens[after] + found.output_tokens[after])
    assert max(bounds, default=0) <= 1500


def test_turns_without_a_limit_grow_and_share_all_blocks() -> None:
    endless = TALK.model_copy(
        update={"sessions": Sessions(turns=Fixed(tokens=4)), "prefixes": None}
    )
    found = sample(endless, 400, 1)
    for chain in chains_of(found):
        for before, after in itertools.pairwise(chain):
            old, new = blocks_of(found, before), blocks_of(found, after)
            assert new[: len(old)] == old
            assert len(new) == (found.input_tokens[after] + found.output_tokens[after]) // 16
    sessions = [set(blocks_of(found, chain[-1])) for chain in chains_of(found)]
    assert len(set.union(*sessions)) == sum(map(len, sessions))


def test_prompts_share_their_prefix_and_nothing_else() -> None:
    scenario = CHAT.model_copy(update={"prefixes": SharedPrefixes(count=2, tokens=130)})
    found = sample(scenario, 300, 1)
    plain = sample(CHAT, 300, 1)
    np.testing.assert_array_equal(found.input_tokens, plain.input_tokens + 130)
    assert {tuple(blocks_of(found, row)[:2]) for row in range(300)} == {(0, 1), (2, 3)}
    others = [one for row in range(300) for one in blocks_of(found, row)[2:]]
    assert len(set(others)) == len(others)


def test_a_prefix_within_the_prompt_adds_nothing() -> None:
    prefix = SharedPrefixes(tokens=640, is_within_input=True)
    found = sample(CHAT.model_copy(update={"prefixes": prefix}), 300, 1)
    np.testing.assert_array_equal(found.input_tokens, sample(CHAT, 300, 1).input_tokens)
    short = int(np.flatnonzero(found.input_tokens < 640)[0])
    expected = list(range(found.input_tokens[short] // 64))
    assert blocks_of(found, short)[: len(expected)] == expected


def test_popular_prefixes_follow_zipf() -> None:
    prefixes = SharedPrefixes(count=3, tokens=64, popularity_ratio=1.0)
    found = sample(CHAT.model_copy(update={"prefixes": prefixes}), 50_000, 1)
    shares = np.bincount(found.block_ids[found.block_offsets[:-1]], minlength=3)[:3] / 50_000
    np.testing.assert_allclose(shares, (6 / 11, 3 / 11, 2 / 11), rtol=0.02)


def test_closed_users_each_ask_in_turn() -> None:
    closed = CHAT.model_copy(update={"arrivals": ClosedLoop(users=4)})
    found = sample(closed, 10, 1)
    assert chains_of(found) == [[0, 4, 8], [1, 5, 9], [2, 6], [3, 7]]
    assert found.arrival_s[:4].tolist() == [0.0] * 4
    assert not found.think_s.any()


def test_more_users_than_requests_each_ask_once() -> None:
    found = sample(CHAT.model_copy(update={"arrivals": ClosedLoop(users=50)}), 10, 1)
    assert found.open_count == 10


def test_a_closed_user_thinks_between_sessions_as_long_as_between_requests() -> None:
    law = ClosedLoop(users=2, think=Pause(kind="constant", mean_s=7.0))
    talk = Sessions(turns=Fixed(tokens=3), think=Pause(kind="constant", mean_s=1.0))
    found = sample(CHAT.model_copy(update={"arrivals": law, "sessions": talk}), 12, 1)
    assert found.arrival_s[:2].tolist() == [7.0, 7.0]
    for chain in chains_of(found):
        assert found.think_s[chain].tolist() == [0.0, 1.0, 1.0, 7.0, 1.0, 1.0]


def test_the_rate_of_a_scenario_counts_all_turns() -> None:
    talk = TALK.model_copy(update={"sessions": Sessions(turns=Fixed(tokens=4))})
    found = sample(talk.at_rate(8.0), 40_000, 1)
    assert found.mean_rate_requests_per_s == pytest.approx(2.0, rel=0.03)


def test_reasoning_is_a_share_of_the_answer() -> None:
    share = ReasoningShare(levels_ratio=(0.0, 0.5, 1.0), shares_ratio=(0.2, 0.8, 1.0))
    found = sample(CHAT.model_copy(update={"reasoning": share}), 50_000, 1)
    ratio = found.reasoning_tokens.sum() / found.output_tokens.sum()
    assert ratio == pytest.approx(share.mean_ratio, rel=0.02)
    assert share.mean_ratio == pytest.approx(0.7)


def test_reasoning_lengths_come_on_top_of_the_answer() -> None:
    found = sample(CHAT.model_copy(update={"reasoning": Fixed(tokens=500)}), 100, 1)
    np.testing.assert_array_equal(found.output_tokens, sample(CHAT, 100, 1).output_tokens + 500)
    assert (found.reasoning_tokens == 500).all()


def test_classes_and_tenants_are_drawn_by_their_shares() -> None:
    classes = (SloClass(name="now"), SloClass(name="later", priority=1, share_ratio=3.0))
    tenants = (Tenant(name="x", share_ratio=2.0), Tenant(name="y", share_ratio=2.0))
    found = sample(CHAT.model_copy(update={"classes": classes, "tenants": tenants}), 50_000, 1)
    assert found.class_index.mean() == pytest.approx(0.75, abs=0.01)
    assert found.tenant_index.mean() == pytest.approx(0.5, abs=0.01)
    assert (found.classes, found.tenants) == (classes, ("x", "y"))


def test_all_turns_of_a_session_are_of_one_class() -> None:
    classes = (SloClass(name="a"), SloClass(name="b"))
    found = sample(TALK.model_copy(update={"classes": classes}), 500, 1)
    assert all(len(set(found.class_index[chain])) == 1 for chain in chains_of(found))


def test_a_workload_becomes_poisson_requests_of_fixed_lengths() -> None:
    workload = Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=200)
    found = requests_of(workload, 20_000, 1)
    assert found.mean_rate_requests_per_s == pytest.approx(5.0, rel=0.02)
    assert set(found.input_tokens) == {1000}
    assert set(found.output_tokens) == {200}


def test_a_scenario_survives_json() -> None:
    for law in ARRIVALS:
        scenario = TALK.model_copy(update={"arrivals": law})
        assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_a_million_requests_take_about_a_second() -> None:
    start = time.process_time()
    assert len(sample(CHAT, 1_000_000, 1)) == 1_000_000
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (10**9, 0), (5, -1)])
def test_impossible_counts_and_seeds_are_refused(count: int, seed: int) -> None:
    with pytest.raises(InputError):
        sample(CHAT, count, seed)


def test_more_blocks_than_memory_holds_are_refused() -> None:
    huge = TALK.model_copy(update={"input": Fixed(tokens=1_000_000), "sessions": None})
    with pytest.raises(InputError, match="larger block_tokens"):
        sample(huge, 10_000, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"classes": (SloClass(name="a"), SloClass(name="a"))},
        {"patience": Pause()},
        {
            "sessions": Sessions(turns=Fixed(tokens=2)),
            "prefixes": SharedPrefixes(tokens=3, is_within_input=True),
        },
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scenario(input=Fixed(tokens=1), output=Fixed(tokens=1), **fields)


def test_a_share_that_falls_is_refused() -> None:
    with pytest.raises(ValidationError):
        ReasoningShare(shares_ratio=(0.8, 0.2))


def test_session_sizes_follow_their_law() -> None:
    turns = Empirical(values_tokens=(1, 5), weights_ratio=(1.0, 1.0))
    talk = TALK.model_copy(update={"sessions": Sessions(turns=turns)})
    sizes = [len(chain) for chain in chains_of(sample(talk, 3000, 1))]
    assert math.isclose(np.mean(sizes), 3.0, rel_tol=0.05)
