"""How fast every model of a list is on its cards, all at once: ``predict`` for hundreds of models.

The numbers are those of ``prediction.predict``, through the same functions: only the steps of all
models are worked out side by side (``work.flat_steps``), and cards and links once for engines that
are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.parallelism import tp_reason
from rightrig.planning.survey.speeds_groups import groups_of
from rightrig.prediction.evidence import (
    end_ratios,
    highest_tokens_per_s,
    low_end_s,
    p99_end_ratios,
)
from rightrig.prediction.operating_point import operating_points
from rightrig.prediction.regimes import Lengths, decode_step
from rightrig.prediction.serving import at_rate
from rightrig.work.flat_steps import FlatKey, FlatTables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.llm import Llm
    from rightrig.planning.survey.speeds_groups import Group
    from rightrig.prediction.evidence import Evidence, Quantity
    from rightrig.work.flat_operators import Amounts, Table
    from rightrig.work.operators import Floats

    Column = NDArray[np.float64]

LOW, MID, HIGH = range(3)
"""Rows of an array of intervals."""
_CARRIED_RATIO: Final = 0.999
"""An engine that serves less than this share of its requests falls behind; the bisection for its
operating point is closer than that."""
_USUAL_RANKS: Final = (1, 2, 4, 8)
_TABLES: Final = FlatTables()


@dataclass(frozen=True, slots=True)
class ManySpeeds:
    """What deployments do under a closed loop of users: arrays, an element a deployment.

    NaN where the speed is not modelled. Intervals have a first axis: ``LOW``, ``MID``, ``HIGH``.

    Attributes:
        running_seqs: Sequences that run at once over all replicas.
        rate_requests_per_s: Requests finished.
        ttft_s, tpot_s: Means.
        evidence: How close measured runs are; ``None`` where nothing is known.
    """

    running_seqs: Column
    rate_requests_per_s: Column
    ttft_s: Column
    tpot_s: Column
    output_tokens_per_s: Column
    evidence: tuple[Evidence | None, ...]


@dataclass(frozen=True, slots=True)
class ManyFlows:
    """What deployments do at a rate of random arrivals: arrays, an element a deployment.

    NaN where the speed is not modelled. Intervals have a first axis: ``LOW``, ``MID``, ``HIGH``.

    Attributes:
        is_saturated: Where requests come quicker than they are served; the TTFT has no end.
        running_seqs: Mean sequences that run at once over all replicas.
        rate_requests_per_s: Requests served.
        ttft_p99_s, tpot_p99_s: Analytic bounds of the 99th percentiles.
        evidence: How close measured runs are; ``None`` where nothing is known.
    """

    is_saturated: NDArray[np.bool_]
    running_seqs: Column
    rate_requests_per_s: Column
    ttft_mean_s: Column
    tpot_mean_s: Column
    ttft_p99_s: Column
    tpot_p99_s: Column
    evidence: tuple[Evidence | None, ...]


class _LengthsOfMany(Lengths):
    """Lengths of many deployments: arrays with an element each."""

    __slots__ = ()

    @property
    def read_tokens(self) -> float:
        """Tokens of a prompt that are read, of each (``Lengths.read_tokens``)."""
        read: float = np.maximum(self.input_tokens - self.cached_tokens, 1.0)
        return read


def _lengths_of(lengths: Sequence[Lengths], places: Sequence[int]) -> Lengths:
    """Return the lengths of some deployments as arrays; as they are where all share them."""
    first = lengths[places[0]]
    if all(lengths[place] is first for place in places):
        return first
    columns = {
        field.name: np.array([getattr(lengths[place], field.name) for place in places])
        for field in fields(Lengths)
    }
    return _LengthsOfMany(**columns)  # type: ignore[arg-type] # arrays stand for numbers


def speeds_of_many(
    deployments: Sequence[Deployment],
    lengths: Sequence[Lengths],
    users_seqs: Floats,
    capacity_seqs: Column,
) -> ManySpeeds:
    """Return the speed of deployments with users who wait for their answers (``predict``).

    Args:
        deployments: Of any models, rigs and runtimes, without drafts and adapters.
        lengths: Prompt and answer of each.
        users_seqs: Users, of all or of each, over all replicas.
        capacity_seqs: Sequences that the memory of each holds over all replicas
            (``fit(…).max_concurrency``); NaN for what is not asked, as where layers lie in host
            memory.
    """
    count = len(deployments)
    users = np.broadcast_to(np.asarray(users_seqs, dtype=float), count)
    capacity = np.maximum(capacity_seqs, 1.0)
    running, rate = np.full((2, count), np.nan)
    ttft, tpot, output = np.full((3, 3, count), np.nan)
    evidence: list[Evidence | None] = [None] * count
    for group in groups_of(deployments, np.flatnonzero(~np.isnan(capacity)).tolist(), _TABLES):
        at, timer = group.places, group.timer
        own = _lengths_of(lengths, at.tolist())
        point = operating_points(timer, own, users[at], capacity[at], group.replicas_count)
        bound = timer.bound_s(decode_step(timer.pace, point.engine_seqs, own)) / own.accepted_count
        running[at], rate[at] = point.running_seqs, point.rate_requests_per_s
        ttft[:, at] = _around(point.ttft_s, _ends_ratio(group, "ttft"))
        ends = _ends_ratio(group, "tpot")
        tpot[:, at] = _around(point.tpot_s, ends)
        tpot[LOW, at] = low_end_s(point.tpot_s, ends[0], bound)
        made = point.rate_requests_per_s * own.output_tokens
        output[:, at] = _around(made, _ends_ratio(group, "throughput"))
        quicker = tpot[MID, at] / tpot[LOW, at]
        most = highest_tokens_per_s(made, quicker, point.running_seqs / bound)
        output[HIGH, at] = np.minimum(output[HIGH, at], most)
        _tell(group, evidence)
    return ManySpeeds(running, rate, ttft, tpot, output, tuple(evidence))


def flows_of_many(
    deployments: Sequence[Deployment],
    lengths: Sequence[Lengths],
    rate_requests_per_s: Floats,
    capacity_seqs: Column,
) -> ManyFlows:
    """Return what each deployment does when requests come at a rate (``serving.at_rate``).

    Its replicas share the rate and what memory holds evenly; for the rest see ``speeds_of_many``.
    """
    count = len(deployments)
    asked = np.broadcast_to(np.asarray(rate_requests_per_s, dtype=float), count)
    capacity = np.maximum(capacity_seqs, 1.0)
    saturated = np.zeros(count, dtype=bool)
    running, served = np.full((2, count), np.nan)
    ttft, tpot, last_ttft, last_tpot = np.full((4, 3, count), np.nan)
    evidence: list[Evidence | None] = [None] * count
    for group in groups_of(deployments, np.flatnonzero(~np.isnan(capacity)).tolist(), _TABLES):
        at, timer, replicas = group.places, group.timer, group.replicas_count
        own = _lengths_of(lengths, at.tolist())
        held = np.maximum(capacity[at] / replicas, 1.0)
        flow = at_rate(timer, own, asked[at] / replicas, held)
        point = flow.point
        running[at], served[at] = flow.running_seqs * replicas, point.rate_requests_per_s * replicas
        saturated[at] = (served[at] < _CARRIED_RATIO * asked[at]) | ~np.isfinite(flow.fixed_s)
        endless = np.where(saturated[at], np.inf, 0.0)
        ttft[:, at] = _around(point.ttft_mean_s + endless, _ends_ratio(group, "ttft"))
        tpot[:, at] = _around(point.tpot_mean_s, _ends_ratio(group, "tpot"))
        last_ttft[:, at] = _around(point.ttft_p99_s + endless, _p99_ends_ratio(group, "ttft"))
        last_tpot[:, at] = _around(point.tpot_p99_s, _p99_ends_ratio(group, "tpot"))
        _tell(group, evidence)
    return ManyFlows(saturated, running, served, ttft, tpot, last_ttft, last_tpot, tuple(evidence))


def _ends_ratio(group: Group, quantity: Quantity) -> Column:
    """Return both ends of a quantity's intervals over their middles."""
    return group.ends_ratio(lambda own, experts: end_ratios(quantity, own, has_experts=experts))


def _p99_ends_ratio(group: Group, quantity: Quantity) -> Column:
    """Return the same for bounds of the 99th percentile."""
    return group.ends_ratio(lambda own, experts: p99_end_ratios(quantity, own, has_experts=experts))


def _around(middles: Amounts, ends_ratio: Column) -> Table:
    """Return the intervals around some middles (``evidence.around``)."""
    return np.array([middles * ends_ratio[0], middles, middles * ends_ratio[1]])


def _tell(group: Group, evidence: list[Evidence | None]) -> None:
    """Write down how close measured runs are to each deployment of a group."""
    for place, kind in zip(group.places.tolist(), group.kinds.tolist(), strict=True):
        evidence[place] = group.measured[kind].evidence


def warm(llms: Iterable[Llm], ranks: Sequence[int] = _USUAL_RANKS) -> None:
    """Read the steps of models over some numbers of tensor-parallel ranks, where they allow them.

    A server does it once at its start: the first question is then as quick as later ones. Ask with
    the same records: two copies of a model are told to be equal slowly, field by field.
    """
    _TABLES.add(
        FlatKey(llm, "checkpoint", "bf16", (tp, 1, 1, 1), 1)
        for llm in llms
        for tp in ranks
        if tp_reason(llm, tp) is None
    )
