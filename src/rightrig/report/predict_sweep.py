"""Predictions over the values of one quantity."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Chart, Document, Grid, Length, Paragraph
from rightrig.report.values import deployment_json, deployment_text, interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction
    from rightrig.report.schema.predicting import PredictSweepJson, SweepPointJson

_QUANTITIES = ("ttft_s", "tpot_s", "output_tokens_per_s", "requests_per_s", "power_w")
_FIELDS = {"concurrency": "concurrency", "input": "input_tokens", "output": "output_tokens"}


def sweep_document(name: str, points: Sequence[Prediction]) -> Document:
    """Return a sweep as a table and a chart; the values are middles."""
    first = points[0]
    fixed = {"input": "tokens in", "output": "tokens out", "concurrency": "users"}
    others = ", ".join(
        f"{_value(first, other):,.0f} {unit}" for other, unit in fixed.items() if other != name
    )
    headers = (
        name, "running", "TTFT", "TPOT", "output tokens/s", "requests/s", "power", "waits for",
        "memory",
    )  # fmt: skip
    most = max(point.output_tokens_per_s.mid for point in points)
    bars = tuple(
        Length(
            f"{name} {_value(point, name):,.0f}",
            point.output_tokens_per_s.mid / most,
            f"{show_number(point.output_tokens_per_s.mid)} tokens/s",
        )
        for point in points
    )
    return (
        Paragraph(deployment_text(first.deployment), "title"),
        Paragraph(f"A closed loop, {others}; middles of the intervals."),
        Grid(headers, tuple(_row(point, name) for point in points), tuple(range(7)), spare=(6, 5)),
        Chart(bars, "output tokens/s"),
        Paragraph(f"Evidence: {first.evidence}; --json and --save give the intervals.", "dim"),
    )


def _value(point: Prediction, name: str) -> float:
    """Return the value of a point's quantity."""
    if name == "concurrency":
        return point.concurrency
    return point.lengths.input_tokens if name == "input" else point.lengths.output_tokens


def _row(point: Prediction, name: str) -> tuple[str, ...]:
    """Return one point as a row."""
    power = point.power_w
    return (
        f"{_value(point, name):,.0f}",
        f"{point.running_seqs:,.0f}",
        show_seconds(point.ttft_s.mid),
        show_seconds(point.tpot_s.mid),
        show_number(point.output_tokens_per_s.mid),
        show_number(point.requests_per_s.mid),
        "–" if power is None else f"{power.mid:,.0f} W",
        point.bottleneck,
        point.fit.verdict,
    )


def sweep_json(name: str, points: Sequence[Prediction]) -> PredictSweepJson:
    """Return a sweep as JSON."""
    return {
        "deployment": deployment_json(points[0].deployment),
        "swept": _FIELDS[name],
        "evidence": points[0].evidence,
        "points": [_point_json(point) for point in points],
    }


def _point_json(point: Prediction) -> SweepPointJson:
    """Return one point as JSON."""
    return {
        "concurrency": point.concurrency,
        "input_tokens": point.lengths.input_tokens,
        "output_tokens": point.lengths.output_tokens,
        "running_seqs": point.running_seqs,
        "fit_verdict": point.fit.verdict,
        "ttft_s": interval_json(point.ttft_s),
        "tpot_s": interval_json(point.tpot_s),
        "output_tokens_per_s": interval_json(point.output_tokens_per_s),
        "requests_per_s": interval_json(point.requests_per_s),
        "power_w": None if point.power_w is None else interval_json(point.power_w),
        "bottleneck": point.bottleneck,
        "bottleneck_ratio": point.bottleneck_ratio,
        "bound_tpot_s": point.bound_tpot_s,
    }


def _interval(point: Prediction, name: str) -> Interval | None:
    """Return one of a point's quantities."""
    found: Interval | None = getattr(point, name)
    return found


def sweep_lines(points: Sequence[Prediction]) -> Iterator[str]:
    """Yield a sweep as lines of CSV, each interval in three columns."""
    for place, point in enumerate(points):
        flat: dict[str, object] = {}
        for name, value in _point_json(point).items():
            if name in _QUANTITIES:
                own = _interval(point, name)
                for end in ("low", "mid", "high"):
                    flat[f"{end}_{name}"] = "" if own is None else getattr(own, end)
            else:
                flat[name] = value
        text = io.StringIO()
        writer = csv.DictWriter(text, list(flat), lineterminator="\n")
        if place == 0:
            writer.writeheader()
        writer.writerow(flat)
        yield text.getvalue()
