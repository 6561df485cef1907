"""The report of ``accuracy``: predictions beside measured runs, by group, and what was left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rightrig.prediction.accuracy_score import AXES
from rightrig.quantities import show_number
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.prediction.accuracy_score import Accuracy, Axis, Judged, Score
    from rightrig.report.values import Json

_LONGEST_NAME: Final = 28
_MOST_WORST: Final = 10
_HEADERS: Final = ("rows", "pred", "median", "p90", "bias", "inside", "width")


def accuracy_document(found: Accuracy) -> Document:
    """Return the summary, a table for each grouping, the worst rows and those left out."""
    pairs = found.groups("metric", "runtime")
    crossed = {f"{metric}, {runtime}": score for (metric, runtime), score in pairs.items()}
    return (
        Paragraph(_headline(found), "title"),
        Paragraph(
            "median and p90 of |predicted ÷ measured − 1|; bias: median of it with its sign; "
            "inside: measured values inside the 80 % interval; width: high ÷ low − 1.",
            "dim",
        ),
        *_grid("part, engine and version", crossed),
        *_grid("card", _named(found, "gpu")),
        *_grid("model", _named(found, "model")),
        *_grid("source", _named(found, "source")),
        *_worst(found),
        *_left_out(found),
    )


def _named(found: Accuracy, axis: Axis) -> dict[str, Score]:
    """Return the scores of one grouping."""
    return {names[0]: score for names, score in found.groups(axis).items()}


def _headline(found: Accuracy) -> str:
    """Return the whole table's score in a line."""
    total = found.summary
    text = f"{found.table}: {total.predicted} of {total.rows} rows predicted"
    if not total.predicted:
        return text
    return (
        f"{text}; error {_percent(total.median_abs_error_ratio)} in the median, "
        f"{_percent(total.p90_abs_error_ratio)} at p90; "
        f"{_percent(total.interval_hit_ratio)} inside the interval, score "
        f"{total.interval_score:.3g}"
    )


def _grid(name: str, scores: dict[str, Score]) -> Document:
    """Return one grouping as a table, below an empty line."""
    rows = tuple((_short(group), *_cells(score)) for group, score in scores.items())
    return Paragraph(""), Grid((name, *_HEADERS), rows, (1, 2, 3, 4, 5, 6, 7), spare=(7, 5))


def _cells(score: Score) -> tuple[str, ...]:
    """Return a score as cells."""
    return (
        str(score.rows),
        str(score.predicted),
        _percent(score.median_abs_error_ratio),
        _percent(score.p90_abs_error_ratio),
        _percent(score.bias_ratio, sign=True),
        _percent(score.interval_hit_ratio, digits=0),
        _percent(score.median_width_ratio, digits=0),
    )


def _percent(ratio: float | None, *, sign: bool = False, digits: int = 1) -> str:
    """Return a ratio in percent; a dash where there is none."""
    if ratio is None:
        return "–"
    text = f"{100.0 * ratio:{'+' if sign else ''}.{digits}f}"
    # An error of "-0.0" says no more than none.
    return f"{'0.0' if text in {'-0.0', '+0.0'} else text} %"


def _short(text: str) -> str:
    """Return a name that leaves room for the numbers of its line."""
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def _worst(found: Accuracy) -> Document:
    """Return the rows with the largest errors."""
    judged = [
        (abs(error), row, measured, predicted)
        for row in found.rows
        if (error := row.error_ratio) is not None
        and (measured := row.measured) is not None
        and (predicted := row.predicted) is not None
    ]
    judged.sort(key=lambda one: (-one[0], one[1].row))
    rows = tuple(_worst_cells(row, m, p) for _, row, m, p in judged[:_MOST_WORST])
    if not rows:
        return ()
    headers = ("row", "largest errors", "measured", "predicted", "error", "inside")
    return (Paragraph(""), Grid(headers, rows, (0, 2, 3, 4)))


def _worst_cells(row: Judged, measured: float, predicted: Interval) -> tuple[str, ...]:
    """Return one row beside its prediction."""
    inside = predicted.low <= measured <= predicted.high
    return (
        str(row.row),
        _short(f"{row.names['model']}, {row.names['metric']}"),
        f"{show_number(measured)} {row.unit}",
        show_number(predicted.mid),
        _percent(row.error_ratio, sign=True),
        "yes" if inside else "no",
    )


def _left_out(found: Accuracy) -> tuple[Paragraph, ...]:
    """Return the reasons of rows without a prediction, each with the rows that share it."""
    reasons: dict[str, list[int]] = {}
    for row in found.rows:
        if row.predicted is None:
            reasons.setdefault(row.reason, []).append(row.row)
    if not reasons:
        return ()
    lines = [Paragraph(""), Paragraph("Rows without a prediction:")]
    for reason, rows in reasons.items():
        some = ", ".join(str(row) for row in rows[:_MOST_WORST])
        more = f" and {len(rows) - _MOST_WORST} more" if len(rows) > _MOST_WORST else ""
        lines.append(Paragraph(f"  {some}{more}: {reason}", "warn"))
    return tuple(lines)


def accuracy_json(found: Accuracy) -> Json:
    """Return the summary, the groups and every row, in the table's order."""
    groups = {
        axis: {name: asdict(score) for name, score in _named(found, axis).items()} for axis in AXES
    }
    return {
        "table": found.table,
        "summary": asdict(found.summary),
        "groups": groups,
        "rows": [_row_json(row) for row in found.rows],
    }


def _row_json(row: Judged) -> Json:
    """Return one row as JSON."""
    return {
        "row": row.row,
        "predicted": None if row.predicted is None else row.predicted.mid,
        "low": None if row.predicted is None else row.predicted.low,
        "high": None if row.predicted is None else row.predicted.high,
        "error_ratio": row.error_ratio,
        "reason": row.reason,
    }
