"""Fleets over the shipped catalogue: never dearer than a plan, within every limit, explained."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.demand.objective import MAX_GPUS, Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.fleets.fleet import Fleet, fleet
from rightrig.planning.fleets.market import FleetMarket, Owned, rented_machines
from rightrig.planning.fleets.options import Bucket, choices_for
from rightrig.planning.options import engine_options
from rightrig.planning.search import plan, space_of

if TYPE_CHECKING:
    from rightrig.facts.price import Price

CATALOG: Final = rightrig.shipped()
CARDS: Final = ("rtx-4090", "a100-sxm-80gb")
TIME_LIMIT_S: Final = 10.0
OPEN: Final = Limits(max_gpus_count=MAX_GPUS)
Traffic = tuple[str, float, int, int]
SMALL: Final[Traffic] = ("qwen3-8b", 12.0, 1000, 300)
LARGE: Final[Traffic] = ("llama-3.3-70b", 2.0, 1500, 300)


def offers(cards: tuple[str, ...] = CARDS) -> tuple[Price, ...]:
    return tuple(price for price in CATALOG.prices() if price.gpu in cards)


def bucket(
    name: str, traffic: Traffic, market: FleetMarket, ttft_s: float = 2.0, tpot_s: float = 0.06
) -> Bucket:
    model, rate, prompt, answer = traffic
    question = Question(
        Workload(rate_requests_per_s=rate, input_tokens=prompt, output_tokens=answer),
        Slo(ttft_p99_s=ttft_s, tpot_p99_s=tpot_s),
        OPEN,
    )
    slugs = {price.gpu for price in market.offers} | set(market.named_gpus)
    gpus = tuple(CATALOG.gpu(slug) for slug in sorted(slugs))
    space = replace(space_of(CATALOG, question), gpus=gpus, prices=market.offers)
    return Bucket(name, name, CATALOG.llm(model), question, space)


def made(
    traffics: dict[str, Traffic], market: FleetMarket, limits: Limits = OPEN, ttft_s: float = 2.0
) -> Fleet:
    buckets = [bucket(name, one, market, ttft_s) for name, one in traffics.items()]
    return fleet(buckets, market, limits, TIME_LIMIT_S)


@functools.cache
def two_models() -> Fleet:
    """A model of 8 B and one of 70 B on the two cards of the question."""
    return made({"small": SMALL, "large": LARGE}, FleetMarket(offers(), named_gpus=CARDS))


def test_the_small_model_goes_to_the_4090_and_the_large_to_the_a100() -> None:
    gpus = {pool.bucket.name: pool.choice.kind.gpu for pool in two_models().pools}
    assert gpus == {"small": "rtx-4090", "large": "a100-sxm-80gb"}


def test_mixing_is_compared_with_each_card_alone() -> None:
    found = two_models()
    alone = {one.gpu: one.solution.rent_usd_per_month for one in found.alone}
    assert set(alone) == set(CARDS)
    assert found.solution.rent_usd_per_month < min(alone.values())
    saved = min(alone.values()) - found.solution.rent_usd_per_month
    assert f"saves ${saved:,.0f} a month" in found.explain().sentences[0]


def test_every_pool_keeps_its_objectives_at_the_load_that_it_gets() -> None:
    for pool in two_models().pools:
        slo = pool.bucket.question.slo
        assert slo.ttft_p99_s is not None
        assert slo.tpot_p99_s is not None
        assert pool.option.ttft_p99_s <= slo.ttft_p99_s
        assert pool.option.tpot_p99_s <= slo.tpot_p99_s
        assert pool.load_ratio <= 1.0 / 1.3 + 1e-6


def test_the_whole_traffic_is_routed() -> None:
    found = two_models()
    for one in found.buckets:
        mine = [pool for pool in found.pools if pool.bucket is one]
        flow = sum(pool.flow_requests_per_s for pool in mine)
        assert flow == pytest.approx(one.question.workload.rate_requests_per_s)
        route = found.routes.route_of(one.demand, 1000)
        assert sum(target.weight_ratio for target in route.targets) == pytest.approx(1.0)
        assert [target.pool for target in route.targets] == [pool.name for pool in mine]


def test_the_rent_is_that_of_the_machines_and_all_engines_are_on_them() -> None:
    found = two_models()
    rents = [machine.rent_usd_per_month * count for machine, count in found.machines]
    assert found.solution.rent_usd_per_month == pytest.approx(sum(rents))
    free = sum(host.free_count for host in found.hosts)
    cards = sum(machine.cards_count * count for machine, count in found.machines)
    assert found.cards_count == cards - free


@pytest.mark.parametrize("traffic", [SMALL, LARGE])
def test_a_fleet_of_one_demand_costs_no_more_than_its_plan(traffic: Traffic) -> None:
    market = FleetMarket(offers())
    asked = bucket("only", traffic, market)
    best = plan(asked.llm, asked.question, asked.space, 1).plans[0]
    found = fleet([asked], market, OPEN, TIME_LIMIT_S)
    assert found.solution.rent_usd_per_month <= best.rent_usd_per_month * (1 + 1e-9)


def test_demands_together_cost_no_more_than_each_alone() -> None:
    market = FleetMarket(offers())
    alone = [made({"one": traffic}, market) for traffic in (SMALL, LARGE)]
    apart = sum(found.solution.rent_usd_per_month for found in alone)
    assert two_models().solution.rent_usd_per_month <= apart * (1 + 1e-9)


def test_dropped_engines_are_never_better_than_those_that_stay() -> None:
    market = FleetMarket(offers())
    asked = bucket("only", SMALL, market)
    kept, count = choices_for(asked, 0, market.machines)
    every = engine_options(asked.llm, asked.question, asked.space)
    assert len(kept) < count <= len(every)
    for option in every:
        cards = option.split.engine_cards
        per_card = [
            choice.kind.rate_requests_per_s / choice.kind.cards_count
            for choice in kept
            if choice.kind.gpu == option.gpu.slug and choice.kind.cards_count <= cards
        ]
        best = max(per_card, default=0.0) * cards
        assert option.rate_requests_per_s <= best * (1 + 1e-9)


def test_owned_cards_cost_nothing_and_are_used_first() -> None:
    owned = Owned(CATALOG.gpu("rtx-4090"), 4, 1)
    market = FleetMarket(offers(("a100-sxm-80gb",)), (owned,))
    found = made({"small": SMALL, "large": LARGE}, market)
    used = {machine.gpu: machine.rent_usd_per_month for machine, _ in found.machines}
    assert used["rtx-4090"] == 0.0
    assert found.solution.rent_usd_per_month < two_models().solution.rent_usd_per_month


def test_a_card_that_nobody_rents_serves_where_it_is_owned() -> None:
    owned = Owned(CATALOG.gpu("rtx-4080"), 4, 2)
    assert not offers(("rtx-4080",))
    found = made({"small": SMALL}, FleetMarket((), (owned,)))
    assert found.solution.rent_usd_per_month == 0.0
    assert {pool.choice.kind.gpu for pool in found.pools} == {"rtx-4080"}


def test_stock_moves_a_demand_to_another_card() -> None:
    market = FleetMarket(offers(), stock=(("rtx-4090", 1),), named_gpus=CARDS)
    found = made({"small": SMALL, "large": LARGE}, market)
    rented = sum(m.cards_count * count for m, count in found.machines if m.gpu == "rtx-4090")
    assert rented <= 1
    assert found.solution.rent_usd_per_month > two_models().solution.rent_usd_per_month
    (without,) = found.relaxed
    least = two_models().solution.rent_usd_per_month
    assert without.solution.rent_usd_per_month == pytest.approx(least)
    assert "The limit available rtx-4090 = 1 of rtx-4090 costs $" in found.explain().sentences[-1]


def test_a_budget_that_is_too_small_is_answered_with_the_one_that_would_do() -> None:
    limits = OPEN.model_copy(update={"budget_usd_per_month": 1000.0})
    found = made({"small": SMALL, "large": LARGE}, FleetMarket(offers()), limits)
    assert not found.pools
    least = two_models().solution.rent_usd_per_month
    first, second = found.explain().sentences
    assert first == "No fleet keeps every limit."
    assert second.startswith("Without budget = $1,000 a month there is a fleet")
    assert f"the cheapest takes ${least:,.0f} a month" in second


def test_where_no_single_limit_helps_all_are_left_out_together() -> None:
    limits = OPEN.model_copy(update={"budget_usd_per_month": 1000.0, "max_gpus_count": 1})
    found = made({"small": SMALL, "large": LARGE}, FleetMarket(offers()), limits)
    (every,) = found.relaxed
    assert [ceiling.key for ceiling in every.ceilings] == ["max_gpus", "budget"]


def test_power_counts_the_board_power_of_the_cards_in_use() -> None:
    limits = OPEN.model_copy(update={"max_power_w": 2500.0})
    found = made({"small": SMALL, "large": LARGE}, FleetMarket(offers()), limits)
    watts = [
        pool.engines_count * pool.choice.kind.cards_count * (pool.option.gpu.board_power_w or 1e9)
        for pool in found.pools
    ]
    assert 0.0 < sum(watts) <= 2500.0
    assert found.solution.rent_usd_per_month >= two_models().solution.rent_usd_per_month


def test_a_route_that_is_not_possible_is_rejected_by_a_rule() -> None:
    market = FleetMarket(offers(), named_gpus=CARDS)
    found = made({"small": SMALL, "large": LARGE}, market, ttft_s=0.8)
    assert {(r.bucket, r.gpu, r.rule) for r in found.rejected} == {
        ("large", "rtx-4090", "SLO-TTFT")
    }
    assert {p.choice.kind.gpu for p in found.pools if p.bucket.name == "large"} == {"a100-sxm-80gb"}


def test_a_demand_without_any_engine_is_named_with_the_nearest_miss() -> None:
    found = made({"small": SMALL, "large": LARGE}, FleetMarket(offers()), ttft_s=0.01)
    (sentence, *_) = found.explain().sentences
    assert sentence.startswith("No engine can serve small: Nearest: TTFT p99 is")
    assert "It would take at least ttft_p99 " in sentence
    assert {name for name, _ in found.unserved} == {"small", "large"}


def test_a_machine_of_a_limited_number_stays_beside_a_dearer_one() -> None:
    usual = next(price for price in offers() if price.gpu == "rtx-4090")
    cheap = usual.model_copy(update={"instance": "few", "on_demand_usd_per_hour": 0.01})
    names = [m.price.instance for m in rented_machines([usual, cheap], ["few"]) if m.price]
    assert {"few", usual.instance} <= set(names)
    free = [m.price.instance for m in rented_machines([usual, cheap], []) if m.price]
    assert set(free) == {"few"}
