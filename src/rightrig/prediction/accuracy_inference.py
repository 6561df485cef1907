"""Measured serving and inference runs beside the predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.reading import plain
from rightrig.prediction.accuracy_score import Judged
from rightrig.prediction.evidence import around, end_ratios, measured_of
from rightrig.prediction.parameters import value
from rightrig.prediction.reading_runs import METRICS
from rightrig.prediction.reading_runs_rules import first_rule
from rightrig.prediction.run_design import design_of, predicted_values
from rightrig.prediction.run_tables import planned, read_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.interval import Interval
    from rightrig.prediction.accuracy_score import Axis
    from rightrig.prediction.run_tables import PlannedRow, RunRow

_UNITS: Final = {
    "ttft_s": "s", "tpot_s": "s", "output_tokens_per_s": "tokens/s",
    "prompt_tokens_per_s": "tokens/s", "total_tokens_per_s": "tokens/s",
    "requests_per_s": "requests/s",
}  # fmt: skip
_METRICS: Final = {
    "ttft_s": "TTFT", "tpot_s": "TPOT", "output_tokens_per_s": "output tok/s",
    "prompt_tokens_per_s": "prompt tok/s", "total_tokens_per_s": "total tok/s",
    "requests_per_s": "requests/s",
}  # fmt: skip
_LONGEST_NAME: Final = 60


def judge_runs(
    measurements: Sequence[Measurement], catalog: Catalog, file: str = "inference"
) -> tuple[Judged, ...]:
    """Return every row of a table of runs with its prediction, or the reason why it has none."""
    return judge_planned([read_row(file, row, catalog) for row in measurements])


def judge_planned(rows: Sequence[RunRow]) -> tuple[Judged, ...]:
    """Return rows beside their predictions, where they have a plan."""
    runs = planned(rows)
    predictions = dict(zip((id(run.row) for run in runs), predict_runs(runs), strict=True))
    return tuple(_judged(row, predictions.get(id(row.row))) for row in rows)


def predict_runs(runs: Sequence[PlannedRow]) -> tuple[Interval, ...]:
    """Return the predictions of runs by the parameters of their machines or the shipped ones."""
    if not runs:
        return ()
    design = design_of([run.plan for run in runs])
    shipped = np.array([value(kind, key) for kind, key in design.names])
    mids = predicted_values(design, design.at(shipped))
    return tuple(around(float(mid), run_ends(run)) for mid, run in zip(mids, runs, strict=True))


def run_ends(run: PlannedRow) -> tuple[float, float]:
    """Return the ends of a run's interval over its middle.

    A rate is quick where a time is short, but both are stored as measured over predicted.
    """
    of = run.plan.run
    measured = measured_of(of.rig.gpu, run.plan.engine, of.llm.slug)
    return end_ratios(run.quantity, measured, has_experts=run.has_experts)


def _judged(row: RunRow, predicted: Interval | None) -> Judged:
    """Return a row beside its prediction."""
    if row.plan is None or predicted is None:
        return Judged(row.row.row, _stated(row), "", None, None, row.reason)
    run = row.plan.run
    names: dict[Axis, str] = {
        "gpu": run.rig.gpu.slug,
        "runtime": row.plan.engine.era,
        "metric": _METRICS[run.metric],
        "model": run.llm.name,
        "source": row.project,
    }
    return Judged(row.row.row, names, _UNITS[run.metric], run.measured, predicted, run.note)


def _stated(row: RunRow) -> dict[Axis, str]:
    """Return what a row without a prediction is of, as far as its words are known."""
    cells = row.row
    metric = METRICS.get(cells["metric"])
    runtime = first_rule("runtime", cells.__getitem__).get("slug", cells["runtime"])
    return {
        "gpu": plain(cells["gpu"], _LONGEST_NAME),
        "runtime": plain(runtime, _LONGEST_NAME),
        "metric": _METRICS[metric[0]] if metric else plain(cells["metric"], _LONGEST_NAME),
        "model": plain(cells["model"], _LONGEST_NAME),
        "source": row.project,
    }
