"""The same requests on several sides: whole rigs, shared errors, and a winner only when sure."""

from __future__ import annotations

from typing import Final

import pytest

import rightrig
from rightrig.demand.objective import Slo
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.api_price import ApiPrice
from rightrig.interval import Interval
from rightrig.planning.costing.bills import Renting
from rightrig.planning.costing.capacity import capacity_at, capacity_of
from rightrig.planning.costing.compare import Contender, Demand, compare, side_of
from rightrig.planning.costing.coverage import coverage_of
from rightrig.quantities import SECONDS_PER_MONTH

CATALOG: Final = rightrig.shipped()
LENGTHS: Final = rightrig.Lengths(1000.0, 300.0)
LLM: Final = CATALOG.llm("llama-3.1-8b")
FULL: Final = Demand(None)


def rented(rig: str, usd_per_hour: float | Interval, weights: str | None = None) -> Contender:
    rent = usd_per_hour if isinstance(usd_per_hour, Interval) else Interval.exact(usd_per_hour)
    found = rightrig.propose(
        CATALOG, LLM, rightrig.parse_rig(rig, CATALOG), Choices(weights=weights)
    )
    name = f"{rig}/{weights}" if weights else rig
    return Contender(name, capacity_of(found, LENGTHS, Slo()), Renting(rig, rent))


def api(usd_per_million: float) -> Contender:
    price = ApiPrice(
        provider="acme", llm=LLM.slug, offer="x", input_usd_per_million_tokens=usd_per_million,
        output_usd_per_million_tokens=usd_per_million, date="2026-11-01", source="x", trust="list",
    )  # fmt: skip
    return Contender("api:acme", api=price)


H100: Final = rented("1xh100-sxm", 2.5)
RTX_4090: Final = rented("1xrtx-4090", 0.5)


def test_a_rate_is_paid_in_whole_rigs() -> None:
    carried = RTX_4090.capacity.rate_requests_per_s if RTX_4090.capacity else None
    assert carried is not None
    rate = 2.5 * carried.mid
    found = compare(LLM, LENGTHS, Demand(Interval.exact(rate)), [RTX_4090, api(1.0)])
    assert found.rigs_count == {"1xrtx-4090": 3, "api:acme": None}
    cost = next(s.cost_usd.mid for s in found.standings if s.name == "1xrtx-4090")
    assert cost * rate * SECONDS_PER_MONTH == pytest.approx(3 * 0.5 * 730.0)


def test_an_api_costs_what_its_tokens_do_at_any_load() -> None:
    for demand in (FULL, Demand(Interval.exact(7.0))):
        found = compare(LLM, LENGTHS, demand, [api(0.5), H100])
        cost = next(s.cost_usd for s in found.standings if s.name == "api:acme")
        assert cost == Interval.exact(cost.mid)
        assert cost.mid == pytest.approx(0.5e-6 * 1300.0)


def test_rigs_of_one_class_of_evidence_share_half_of_their_error() -> None:
    keys = [
        {one.key for one in side_of(c, LENGTHS, FULL).inputs if one.key.startswith("speed:")}
        for c in (H100, RTX_4090)
    ]
    assert len(keys[0] & keys[1]) == 1
    assert len(keys[0] | keys[1]) == 3
    # What both share moves no order, so that it is in no table of what decides.
    found = compare(LLM, LENGTHS, FULL, [H100, RTX_4090])
    (shared,) = keys[0] & keys[1]
    assert shared not in {one.given.key for one in found.swings}


def test_a_winner_is_named_only_when_it_is_sure_and_the_flip_makes_them_equal() -> None:
    first = H100.capacity.rate_requests_per_s.mid if H100.capacity else 0.0  # type: ignore[union-attr]
    second = RTX_4090.capacity.rate_requests_per_s.mid if RTX_4090.capacity else 0.0  # type: ignore[union-attr]
    even = 0.5 * first / second
    far = compare(LLM, LENGTHS, FULL, [rented("1xh100-sxm", 0.4 * even), RTX_4090])
    near = compare(LLM, LENGTHS, FULL, [rented("1xh100-sxm", 0.97 * even), RTX_4090])
    assert far.winner == "1xh100-sxm"
    assert near.winner is None
    told = " ".join(near.explain().sentences)
    assert told.startswith("Too close to call")
    assert "What decides is the speed of" in told
    flip = near.swings[0].flip
    assert flip is not None
    assert {one.name for one in near.standings} == {"1xh100-sxm", "1xrtx-4090"}


def test_the_order_of_a_rig_and_an_api_changes_with_the_rate() -> None:
    # $0.5/h against $0.10 a million tokens: 0.5/3600 = rate · 1300 · 1e-7.
    found = compare(LLM, LENGTHS, Demand(Interval.exact(0.5)), [RTX_4090, api(0.10)])
    assert found.flip_demand == pytest.approx(0.5 / 3600.0 / (1300.0 * 1e-7), rel=1e-6)


def test_stated_figures_name_a_winner_that_cannot_hold_the_batch() -> None:
    # F077: the RTX 4090 is 1.42 times cheaper at batch 32 on the source's inputs, and does not fit.
    llm = CATALOG.llm("llama-2-7b")
    sides = []
    for rig, speed, total in (("1xh100-sxm", 2800.0, 31_470.0), ("1xrtx-4090", 320.0, 2_535.0)):
        deployment = rightrig.propose(CATALOG, llm, rightrig.parse_rig(rig, CATALOG))
        rent = Renting(rig, Interval.exact(total / (3.0 * 8760.0)))
        sides.append(
            Contender(rig, capacity_at(deployment, LENGTHS, 32), rent,
                      claimed_requests_per_s=speed / 300.0)
        )  # fmt: skip
    found = compare(llm, LENGTHS, FULL, sides)
    stated = found.claimed_usd
    assert stated["1xh100-sxm"] / stated["1xrtx-4090"] == pytest.approx(1.42, abs=0.005)
    assert stated["1xrtx-4090"] / 300.0 * 1e6 == pytest.approx(0.0837, rel=1e-3)
    assert found.work_ratios == {"1xh100-sxm": 1.0, "1xrtx-4090": None}
    told = found.explain().sentences
    assert told[0] == "1xrtx-4090 cannot serve it: does not fit with 32 sequences."
    assert "1xrtx-4090 would be 1.42× cheaper" in told[1]


def test_other_weights_are_named() -> None:
    found = compare(LLM, LENGTHS, FULL, [H100, rented("1xrtx-4090", 0.5, "awq")])
    assert any("serve other weights" in one for one in found.explain().sentences)


def test_one_side_or_a_name_twice_is_refused() -> None:
    with pytest.raises(InputError, match="needs two sides"):
        compare(LLM, LENGTHS, FULL, [H100])
    with pytest.raises(InputError, match="named twice"):
        compare(LLM, LENGTHS, FULL, [H100, H100])


def test_a_larger_rig_holds_more_models() -> None:
    # F097: cost is set beside the share of the models that each rig holds.
    small, large = (
        coverage_of(CATALOG, rightrig.parse_rig(rig, CATALOG)) for rig in ("1xl4", "1xh200-sxm")
    )
    assert small.models_count == large.models_count == len(CATALOG.slugs("llms"))
    assert 0.3 < small.held_ratio < large.held_ratio <= 1.0
