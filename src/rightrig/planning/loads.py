"""Loads: what the engines of every row carry, how many are taken, and what users then see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.planning.divided import SENDING, divided
from rightrig.planning.evaluate import (
    flows_at_rate,
    goals_of,
    judged_s,
    largest_loads,
    raised_ratio,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.planning.candidates import Candidates
    from rightrig.planning.constraints import Question
    from rightrig.planning.divided import Divided
    from rightrig.planning.evaluate import Group

    Column = NDArray[np.float64]

_LEAST_PARTS: Final = 2
_SLACK_RATIO: Final = 1.01
"""A little above the largest load, so that bisection ends on both sides of it."""


@dataclass(frozen=True, slots=True)
class Loads:
    """Loads, engines and latencies, a value a row; NaN where a row was not evaluated.

    Attributes:
        rate_per_s: Largest load of one undivided engine within the objectives.
        engines_count: For the traffic with headroom, spares included; infinite where none does.
        prefill_count: Of these, those that only read prompts.
        capacity_per_s: What all but the spares carry.
        judged_s: An array an objective.
        ttft_p99_s, tpot_p99_s: Bounds at the asked rate.
    """

    rate_per_s: Column
    engines_count: Column
    prefill_count: NDArray[np.int64]
    capacity_per_s: Column
    judged_s: tuple[Column, ...]
    ttft_p99_s: Column
    tpot_p99_s: Column

    @classmethod
    def empty(cls, count: int, question: Question) -> Loads:
        """Return loads of which nothing is known."""
        unknown = tuple(np.full(count, np.nan) for _ in question.slo.objectives())
        return cls(
            rate_per_s=np.zeros(count),
            engines_count=np.full(count, np.inf),
            prefill_count=np.zeros(count, dtype=np.int64),
            capacity_per_s=np.zeros(count),
            judged_s=unknown,
            ttft_p99_s=np.full(count, np.nan),
            tpot_p99_s=np.full(count, np.nan),
        )

    def fill(self, group: Group, capacity_seqs: Column, question: Question) -> None:
        """Work out the rows of a group.

        Latency may be a little worse below the largest load, where a mixture of experts shares
        less: the load that each engine will really carry is judged too.
        """
        workload, limits, slo = question.workload, question.limits, question.slo
        lengths = question.lengths
        load = largest_loads(group, lengths, capacity_seqs, slo, limits.confidence)
        each = np.asarray(load.rate_requests_per_s)
        engines = engines_count(each, question)
        working = engines - limits.spare_engines_count
        shared = workload.rate_requests_per_s / working
        # No engine carries more than its largest load; those that carry nothing are not asked.
        most = np.minimum(capacity_seqs, _SLACK_RATIO * np.asarray(load.running_seqs))
        flow = flows_at_rate(group, lengths, shared, most)
        numbers = group.numbers
        self.rate_per_s[numbers] = each
        self.engines_count[numbers] = engines
        with np.errstate(invalid="ignore"):
            self.capacity_per_s[numbers] = np.where(np.isfinite(engines), each * working, 0.0)
        found = judged_s(group, (load, flow), slo, limits.confidence)
        for column, values in zip(self.judged_s, found, strict=True):
            column[numbers] = values
        self.ttft_p99_s[numbers] = flow.tail_s("ttft", 99)
        self.tpot_p99_s[numbers] = flow.tail_s("tpot", 99)

    def may_divide(
        self, candidates: Candidates, numbers: NDArray[np.int64], question: Question
    ) -> NDArray[np.int64]:
        """Return the rows whose engines might be fewer when they are divided.

        Two engines at least are needed then, so that two cannot become fewer.
        """
        sends = np.array([runtime.slug in SENDING for runtime in candidates.runtimes])
        spares = question.limits.spare_engines_count
        many = self.engines_count[numbers] - spares > max(
            _LEAST_PARTS, question.limits.min_engines_count
        )
        return np.asarray(numbers[many & sends[candidates.rows["runtime"][numbers]]])

    def divide(self, group: Group, capacity_seqs: Column, question: Question) -> None:
        """Divide the engines of the rows of a group where that takes fewer of them."""
        workload, limits = question.workload, question.limits
        lengths = question.lengths
        goals = goals_of(group, question.slo, limits.confidence)
        found = divided(group, lengths, capacity_seqs, goals)
        reading, decoding = parts_count(found, question)
        total = np.maximum(reading + decoding, limits.min_engines_count)
        total = total + limits.spare_engines_count
        numbers = group.numbers
        fewer = total < self.engines_count[numbers]
        rate = np.where(fewer, workload.rate_requests_per_s / np.maximum(reading, 1.0), 0.0)
        running = found.steady_seqs(workload.rate_requests_per_s / np.maximum(decoding, 1.0))
        objectives = question.slo.objectives()
        raised = raised_ratio(group, objectives, limits.confidence)
        tails = [
            found.tail_s(one.metric, one.percentile, rate, running) * ratio
            for one, ratio in zip(objectives, raised, strict=True)
        ]
        for one, tail in zip(objectives, tails, strict=True):
            fewer &= tail <= one.limit_s
        where = np.flatnonzero(fewer)
        rows = numbers[where]
        for column, tail in zip(self.judged_s, tails, strict=True):
            column[rows] = tail[where]
        self.engines_count[rows] = total[where]
        self.prefill_count[rows] = reading[where].astype(np.int64)
        self.capacity_per_s[rows] = np.minimum(
            found.read_rate_per_s * reading, found.decode_rate_per_s * decoding
        )[where]
        self.ttft_p99_s[rows] = found.ttft_s(rate, 99)[where]
        self.tpot_p99_s[rows] = found.tpot_s(running, 99)[where]


def parts_count(found: Divided, question: Question) -> tuple[Column, Column]:
    """Return the reading and the decoding engines for the traffic with headroom."""
    wanted = question.wanted_requests_per_s
    reading = np.ceil(wanted / np.maximum(found.read_rate_per_s, 1e-12))
    return reading, np.ceil(wanted / np.maximum(found.decode_rate_per_s, 1e-12))


def engines_count(rate_requests_per_s: Column, question: Question) -> Column:
    """Return the engines for the traffic with headroom, warm minimum and spares.

    ``max(⌈λ·(1 + headroom) / rate⌉, minimum) + spares``; infinite where one carries nothing.
    """
    limits = question.limits
    wanted = question.wanted_requests_per_s
    engines = np.ceil(wanted / np.maximum(rate_requests_per_s, 1e-12))
    engines = np.maximum(engines, limits.min_engines_count) + limits.spare_engines_count
    return np.where(rate_requests_per_s > 0.0, engines, np.inf)
