"""Measured runs as the tables that ``accuracy`` and ``calibrate`` read."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.measurement import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.store.records import Run, Served, Value

MILLI_RATIO: Final = 1e3
METRICS: Final[dict[str, tuple[str, float]]] = {
    "ttft_s": ("ttft_ms", MILLI_RATIO),
    "tpot_s": ("tpot_ms", MILLI_RATIO),
    "output_tokens_per_s": ("output_tok_s_total", 1.0),
    "total_tokens_per_s": ("total_tok_s", 1.0),
    "requests_per_s": ("req_s", 1.0),
    "decode_tokens_per_s_per_seq": ("decode_tok_s_per_seq", 1.0),
}
"""Name of a figure → its metric in the table ``inference``, and what it is multiplied by."""
_LENGTHS: Final = {"input_tokens", "output_tokens"}
_SOUND: Final = "VALID"
_KINDS: Final = frozenset({"load", "tune"})


@dataclass(frozen=True, slots=True)
class InferenceTable:
    """Rows of the table ``inference``, and what has no place in it.

    Attributes:
        rows: Column → text, oldest run first.
        left_out: Reason → figures without a row for it.
    """

    rows: tuple[dict[str, str], ...]
    left_out: dict[str, int]


def inference_rows(runs: Sequence[Run]) -> tuple[dict[str, str], ...]:
    """Return the rows of the table ``inference`` that runs make; see :func:`inference_table`."""
    return inference_table(runs).rows


def inference_table(runs: Sequence[Run]) -> InferenceTable:
    """Return runs as rows of the table ``inference``.

    A row is the mean of one figure at one closed-loop level of a finished run whose server is
    known. Its source is ``mine/MACHINE``.

    Args:
        runs: In any order; those of other kinds than ``load`` and ``tune`` make no rows. What
            ``tune`` set its engine to is in the settings of the run, and not in a row.
    """
    rows: list[dict[str, str]] = []
    left_out: Counter[str] = Counter()
    for run in sorted(runs, key=lambda one: one.id):
        means = (v for v in run.values if v.name in METRICS and _is_mean(v))
        for value in means if run.new.kind in _KINDS else ():
            reason = _reason_against(run, value)
            if reason:
                left_out[reason] += 1
            else:
                rows.extend(_rows(run, value))
    return InferenceTable(tuple(rows), dict(left_out))


def is_sound(value: Value) -> bool:
    """Whether a figure is a mean, of a level that the client's own checks found sound."""
    return _is_mean(value) and value.labels.get("verdict", _SOUND) == _SOUND


def _is_mean(value: Value) -> bool:
    """Whether a figure is a mean, which it is where it does not say."""
    return value.labels.get("statistic", "mean") == "mean"


def _reason_against(run: Run, value: Value) -> str:
    """Return why a figure makes no row; empty when it does."""
    labels = value.labels
    reasons = {
        f"their run is {run.status}, not finished": run.status != "finished",
        "their run does not say what the server ran": run.new.served is None,
        f"their level is {labels.get('verdict')}": not is_sound(value),
        "an open-loop level has no concurrency": "concurrency" not in labels,
        "the lengths of the requests are not known": _LENGTHS - labels.keys() != set(),
        "they are not above zero": not value.value > 0.0,
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def _rows(run: Run, value: Value) -> Iterator[dict[str, str]]:
    """Yield the row of a figure."""
    served, labels = run.new.served, value.labels
    if served is not None:
        metric, scale_ratio = METRICS[value.name]
        cells = {
            **_served_cells(served),
            "source": f"mine/{run.new.machine}",
            "date": run.started[:10],
            "isl": _number_text(labels["input_tokens"]),
            "osl": _number_text(labels["output_tokens"]),
            "concurrency_or_batch": _number_text(labels["concurrency"]),
            "metric": metric,
            "value": _number_text(value.value * scale_ratio),
            "notes": f"closed loop; run {run.id}",
        }
        yield {column: cells.get(column, "") for column in TABLES["inference"]}


def _served_cells(served: Served) -> dict[str, str]:
    """Return what a server runs as cells."""
    return {
        "version": served.version,
        "gpu": served.gpu,
        "gpu_count": str(served.gpu_count),
        "tp": str(served.tp),
        "pp": str(served.pp),
        "interconnect": served.interconnect,
        "model": served.model,
        "weight_dtype": served.weights,
        "kv_dtype": served.kv,
        "runtime": served.runtime,
    }


def _number_text(value: str | float) -> str:
    """Return a number as a cell: whole ones without a point, others to nine digits.

    >>> _number_text(8.0), _number_text(12.3456789), _number_text("max")
    ('8', '12.3456789', 'max')
    """
    if isinstance(value, str):
        return value
    is_whole = math.isfinite(value) and value == int(value)
    return str(int(value)) if is_whole else f"{value:.9g}"
