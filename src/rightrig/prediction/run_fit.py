"""Calibrate on whole runs: the parameters that make predicted and measured values agree.

Minimises, over the logarithms of all parameters at once,

    Σ weight · ρ(ln(predicted / measured) / 10 %) + Σ ((ln value − ln prior) / spread)²

with ``ρ(z) = 2·(√(1 + z²) − 1)``: an error counts by its square while it is small and by its size
when it is large, so that a few odd rows do not rule (``scipy.optimize.least_squares``, bounded).
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.prediction.parameters import KINDS, prior
from rightrig.prediction.run_design import Array, Design, predicted_values

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from rightrig.prediction.parameters import Prior

ERROR_RATIO: Final = 0.10
"""An error of this size counts as much as a parameter that lies one spread off its prior."""
_GROUP_ROWS: Final = 3.0
_STEP: Final = 1e-4
_WILD: Final = 3.0  # beyond a factor of e³ a row says nothing about parameters
_MARGIN: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a calibration found.

    Attributes:
        values: Of every parameter of the design.
        is_used: Whether a run speaks of it.
    """

    values: Array
    is_used: NDArray[np.bool_]


def row_weights(groups: Sequence[Hashable]) -> Array:
    """Return a weight a row: a group of ``n`` alike rows counts as ``√(3·n)`` of them.

    Else a source of thousands of rows would rule over one of thirty.
    """
    sizes = Counter(groups)
    return np.array([min(1.0, (_GROUP_ROWS / sizes[g]) ** 0.25) for g in groups])


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is minimised: runs, how much each counts, and the priors' logarithms."""

    design: Design
    weights: Array
    mids: Array
    spreads: Array

    def errors(self, logs: Array) -> Array:
        """Return ``ln(predicted / measured)`` of every run; wild ones are cut."""
        found = log_errors(self.design, np.exp(logs))
        return np.asarray(np.clip(found, -_WILD, _WILD))

    def residuals(self, logs: Array) -> Array:
        """Return the residuals of runs, and those of parameters towards their priors."""
        off = (logs - self.mids) / self.spreads
        return np.concatenate([self.weights * softened(self.errors(logs)), off])

    def jacobian(self, logs: Array) -> Any:  # noqa: ANN401 - a sparse array of scipy's
        """Return the derivatives of the residuals, one evaluation a kind of parameter."""
        from scipy.sparse import csr_array, diags_array, vstack  # noqa: PLC0415 - as in fit_runs

        design = self.design
        base = parameters(design, np.exp(logs))
        at = np.log(predicted_values(design, base))
        off = at - np.log(design.measured)
        slope = np.where(np.abs(off) >= _WILD, 0.0, self.weights * softened_slope(off))
        counted, shape = np.arange(len(at)), (len(at), len(logs))
        parts = []
        for kind in KINDS:
            moved = {**base, kind: base[kind] * np.exp(_STEP)}
            by_kind = (np.log(predicted_values(design, moved)) - at) / _STEP
            parts.append(csr_array((slope * by_kind, (counted, design.places[kind])), shape))
        by_runs = functools.reduce(operator.add, parts)
        return csr_array(vstack([by_runs, diags_array(1.0 / self.spreads)]))


def fit_runs(
    design: Design,
    weights: Array,
    *,
    start: Array | None = None,
    rounds_count: int = 30,
    prior_of: Callable[[str, str], Prior] = prior,
) -> Fitted:
    """Return the parameters that agree best with the runs of a weight above 0."""
    # Here, not above: scipy takes longer to load than a prediction takes to make.
    from scipy.optimize import least_squares  # noqa: PLC0415

    priors = [prior_of(kind, key) for kind, key in design.names]
    mids = np.log([p.mid for p in priors])
    problem = _Problem(design, weights, mids, np.array([p.spread for p in priors]))
    low = np.log([p.low for p in priors]) - _MARGIN
    high = np.log([p.high for p in priors]) + _MARGIN
    first = np.clip(mids if start is None else np.log(start), low + _MARGIN, high - _MARGIN)
    solution = least_squares(
        problem.residuals, first, jac=problem.jacobian, bounds=(low, high), method="trf",
        tr_solver="lsmr", max_nfev=rounds_count, ftol=1e-4, xtol=1e-6, gtol=1e-6,
    )  # fmt: skip
    used = np.zeros(len(design.names), dtype=np.bool_)
    for kind in KINDS:
        used[design.places[kind][weights > 0.0]] = True
    return Fitted(np.exp(solution.x), used)


def parameters(design: Design, values: Array) -> dict[str, Array]:
    """Return each kind's parameter run by run."""
    return design.at(values)


def log_errors(design: Design, values: Array) -> Array:
    """Return ``ln(predicted / measured)`` of every run."""
    predicted = predicted_values(design, parameters(design, values))
    return np.asarray(np.log(predicted / design.measured))


def softened(error: Array) -> Array:
    """Return the root of the robust loss of an error, with its sign."""
    scaled = error / ERROR_RATIO
    return np.sign(scaled) * np.sqrt(2.0 * (np.sqrt(1.0 + scaled * scaled) - 1.0))


def softened_slope(error: Array) -> Array:
    """Return the derivative of ``softened`` by the error."""
    scaled = error / ERROR_RATIO
    root = np.sqrt(1.0 + scaled * scaled)
    # For small errors both numerator and denominator vanish; their ratio goes to 1.
    size = np.sqrt(2.0 * (root - 1.0))
    ratio = np.abs(scaled) / root / np.maximum(size, _MARGIN)
    return np.where(size < _MARGIN, 1.0, ratio) / ERROR_RATIO
