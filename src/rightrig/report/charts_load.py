"""Charts of a load test: latency over the load, and what of the load was answered in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.load.breaking import GOOD_RATIO
from rightrig.report.charting import BLUE, GREEN, PURPLE, VERMILION, WIDTH, cells, chart_head
from rightrig.report.load_levels import is_servers
from rightrig.report.simulated import NAMES

if TYPE_CHECKING:
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.report.loaded import Loaded
    from rightrig.report.values import Json

_HEIGHT: Final = 320
_METRICS: Final = {"ttft": BLUE, "tpot": VERMILION, "e2e": GREEN}
_SECONDS_LABEL: Final = (
    "datum.value >= 1 ? format(datum.value, '~g') + ' s' : format(datum.value * 1000, '~g') + ' ms'"
)
_CLOSED: Final = "users"
_OPEN: Final = "requests/s"


def load_charts(seen: Loaded) -> dict[str, Json]:
    """Return the charts of a load test by name; none of fewer than two levels of one kind."""
    kind = _kind(seen)
    outcomes = sorted(
        (
            one
            for one in seen.outcomes
            if one.level.kind == kind and one.ok_count and is_servers(seen, one)
        ),
        key=_load_count,
    )
    if len({_load_count(one) for one in outcomes}) < 2:  # noqa: PLR2004 - a line has two points
        return {}
    charts = {"load-latency": _latency_chart(seen, outcomes)}
    if any(one.good_ratio is not None for one in outcomes):
        charts["load-goodput"] = _goodput_chart(seen, outcomes)
    return charts


def _kind(seen: Loaded) -> str:
    """Return the kind of load that most levels are of."""
    kinds = [one.level.kind for one in seen.outcomes]
    return max(dict.fromkeys(kinds), key=kinds.count, default="open")


def _load_count(outcome: LevelOutcome) -> float:
    """Return how much load a level is: users, or requests a second."""
    if outcome.level.kind == "closed":
        return float(outcome.level.concurrency)
    return outcome.level.rate_requests_per_s or outcome.offered_requests_per_s


def _x(outcomes: list[LevelOutcome]) -> dict[str, Any]:
    """Return the axis of the load."""
    title = _CLOSED if outcomes[0].level.kind == "closed" else f"offered {_OPEN}"
    return {
        "field": "load", "type": "quantitative", "title": title,
        "scale": {"zero": False, "nice": True},
    }  # fmt: skip


def _latency_chart(seen: Loaded, outcomes: list[LevelOutcome]) -> Json:
    """Return p50 and p99 of each latency over the load."""
    shown = [m for m in _METRICS if any(m in one.latencies for one in outcomes)]
    rows = [
        cells(
            load=_load_count(one),
            metric=NAMES[metric],
            statistic=statistic,
            value_s=one.latencies[metric].statistics[statistic].value_s.mid,
        )
        for one in outcomes
        for metric in shown
        if metric in one.latencies
        for statistic in ("p50", "p99")
    ]
    colour = {
        "field": "metric", "type": "nominal", "title": None, "sort": None,
        "scale": {"domain": [NAMES[m] for m in shown], "range": [_METRICS[m] for m in shown]},
        "legend": {"symbolType": "stroke", "symbolSize": 150},
    }  # fmt: skip
    dash = {
        "field": "statistic", "type": "nominal", "title": None, "sort": None,
        "scale": {"domain": ["p50", "p99"], "range": [[1, 0], [5, 4]]},
        "legend": {"symbolType": "stroke", "symbolSize": 150},
    }  # fmt: skip
    return {
        **_head(seen, "latency over the load"),
        "width": WIDTH,
        "height": _HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 35}},
        "encoding": {
            "x": _x(outcomes),
            "y": {
                "field": "value_s", "type": "quantitative", "title": "latency (log scale)",
                "scale": {"type": "log"}, "axis": {"labelExpr": _SECONDS_LABEL},
            },
            "color": colour,
            "strokeDash": dash,
        },
    }  # fmt: skip


def _goodput_chart(seen: Loaded, outcomes: list[LevelOutcome]) -> Json:
    """Return the share of good requests over the load, and where the server breaks."""
    rows = [
        cells(load=_load_count(one), good=one.good_ratio)
        for one in outcomes
        if one.good_ratio is not None
    ]
    x = _x(outcomes)
    y = {
        "field": "good", "type": "quantitative", "title": "answered within every limit",
        "scale": {"domain": [0, 1.02], "nice": False}, "axis": {"format": "~%"},
    }  # fmt: skip
    layers: list[Json] = [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2.2, "color": BLUE,
                     "point": {"size": 45, "color": BLUE}},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": [cells(good=GOOD_RATIO)]},
            "mark": {"type": "rule", "strokeDash": [5, 4], "color": "black"},
            "encoding": {"y": {"field": "good", "type": "quantitative"}},
        },
        *_points(seen, x),
    ]  # fmt: skip
    return {
        **_head(seen, "goodput over the load", f"Dashed: {GOOD_RATIO:.0%}, below which it breaks."),
        "width": WIDTH,
        "height": _HEIGHT,
        "layer": layers,
    }


def _points(seen: Loaded, x: dict[str, Any]) -> list[Json]:
    """Return lines at the breaking points that were found and predicted, with their intervals."""
    found = None if seen.breaking is None else seen.breaking.rate_requests_per_s
    named = (
        ("found", found, VERMILION, 150),
        ("predicted, 80 %", seen.predicted_breaking_requests_per_s, PURPLE, 170),
    )
    layers: list[Json] = []
    for words, rate, colour, height in named:
        if rate is None:
            continue
        row = cells(load=rate.mid, low=rate.low, high=rate.high, words=words)
        data = {"values": [row]}
        at = {"field": "load", "type": "quantitative", "title": x["title"]}
        layers += [
            {
                "data": data,
                "mark": {"type": "rect", "color": colour, "opacity": 0.12},
                "encoding": {"x": {**at, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": data,
                "mark": {"type": "rule", "color": colour, "strokeWidth": 2},
                "encoding": {"x": at},
            },
            {
                "data": data,
                "mark": {"type": "text", "align": "right", "dx": -5, "y": height, "color": colour},
                "encoding": {"x": at, "text": {"field": "words"}},
            },
        ]
    return layers


def _head(seen: Loaded, what: str, note: str = "") -> Json:
    """Return what both charts begin with."""
    whose = seen.test.name if seen.tool == "rightrig" else f"results of {seen.tool}"
    return chart_head(f"{whose}: {what}", [line for line in (seen.traffic, note) if line])
