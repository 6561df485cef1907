"""Operating points: rows of a search at their shares of the asked rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.planning.divided import divided
from rightrig.planning.evaluate import QUANTITY_OF, flows_at_rate, goals_of
from rightrig.prediction.evidence import around, p99_end_ratios
from rightrig.prediction.power import card_power_w, draw_of, working_power_w
from rightrig.prediction.regimes import next_moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Metric, Objective, Percentile
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.divided import Divided
    from rightrig.planning.evaluate import Group
    from rightrig.planning.planned import Met
    from rightrig.planning.table import Table
    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.serving import Flow

    Column = NDArray[np.float64]


def operating(table: Table, group: Group, question: Question) -> Operating:
    """Return the rows of a group at their shares of the asked rate."""
    workload, numbers = question.workload, group.numbers
    lengths = question.lengths
    # Spare engines stand by: the latency is that of the engines which carry the load.
    working = table.engines_count[numbers] - question.limits.spare_engines_count
    rate = workload.rate_requests_per_s / np.maximum(working, 1.0)
    flow = flows_at_rate(group, lengths, rate, table.capacity_seqs[numbers])
    power = _power_w(table, group, flow, lengths)
    return Operating(group, flow, power, _parts(table, group, lengths, question))


def _power_w(table: Table, group: Group, flow: Flow, lengths: Lengths) -> Column:
    """Return the mean draw of all cards; NaN where the board's power is not published."""
    running, timer = flow.running_seqs, group.timer
    gpus = table.candidates.gpus
    draws = [draw_of(gpu) for gpu in gpus]
    rows = table.rows[group.numbers]
    watts = np.array([gpu.board_power_w or np.nan for gpu in gpus])[rows["gpu"]]
    idle = np.array([draw.idle_ratio for draw in draws])[rows["gpu"]]
    floors = np.array([draw.floor_ratio for draw in draws])[rows["gpu"]]
    spent_s, spent_j = 0.0 * watts, 0.0 * watts
    for moment in next_moments(timer.pace, running, running, lengths):
        step = moment.step
        memory, compute = timer.memory_use_ratio(step), timer.use_ratio(step)
        time_s = moment.weight_ratio * timer.step_s(step)
        spent_s += time_s
        spent_j += time_s * working_power_w(watts, watts, memory, compute, floors)
    # Random arrivals keep about Poisson sequences running: an engine is empty for e^(-b) of the
    # time. A split by layers lets one card work at a time.
    layered = np.array(["layer" in runtime.splits for runtime in table.candidates.runtimes])
    stages = np.where(layered[rows["runtime"]], rows["pp"], 1)
    one = card_power_w(spent_j / spent_s, watts * idle, -np.expm1(-running) / stages)
    return np.asarray(table.engines_count[group.numbers] * rows["cards"] * one)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Divided engines of a group at their shares of the asked rate."""

    engines: Divided
    is_divided: NDArray[np.bool_]
    rate_per_s: Column
    running_seqs: Column


def _parts(table: Table, group: Group, lengths: Lengths, question: Question) -> _Parts | None:
    """Return the divided engines of a group; ``None`` where none are."""
    reading = table.prefill_count[group.numbers]
    if not reading.any():
        return None
    rate, limits = question.workload.rate_requests_per_s, question.limits
    goals = goals_of(group, question.slo, limits.confidence)
    engines = divided(group, lengths, table.capacity_seqs[group.numbers], goals)
    decoding = table.engines_count[group.numbers] - limits.spare_engines_count - reading
    share = np.where(reading > 0, rate / np.maximum(reading, 1), 0.0)
    running = engines.steady_seqs(rate / np.maximum(decoding, 1.0))
    return _Parts(engines, reading > 0, share, running)


@dataclass(frozen=True, slots=True)
class Operating:
    """A group of rows, each at its share of the asked rate.

    Attributes:
        power_w: Mean draw of all cards; NaN where the board's power is not published.
    """

    group: Group
    flow: Flow
    power_w: Column
    parts: _Parts | None

    def _tail_s(self, place: int, metric: Metric, percentile: Percentile) -> float:
        """Return the bound on a latency of one row."""
        parts = self.parts
        if parts is None or not parts.is_divided[place]:
            return float(np.asarray(self.flow.tail_s(metric, percentile))[place])
        tail = parts.engines.tail_s(metric, percentile, parts.rate_per_s, parts.running_seqs)
        return float(tail[place])

    def at(self, place: int, question: Question) -> Point:
        """Return one row's operating point."""
        measured = self.group.measured(place)
        has_experts = self.group.timer.llm.has_experts

        def tail_s(objective: Objective | None, metric: Metric) -> Interval:
            percentile: Percentile = 99 if objective is None else objective.percentile
            mid = self._tail_s(place, metric, percentile)
            ends = p99_end_ratios(QUANTITY_OF[metric], measured, has_experts=has_experts)
            return around(mid, ends)

        return Point(
            running_seqs=float(np.asarray(self.flow.running_seqs)[place]),
            ttft_mean_s=float(np.asarray(self.flow.point.ttft_mean_s)[place]),
            tpot_mean_s=float(np.asarray(self.flow.point.tpot_mean_s)[place]),
            ttft_p99_s=tail_s(None, "ttft"),
            tpot_p99_s=tail_s(None, "tpot"),
            power_w=None if np.isnan(self.power_w[place]) else float(self.power_w[place]),
            evidence=measured.evidence,
            met=met([(o, tail_s(o, o.metric)) for o in question.slo.objectives()]),
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One row at its share of the asked rate."""

    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: Interval
    tpot_p99_s: Interval
    power_w: float | None
    evidence: Evidence
    met: Met


def met(judged: Sequence[tuple[Objective, Interval]]) -> Met:
    """Return whether objectives are met at the pessimistic end, at the middle, or not."""
    if not judged:
        return "no objective"
    if all(value.high <= one.limit_s for one, value in judged):
        return "surely"
    return "likely" if all(value.mid <= one.limit_s for one, value in judged) else "not"
