"""Supply: engines at the cheapest offer, in whole instances and machines."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.costs.goods import Good, cheapest_good, goods_of, holding, units_count
from rightrig.costs.offers import instance_of
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import parse_rig
from rightrig.planning.candidates import (
    Candidates,
    Choice,
    enumerate_candidates,
    spanning_candidates,
)
from rightrig.planning.constraints import Question
from rightrig.planning.costing.owning import OwnTerms, owned
from rightrig.planning.layouts import machine_cards
from rightrig.planning.planned import Tariff
from rightrig.planning.search import plan, space_of
from rightrig.planning.supply import Market, Suppliers
from rightrig.quantities import HOURS_PER_MONTH

CATALOG = rightrig.shipped()
CARDS = ("h100-sxm", "l4", "a100-sxm-80gb", "rtx-4090", "gh200-96gb", "h200-sxm", "gb10")
HOST_USD, HOST_CARDS = 0.5 * (1314.0 + 10_000.0), 7
"""Of the record host-pcie."""
some = settings(max_examples=30, deadline=None)


@functools.cache
def rows() -> Candidates:
    """Engines inside one machine and over several."""
    llm, choice = CATALOG.llm("llama-3.3-70b"), Choice((CATALOG.runtime("vllm"),), ("fp8",), "bf16")
    inside = enumerate_candidates(llm, [CATALOG.gpu(slug) for slug in CARDS], choice)
    wanted = [(place, (0, 0, 0)) for place in range(len(CARDS))]
    wider = spanning_candidates(llm, inside, choice, wanted, 64)
    return replace(wider, rows=np.concatenate([inside.rows, wider.rows]))


@functools.cache
def goods() -> tuple[Good, ...]:
    return goods_of(CATALOG)


def suppliers(limits: Limits, *, offers: int | None = None) -> Suppliers:
    market = Market(CATALOG.prices()[:offers], goods())
    return Suppliers(rows(), market, limits)


numbers_of_engines = st.integers(1, 40)


@some
@given(engines=numbers_of_engines, spot=st.booleans())
def test_rent_is_that_of_the_cheapest_offer_and_never_below_any(
    engines: int, *, spot: bool
) -> None:
    limits = Limits(spot=spot)
    numbers = np.arange(len(rows().rows))
    usd = suppliers(limits).supply(numbers, np.full(len(numbers), float(engines))).usd
    for number in numbers.tolist()[::5]:
        row = rows().rows[number]
        gpu = rows().gpus[row["gpu"]]
        part = min(int(row["cards"]), machine_cards(gpu))
        parts = engines * (int(row["cards"]) // part)
        offers = [
            one.purchase(parts)
            for price in CATALOG.prices()
            if price.gpu == gpu.slug and (one := instance_of(price, part, spot=spot))
        ]
        if not offers:
            assert np.isnan(usd[number])
            continue
        assert usd[number] == pytest.approx(min(o.rent_usd_per_month for o in offers))
        assert all(usd[number] <= o.rent_usd_per_month * (1 + 1e-12) for o in offers)


@some
@given(engines=numbers_of_engines, spot=st.booleans())
def test_instances_are_whole_and_hold_every_engine(engines: int, *, spot: bool) -> None:
    known = suppliers(Limits(spot=spot))
    sold = np.flatnonzero(known.has_any())
    for number in sold.tolist()[::7]:
        row, bought = rows().rows[number], known.purchase(number, engines)
        part = min(int(row["cards"]), machine_cards(rows().gpus[row["gpu"]]))
        parts = engines * (int(row["cards"]) // part)
        held = bought.cards_per_instance // part
        assert held >= 1
        assert bought.cards_per_instance % bought.price.gpu_count == 0
        assert (bought.instances_count - 1) * held < parts <= bought.instances_count * held
        assert bought.rented_cards >= engines * int(row["cards"])


def test_engines_over_machines_take_whole_machines() -> None:
    known = suppliers(Limits())
    wide = [n for n in range(len(rows().rows)) if rows().rows["cards"][n] == 16]
    assert wide
    sold = known.has_any()
    taken = known.supply(np.array(wide), np.full(len(wide), 3.0))
    for place, number in enumerate(wide):
        if sold[number]:
            assert taken.machines_count[place] == 6
            assert known.purchase(number, 3).cards_per_instance == 8
    assert sold[wide].any()


@some
@given(numbers_of_engines)
def test_what_is_bought_is_the_cheapest_good_and_holds_every_engine(engines: int) -> None:
    known = suppliers(Limits(buys=True, rank_by="capex"))
    numbers = np.arange(len(rows().rows))
    found = known.supply(numbers, np.full(len(numbers), float(engines)))
    sold = known.has_any()
    assert (np.isfinite(found.usd) == sold).all()
    for number in np.flatnonzero(sold).tolist()[::5]:
        row = rows().rows[number]
        gpu, cards = rows().gpus[row["gpu"]], int(row["cards"])
        bought = known.bought(number, engines)
        assert bought is not None
        assert bought.good.cards_count * bought.units_count >= cards * engines
        assert found.usd[number] == pytest.approx(bought.capex_usd)
        assert found.machines_count[number] == bought.machines_count
        for one in holding(goods(), gpu, cards):
            units = units_count(one, cards, engines, machine_cards(gpu))
            if math.isfinite(units):
                hosts = 0 if one.host is None else hosts_count(cards, engines)
                paid = one.usd * units + hosts * HOST_USD
                assert bought.capex_usd <= paid * (1 + 1e-12)


def hosts_count(cards: int, engines: int) -> int:
    """Return the hosts of 7 cards around engines, filled one engine after the other."""
    free, hosts = 0, 0
    for _ in range(engines):
        if free < cards:
            new = -(-cards // HOST_CARDS)
            hosts, free = hosts + new, new * HOST_CARDS
        free = 0 if cards > HOST_CARDS else free - cards
    return hosts


@pytest.mark.parametrize("engines", [1, 2])
@pytest.mark.parametrize("cards", [1, 2, 4, 8])
def test_a_bought_machine_costs_what_cost_own_asks_once(cards: int, engines: int) -> None:
    rig = parse_rig(f"{cards * engines}xrtx-4090", CATALOG)
    terms = OwnTerms(owned_years=3.0, rate_per_year=0.0, tariff=Tariff(0.1, 1.0, "", ""))
    most = machine_cards(rig.gpu)
    found = cheapest_good(goods(), rig.gpu, cards, engines, most)
    assert found is not None
    hosts = hosts_count(cards, engines)
    assert found.machines_count == hosts
    if hosts == -(-cards * engines // HOST_CARDS):
        assert found.price_usd == owned(CATALOG, rig, terms).price_usd
    assert found.price_usd.low == pytest.approx(cards * engines * 3129.99 + hosts * 1314.0)
    assert found.price_usd.high == pytest.approx(cards * engines * 3129.99 + hosts * 10_000.0)


def test_cards_on_a_board_are_bought_in_the_machine_that_is_sold_with_them() -> None:
    gpu = CATALOG.gpu("h100-sxm")
    singly = cheapest_good([box(1, 23_500.0)], gpu, 2, 1, 8)
    assert singly is not None
    assert (singly.good.name, singly.has_hosts) == ("box", False)
    assert singly.way == "bought, no host"
    whole = cheapest_good([box(1, 23_500.0), box(8, 375_000.0)], gpu, 2, 1, 8)
    assert whole is not None
    assert whole.capex_usd == 375_000.0
    assert whole.hosts_usd.high == 0.0


@pytest.mark.parametrize("slug", ["m4-max", "gb10", "thor-agx-128gb"])
def test_what_is_a_machine_of_its_own_needs_no_host(slug: str) -> None:
    found = cheapest_good(goods(), CATALOG.gpu(slug), 1, 3, 1)
    assert found is not None
    assert found.has_hosts
    assert found.hosts_usd.high == 0.0
    assert found.machines_count == found.units_count == 3
    terms = OwnTerms(owned_years=3.0, rate_per_year=0.0, tariff=Tariff(0.1, 1.0, "", ""))
    bill = owned(CATALOG, parse_rig(slug, CATALOG), terms)
    assert bill.price_usd.scaled(3.0) == found.price_usd


def box(cards: int, usd: float) -> Good:
    return Good("box", "h100-sxm", cards, usd, usd, "2026-01-01", "x", has_host=cards > 1)


def test_known_numbers_of_goods() -> None:
    # Engines of 2 in machines of 8: four fit one; of 3: two fit one, and two cards stay idle.
    assert units_count(box(8, 1.0), 2, 5, 8) == 2
    assert units_count(box(8, 1.0), 3, 5, 8) == 3
    assert units_count(box(1, 1.0), 3, 5, 8) == 15
    assert units_count(box(8, 1.0), 16, 1, 8) == math.inf
    assert units_count(box(1, 1.0), 16, 1, 8) == math.inf


def test_a_price_that_nobody_gives_on_demand_rents_nothing() -> None:
    assert not suppliers(Limits(), offers=0).has_any().any()
    reserved = tuple(p.model_copy(update={"terms": "reserved"}) for p in CATALOG.prices())
    assert not Suppliers(rows(), Market(reserved), Limits()).has_any().any()


def test_spot_is_taken_where_it_is_lower_and_never_costs_more() -> None:
    numbers = np.arange(len(rows().rows))
    ones = np.ones(len(numbers))
    firm = suppliers(Limits()).supply(numbers, ones).usd
    spot = suppliers(Limits(spot=True)).supply(numbers, ones).usd
    held = np.isfinite(firm)
    assert (spot[held] <= firm[held]).all()
    assert (spot[held] < firm[held]).any()


def test_no_rows_are_supplied_with_nothing() -> None:
    empty = replace(rows(), rows=rows().rows[:0])
    for limits in (Limits(), Limits(buys=True, rank_by="capex"), Limits(spot=True)):
        known = Suppliers(empty, Market(CATALOG.prices(), goods()), limits)
        assert known.has_any().shape == (0,)
        assert known.supply(np.arange(0), np.zeros(0)).usd.shape == (0,)


@pytest.mark.parametrize("slo", [Slo(), Slo(ttft_p99_s=1.0)])
@pytest.mark.parametrize(
    "limits",
    [
        Limits(vendor="Google"),
        Limits(vendor="Google", spot=True),
        Limits(vendor="Google", confidence="surely"),
        Limits(vendor="Google", buys=True, rank_by="capex"),
        Limits(vendor="Intel"),
        Limits(gpu="rx-9060-xt-16gb"),
    ],
)
def test_cards_that_nobody_sells_or_runs_on_are_answered_not_crashed(
    limits: Limits, slo: Slo
) -> None:
    traffic = Workload(rate_requests_per_s=1.0, input_tokens=100, output_tokens=100)
    question = Question(traffic, slo, limits)
    space = space_of(CATALOG, question)
    found = plan(CATALOG.llm("llama-3.1-8b"), question, space)
    assert found.plans == ()
    assert {gpu for gpu, _, _ in found.rejected} == {gpu.slug for gpu in space.gpus}
    assert found.nearest


def test_a_month_has_730_hours() -> None:
    known = suppliers(Limits())
    rows_of_one = [n for n in range(len(rows().rows)) if rows().layouts[
        rows().rows[n]["layout"]] == Parallelism(1) and rows().gpus[rows().rows[n]["gpu"]].slug
        == "h100-sxm"]  # fmt: skip
    bought = known.purchase(rows_of_one[0], 8)
    hourly = bought.price.on_demand_usd_per_hour
    assert hourly is not None
    assert HOURS_PER_MONTH == 730
    assert bought.rent_usd_per_month == pytest.approx(
        730 * hourly * bought.rented_cards / bought.price.gpu_count
    )
