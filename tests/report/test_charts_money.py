"""Charts of money hold the numbers of the answer, and name what could not be drawn."""

from __future__ import annotations

from typing import Any, Final

import pytest

import rightrig
from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.planning.costing.bills import Renting
from rightrig.planning.costing.capacity import capacity_of, rows_of
from rightrig.planning.costing.compare import Contender, Demand, compare
from rightrig.planning.costing.tokens import token_cost
from rightrig.report.charts_money import compare_charts, tokens_charts

CATALOG: Final = rightrig.shipped()
LLM: Final = CATALOG.llm("llama-2-7b")
LENGTHS: Final = rightrig.Lengths(1000.0, 300.0)
FULL: Final = Demand(None)


def contender(rig: str, rent: Interval) -> Contender:
    deployment = rightrig.propose(CATALOG, LLM, rightrig.parse_rig(rig, CATALOG))
    return Contender(rig, capacity_of(deployment, LENGTHS, Slo()), Renting(rig, rent))


def test_a_batch_that_does_not_fit_is_named_and_not_drawn() -> None:
    one = contender("1xrtx-4090", Interval.exact(0.34))
    assert one.capacity is not None
    found = token_cost(one, FULL, rows_of(one.capacity.deployment, LENGTHS, [1, 8, 32]))
    chart: Any = tokens_charts(found)["usd_by_batch"]
    drawn = chart["layer"][0]["data"]["values"]
    assert [row["batch"] for row in drawn] == [1.0, 8.0]
    assert chart["title"]["subtitle"][-1] == "N/A, does not fit: 32."
    cost = found.rows[0].mean_usd_per_token
    assert cost is not None
    assert drawn[0]["mid_usd"] == pytest.approx(cost.mid * 1e6, rel=1e-5)


def test_the_sides_and_the_tornado_hold_what_the_comparison_says() -> None:
    rents = {"1xh100-sxm": Interval(2.0, 2.5, 3.0), "1xrtx-4090": Interval(0.3, 0.34, 0.5)}
    found = compare(LLM, LENGTHS, FULL, [contender(rig, rent) for rig, rent in rents.items()])
    charts: Any = compare_charts(found)
    sides = charts["usd_by_side"]["data"]["values"]
    assert [row["side"] for row in sides] == [one.name for one in found.standings]
    for row, one in zip(sides, found.standings, strict=True):
        assert row["high_usd"] == pytest.approx(one.cost_usd.high / 1300.0 * 1e6, rel=1e-5)
    bars = charts["tornado"]["layer"][0]["data"]["values"]
    assert [row["low_ratio"] for row in bars] == pytest.approx(
        [one.low_ratio for one in found.swings], rel=1e-5
    )
