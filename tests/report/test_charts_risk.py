"""Charts of risks hold the numbers of their answers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rightrig.reliability.availability import Replicas
from rightrig.reliability.checkpoint import Saving, choices
from rightrig.reliability.failures import Fleet
from rightrig.reliability.rates import DAY_S, YEAR_S, stated_rate
from rightrig.reliability.run_risk import run_risk
from rightrig.reliability.serve_risk import serve_risk
from rightrig.report.charts_risk import interval_chart, spares_chart, survival_chart

SAVING = Saving(11_135.0, 60.0, 600.0)


def rows(chart: Any, layer: int | None = None) -> Any:
    return (chart if layer is None else chart["layer"][layer])["data"]["values"]


def test_the_survival_curve_falls_by_e_in_the_time_between_failures() -> None:
    fleet = Fleet(stated_rate(YEAR_S / (10.0 * DAY_S), "whole system"), 1)
    chart = rows(survival_chart(run_risk(fleet, 8, 20.0 * DAY_S, SAVING)))
    assert chart[0] == {"time": 0.0, "low": 1.0, "mid": 1.0, "high": 1.0}
    tenth = next(row for row in chart if row["time"] == pytest.approx(10.0))
    assert tenth["mid"] == pytest.approx(math.exp(-1.0), rel=1e-4)
    assert chart[-1]["time"] == pytest.approx(20.0)


def test_waste_is_least_at_the_mark_of_the_optimum() -> None:
    chart = interval_chart(SAVING)
    mark = rows(chart, 1)[0]
    assert mark["name"] == "exact optimum"
    assert mark["minutes"] == pytest.approx(choices(SAVING)[0].interval_s / 60.0, rel=1e-5)
    assert mark["waste"] <= min(row["waste"] for row in rows(chart, 0)) + 1e-6


def test_the_line_of_the_target_is_crossed_by_the_spares_that_reach_it() -> None:
    found = serve_risk(Replicas(10, 0.99), (99.0, 1.0), 0.999)
    chart = spares_chart(found)
    (target,) = rows(chart, 1)
    reached = [row["spares"] for row in rows(chart, 0) if row["short"] <= target["short"]]
    assert min(reached) == found.fewest_count == 2
