"""The whole account of a step, where its ridge lies, and what 10 % more would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Chart, Document, Grid, Length, Paragraph
from rightrig.report.predict import predict_json, reason_blocks, speed_blocks, step_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.sensitivity import Ridge, Sensitivity
    from rightrig.prediction.step_time import Part
    from rightrig.report.schema.predicting import PredictExplainedJson

_NOTHING_RATIO = 5e-4
"""Changes below a rounded tenth of a per cent."""


def explain_document(
    result: Prediction, changes: Sequence[Sensitivity], batches: Sequence[Ridge]
) -> Document:
    """Return a prediction with everything that explains it."""
    step_s = sum(part.time_s for part in result.parts)
    rows = tuple(
        (
            part.name, show_seconds(part.time_s), f"{part.time_s / step_s:.1%}", part.resource,
            _limit_text(part),
        )
        for part in result.parts
    )  # fmt: skip
    lengths = tuple(
        Length(part.name, part.time_s / step_s, f"{part.time_s / step_s:.1%} {part.resource}")
        for part in result.parts
    )
    headers = (step_text(result), "time", "share", "waits for", "of its limit")
    return (
        *speed_blocks(result),
        Grid(headers, rows, (1, 2, 4)),
        Paragraph("Of its limit: the datasheet's least time for that work, over this time.", "dim"),
        Chart(lengths, "share of the step's time"),
        *(Paragraph(_ridge_sentence(ridge)) for ridge in batches),
        Grid(
            ("10 % more", "TTFT", "TPOT", "output tokens/s"),
            tuple(_change_row(change) for change in changes),
            (1, 2, 3),
        ),
        *reason_blocks(result),
    )


def _limit_text(part: Part) -> str:
    """Return how near a part comes to the datasheet; the host has none."""
    return "–" if part.resource == "host" else f"{part.share_of_limit_ratio:.0%}"


def _ridge_sentence(ridge: Ridge) -> str:
    """Return where the ridge lies and on which side of it the step is."""
    decides = "arithmetic decides" if ridge.is_passed else "reading them decides"
    return (
        f"Ridge batch of {ridge.part}: {ridge.ridge_rows_count:,.0f} tokens a step by the "
        f"datasheet, {ridge.achieved_rows_count:,.0f} at the rates that kernels reach; this step "
        f"has {show_number(ridge.rows_count)}, so {decides}."
    )


def _change_row(change: Sensitivity) -> tuple[str, ...]:
    """Return one row of the sensitivities."""
    ratios = (change.ttft_ratio, change.tpot_ratio, change.output_tokens_per_s_ratio)
    return (
        change.change,
        *(
            "0.0 %" if abs(r - 1.0) < _NOTHING_RATIO else f"{100 * (r - 1.0):+.1f} %"
            for r in ratios
        ),
    )


def explain_json(
    result: Prediction, changes: Sequence[Sensitivity], batches: Sequence[Ridge]
) -> PredictExplainedJson:
    """Return the same as JSON."""
    return {
        **predict_json(result),
        "ridges": [
            {
                "part": ridge.part,
                "rows_count": ridge.rows_count,
                "ridge_rows_count": ridge.ridge_rows_count,
                "achieved_rows_count": ridge.achieved_rows_count,
                "is_passed": ridge.is_passed,
            }
            for ridge in batches
        ],
        "sensitivities": [
            {
                "change": change.change,
                "ttft_ratio": change.ttft_ratio,
                "tpot_ratio": change.tpot_ratio,
                "output_tokens_per_s_ratio": change.output_tokens_per_s_ratio,
            }
            for change in changes
        ],
    }
