"""Predicted beside measured values as a chart: a panel a unit, both axes logarithmic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIB, MIB
from rightrig.report.charting import SizedChart, cells, chart_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.prediction.accuracy_score import Judged
    from rightrig.report.values import Json

_SIDE: Final = 300
_PANEL_HEIGHT: Final = 362
"""A panel with its axis and its distance from the next."""
_FRAME_HEIGHT: Final = 118
"""Title, legend and padding together, in pixels."""
_COLUMNS: Final = 2
_MOST_POINTS: Final = 3000
_ROOM_RATIO: Final = 1.15
_GIB_UNIT: Final = "GiB"
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9", "#7A7A7A")
_OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class _Dot:
    """One row on the chart, both values in the panel's unit."""

    unit: str
    measured: float
    low: float
    mid: float
    high: float
    judged: Judged


def scatter_chart(title: str, rows: Iterable[Judged]) -> SizedChart | None:
    """Return measured values across, predicted ones up with intervals; hovering tells the row.

    Args:
        title: What the rows are of.
        rows: Those without a prediction are left out.

    Returns:
        The chart; ``None`` where no row has a prediction.
    """
    dots = [dot for row in rows if (dot := _dot(row)) is not None][:_MOST_POINTS]
    if not dots:
        return None
    engines = _engines(dots)
    units = list(dict.fromkeys(dot.unit for dot in dots))
    panels = [_panel(unit, [dot for dot in dots if dot.unit == unit], engines) for unit in units]
    subtitle = [
        "On the line a prediction is right. Bars: central 80 % of the prediction.",
    ]
    lines_count = -(-len(panels) // _COLUMNS)
    return SizedChart(
        {**chart_head(title, subtitle), "columns": _COLUMNS, "concat": panels},
        lines_count * _PANEL_HEIGHT + _FRAME_HEIGHT,
    )


def _dot(row: Judged) -> _Dot | None:
    """Return one row; sizes in MiB become GiB, so that they share a panel."""
    if row.measured is None or row.predicted is None:
        return None
    scale, unit = (MIB / GIB, _GIB_UNIT) if row.unit == "MiB" else (1.0, row.unit)
    found = row.predicted.scaled(scale)
    return _Dot(unit, row.measured * scale, found.low, found.mid, found.high, row)


def _engines(dots: Sequence[_Dot]) -> tuple[str, ...]:
    """Return the engines that have a colour of their own, those with most rows first."""
    counts: dict[str, int] = {}
    for dot in dots:
        name = _engine(dot)
        counts[name] = counts.get(name, 0) + 1
    names = sorted(counts, key=lambda name: (-counts[name], name))
    if len(names) <= len(_COLOURS):
        return tuple(names)
    return (*names[: len(_COLOURS) - 1], _OTHERS)


def _engine(dot: _Dot) -> str:
    """Return the engine of a row without its version."""
    return dot.judged.names["runtime"].split(" ")[0]


def _panel(unit: str, dots: Sequence[_Dot], engines: tuple[str, ...]) -> Json:
    """Return the rows of one unit: the line of right predictions, intervals, points."""
    values = [value for dot in dots for value in (dot.measured, dot.mid, dot.low, dot.high)]
    low = min(value for value in values if value > 0.0) / _ROOM_RATIO
    high = max(values) * _ROOM_RATIO
    scale: Json = {"type": "log", "domain": [low, high], "nice": False, "clamp": True}
    axis: Json = {"format": "~g", "tickCount": 5, "labelOverlap": True}
    x: Json = {"field": "measured", "type": "quantitative", "scale": scale, "axis": axis,
               "title": f"measured, {unit}"}  # fmt: skip
    y: Json = {"field": "predicted", "type": "quantitative", "scale": scale, "axis": axis,
               "title": f"predicted, {unit}"}  # fmt: skip
    colour: Json = {
        "field": "engine", "type": "nominal", "title": None,
        "scale": {"domain": list(engines), "range": list(_COLOURS[: len(engines)])},
        "legend": {"orient": "bottom", "columns": 4},
    }  # fmt: skip
    line = [{"measured": low, "predicted": low}, {"measured": high, "predicted": high}]
    bars: Json = {"x": x, "color": colour, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    points: Json = {"x": x, "y": y, "color": colour, "tooltip": _tooltip(unit)}
    rows = [_row(dot, engines) for dot in dots]
    return {
        "width": _SIDE,
        "height": _SIDE,
        "data": {"values": rows},
        "layer": [
            {
                "data": {"values": line}, "mark": {"type": "line", "color": "black",
                "strokeWidth": 1}, "encoding": {"x": x, "y": y},
            },
            {"mark": {"type": "rule", "opacity": 0.4, "strokeWidth": 2}, "encoding": bars},
            {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 0.9},
             "encoding": points},
        ],
    }  # fmt: skip


def _tooltip(unit: str) -> list[Json]:
    """Return what hovering a point tells."""
    return [
        {"field": "what", "title": "what"},
        {"field": "model", "title": "model"},
        {"field": "card", "title": "card"},
        {"field": "of_engine", "title": "engine"},
        {"field": "source", "title": "source"},
        {"field": "measured", "title": f"measured, {unit}", "format": ",.4~g"},
        {"field": "predicted", "title": f"predicted, {unit}", "format": ",.4~g"},
        {"field": "low", "title": "80 % from", "format": ",.4~g"},
        {"field": "high", "title": "to", "format": ",.4~g"},
        {"field": "error", "title": "error"},
    ]


def _row(dot: _Dot, engines: tuple[str, ...]) -> dict[str, str | float | None]:
    """Return the data of one point."""
    names, engine = dot.judged.names, _engine(dot)
    return cells(
        what=names["metric"], model=names["model"], card=names["gpu"],
        of_engine=names["runtime"], source=names["source"],
        engine=engine if engine in engines else _OTHERS, measured=dot.measured,
        predicted=dot.mid, low=max(dot.low, 0.0) or dot.mid, high=dot.high,
        error=f"{100.0 * (dot.mid / dot.measured - 1.0):+.1f} %",
    )  # fmt: skip
