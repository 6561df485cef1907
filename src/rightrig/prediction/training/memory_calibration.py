"""Calibrate the memory of training on published runs, and say how far off it is on others.

Minimises, over the logarithms of four parameters,

    Σ ρ(ln(predicted / measured) / 5 %) + Σ ((ln value − ln prior) / ln spread)²

with ``ρ(z) = 2·(√(1 + z²) − 1)``, so that rows whose words leave out what was run (LLaMA-Adapter
v2 among v1) do not rule. Priors are what the formulas say.
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.accuracy_score import quantile
from rightrig.prediction.training.memory import reported_bytes
from rightrig.prediction.training.memory_parameters import FILE, FITTED, memory_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rightrig.prediction.training.memory_parameters import MemoryParameters
    from rightrig.prediction.training.reading import TrainingRun

ERROR_RATIO: Final = 0.05
"""An error of this size counts as much as a parameter that lies one spread off its prior."""
_INSIDE_RATIO: Final = 0.8
_LEAST_SPREAD_RATIO: Final = 1.1
"""One source alone cannot say how far others lie off."""


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """A run whose memory was measured.

    Attributes:
        measured_bytes: Of the fullest card, as the run's framework prints it.
    """

    run: TrainingRun
    measured_bytes: float


@dataclass(frozen=True, slots=True)
class HeldOutMemory:
    """How far off predictions are for sources that the parameters were not fitted on.

    Attributes:
        error_ratios: ``predicted / measured − 1`` of every row, by source.
        spread_ratio: The factor round the middle that holds 80 % of them, by method.
    """

    error_ratios: Mapping[str, Sequence[float]]
    spread_ratio: Mapping[str, float]

    @property
    def median_error_ratio(self) -> float:
        """Median size of all errors."""
        return median(abs(error) for errors in self.error_ratios.values() for error in errors)


def memory_rows(runs: Sequence[TrainingRun]) -> tuple[MemoryRow, ...]:
    """Return the runs that state their memory."""
    found = []
    for run in runs:
        values = {run.metric: run.measured, **run.also}
        if "peak_memory_bytes" in values:
            found.append(MemoryRow(run, values["peak_memory_bytes"]))
    return tuple(found)


def fit_memory(rows: Sequence[MemoryRow]) -> dict[str, float]:
    """Return the fitted parameters by name; their priors where no row speaks of them.

    Rows of jobs that keep states in host memory are left out: how much of them a framework holds
    on the card for a while says nothing about activations.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415 - slow to import

    priors = tomllib.loads(FILE.read_text(encoding="utf-8"))["fitted"]
    mids = np.log([priors[name]["prior"] for name in FITTED])
    spreads = np.log([priors[name]["spread_ratio"] for name in FITTED])

    here = [row for row in rows if row.run.job.states.offload == "none"]

    def residuals_ratio(logs_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        known = memory_parameters().fitted_as(_named(logs_ratio))
        errors = np.array([_soft_ratio(log_error_ratio(row, known) / ERROR_RATIO) for row in here])
        return np.concatenate([errors, (logs_ratio - mids) / spreads])

    found = least_squares(residuals_ratio, mids, x_scale=0.1)
    return _named(found.x)


def _named(logs_ratio: NDArray[np.float64]) -> dict[str, float]:
    """Return parameters by name from their logarithms."""
    return {name: float(value) for name, value in zip(FITTED, np.exp(logs_ratio), strict=True)}


def _soft_ratio(scaled_ratio: float) -> float:
    """Return what squared is ``2·(√(1 + z²) − 1)``, with its sign."""
    return math.copysign(math.sqrt(2.0 * (math.hypot(1.0, scaled_ratio) - 1.0)), scaled_ratio)


def log_error_ratio(row: MemoryRow, known: MemoryParameters) -> float:
    """Return ``ln(predicted / measured)`` of a row."""
    return math.log(reported_bytes(row.run.job, known).mid / row.measured_bytes)


def hold_out_sources(rows: Sequence[MemoryRow]) -> HeldOutMemory:
    """Return the errors of every source by parameters fitted on the others."""
    errors: dict[str, list[float]] = defaultdict(list)
    by_method: dict[str, list[float]] = defaultdict(list)
    for source in sorted({row.run.source for row in rows}):
        others = [row for row in rows if row.run.source != source]
        known = memory_parameters().fitted_as(fit_memory(others))
        for row in rows:
            if row.run.source == source:
                error = log_error_ratio(row, known)
                errors[source].append(math.expm1(error))
                by_method[row.run.job.method].append(abs(error))
    spreads = {
        method: max(_LEAST_SPREAD_RATIO, math.exp(quantile(found, _INSIDE_RATIO)))
        for method, found in by_method.items()
    }
    return HeldOutMemory(dict(errors), spreads)
