"""What the store keeps of a test: figures of each level with their labels, and every request."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rightrig.errors import RightrigError
from rightrig.store.records import Served, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.store.database import Store
    from rightrig.store.records import NewRun


def served_by(deployment: Deployment, named: str | None = None) -> Served:
    """Return what serves, by the names of the catalogue; a model of no catalogue by its path.

    Args:
        deployment: What serves.
        named: How its model was named, where somebody named it.
    """
    rig, split = deployment.rig, deployment.parallelism
    return Served(
        model=str(Path(named).resolve()) if named and Path(named).exists() else deployment.llm.name,
        rig=rig.text,
        gpu=rig.gpu.slug,
        gpu_count=rig.cards_count,
        runtime=deployment.runtime.slug,
        version=deployment.version or deployment.runtime.version,
        weights=deployment.precision.weights,
        kv=deployment.precision.kv,
        tp=split.tp,
        pp=split.pp,
    )


def values_of(outcome: LevelOutcome, number: int) -> Iterator[Value]:
    """Yield the figures of a level.

    Latencies have a value a statistic; rates and shares one. All have the number of their level,
    its load, the mean lengths of prompts and answers that were counted, and whether the client
    kept up.
    """
    labels = _labels(outcome, number)
    for metric, latency in outcome.latencies.items():
        for name, statistic in latency.statistics.items():
            if math.isfinite(statistic.value_s.mid):
                yield Value(f"{metric}_s", statistic.value_s.mid, {**labels, "statistic": name})
    mean = {**labels, "statistic": "mean"}
    rates = {
        "output_tokens_per_s": outcome.output_tokens_per_s,
        "total_tokens_per_s": outcome.input_tokens_per_s + outcome.output_tokens_per_s,
        "requests_per_s": outcome.served_requests_per_s,
        "offered_requests_per_s": outcome.offered_requests_per_s,
        "goodput_requests_per_s": outcome.goodput_requests_per_s,
        "good_ratio": outcome.good_ratio,
        "error_ratio": outcome.error_ratio,
        "concurrency_mean_count": outcome.concurrency_mean_count,
    }
    for name, value in rates.items():
        if value is not None and math.isfinite(value):
            yield Value(name, value, mean)
    for kind, count in outcome.faults.items():
        yield Value("failed_count", float(count), {**labels, "fault": kind})


def _labels(outcome: LevelOutcome, number: int) -> dict[str, str | float]:
    """Return what tells the figures of one level from those of others."""
    level, samples = outcome.level, outcome.samples
    is_ok = samples.is_ok
    labels: dict[str, str | float] = {"level": float(number), "verdict": outcome.validity.verdict}
    if level.kind == "closed":
        labels["concurrency"] = float(level.concurrency)
    else:
        rate = level.rate_requests_per_s or outcome.offered_requests_per_s
        labels["rate_requests_per_s"] = rate
    if is_ok.any():
        labels["input_tokens"] = round(float(samples.input_tokens[is_ok].mean()), 3)
        labels["output_tokens"] = round(float(samples.output_tokens[is_ok].mean()), 3)
    return labels


class Keeper:
    """Keeps each level as soon as it is whole.

    A disk that fills up, or a database that goes away, ends the keeping and not the test: what
    was measured is still shown, and why it is not kept.
    """

    def __init__(self, store: Store | None = None, new: NewRun | None = None) -> None:
        """Begin a run in a store, or keep nothing without one."""
        self._store = store
        self._writer = None if store is None or new is None else store.begin(new)
        self._count = 0
        self.trouble = ""

    @property
    def run_id(self) -> int | None:
        """The number of the run in the store; ``None`` where nothing is kept."""
        return None if self._writer is None else self._writer.run_id

    def keep(self, outcome: LevelOutcome) -> None:
        """Keep one level."""
        self._count += 1
        if self._writer is None or self.trouble:
            return
        name = f"level-{self._count}"
        samples = outcome.samples
        try:
            self._writer.add(values_of(outcome, self._count))
            if len(samples):
                self._writer.keep_samples(f"{name}-requests", samples.request_columns())
            if len(samples.gaps_s):
                self._writer.keep_samples(f"{name}-gaps", samples.gap_columns())
        except RightrigError as error:
            self.trouble = f"Not kept from level {self._count} on: {error}."

    def finish(self, status: Literal["finished", "interrupted", "failed"] = "finished") -> None:
        """Say how the run has ended."""
        try:
            if self._writer is not None and not self.trouble:
                self._writer.finish(status)
        except RightrigError as error:
            self.trouble = f"The end of the run is not kept: {error}."
        finally:
            if self._store is not None:
                self._store.close()
