"""The dashboard as Grafana imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.watching.dashboard.panel import SOURCE, panel_json
from rightrig.watching.dashboard.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.watching.dashboard.panel import Panel
    from rightrig.watching.rules.thresholds import Thresholds

SCHEMA_VERSION: Final = 41
"""Of Grafana 12; older ones read it, newer ones bring it up to date."""
_COLUMNS: Final = 24
_ROWS_HIGH: Final = 8


def dashboard(thresholds: Thresholds) -> dict[str, Any]:
    """Return the dashboard; lines at what the plan promises, where there is one."""
    return {
        "uid": "rightrig",
        "title": "rightrig: is it what was planned?",
        "description": f"Plan: {thresholds.deployment}" if thresholds.deployment else "No plan.",
        "tags": ["rightrig", "gpu", "llm"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "panels": list(_panels(thresholds)),
    }


def _variables() -> Iterator[dict[str, Any]]:
    """Yield what a reader chooses: the source, hosts, cards."""
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}
    for name, label, query in (
        ("host", "Host", "label_values(host:gpus, Hostname)"),
        ("gpu", "GPU", 'label_values(gpu:utilization_ratio{Hostname=~"$host"}, gpu)'),
    ):
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
            "refresh": 2,
            "sort": 3,
        }


def _panels(thresholds: Thresholds) -> Iterator[dict[str, Any]]:
    """Yield every row and, below it, its panels from left to right."""
    number, y = 0, 0
    for title, make in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
        }
        panels = make(thresholds)
        places = _places(panels, y + 1)
        for panel, place in zip(panels, places, strict=True):
            number += 1
            yield panel_json(panel, number, place, _ROWS_HIGH)
        y = places[-1][1] + _ROWS_HIGH


def _places(panels: Sequence[Panel], top: int) -> list[tuple[int, int]]:
    """Return column and row of each panel, line by line."""
    places: list[tuple[int, int]] = []
    x, y = 0, top
    for panel in panels:
        if x + panel.columns > _COLUMNS:
            x, y = 0, y + _ROWS_HIGH
        places.append((x, y))
        x += panel.columns
    return places
