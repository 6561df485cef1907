"""From records of requests to statistics: exact for millions, by sketches for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.interval import Interval
from rightrig.simulation.gaps import bin_edges_s, gap_percentiles_s
from rightrig.simulation.layout import SERVED
from rightrig.simulation.outcome import STATISTICS, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rightrig.demand.objective import Slo
    from rightrig.simulation._rows import Rows
    from rightrig.simulation.outcome import Latency

KEPT_REQUESTS: Final = 4_000_000
"""Records that are kept; of more, only sums and sketches."""
BATCHES: Final = 20
_T_90_RATIO: Final = 1.328
"""Student's t at 90 % for 19 degrees of freedom: the central 80 % of batch means."""
_PERCENTILES: Final = np.array([50.0, 90.0, 95.0, 99.0, 99.9])
_SKETCH_SIZE: Final = 40
METRICS: Final[dict[str, Callable[[Any], NDArray[np.float64]]]] = {
    "ttft": lambda r: r["first_s"] - r["arrival_s"],
    "answer": lambda r: r["answer_s"] - r["arrival_s"],
    "tpot": lambda r: (r["finish_s"] - r["first_s"]) / np.maximum(r["output"] - 1, 1),
    "e2e": lambda r: r["finish_s"] - r["arrival_s"],
    "wait": lambda r: r["scheduled_s"] - r["arrival_s"],
}
"""Metrics of a request, from its record; ``tpot`` of answers of two tokens and more."""


def values_of_s(metric: str, records: Any) -> NDArray[np.float64]:  # noqa: ANN401 - structured array
    """Return a metric of requests that were served."""
    if metric == "tpot":
        records = records[records["output"] > 1]
    return METRICS[metric](records)


def are_good(records: Any, slo: Slo) -> NDArray[np.bool_]:  # noqa: ANN401 - structured array
    """Return which requests were served within every limit of an objective.

    A limit holds for each request by itself, whatever its percentile; ``itl`` is of pairs of
    tokens and not known for a request.
    """
    good = records["status"] == SERVED
    for metric, _, limit_s in slo.objectives():
        if metric != "itl":
            with np.errstate(invalid="ignore"):
                good &= METRICS[metric](records) <= limit_s
    return np.asarray(good)


def latency_of(values_s: NDArray[np.float64]) -> Latency:
    """Return mean and percentiles of values in the order of arrival, with batch means.

    The interval of a statistic comes from its spread over 20 batches of requests in a row,
    ``±t₀.₉·s/√20`` (Law and Kelton, batch means): requests near each other are alike, so that
    counting them as independent would be too sure.

    Source: Law and Kelton (Simulation Modeling and Analysis), as textbooks have it. Validity: a
    steady state; batches much longer than the waits.
    """
    if len(values_s) == 0:
        return {}
    mids = _statistics_s(values_s)
    batches = [part for part in np.array_split(values_s, BATCHES) if len(part)]
    return _with_spread(mids, [_statistics_s(part) for part in batches])


def _with_spread(mids: Any, rows: Any) -> Latency:  # noqa: ANN401 - a row of numbers, and rows
    """Return statistics with the intervals that their values in batches give."""
    spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(len(mids))
    halves = _T_90_RATIO * spread / np.sqrt(len(rows))
    return {
        name: Quantity(mid, Interval(max(mid - half, 0.0), mid, mid + half))
        for name, mid, half in zip(STATISTICS, map(float, mids), map(float, halves), strict=True)
    }


def _statistics_s(values_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean and the percentiles."""
    return np.concatenate(([values_s.mean()], np.percentile(values_s, _PERCENTILES)))


def gap_latency(gaps: Rows) -> Latency:
    """Return statistics of the times between tokens, counted in spans of time."""
    whole = gaps.sum(axis=0)
    if whole.sum() == 0.0:
        return {}
    mids = _gap_statistics_s(whole)
    rows = [_gap_statistics_s(row) for row in gaps if row.sum() > 0.0]
    return _with_spread(mids, rows)


def _gap_statistics_s(gaps: Rows) -> NDArray[np.float64]:
    """Return the mean and the percentiles of a histogram."""
    edges = bin_edges_s()
    mean = float((gaps * 0.5 * (edges[1:] + edges[:-1])).sum() / gaps.sum())
    return np.concatenate(([mean], gap_percentiles_s(gaps, _PERCENTILES)))


class Collector:
    """Takes records as they come and forgets what it does not need."""

    def __init__(self, requests_count: int, slo: Slo, reasons: bool) -> None:  # noqa: FBT001
        """Prepare for some requests.

        Args:
            requests_count: All that will come.
            slo: Objectives that make a request good.
            reasons: Whether some requests reason before they answer.
        """
        self.is_exact = requests_count <= KEPT_REQUESTS
        self.slo = slo
        self.metrics = [m for m in METRICS if m != "answer" or reasons]
        self.statuses = np.zeros(4, np.int64)
        self.good_count = 0
        self.input_tokens = self.output_tokens = self.cached_tokens = 0
        self.first_s, self.last_s = np.inf, 0.0
        self._parts: list[Any] = []
        self._batch_size = max(-(-requests_count // BATCHES), 1)
        self._sketches: dict[str, list[Any]] = {}
        self._sums: dict[str, NDArray[np.float64]] = {}
        if not self.is_exact:
            self._prepare_sketches()

    def _prepare_sketches(self) -> None:
        """Prepare a sketch for every metric and batch."""
        from datasketches import req_floats_sketch  # noqa: PLC0415 - long runs only

        for metric in self.metrics:
            self._sketches[metric] = [req_floats_sketch(_SKETCH_SIZE, True) for _ in range(BATCHES)]  # noqa: FBT003
            self._sums[metric] = np.zeros((BATCHES, 2))

    def take(self, records: Any) -> None:  # noqa: ANN401 - structured array
        """Count records; the array may be used again afterwards."""
        if not len(records):
            return
        self.statuses += np.bincount(records["status"], minlength=4)
        self.first_s = min(self.first_s, float(records["arrival_s"].min()))
        self.last_s = max(self.last_s, float(records["finish_s"].max()))
        self.good_count += int(are_good(records, self.slo).sum())
        served = records[records["status"] == SERVED]
        self.input_tokens += int(served["input"].sum(dtype=np.int64))
        self.output_tokens += int(served["output"].sum(dtype=np.int64))
        self.cached_tokens += int(served["cached"].sum(dtype=np.int64))
        if self.is_exact:
            self._parts.append(records.copy())
        else:
            self._sketch(served)

    def _sketch(self, served: Any) -> None:  # noqa: ANN401 - structured array
        """Add served requests to the sketches of their batches."""
        batches = served["row"] // self._batch_size
        for batch in np.unique(batches):
            own = served[batches == batch]
            for metric in self.metrics:
                values = values_of_s(metric, own)
                self._sketches[metric][batch].update(values.astype(np.float32))
                self._sums[metric][batch] += values.sum(), len(values)

    def records(self) -> Any:  # noqa: ANN401 - structured array
        """Return all records in the order of the requests."""
        whole = np.concatenate(self._parts)
        self._parts = [whole[np.argsort(whole["row"], kind="stable")]]
        return self._parts[0]

    def latencies(self) -> dict[str, Latency]:
        """Return statistics of every metric."""
        if self.is_exact:
            records = self.records()
            served = records[records["status"] == SERVED]
            found = {metric: latency_of(values_of_s(metric, served)) for metric in self.metrics}
        else:
            found = {metric: self._sketched(metric) for metric in self.metrics}
        return {metric: latency for metric, latency in found.items() if latency}

    def _sketched(self, metric: str) -> Latency:
        """Return statistics of a metric from its sketches."""
        from datasketches import req_floats_sketch  # noqa: PLC0415 - long runs only

        whole = req_floats_sketch(_SKETCH_SIZE, True)  # noqa: FBT003
        rows = []
        for sketch, (total, count) in zip(self._sketches[metric], self._sums[metric], strict=True):
            if count:
                whole.merge(sketch)
                rows.append([total / count, *sketch.get_quantiles(list(_PERCENTILES / 100.0))])
        if not rows:
            return {}
        total, count = self._sums[metric].sum(axis=0)
        mids = [total / count, *whole.get_quantiles(list(_PERCENTILES / 100.0))]
        return _with_spread(mids, rows)
