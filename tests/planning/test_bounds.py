"""Bounds: one definition of every limit, against limits that are compared one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Limits
from rightrig.planning.bounds import BOUNDS, Amounts, is_beyond, most_cards_count

CATALOG = rightrig.shipped()
GPUS = tuple(CATALOG.gpu(slug) for slug in ("h100-sxm", "l4", "m4-max"))
"""The last one's power is not published."""
some_limits = st.builds(
    lambda optional, gpus, stock, buys: Limits(
        **optional, max_gpus_count=gpus, available=stock, buys=buys
    ),
    optional=st.fixed_dictionaries({}, optional={
        "budget_usd_per_month": st.integers(1, 5000).map(float),
        "max_capex_usd": st.integers(1, 5000).map(float),
        "max_power_w": st.integers(1, 20_000).map(float),
        "max_machines_count": st.integers(1, 10),
    }),
    gpus=st.integers(1, 64),
    stock=st.dictionaries(st.sampled_from([gpu.slug for gpu in GPUS]), st.integers(0, 64)),
    buys=st.booleans(),
)  # fmt: skip
row = st.tuples(st.integers(0, 2), st.integers(1, 80), st.integers(1, 12), st.integers(1, 9000))


def amounts_of(rows: list[tuple[int, int, int, int]]) -> Amounts:
    kinds, cards, machines, usd = np.array(rows).T
    return Amounts(GPUS, kinds, cards.astype(float), machines.astype(float), usd.astype(float))


def broken_ids(one: tuple[int, int, int, int], limits: Limits) -> set[str]:
    """Return the limits that one row passes, each written out."""
    kind, cards, machines, usd = one
    gpu = GPUS[kind]
    power = math.inf if gpu.board_power_w is None else cards * gpu.board_power_w
    found = {
        "LIMIT-GPUS": cards > limits.max_gpus_count,
        "LIMIT-MACHINES": limits.max_machines_count is not None
        and machines > limits.max_machines_count,
        "LIMIT-STOCK": gpu.slug in limits.available and cards > limits.available[gpu.slug],
        "LIMIT-BUDGET": not limits.buys
        and limits.budget_usd_per_month is not None
        and usd > limits.budget_usd_per_month,
        "LIMIT-CAPEX": limits.buys
        and limits.max_capex_usd is not None
        and usd > limits.max_capex_usd,
        "LIMIT-POWER": limits.max_power_w is not None and power > limits.max_power_w,
    }
    return {name for name, passes in found.items() if passes}


@settings(deadline=None)
@given(st.lists(row, min_size=1, max_size=8), some_limits)
def test_rows_pass_the_bounds_that_they_pass_one_by_one(
    rows: list[tuple[int, int, int, int]], limits: Limits
) -> None:
    amounts = amounts_of(rows)
    beyond = is_beyond(amounts, limits)
    for number, one in enumerate(rows):
        passed = {b.id for b in BOUNDS if b.is_passed(amounts, limits)[number]}
        assert passed == broken_ids(one, limits)
        assert beyond[number] == bool(passed)


@settings(deadline=None)
@given(some_limits)
def test_the_most_cards_pass_no_bound_and_one_more_passes_one(limits: Limits) -> None:
    free = limits.model_copy(update={"budget_usd_per_month": None, "max_capex_usd": None,
                                     "max_machines_count": None})  # fmt: skip
    for kind, most in enumerate(np.floor(most_cards_count(GPUS, limits))):
        assert not broken_ids((kind, int(most), 1, 1), free) or most == 0
        assert broken_ids((kind, int(most) + 1, 1, 1), free)


def test_what_plays_no_part_passes_no_bound() -> None:
    unknown = np.array([np.nan])
    amounts = Amounts(GPUS, np.array([0]), np.array([1.0]), unknown, unknown)
    limits: dict[str, Any] = {"budget_usd_per_month": 1.0, "max_machines_count": 1}
    assert not is_beyond(amounts, Limits(**limits)).any()


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(max_gpus_count=2), "takes 4 cards for the traffic, above --max-gpus 2"),
        (Limits(max_machines_count=1), "takes 2 machines of 1xl4, above --max-machines 1"),
        (Limits(available={"l4": 3}), "takes 4 × l4, and 3 are available"),
        (Limits(budget_usd_per_month=500.0), "costs $900 a month, $400 above --budget $500"),
        (Limits(max_capex_usd=500.0, buys=True), "costs $900 to buy, $400 above --capex $500"),
        (Limits(max_power_w=100.0), "288 W of cards, above --max-power 100 W"),
    ],
)
def test_every_bound_says_what_is_taken_and_what_is_allowed(limits: Limits, says: str) -> None:
    amounts = amounts_of([(1, 4, 2, 900)])
    (passed,) = (bound for bound in BOUNDS if bound.is_passed(amounts, limits)[0])
    assert passed.words(amounts, 0, limits, "1xl4") == says
