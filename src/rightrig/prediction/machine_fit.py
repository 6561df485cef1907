"""What the runs of one machine make of its parameters.

The same fit as on published runs (:mod:`rightrig.prediction.run_fit`), with what those made of
each parameter as its prior, and only the parameters moved that belong to a machine
(``data/machine.toml``). One card under one era of an engine is one fit. Its intervals come from
loads that were left out.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.measured_here import MeasuredHere
from rightrig.prediction.accuracy_inference import predict_runs
from rightrig.prediction.calibration import Move
from rightrig.prediction.own_runs import plan_own, unrefined
from rightrig.prediction.parameters import Prior, tables, value
from rightrig.prediction.run_design import design_of
from rightrig.prediction.run_fit import fit_runs, log_errors, softened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.prediction.own_runs import OwnFigure
    from rightrig.prediction.run_design import Array, Design
    from rightrig.prediction.run_fit import Fitted
    from rightrig.prediction.run_tables import PlannedRow

_FIXED_SPREAD: Final = 1e-4
_LEAST_LEVELS: Final = 3
"""Loads from which on each may be left out in turn."""
_LEAST_HALF_LOG: Final = 0.05
"""No interval is narrower than ± 5 %: runs of one machine repeat no better on other days."""
_IN_SAMPLE_HALF_LOG: Final = 0.20
_SAME_RATIO: Final = 0.005
_ROUNDS_COUNT: Final = 60
_STARTS_RATIO: Final = (1.0, 30.0, 1000.0)


@dataclass(frozen=True, slots=True)
class MachineFit:
    """What the runs of one engine on one card of a machine made of its parameters.

    Attributes:
        here: For the file of the machine.
        moves: Parameters that moved from what published runs say, the most moved first.
        before_ratio, after_ratio: Median of the absolute error, by published runs and refitted.
        left_out_ratio: The same of loads that were left out; ``None`` for too few loads.
    """

    here: MeasuredHere
    moves: tuple[Move, ...]
    before_ratio: float
    after_ratio: float
    left_out_ratio: float | None


def fit_machine(figures: Sequence[OwnFigure]) -> tuple[MachineFit, ...]:
    """Return a fit for each card and era of an engine that some measured values are of."""
    runs: dict[tuple[str, str], list[PlannedRow]] = defaultdict(list)
    for figure in unrefined(figures):
        run = plan_own(figure)
        runs[run.card, run.era].append(run)
    return tuple(_fit(card, era, found) for (card, era), found in sorted(runs.items()))


def machine_prior(kind: str, key: str) -> Prior:
    """Return what a parameter of a machine is before its own runs speak."""
    published = value(kind, key)
    free = tables("machine").get(kind)
    if free is None:
        return Prior(published, _FIXED_SPREAD, published / 2.0, published * 2.0)
    mid, (low, high) = float(free.get("mid", published)), free["ratios"]
    least = float(free.get("least", 0.0))
    return Prior(max(mid, least), float(free["spread"]), max(mid * low, least), mid * high)


def _fit(card: str, era: str, runs: Sequence[PlannedRow]) -> MachineFit:
    """Return the fit of one card under one era."""
    design = design_of([run.plan for run in runs])
    fitted = _fitted(design, np.ones(len(runs)))
    errors = log_errors(design, fitted.values)
    left_out = _left_out(design, runs)
    before = [
        np.log(predicted.mid / run.plan.run.measured)
        for run, predicted in zip(runs, predict_runs(runs), strict=True)
    ]
    own = _own(design, fitted)
    here = MeasuredHere(
        card=card,
        era=era,
        models=tuple(sorted({run.plan.run.llm.slug for run in runs})),
        parameters={move.kind: move.after for move in own},
        ends=_ends(runs, errors if left_out is None else left_out, is_held=left_out is not None),
        runs_count=len(runs),
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    )
    moved = [move for move in own if abs(move.change_ratio) > _SAME_RATIO]
    return MachineFit(
        here,
        tuple(sorted(moved, key=lambda move: -abs(np.log(move.after / move.before)))),
        _median_ratio(before),
        _median_ratio(errors),
        None if left_out is None else _median_ratio(left_out),
    )


def _fitted(design: Design, weights: Array) -> Fitted:
    """Return the parameters that agree best with runs of a machine: the best of some starts.

    Where the host's work a sequence is far from the prior, no small step from there shows it.
    """
    mids = np.array([machine_prior(kind, key).mid for kind, key in design.names])
    is_sequence = np.array([kind == "sequence_s" for kind, _ in design.names])
    found = [
        fit_runs(
            design, weights, start=np.where(is_sequence, ratio * mids, mids),
            rounds_count=_ROUNDS_COUNT, prior_of=machine_prior,
        )
        for ratio in _STARTS_RATIO
    ]  # fmt: skip
    return min(found, key=lambda fitted: _cost(design, weights, fitted))


def _cost(design: Design, weights: Array, fitted: Fitted) -> float:
    """Return what a fit minimises (:mod:`rightrig.prediction.run_fit`)."""
    priors = [machine_prior(kind, key) for kind, key in design.names]
    off = [
        np.log(after / before.mid) / before.spread
        for after, before in zip(fitted.values, priors, strict=True)
    ]
    errors = weights * softened(log_errors(design, fitted.values))
    return float(np.sum(errors * errors) + np.sum(np.square(off)))


def _own(design: Design, fitted: Fitted) -> tuple[Move, ...]:
    """Return the parameters of the machine that its runs speak of."""
    return tuple(
        Move(kind, key, value(kind, key), float(after))
        for (kind, key), after in zip(design.names, fitted.values, strict=True)
        if kind in tables("machine")
    )


def _left_out(design: Design, runs: Sequence[PlannedRow]) -> Array | None:
    """Return the errors of runs whose load was left out of the fit; ``None`` for few loads."""
    levels = [(r.plan.run.seqs, r.plan.run.input_tokens, r.plan.run.output_tokens) for r in runs]
    distinct = sorted(set(levels))
    if len(distinct) < _LEAST_LEVELS:
        return None
    found = np.zeros(len(runs))
    for level in distinct:
        unseen: NDArray[np.bool_] = np.array([one == level for one in levels])
        fitted = _fitted(design, np.where(unseen, 0.0, 1.0))
        found[unseen] = log_errors(design, fitted.values)[unseen]
    return found


def _ends(
    runs: Sequence[PlannedRow], errors: Array, *, is_held: bool
) -> dict[str, tuple[float, float]]:
    """Return the ends of the central 80 % over the middle, by quantity.

    ``exp(± t₀.₉(n − 1) · rms · √(1 + 1/n))`` of the errors' logarithms, at least ± 5 %; of errors
    in sample, at least ± 20 %.
    """
    from scipy.stats import t  # noqa: PLC0415 - scipy takes longer to load than a prediction takes

    found = {}
    for quantity in sorted({run.quantity for run in runs}):
        own = np.array([e for run, e in zip(runs, errors, strict=True) if run.quantity == quantity])
        count = len(own)
        spread = float(np.sqrt(np.mean(own * own)))
        half = float(t.ppf(0.9, max(count - 1, 1))) * spread * float(np.sqrt(1.0 + 1.0 / count))
        half = max(half, _LEAST_HALF_LOG if is_held else _IN_SAMPLE_HALF_LOG)
        found[str(quantity)] = (float(np.exp(-half)), float(np.exp(half)))
    return found


def _median_ratio(errors: Sequence[float] | Array) -> float:
    """Return the median of absolute errors, as a ratio of the measured."""
    return float(np.median(np.abs(np.exp(np.asarray(errors)) - 1.0)))
