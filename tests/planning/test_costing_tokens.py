"""Dollars a token of a deployment: the bill divides, nothing is priced that does not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.demand.objective import Slo
from rightrig.deployment.propose import Choices
from rightrig.interval import Interval
from rightrig.planning.costing.bills import (
    Electricity,
    Owning,
    Renting,
    halved_ratio,
    price_of,
    rent_of,
)
from rightrig.planning.costing.capacity import capacity_at, capacity_of, rows_of
from rightrig.planning.costing.compare import Contender, Demand
from rightrig.planning.costing.tokens import token_cost
from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_MONTH

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

CATALOG: Final = rightrig.shipped()
LENGTHS: Final = rightrig.Lengths(1000.0, 300.0)
FULL: Final = Demand(None)
RENT: Final = Renting("rtx-4090", Interval.exact(0.34))


def deployed(
    model: str, rig: str, weights: str | None = None, replicas: int | None = None
) -> Deployment:
    choices = Choices(weights=weights, replicas=replicas)
    return rightrig.propose(CATALOG, CATALOG.llm(model), rightrig.parse_rig(rig, CATALOG), choices)


def contender(
    model: str,
    rig: str,
    bill: Renting = RENT,
    lengths: rightrig.Lengths = LENGTHS,
    slo: Slo | None = None,
) -> Contender:
    return Contender(rig, capacity_of(deployed(model, rig), lengths, slo or Slo()), bill)


RIG: Final = contender("llama-2-7b", "1xrtx-4090")


@pytest.mark.parametrize("cached", [0.0, 400.0])
@pytest.mark.parametrize("rig", ["1xh100-sxm", "2xrtx-4090"])
def test_what_the_tokens_cost_makes_the_bill(rig: str, cached: float) -> None:
    one = contender("llama-3.1-8b", rig, lengths=replace(LENGTHS, cached_tokens=cached))
    found = token_cost(one, Demand(Interval.exact(1.5)))
    prices = found.prices
    assert prices is not None
    request = prices.input_usd_per_token * (1000.0 - cached) + prices.output_usd_per_token * 300.0
    request += (prices.cached_usd_per_token or 0.0) * cached
    assert request * 1.5 * SECONDS_PER_MONTH == pytest.approx(0.34 * HOURS_PER_MONTH)


def test_prompts_take_more_of_the_time_where_they_are_longer_and_less_where_cached() -> None:
    llm = deployed("llama-3.1-8b", "1xh100-sxm")
    short, long = (
        capacity_of(llm, rightrig.Lengths(tokens, 300.0), Slo()).shares
        for tokens in (200.0, 4000.0)
    )
    cached = capacity_of(llm, rightrig.Lengths(4000.0, 300.0, 3000.0), Slo()).shares
    assert short is not None
    assert long is not None
    assert cached is not None
    assert short.output_ratio > long.output_ratio
    assert cached.output_ratio > long.output_ratio
    assert 0.0 < cached.cached_ratio < cached.input_ratio
    # A cached token costs less than one that is read.
    assert cached.cached_ratio / 3000.0 < 0.5 * cached.input_ratio / 1000.0


def test_half_the_use_is_twice_the_price_and_half_the_bill_is_idle() -> None:
    full, half = (token_cost(RIG, Demand(None, Interval.exact(use))) for use in (1.0, 0.5))
    assert full.mean_usd_per_token is not None
    assert half.mean_usd_per_token is not None
    ratio = half.mean_usd_per_token.mid / full.mean_usd_per_token.mid
    assert ratio == pytest.approx(2.0)
    assert half.idle_usd_per_month == pytest.approx(0.5 * 0.34 * HOURS_PER_MONTH)
    assert full.idle_usd_per_month == 0.0


def test_a_rate_above_the_capacity_has_no_cost() -> None:
    # F084: never "they queue".
    found = token_cost(RIG, Demand(Interval.exact(100.0)))
    assert found.prices is None
    assert not found.is_answered
    assert "100 requests/s is above the" in found.reason


def test_engines_that_a_rate_does_not_need_are_idle() -> None:
    four = deployed("llama-3.1-8b", "4xrtx-4090", replicas=4)
    one = Contender("4xrtx-4090", capacity_of(four, LENGTHS, Slo()), RENT)
    assert token_cost(one, Demand(Interval.exact(0.5))).idle_engines_count == 3
    assert token_cost(one, FULL).idle_engines_count == 0


def test_a_13b_in_16_bits_has_no_price_on_a_4090() -> None:
    # F078: the source prices 13B FP16 on a 4090; 26 GB of weights do not run there.
    deployment = deployed("llama-2-13b", "1xrtx-4090")
    (row,) = rows_of(deployment, LENGTHS, [1])
    one = contender("llama-2-13b", "1xrtx-4090")
    found = token_cost(one, FULL, [row])
    assert row.reason == "does not fit"
    assert found.rows[0].output_usd_per_token is None
    assert found.prices is None
    assert rows_of(deployed("llama-2-13b", "1xh100-sxm"), LENGTHS, [1])[0].reason == ""


def test_batch_32_of_the_7b_does_not_fit_the_4090_and_does_fit_the_h100() -> None:
    # F077: the winner at batch 32 on the source's inputs cannot hold it.
    assert capacity_at(deployed("llama-2-7b", "1xrtx-4090"), LENGTHS, 32).reason == (
        "does not fit with 32 sequences"
    )
    assert capacity_at(deployed("llama-2-7b", "1xh100-sxm"), LENGTHS, 32).reason == ""


def test_a_stated_speed_above_the_datasheet_is_marked() -> None:
    # F079: 70B in 4 bits at 104 tok/s for one sequence is above what an H100 reads.
    deployment = deployed("llama-2-70b", "1xh100-sxm", "awq")
    stated, predicted = (rows_of(deployment, LENGTHS, [1], speed)[0] for speed in (104.0, None))
    assert stated.passes_roofline
    assert stated.is_claimed
    assert not predicted.passes_roofline


def test_a_stated_speed_and_bill_give_the_worked_cost() -> None:
    # F076: $31,470 over three years at 95 tok/s are $3.501 a million answer tokens.
    rent = Renting("h100", Interval.exact(31_470.0 / (3.0 * 8760.0)))
    (row,) = rows_of(deployed("llama-2-7b", "1xh100-sxm"), LENGTHS, [1], 95.0)
    found = token_cost(contender("llama-2-7b", "1xh100-sxm", rent), FULL, [row])
    cost = found.rows[0].output_usd_per_token
    assert cost is not None
    assert cost.mid * 1e6 == pytest.approx(3.501, rel=1e-3)


def test_a_larger_batch_is_cheaper_a_token_and_a_place() -> None:
    rows = rows_of(deployed("llama-2-7b", "1xrtx-4090"), LENGTHS, [1, 4, 8])
    found = token_cost(RIG, FULL, rows).rows
    costs = [one.mean_usd_per_token.mid for one in found if one.mean_usd_per_token]
    assert costs == sorted(costs, reverse=True)
    assert [one.slot_usd_per_hour for one in found] == pytest.approx([0.34, 0.085, 0.0425])


def test_an_objective_that_nothing_keeps_leaves_no_price() -> None:
    found = token_cost(contender("llama-2-7b", "1xrtx-4090", slo=Slo(ttft_p99_s=1e-4)), FULL)
    assert found.reason == "TTFT p99 is missed even when nearly idle"


def test_an_owned_rig_pays_capital_and_electricity_by_its_use() -> None:
    site = Electricity(Interval.exact(0.10), Interval.exact(1.2))
    own = Owning("rtx-4090", Interval.exact(1800.0), site, power_w=Interval.exact(400.0))
    one = Contender("own", RIG.capacity, own)
    found = token_cost(one, FULL)
    assert found.bill_usd_per_month is not None
    expected = 1800.0 / 36.0 + 0.4 * 1.2 * 0.10 * HOURS_PER_MONTH
    assert found.bill_usd_per_month.mid == pytest.approx(expected)
    idle = token_cost(one, Demand(None, Interval.exact(0.1))).bill_usd_per_month
    assert idle is not None
    # 12 % of the stated 400 W without work, as 'cost own' has it.
    watts = 48.0 + 0.1 * (400.0 - 48.0)
    assert idle.mid == pytest.approx(50.0 + watts / 1e3 * 1.2 * 0.10 * HOURS_PER_MONTH)


def test_the_rent_reaches_up_to_the_next_provider_and_a_share_of_a_machine_is_bought() -> None:
    rent = rent_of(CATALOG, deployed("llama-3.3-70b", "2xh100-sxm"))
    assert rent is not None
    assert rent.rent_usd_per_hour.low == rent.rent_usd_per_hour.mid < rent.rent_usd_per_hour.high
    two, eight = (price_of(CATALOG, rightrig.parse_rig(f"{n}xh100-sxm", CATALOG)) for n in (2, 8))
    assert two is not None
    assert eight is not None
    assert two[0].mid == pytest.approx(eight[0].mid / 4.0)


def test_two_halves_of_an_error_make_the_whole() -> None:
    half = halved_ratio(Interval(8.0, 10.0, 14.0))
    assert half.mid == 1.0
    assert half.high**2**0.5 == pytest.approx(1.4)
    assert half.low**2**0.5 == pytest.approx(0.8)
