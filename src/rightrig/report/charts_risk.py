"""Charts of risks: a run's chance to survive, waste by interval, availability by spares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rightrig.reliability.checkpoint import choices, waste_ratio
from rightrig.reliability.failures import survival_points
from rightrig.reliability.rates import DAY_S, show_span
from rightrig.report.charting import BLUE, GREEN, PURPLE, VERMILION, WIDTH, cells, chart_head

if TYPE_CHECKING:
    from rightrig.reliability.checkpoint import Saving
    from rightrig.reliability.run_risk import RunRisk
    from rightrig.reliability.serve_risk import ServeRisk
    from rightrig.report.values import Json

_HEIGHT: Final = 340
_POINTS: Final = 121
_LEAST_SURVIVAL_RATIO: Final = 0.001
_SPAN_FACTOR_RATIO: Final = 20.0
"""How far to both sides of the best interval waste is drawn."""
_SHARE_AXIS: Final[Json] = {"format": ".0%"}


def survival_chart(risk: RunRisk) -> Json:
    """Return the chance that a run is not interrupted, over time."""
    longest_s = min(risk.span_s, -math.log(_LEAST_SURVIVAL_RATIO) * risk.fleet.mtbf_s.high)
    unit, scale = ("days", 1.0) if longest_s > 3.0 * DAY_S else ("hours", 24.0)
    rows = [
        cells(time=days * scale, low=chance.low, mid=chance.mid, high=chance.high)
        for days, chance in survival_points(risk.fleet, longest_s, _POINTS)
    ]
    x = {"field": "time", "type": "quantitative", "title": unit}
    y = {
        "type": "quantitative", "title": "chance of no interruption yet", "axis": _SHARE_AXIS,
        "scale": {"domain": [0, 1]},
    }  # fmt: skip
    head = chart_head(
        f"{risk.gpus_count:,} GPUs without an interruption",
        (
            f"Mean time between failures {show_span(risk.fleet.mtbf_s.mid)}",
            f"{risk.fleet.rate.source}. Band: central 80 % of the rate.",
        ),
    )
    layers = [
        {
            "mark": {"type": "area", "opacity": 0.2, "color": BLUE},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.5, "color": BLUE},
            "encoding": {"x": x, "y": {**y, "field": "mid"}},
        },
    ]
    return {**head, "width": WIDTH, "height": _HEIGHT, "data": {"values": rows}, "layer": layers}


def interval_chart(saving: Saving) -> Json:
    """Return the share of time that is lost, by the work between two saves."""
    found = choices(saving)
    best_s = found[0].interval_s
    least_s = max(best_s / _SPAN_FACTOR_RATIO, saving.flush_s)
    steps = math.log(best_s * _SPAN_FACTOR_RATIO / least_s) / (_POINTS - 1)
    intervals = [least_s * math.exp(steps * i) for i in range(_POINTS)]
    rows = [
        cells(minutes=interval_s / 60.0, waste=waste_ratio(interval_s, saving))
        for interval_s in intervals
    ]
    marks = [
        cells(minutes=one.interval_s / 60.0, waste=1.0 - one.useful_ratio, name=one.name)
        for one in found
    ]
    head = chart_head(
        "Time that saves, lost work and restarts take",
        (
            (
                f"One failure in {show_span(saving.mtbf_s)}, {show_span(saving.save_s)} a save, "
                f"{show_span(saving.restart_s)} a restart"
            ),
        ),
    )
    return {
        **head, "width": WIDTH, "height": _HEIGHT, "layer": _interval_layers(rows, marks),
    }  # fmt: skip


def _interval_layers(rows: list[dict[str, Any]], marks: list[dict[str, Any]]) -> list[Json]:
    """Return the curve, and a mark at each interval that has a name."""
    x = {
        "field": "minutes", "type": "quantitative", "scale": {"type": "log", "nice": False},
        "title": "minutes of work between two saves (log scale)",
    }  # fmt: skip
    y = {
        "field": "waste", "type": "quantitative", "axis": _SHARE_AXIS, "title": "share of time",
        "scale": {"domain": [0, 1]},
    }  # fmt: skip
    return [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2.5, "color": BLUE},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": marks},
            "mark": {"type": "point", "size": 90, "filled": True, "opacity": 1},
            "encoding": {
                "x": x, "y": y,
                "color": {
                    "field": "name", "type": "nominal", "title": None, "sort": None,
                    "scale": {"range": [VERMILION, GREEN, PURPLE, "black"]},
                },
                "shape": {"field": "name", "type": "nominal", "title": None, "sort": None},
            },
        },
    ]  # fmt: skip


def spares_chart(risk: ServeRisk) -> Json:
    """Return the share of time with too few replicas, by the number of spares."""
    rows = [
        cells(spares=float(spares), short=max(1.0 - carried, 1e-12))
        for spares, carried in risk.rows
    ]
    x = {
        "field": "spares", "type": "ordinal", "title": "spare replicas",
        "axis": {"labelAngle": 0},
    }  # fmt: skip
    y = {
        "type": "quantitative", "title": "share of time with too few (log scale)",
        "scale": {"type": "log"}, "axis": {"format": ".1~e"},
    }  # fmt: skip
    head = chart_head(
        f"{risk.replicas.needed_count:,} replicas needed",
        (
            (
                f"One fails every {show_span(risk.mtbf_s)} and is back after "
                f"{show_span(risk.mttr_s)}; the line is the target"
            ),
        ),
    )
    target = {
        "data": {"values": [cells(short=1.0 - risk.target_ratio)]},
        "mark": {"type": "rule", "color": VERMILION, "strokeWidth": 2},
        "encoding": {"y": {**y, "field": "short"}},
    }
    points = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"size": 70, "color": BLUE}, "color": BLUE},
        "encoding": {"x": x, "y": {**y, "field": "short"}},
    }
    return {**head, "width": WIDTH, "height": _HEIGHT, "layer": [points, target]}
