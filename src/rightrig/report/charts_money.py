"""Charts of money: spending over time, dollars a token by batch, and what decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.quantities import MILLION
from rightrig.report.charting import BLUE, VERMILION, WIDTH, cells, chart_head
from rightrig.report.cost_break_even import shown_value
from rightrig.report.values import deployment_text

if TYPE_CHECKING:
    from rightrig.costs.tornado import Swing
    from rightrig.planning.costing.break_even import BreakEven
    from rightrig.planning.costing.compare import Comparison
    from rightrig.planning.costing.tokens import ServedCost
    from rightrig.report.values import Json

_HEIGHT: Final = 320
_ROW_HEIGHT: Final = 26
_MOST_POINTS: Final = 20


def break_even_charts(found: BreakEven) -> dict[str, Json]:
    """Return the money spent over time on both sides, by the names of their files."""
    charts: dict[str, Json] = {}
    if found.curve:
        charts["break_even"] = _curve_chart(found)
    if found.swings:
        title = f"What {found.own.name} over {found.rival} hangs on"
        charts["tornado"] = tornado_chart(found.swings, title)
    return charts


def _curve_chart(found: BreakEven) -> Json:
    """Return what was spent up to each month, with its central 80 %."""
    names = (found.own.name, found.rival)
    rows = [
        cells(month=point.month_count, side=name, low_usd=v.low, mid_usd=v.mid, high_usd=v.high)
        for point in found.curve
        for name, v in zip(names, (point.own_usd, point.rival_usd), strict=True)
    ]
    x: Json = {"field": "month", "type": "quantitative", "title": "months"}
    colour: Json = {
        "field": "side", "type": "nominal", "title": None,
        "scale": {"domain": list(names), "range": [BLUE, VERMILION]},
    }  # fmt: skip
    y: Json = {"type": "quantitative", "title": "USD"}
    subtitle = [*found.explain().sentences[1:3], "Bands: central 80 %."]
    head = chart_head(f"Spent on {found.own.name} and on {found.rival}", subtitle)
    return {**head, "width": WIDTH, "height": _HEIGHT, "layer": _banded(rows, x, colour, y)}


def _banded(rows: list[Any], x: Json, colour: Json, y: Json) -> list[Json]:
    """Return a band and a line of each side over two axes."""
    band = {"x": x, "color": colour, "y": {**y, "field": "low_usd"}, "y2": {"field": "high_usd"}}
    line = {"x": x, "color": colour, "y": {**y, "field": "mid_usd"}}
    # A single point makes no line.
    mark = {"type": "line", "strokeWidth": 2.5, "point": len(rows) <= _MOST_POINTS}
    return [
        {"data": {"values": rows}, "mark": {"type": "area", "opacity": 0.18}, "encoding": band},
        {"data": {"values": rows}, "mark": mark, "encoding": line},
    ]


def tokens_charts(found: ServedCost) -> dict[str, Json]:
    """Return dollars a million tokens by batch; nothing where no batch fits."""
    rows = [
        cells(side="all tokens", batch=float(one.row.batch), low_usd=v.low * MILLION,
              mid_usd=v.mid * MILLION, high_usd=v.high * MILLION)
        for one in found.rows
        if (v := one.mean_usd_per_token) is not None
    ]  # fmt: skip
    if not rows:
        return {}
    missing = ", ".join(str(one.row.batch) for one in found.rows if one.row.reason)
    subtitle = ["Around the clock at that many sequences; band: central 80 %."]
    subtitle += [f"N/A, does not fit: {missing}."] if missing else []
    log = {"type": "log"}
    x: Json = {"field": "batch", "type": "quantitative", "title": "sequences at once", "scale": log}
    colour: Json = {"field": "side", "type": "nominal", "legend": None, "scale": {"range": [BLUE]}}
    head = chart_head(deployment_text(found.capacity.deployment), subtitle)
    # What one sequence costs falls as one over their number: a straight line on two log axes.
    y: Json = {"type": "quantitative", "title": "$ a million tokens (log scale)", "scale": log}
    layers = _banded(rows, x, colour, y)
    return {"usd_by_batch": {**head, "width": WIDTH, "height": _HEIGHT, "layer": layers}}


def compare_charts(found: Comparison) -> dict[str, Json]:
    """Return each side's cost with its interval, and what decides between the cheapest two."""
    ratio = MILLION / found.request_tokens
    rows = [
        cells(side=one.name, low_usd=one.cost_usd.low * ratio, mid_usd=one.cost_usd.mid * ratio,
              high_usd=one.cost_usd.high * ratio)
        for one in found.standings
    ]  # fmt: skip
    if not rows:
        return {}
    unfit = [one.name for one in found.contenders if one.reason]
    subtitle = ["Point: middle; bar: central 80 %."]
    subtitle += [f"N/A: {', '.join(unfit)}."] if unfit else []
    y = {"field": "side", "type": "nominal", "sort": None, "title": None}
    x = {"field": "mid_usd", "type": "quantitative", "title": "$ a million tokens"}
    ends = {"y": y, "x": {**x, "field": "low_usd"}, "x2": {"field": "high_usd"}}
    mark = {"type": "point", "filled": True, "size": 80, "color": BLUE}
    charts: dict[str, Json] = {
        "usd_by_side": {
            **chart_head(found.llm.name, subtitle),
            "width": WIDTH,
            "height": {"step": _ROW_HEIGHT},
            "data": {"values": rows},
            "layer": [
                {"mark": {"type": "rule", "strokeWidth": 3, "color": BLUE}, "encoding": ends},
                {"mark": mark, "encoding": {"y": y, "x": x}},
            ],
        }
    }
    if found.swings:
        first, second = found.standings[:2]
        title = f"What {first.name} over {second.name} hangs on"
        charts["tornado"] = tornado_chart(found.swings, title)
    return charts


def tornado_chart(swings: tuple[Swing, ...], title: str) -> Json:
    """Return one bar an input: the ratio of two costs from one end of it to the other."""
    rows = [
        cells(
            input=f"{one.given.name}: {shown_value(one, one.given.value.low)} to "
            f"{shown_value(one, one.given.value.high)}",
            low_ratio=one.low_ratio,
            high_ratio=one.high_ratio,
        )
        for one in swings
    ]
    y = {"field": "input", "type": "nominal", "sort": None, "title": None,
         "axis": {"labelLimit": 420}}  # fmt: skip
    x = {"field": "low_ratio", "type": "quantitative", "scale": {"zero": False},
         "title": "cost of the first over that of the second; below 1 it is cheaper"}  # fmt: skip
    note = "Each input from one end of its central 80 % to the other, all others at their middles."
    return {
        **chart_head(title, [note]),
        "width": WIDTH // 2,
        "height": {"step": _ROW_HEIGHT},
        "layer": [
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "color": BLUE},
                "encoding": {"y": y, "x": x, "x2": {"field": "high_ratio"}},
            },
            {
                "data": {"values": [{"one": 1.0}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "color": "black"},
                "encoding": {"x": {"field": "one", "type": "quantitative"}},
            },
        ],
    }
