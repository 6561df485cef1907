"""The report of ``accuracy``: predictions beside measured runs, by group, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.prediction.accuracy_score import AXES, Accuracy, score
from rightrig.quantities import show_number
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.interval import Interval
    from rightrig.prediction.accuracy_score import Axis, Judged, Score
    from rightrig.report.schema.judging import (
        JudgedRowJson,
        JudgedValueJson,
        ScoreJson,
        TableAccuracyJson,
    )

_LONGEST_NAME: Final = 28
_LONGEST_REASON: Final = 110
_MOST_WORST: Final = 10
_MOST_NUMBERS: Final = 6
_NOT_PREDICTED: Final = "not predicted"
_HEADERS: Final = ("rows", "pred", "median", "p90", "bias", "inside", "width")


def accuracy_document(found: Accuracy) -> Document:
    """Return the summary, a table for each grouping, the worst rows and those left out."""
    return (
        Paragraph(_headline(found), "title"),
        Paragraph(
            "median and p90 of |predicted ÷ measured − 1|; bias: median of it with its sign; "
            "inside: measured values inside the 80 % interval; width: high ÷ low − 1.",
            "dim",
        ),
        *_grid("part, engine and version", _predicted(found, "metric", "runtime")),
        *_grid("card", _predicted(found, "gpu")),
        *_grid("model", _predicted(found, "model")),
        *_grid("source", _named(found, "source")),
        *_also(found),
        *_worst(found),
        *_left_out(found),
    )


def _also(found: Accuracy) -> Document:
    """Return the scores of what rows measured beside the value that they are judged on."""
    beside = found.also
    return _grid("measured besides", _predicted(beside, "metric", "source")) if beside.rows else ()


def accuracy_brief(found: Accuracy) -> Document:
    """Return the summary, the tables by part and by source, and the worst rows."""
    return (
        Paragraph(""),
        Paragraph(_headline(found), "title"),
        *_grid("part, engine and version", _predicted(found, "metric", "runtime")),
        *_grid("source", _named(found, "source")),
        *_worst(found),
        *_left_out(found),
    )


def _named(found: Accuracy, axis: Axis) -> dict[str, Score]:
    """Return the scores of one grouping."""
    return {names[0]: one for names, one in found.groups(axis).items()}


def _predicted(found: Accuracy, *axes: Axis) -> dict[str, Score]:
    """Return the scores of the rows that have a prediction, and one line for those without."""
    rows = [row for row in found.rows if row.predicted is not None]
    groups = Accuracy(found.table, tuple(rows)).groups(*axes)
    scores = {", ".join(names): one for names, one in groups.items()}
    refused = [row for row in found.rows if row.predicted is None]
    return scores | ({_NOT_PREDICTED: score(refused)} if refused else {})


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
    rows = tuple((_short(group), *_cells(one)) for group, one in scores.items())
    return Paragraph(""), Grid((name, *_HEADERS), rows, (1, 2, 3, 4, 5, 6, 7), spare=(7, 5))


def _cells(found: Score) -> tuple[str, ...]:
    """Return a score as cells."""
    return (
        str(found.rows),
        str(found.predicted),
        _percent(found.median_abs_error_ratio),
        _percent(found.p90_abs_error_ratio),
        _percent(found.bias_ratio, sign=True),
        _percent(found.interval_hit_ratio, digits=0),
        _percent(found.median_width_ratio, digits=0),
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
    return _shorter(text, _LONGEST_NAME)


def _shorter(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


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
    """Return, source by source, the reasons of rows without a prediction, the commonest first."""
    sources: dict[str, dict[str, list[int]]] = {}
    for row in found.rows:
        if row.predicted is None:
            reasons = sources.setdefault(row.names["source"], {})
            reasons.setdefault(_shorter(row.reason, _LONGEST_REASON), []).append(row.row)
    if not sources:
        return ()
    lines = [Paragraph(""), Paragraph("Rows without a prediction:")]
    for source, reasons in sources.items():
        total = sum(len(rows) for rows in reasons.values())
        lines.append(Paragraph(f"  {source}, {total} not predicted:"))
        ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
        lines += [Paragraph(f"    {_numbers(rows)}: {text}", "warn") for text, rows in ordered]
    return tuple(lines)


def _numbers(rows: Sequence[int]) -> str:
    """Return the numbers of some rows; of many the first, and how many there are."""
    some = ", ".join(str(row) for row in rows[:_MOST_NUMBERS])
    return f"{some} … ({len(rows)} rows)" if len(rows) > _MOST_NUMBERS else some


def accuracy_json(found: Accuracy) -> TableAccuracyJson:
    """Return the summary, the groups and every row, in the table's order."""
    table, summary = found.table, _score_json(found.summary)
    groups = {axis: _scores_json(found, axis) for axis in AXES}
    beside = _scores_json(found.also, "metric")
    rows = [_row_json(row) for row in found.rows]
    if not beside:
        return {"table": table, "summary": summary, "groups": groups, "rows": rows}
    return {
        "table": table,
        "summary": summary,
        "groups": groups,
        "also": beside,
        "rows": rows,
    }


def _scores_json(found: Accuracy, axis: Axis) -> dict[str, ScoreJson]:
    """Return the scores of one grouping as JSON."""
    return {name: _score_json(one) for name, one in _named(found, axis).items()}


def _score_json(one: Score) -> ScoreJson:
    """Return a score as JSON."""
    return {
        "rows": one.rows,
        "predicted": one.predicted,
        "coverage_ratio": one.coverage_ratio,
        "median_abs_error_ratio": one.median_abs_error_ratio,
        "p90_abs_error_ratio": one.p90_abs_error_ratio,
        "bias_ratio": one.bias_ratio,
        "interval_hit_ratio": one.interval_hit_ratio,
        "median_width_ratio": one.median_width_ratio,
        "interval_score": one.interval_score,
    }


def _row_json(row: Judged) -> JudgedRowJson:
    """Return one row as JSON; what else it measured by its column."""
    also = {one.names["metric"]: _prediction_json(one) for one in row.also}
    own = _prediction_json(row)
    told: JudgedRowJson = {
        "row": row.row,
        "predicted": own["predicted"],
        "low": own["low"],
        "high": own["high"],
        "error_ratio": own["error_ratio"],
        "reason": own["reason"],
    }
    if also:
        told["also"] = also
    return told


def _prediction_json(row: Judged) -> JudgedValueJson:
    """Return a prediction beside its measured value as JSON."""
    return {
        "predicted": None if row.predicted is None else row.predicted.mid,
        "low": None if row.predicted is None else row.predicted.low,
        "high": None if row.predicted is None else row.predicted.high,
        "error_ratio": row.error_ratio,
        "reason": row.reason,
    }
