"""Charts of a simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.quantities import show_seconds
from rightrig.report.charting import BLUE, GREEN, PURPLE, VERMILION, WIDTH, cells, chart_head
from rightrig.report.simulated import NAMES, rate_text
from rightrig.report.values import Json, deployment_text
from rightrig.simulation.collecting import values_of_s
from rightrig.simulation.layout import SERVED

if TYPE_CHECKING:
    from rightrig.report.simulated import Simulated
    from rightrig.simulation.outcome import Outcome, Series

_COLOURS: Final = {
    "ttft": BLUE, "answer": PURPLE, "tpot": VERMILION, "e2e": GREEN,
}  # fmt: skip
_PANEL_HEIGHT: Final = 105
_RAREST_COUNT: Final = 1000.0
"""One over the share of requests above the last percentile that is drawn: p99.9."""
_POINTS: Final = 121
_SECONDS_LABEL: Final = (
    "datum.value >= 1 ? format(datum.value, '~g') + ' s' : datum.value >= 0.001 ? "
    "format(datum.value * 1000, '~g') + ' ms' : format(datum.value * 1000000, '~g') + ' µs'"
)
_SHARE_AXIS: Final[Json] = {
    "values": [1, 2, 4, 10, 20, 100, 1000],
    "labelExpr": "format(100 * (1 - 1 / datum.value), '.3~f') + ' %'",
}
_UNITS: Final = ((86_400.0 * 3.0, 86_400.0, "days"), (10_800.0, 3600.0, "h"), (600.0, 60.0, "min"))
"""From which span a time is shown in a unit, the unit in seconds, its name."""


def simulation_charts(seen: Simulated) -> dict[str, Json]:
    """Return the charts of a simulation by the names of their files."""
    charts = {"latency": latency_chart(seen)} if seen.outcome.latencies else {}
    if seen.outcome.series is not None:
        charts["timeline"] = timeline_chart(seen, seen.outcome.series)
    return charts


def latency_chart(seen: Simulated) -> Json:
    """Return percentiles of latency, the tail stretched, with intervals and objectives."""
    outcome = seen.outcome
    metrics = [m for m in _COLOURS if m in outcome.latencies]
    bands, lines, limits = (
        _bands(outcome, metrics), _percentiles(outcome, metrics), _limits(outcome),
    )  # fmt: skip
    rows = (*bands, *lines, *limits)
    shown_s = [float(row[key]) for row in rows for key in row if key.endswith("_s")]
    x = {
        "field": "rarity", "type": "quantitative", "axis": _SHARE_AXIS,
        "scale": {"type": "log", "domain": [1, _RAREST_COUNT]},
        "title": "share of the requests that are at most as slow (the tail is stretched)",
    }  # fmt: skip
    y = {"type": "quantitative", "title": "latency (log scale)", **_seconds_axis(shown_s)}
    colour = {
        "field": "metric", "type": "nominal", "title": None,
        "scale": {"domain": [NAMES[m] for m in metrics], "range": [_COLOURS[m] for m in metrics]},
        "sort": None, "legend": {"symbolType": "square", "symbolOpacity": 1},
    }  # fmt: skip
    encoding = {"x": x, "color": colour}
    layers: list[Json] = [
        {
            "data": {"values": bands},
            "mark": {"type": "area", "opacity": 0.18},
            "encoding": {**encoding, "y": {**y, "field": "low_s"}, "y2": {"field": "high_s"}},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {**encoding, "y": {**y, "field": "value_s"}},
        },
    ]
    note = "Bands: central 80 %, other draws and other engine speeds joined."
    if limits:
        layers += _limit_layers(limits, encoding, y)
        note += " Diamonds: objectives."
    return {**_head(seen, note), "width": WIDTH, "height": 380, "layer": layers}


def _seconds_axis(values_s: list[float]) -> Json:
    """Return a log axis of seconds around some values, with a line at 1, 2 and 5 of each decade."""
    low = math.floor(math.log10(min(values_s)))
    ticks = [
        float(f"{step * 10.0**power:.6g}")
        for power in range(low, math.ceil(math.log10(max(values_s))) + 1)
        for step in (1, 2, 5)
    ]
    first = max(tick for tick in ticks if tick <= min(values_s))
    last = min((tick for tick in ticks if tick >= max(values_s)), default=ticks[-1])
    shown = [tick for tick in ticks if first <= tick <= last]
    return {
        "axis": {"values": shown, "labelExpr": _SECONDS_LABEL},
        "scale": {"type": "log", "domain": [first, max(last, 2.0 * first)], "nice": False},
    }


def _limit_layers(limits: list[dict[str, Any]], encoding: Json, y: Json) -> list[Json]:
    """Return a diamond and its words for each objective."""
    at = {**encoding, "y": {**y, "field": "limit_s"}}
    return [
        {
            "data": {"values": limits},
            "mark": {"type": "point", "shape": "diamond", "size": 110, "filled": True,
                     "opacity": 1, "stroke": "black", "strokeWidth": 1},
            "encoding": at,
        },
        {
            "data": {"values": limits},
            "mark": {"type": "text", "align": "right", "dx": -9, "dy": -7, "fontSize": 11},
            "encoding": {**at, "text": {"field": "words"}},
        },
    ]  # fmt: skip


def _percentiles(outcome: Outcome, metrics: list[str]) -> list[dict[str, Any]]:
    """Return each metric at shares of the requests, the tail in finer steps."""
    records: Any = outcome.records
    rarities = np.logspace(0.0, math.log10(_RAREST_COUNT), _POINTS)
    shares = 1.0 - 1.0 / rarities
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        if records is None:
            named = outcome.latencies[metric]
            points = [
                (_rarity_count(name), value.mid) for name, value in named.items() if name != "mean"
            ]
        else:
            values = values_of_s(metric, records[records["status"] == SERVED])
            points = list(zip(rarities, np.quantile(values, shares), strict=True))
        rows += [
            cells(metric=NAMES[metric], rarity=float(rarity), value_s=float(value))
            for rarity, value in points
            if value > 0.0
        ]
    return rows


def _bands(outcome: Outcome, metrics: list[str]) -> list[dict[str, Any]]:
    """Return the joined intervals at the percentiles that have one."""
    return [
        cells(
            metric=NAMES[metric],
            rarity=_rarity_count(name),
            low_s=value.joined.low,
            high_s=value.joined.high,
        )
        for metric in metrics
        for name, value in outcome.latencies[metric].items()
        if name != "mean" and value.joined.low > 0.0
    ]


def _limits(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the objectives of metrics that are drawn."""
    return [
        cells(
            metric=NAMES[kept.objective.metric],
            rarity=_rarity_count(f"p{kept.objective.percentile}"),
            limit_s=kept.objective.limit_s,
            words=f"{NAMES[kept.objective.metric]} p{kept.objective.percentile}",
        )
        for kept in outcome.kept
        if kept.objective.metric in _COLOURS
    ]


def _rarity_count(name: str) -> float:
    """Return one over the share above a percentile such as ``p99``: a count of requests."""
    return 100.0 / (100.0 - float(name[1:]))


def timeline_chart(seen: Simulated, series: Series) -> Json:
    """Return requests, tokens, use and latency over time, one above the other."""
    unit_s, unit = _unit(float(series.time_s[-1]) + series.span_s)
    clock = _Clock(series, unit_s)
    panels = [
        _panel(clock, {"running": (series.running_seqs, BLUE),
                       "waiting": (series.waiting_seqs, VERMILION)}, "requests"),
        _panel(clock, {"output tokens": (series.output_tokens_per_s, GREEN)}, "output tokens/s"),
        _panel(clock, {"replicas busy": (series.busy_ratio, PURPLE),
                       "KV cache in use": (series.kv_used_ratio, BLUE)}, "share in use",
               {"axis": {"format": "~%", "values": [0, 0.25, 0.5, 0.75, 1]},
                "scale": {"domain": [0, 1.03], "nice": False}}),
    ]  # fmt: skip
    if (series.ttft_p99_s > 0.0).any():
        panels.append(_ttft_panel(clock, seen.outcome))
    panels = [panel for panel in panels if panel["layer"][0]["data"]["values"]]
    panels[-1]["encoding"]["x"]["axis"] = {"title": f"time ({unit})"}
    return {
        **_head(seen, f"A step of a line is the mean over {show_seconds(series.span_s)}."),
        "vconcat": panels,
        "spacing": 12,
        "resolve": {"scale": {"color": "independent", "x": "shared"}},
    }


@dataclass(frozen=True, slots=True)
class _Clock:
    """The spans of a series in the unit of an axis."""

    series: Series
    unit_s: float

    def rows(self, what: str, values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any unit
        """Return a row a span, in its middle; null where nothing is known, which breaks a line."""
        times = (self.series.time_s + self.series.span_s / 2.0) / self.unit_s
        return [
            cells(time=float(time), what=what, value=float(value) if math.isfinite(value) else None)
            for time, value in zip(times, values, strict=True)
        ]


def _panel(
    clock: _Clock,
    lines: dict[str, tuple[Any, str]],
    title: str,
    y: Json | None = None,
) -> dict[str, Any]:
    """Return one panel of lines over time."""
    rows = [
        row
        for name, (values, _) in lines.items()
        if np.isfinite(values).any()
        for row in clock.rows(name, values)
    ]
    shown = [name for name in lines if any(row["what"] == name for row in rows)]
    colour = {
        "field": "what", "type": "nominal", "title": None, "sort": None,
        "legend": {"symbolType": "stroke", "symbolSize": 150},
        "scale": {"domain": shown, "range": [lines[name][1] for name in shown]},
    }  # fmt: skip
    return {
        "width": WIDTH,
        "height": _PANEL_HEIGHT,
        "encoding": {
            "x": {"field": "time", "type": "quantitative", "scale": {"zero": True, "nice": False},
                  "axis": {"labels": False, "ticks": False, "title": None}},
        },
        "layer": [
            {
                "data": {"values": rows},
                "mark": {"type": "line", "strokeWidth": 1.8, "interpolate": "step",
                         "clip": True, "invalid": "break-paths-show-path-domains"},
                "encoding": {
                    "y": {"field": "value", "type": "quantitative", "title": title,
                          **(y or {"axis": {"tickCount": 4}})},
                    "color": colour,
                },
            }
        ],
    }  # fmt: skip


def _ttft_panel(clock: _Clock, outcome: Outcome) -> dict[str, Any]:
    """Return the panel of TTFT, with a dashed line where its p99 has an objective."""
    limits_s = [
        kept.objective.limit_s
        for kept in outcome.kept
        if (kept.objective.metric, kept.objective.percentile) == ("ttft", 99)
    ]
    ttft_s = clock.series.ttft_p99_s
    y = _seconds_axis([*ttft_s[ttft_s > 0.0].tolist(), *limits_s])
    panel = _panel(clock, {"TTFT p99": (ttft_s, BLUE)}, "TTFT p99 (log scale)", y)
    # Spans in which nobody came leave single values, of which a line shows nothing.
    panel["layer"][0]["mark"]["point"] = {"size": 16}
    at = {"y": {"field": "value", "type": "quantitative"}}
    for limit_s in limits_s:
        data = {"values": [{"value": limit_s, "words": f"objective {show_seconds(limit_s)}"}]}
        rule = {"type": "rule", "strokeDash": [5, 4], "color": "black"}
        words = {"type": "text", "align": "left", "x": 4, "dy": -6, "fontSize": 11}
        panel["layer"] += [
            {"data": data, "mark": rule, "encoding": {"x": None, **at}},
            {
                "data": data,
                "mark": words,
                "encoding": {"x": None, **at, "text": {"field": "words"}},
            },
        ]
    return panel


def _head(seen: Simulated, note: str) -> Json:
    """Return what every chart of a simulation begins with."""
    deployment, at = seen.outcome.deployment, []
    if seen.limit is not None and (rate := seen.limit.rate_requests_per_s.mid) > 0.0:
        text = rate_text(rate, seen.traffic.turns_count)
        at.append(f"At {text}, the highest rate that keeps every objective.")
    title = "" if deployment is None else deployment_text(deployment)
    return chart_head(title, [seen.traffic.text, *at, note])


def _unit(span_s: float) -> tuple[float, str]:
    """Return the unit of a time axis, in seconds, and its name."""
    return next(
        ((unit_s, name) for least_s, unit_s, name in _UNITS if span_s >= least_s), (1.0, "s")
    )
