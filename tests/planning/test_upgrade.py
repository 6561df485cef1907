"""Upgrades: the engines that carry most on some cards, and what to add for a capital."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.costs.goods import goods_of
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import parse_rig
from rightrig.planning.constraints import Question
from rightrig.planning.options import EngineOption, engine_options
from rightrig.planning.search import plan, space_of
from rightrig.planning.upgrade import Upgrades, most_carried, upgrades

CATALOG = rightrig.shipped()
SLO = Slo(ttft_p99_s=1.0, tpot_p99_s=0.05)


def asked(rate: float, capex: float, slo: Slo = SLO, **limits: object) -> Question:
    traffic = Workload(rate_requests_per_s=rate, input_tokens=1000, output_tokens=300)
    given_limits = Limits.model_validate({"max_capex_usd": capex, "buys": True, **limits})
    return Question(traffic, slo, given_limits)


@functools.cache
def found(rate: float, capex: float, own: str = "1xrtx-3090") -> Upgrades:
    llm = CATALOG.llm("llama-3.1-8b")
    return upgrades(llm, asked(rate, capex), CATALOG, parse_rig(own, CATALOG), top=1000)


def option(cards: int, rate: float) -> EngineOption:
    gpu = CATALOG.gpu("l4")
    return EngineOption(gpu, Parallelism(cards), "vllm", "fp8", "bf16", 2048, rate, 1.0, 0.1, 0.01)


options = st.lists(
    st.builds(option, st.integers(1, 5), st.floats(0.1, 9.0)), min_size=0, max_size=4
)


def most_by_enumeration(known: list[EngineOption], cards: int) -> float:
    """Try every number of every engine."""
    counts = [range(cards // one.split.engine_cards + 1) for one in known]
    return max(
        sum(n * one.rate_requests_per_s for n, one in zip(chosen, known, strict=True))
        for chosen in itertools.product(*counts)
        if sum(n * one.split.engine_cards for n, one in zip(chosen, known, strict=True)) <= cards
    )


@given(options, st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_dynamic_programming_carries_what_enumeration_does(
    known: list[EngineOption], cards: int
) -> None:
    chosen = most_carried(known, cards)
    assert sum(one.split.engine_cards for one in chosen) <= cards
    carried = sum(one.rate_requests_per_s for one in chosen)
    assert carried == pytest.approx(most_by_enumeration(known, cards))


def test_a_greedy_choice_is_not_the_best_one() -> None:
    """On 6 cards two engines of 3 beat the one of 4, which carries most a card."""
    three, four = option(3, 3.0), option(4, 4.4)
    assert most_carried([three, four], 6) == (three, three)


def test_every_upgrade_keeps_the_capital_and_the_cards_that_one_has() -> None:
    for rate, capex in ((5.0, 3000.0), (50.0, 9000.0)):
        answer = found(rate, capex)
        assert answer.found
        for one in answer.found:
            assert one.good is not None
            assert one.capex_usd == pytest.approx(one.good.usd * one.units_count)
            assert one.capex_usd <= capex
            cards = {pool.gpu: pool.cards_count for pool in one.pools}
            added = one.good.cards_count * one.units_count
            extra = added if one.good.gpu == "rtx-3090" else 0
            assert cards["rtx-3090"] == 1 + extra
            if one.good.gpu != "rtx-3090":
                assert cards[one.good.gpu] == added
            assert one.rate_requests_per_s > answer.own.rate_requests_per_s


def test_those_that_are_enough_come_first_by_price_then_the_others_by_what_they_carry() -> None:
    for rate, capex in ((5.0, 3000.0), (20.0, 5000.0), (500.0, 5000.0)):
        answer = found(rate, capex)
        wanted = answer.wanted_requests_per_s
        assert wanted == pytest.approx(1.3 * rate)
        assert all(one.is_enough == (one.rate_requests_per_s >= wanted) for one in answer.found)
        enough = [one for one in answer.found if one.is_enough]
        assert answer.found[: len(enough)] == tuple(enough)
        prices = [one.capex_usd for one in enough]
        assert prices == sorted(prices)
        carried = [-one.rate_requests_per_s for one in answer.found[len(enough):]]  # fmt: skip
        assert carried == sorted(carried)


def test_an_upgrade_that_is_enough_buys_no_unit_too_many() -> None:
    for one in found(20.0, 5000.0).found:
        if one.is_enough and one.units_count > 1 and one.good is not None:
            fewer = found(20.0, one.good.usd * (one.units_count - 1) + 1.0)
            same = [u for u in fewer.found if u.good == one.good]
            assert not any(u.is_enough for u in same)


def test_more_capital_never_carries_less() -> None:
    rates = []
    for capex in (100.0, 1000.0, 3000.0, 9000.0):
        answer = found(1e4, capex)
        best = answer.best
        rates.append(answer.own.rate_requests_per_s if best is None else best.rate_requests_per_s)
    assert rates == sorted(rates)
    assert rates[0] < rates[-1]


def test_what_is_enough_already_needs_nothing() -> None:
    answer = found(0.5, 5000.0)
    assert answer.own.is_enough
    assert "nothing needs to be bought" in answer.explain().sentences[1]


def test_pools_carry_what_their_engines_carry_within_the_objectives() -> None:
    question = asked(20.0, 5000.0)
    space = space_of(CATALOG, question)
    known = {
        (o.gpu.slug, o.split, o.runtime, o.weights, o.step_tokens): o.rate_requests_per_s
        for o in engine_options(CATALOG.llm("llama-3.1-8b"), question, space)
    }
    for one in found(20.0, 5000.0).found[:5]:
        for pool in one.pools:
            total = 0.0
            for engine, count in pool.engines:
                key = (pool.gpu, engine.split, engine.runtime, engine.weights, engine.step_tokens)
                total += count * known.get(key, engine.rate_requests_per_s)
            assert pool.rate_requests_per_s == pytest.approx(total)
            used = sum(o.split.engine_cards * n for o, n in pool.engines)
            assert used <= pool.cards_count


def test_no_engine_counts_that_misses_the_objectives_even_when_idle() -> None:
    """No card answers in a millisecond: what one has carries nothing within that."""
    llm = CATALOG.llm("llama-3.1-8b")
    hasty = asked(5.0, 5000.0, Slo(ttft_p99_s=0.001))
    space = space_of(CATALOG, hasty)
    assert plan(llm, hasty, space).plans == ()
    assert engine_options(llm, hasty, space) == ()
    answer = upgrades(llm, hasty, CATALOG, parse_rig("1xrtx-3090", CATALOG))
    assert answer.own.rate_requests_per_s == 0.0
    assert answer.found == ()


def test_a_card_of_the_same_kind_joins_those_that_one_has() -> None:
    """Two cards hold a model that one does not: the second makes the first one useful."""
    llm = CATALOG.llm("llama-3.3-70b")
    goods = [good for good in goods_of(CATALOG) if good.gpu == "rtx-6000-ada"]
    question = asked(0.1, 1.01 * goods[0].usd, Slo(ttft_p99_s=10.0))
    answer = upgrades(llm, question, CATALOG, parse_rig("1xrtx-6000-ada", CATALOG), top=1000)
    joined = [one for one in answer.found if one.good == goods[0]]
    assert len(joined) == 1
    (pool,) = joined[0].pools
    assert pool.cards_count == 2
    assert joined[0].rate_requests_per_s > answer.own.rate_requests_per_s


def test_no_capital_buys_nothing() -> None:
    answer = upgrades(
        CATALOG.llm("llama-3.1-8b"), replace(asked(50.0, 100.0)), CATALOG,
        parse_rig("1xrtx-3090", CATALOG),
    )  # fmt: skip
    assert answer.found == ()
    assert answer.best is None
    assert "Nothing that $100 buys adds to it" in answer.explain().sentences[1]
