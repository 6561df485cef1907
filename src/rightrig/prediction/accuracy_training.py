"""Rows of ``training``: speed and memory of training, beside their predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.measurement import positive_number
from rightrig.facts.reading import plain
from rightrig.prediction.accuracy_score import Judged
from rightrig.prediction.accuracy_words import source_project
from rightrig.prediction.training.memory import reported_bytes
from rightrig.prediction.training.reading import COLUMNS, training_run
from rightrig.prediction.training.time import measure_per_token, training_time
from rightrig.quantities import TERA

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.interval import Interval
    from rightrig.prediction.accuracy_score import Axis
    from rightrig.prediction.training.reading import TrainingMetric, TrainingRun

_UNITS: Final = {
    "tok_s_per_gpu": "tokens/s a card", "mfu": "", "tflops": "TFLOP/s a card", "peak_mem_gb": "GB",
}  # fmt: skip
"""Units of the table's columns."""
_LONGEST_NAME: Final = 60


def judge_training(row: Measurement, catalog: Catalog) -> Judged:
    """Return a row of ``training`` beside its prediction, and what else it measured likewise.

    Judged on tokens a second and card, else MFU, else TFLOP/s, else peak memory.
    """
    measured = [column for column in COLUMNS if row[column]]
    judged = Judged(
        row=row.row,
        names=_stated_names(row, measured[0] if measured else "not stated"),
        unit=_UNITS[measured[0]] if measured else "",
        measured=None,
        predicted=None,
        reason="",
    )
    try:
        run = training_run(row, catalog)
        found = tuple(_measure(judged, row, run, column) for column in measured)
    except InputError as error:
        return replace(judged, measured=_number_or_none(row, measured), reason=str(error))
    return replace(found[0], also=found[1:])


def _stated_names(row: Measurement, metric: str) -> dict[Axis, str]:
    """Return what a row is of, in its own words."""
    return {
        "gpu": plain(row["gpu"], _LONGEST_NAME) or "not stated",
        "runtime": plain(row["method"], _LONGEST_NAME) or "not stated",
        "metric": metric,
        "model": plain(row["model"], _LONGEST_NAME) or "not stated",
        "source": source_project(row["source"]),
    }


def _number_or_none(row: Measurement, measured: list[str]) -> float | None:
    """Return the value of a row that has no prediction; ``None`` where it is no number."""
    try:
        return positive_number(row[measured[0]]) if measured else None
    except InputError:
        return None


def _measure(judged: Judged, row: Measurement, run: TrainingRun, column: str) -> Judged:
    """Return one of the row's measures beside its prediction, in the column's unit."""
    job = run.job
    names: dict[Axis, str] = {
        "gpu": job.rig.gpu.slug,
        "runtime": run.kind,
        "metric": column,
        "model": job.llm.name,
        "source": run.source,
    }
    return replace(
        judged,
        names=names,
        unit=_UNITS[column],
        measured=positive_number(row[column]),
        predicted=_predicted(run, COLUMNS[column]),
        reason=run.note,
    )


def _predicted(run: TrainingRun, metric: TrainingMetric) -> Interval:
    """Return the prediction of one measure, in the table's unit."""
    if metric == "peak_memory_bytes":
        return reported_bytes(run.job).scaled(1.0 / run.memory_unit_bytes)
    each = measure_per_token(run, metric)
    unit = TERA if metric == "flop_per_s_per_card" else 1.0
    return training_time(run.job).tokens_per_s_per_card.scaled(each / unit)
