"""Charts of fine-tuning: memory of a card by part, and speed over numbers of cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIB
from rightrig.report.charting import BLUE, VERMILION, WIDTH, cells, chart_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.finetuning.methods import Run
    from rightrig.prediction.training.scaling import ScalingCurve
    from rightrig.report.values import Json

_HEIGHT: Final = 340
_ROW_HEIGHT: Final = 70


def memory_chart(runs: Sequence[Run]) -> Json:
    """Return what fills a card, one bar a method, and what the card has."""
    first = runs[0].found
    rows = [
        cells(
            method=run.found.job.method,
            part=part.name.replace("_", " "),
            gib=part.size_bytes.mid / GIB,
            place=float(place),
        )
        for run in runs
        for place, part in enumerate(run.found.memory.parts)
    ]
    head = chart_head(
        f"{first.job.llm.name} on {first.job.rig.text}: memory of the fullest card",
        (
            "Each method as it is fastest, or in its least form where it does not fit.",
            "Line: what the card has.",
        ),
    )
    bars = {
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "y": {"field": "method", "type": "nominal", "title": None, "sort": None},
            "x": {"field": "gib", "type": "quantitative", "title": "GiB", "stack": "zero"},
            "color": {"field": "part", "type": "nominal", "title": None, "sort": None},
            "order": {"field": "place", "type": "quantitative"},
        },
    }
    line = {
        "data": {"values": [cells(gib=first.memory.budget_bytes.mid / GIB)]},
        "mark": {"type": "rule", "color": VERMILION, "strokeWidth": 2},
        "encoding": {"x": {"field": "gib", "type": "quantitative"}},
    }
    height = _ROW_HEIGHT * len(runs)
    return {**head, "width": WIDTH, "height": height, "layer": [bars, line]}


def scaling_chart(curve: ScalingCurve) -> Json:
    """Return tokens a second over cards, with the interval and the straight line."""
    first = curve.points[0]
    linear = first.time.tokens_per_s.mid / first.cards_count
    rows = [
        cells(
            cards=float(point.cards_count),
            low=point.time.tokens_per_s.low,
            mid=point.time.tokens_per_s.mid,
            high=point.time.tokens_per_s.high,
            linear=linear * point.cards_count,
        )
        for point in curve.points
    ]
    job = first.time.job
    x = {
        "field": "cards", "type": "quantitative", "title": "cards",
        "scale": {"type": "log", "base": 2},
        "axis": {"values": [point.cards_count for point in curve.points], "format": "d"},
    }  # fmt: skip
    y = {"type": "quantitative", "title": "tokens/s", "scale": {"type": "log"}}
    head = chart_head(
        f"{job.llm.name}, {job.method}: speed over cards of {job.rig.gpu.slug}",
        ("Each rank keeps its batch. Band: central 80 %; dashed: as fast a card as the fewest.",),
    )
    layers = [
        {
            "mark": {"type": "area", "opacity": 0.2, "color": BLUE},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.5, "color": BLUE, "point": {"color": BLUE}},
            "encoding": {"x": x, "y": {**y, "field": "mid"}},
        },
        {
            "mark": {"type": "line", "strokeDash": [4, 4], "color": VERMILION},
            "encoding": {"x": x, "y": {**y, "field": "linear"}},
        },
    ]
    return {**head, "width": WIDTH, "height": _HEIGHT, "data": {"values": rows}, "layer": layers}
