"""One panel of a dashboard, and its JSON as Grafana reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Unit = Literal[
    "percentunit", "bytes", "hertz", "watt", "celsius", "s", "reqps", "currencyUSD", "short", "none"
]
Kind = Literal["timeseries", "stat", "table", "state-timeline"]
Colour = Literal["green", "orange", "red"]
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel; ``legend`` is a template of Grafana."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A threshold that a panel draws as a line; ``at`` is in the panel's unit."""

    at: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        columns: Width, of the 24 of a row.
        marks: Lines, ascending.
        is_share: Whether the axis runs from 0 to 1.
    """

    title: str
    queries: tuple[Query, ...]
    unit: Unit = "none"
    kind: Kind = "timeseries"
    columns: int = 8
    description: str = ""
    marks: tuple[Mark, ...] = ()
    is_share: bool = False


def panel_json(panel: Panel, number: int, place: tuple[int, int], rows_high: int) -> dict[str, Any]:
    """Return a panel.

    Args:
        panel: What it shows.
        number: Its own in the dashboard.
        place: Column and row of its upper left corner.
        rows_high: Its height.
    """
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": place[0], "y": place[1], "w": panel.columns, "h": rows_high},
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "instant": panel.kind == "table",
                "range": panel.kind != "table",
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    """Return unit, axis and lines."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": mark.colour, "value": float(mark.at)} for mark in panel.marks]
    drawn = {"thresholdsStyle": {"mode": "line" if panel.marks else "off"}}
    timeseries = panel.kind == "timeseries"
    return {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        **({"min": 0, "max": 1} if panel.is_share else {}),
        "custom": {"fillOpacity": 8, "showPoints": "never", **drawn} if timeseries else {},
    }


def _options(kind: Kind) -> dict[str, Any]:
    """Return how a kind of panel is drawn."""
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    match kind:
        case "timeseries" | "state-timeline":
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}
        case "table":
            return {"showHeader": True}
