"""How far predicted runs lie from measured ones: in the sample, and with their like left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.accuracy_inference import predict_runs, run_ends
from rightrig.prediction.evidence import Measured, end_ratios, evidence_of, vendor_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.run_design import Array
    from rightrig.prediction.run_evidence import HeldOut
    from rightrig.prediction.run_tables import PlannedRow, RunRow

_P90: Final = 0.9
_UNSPECIFIED: Final = re.compile(
    r"has no specification|the cards are not certain|no record has its shapes"
)
# What differs from row to row in reasons that are one.
_ONE_REASON: Final = (
    (re.compile(r"^(PLA-[A-Z]+): .*"), r"\1: faster than the datasheet allows"),
    (re.compile(r"(has no specification)\b.*"), r"\1"),
    (re.compile(r"(exceed \d+%) of [^:]*: "), r"\1 of the card: "),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """All runs, predicted in one way.

    Attributes:
        log_errors: ``ln(predicted / measured)``.
        low_ratios, high_ratios: The ends of the intervals over their middles.
        evidence: What was measured near each run, as far as the prediction knew.
    """

    log_errors: Array
    low_ratios: Array
    high_ratios: Array
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """How well some runs are predicted.

    Attributes:
        median_ratio, p90_ratio: Of ``|predicted / measured − 1|``.
        bias_ratio: Median of ``predicted / measured − 1``.
        hit_ratio: Share of the measured values inside their interval of the central 80 %.
        high_low_ratio: Median of high over low.
    """

    rows_count: int
    median_ratio: float
    p90_ratio: float
    bias_ratio: float
    hit_ratio: float
    high_low_ratio: float


def in_sample(runs: Sequence[PlannedRow]) -> Judgement:
    """Return what the shipped parameters and intervals make of runs."""
    predicted = [interval.mid for interval in predict_runs(runs)]
    measured = [run.plan.run.measured for run in runs]
    ends = np.array([run_ends(run) for run in runs])
    evidence = tuple(evidence_of(run.plan.run.rig.gpu, run.plan.engine) for run in runs)
    return Judgement(np.log(np.divide(predicted, measured)), ends[:, 0], ends[:, 1], evidence)


def left_out(runs: Sequence[PlannedRow], held: HeldOut) -> Judgement:
    """Return what parameters that had not seen a run made of it, with the shipped intervals.

    An interval is that of the evidence which the runs left in gave.
    """
    ends = np.array(
        [
            end_ratios(
                run.quantity,
                Measured(run.era, vendor_of(run.plan.run.rig.gpu), evidence),
                has_experts=run.has_experts,
            )
            for run, evidence in zip(runs, held.evidence, strict=True)
        ]
    )
    return Judgement(held.log_errors, ends[:, 0], ends[:, 1], held.evidence)


def figures(judged: Judgement, places: Sequence[int]) -> Figures:
    """Return how well some runs are predicted; at least one."""
    at = list(places)
    low, high, logs = judged.low_ratios[at], judged.high_ratios[at], judged.log_errors[at]
    errors, measured = np.expm1(logs), np.exp(-logs)
    return Figures(
        len(at),
        float(np.median(np.abs(errors))),
        float(np.quantile(np.abs(errors), _P90)),
        float(np.median(errors)),
        float(np.mean((low <= measured) & (measured <= high))),
        float(np.median(high / low)),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rows are predicted, and why others are not.

    Attributes:
        specified_count: Rows whose card and model have a public specification.
        reasons: Each reason with its rows and who published them, the most frequent first.
    """

    rows_count: int
    predicted_count: int
    specified_count: int
    reasons: tuple[tuple[str, int, tuple[str, ...]], ...]

    @property
    def ratio(self) -> float:
        """Share predicted of the rows whose card and model have a public specification."""
        return self.predicted_count / self.specified_count if self.specified_count else 0.0


def coverage(rows: Sequence[RunRow]) -> Coverage:
    """Return how many rows are predicted, and why others are not."""
    refused = [row for row in rows if row.plan is None]
    counts = Counter(one_reason(row.reason) for row in refused)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    projects = {
        reason: tuple(sorted({r.project for r in refused if one_reason(r.reason) == reason}))
        for reason in counts
    }
    return Coverage(
        len(rows),
        len(rows) - len(refused),
        sum(not _UNSPECIFIED.search(row.reason) for row in rows),
        tuple((reason, count, projects[reason]) for reason, count in ordered),
    )


def one_reason(text: str) -> str:
    """Return a reason without what differs from row to row.

    >>> one_reason("the weights exceed 88% of rtx-3060-12gb: Ollama keeps a part in the host")
    'the weights exceed 88% of the card: Ollama keeps a part in the host'
    """
    for pattern, words in _ONE_REASON:
        text = pattern.sub(words, text)
    return text
