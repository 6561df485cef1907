"""From one run to its outcome: counts, statistics, objectives, use."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.interval import Interval
from rightrig.simulation.collecting import METRICS, are_good, gap_latency, latency_of, values_of_s
from rightrig.simulation.layout import CANCELLED, REJECTED, SERVED, TIMED_OUT
from rightrig.simulation.outcome import (
    ClassOutcome,
    Kept,
    Outcome,
    Quantity,
    ReplicaOutcome,
    StepLoad,
)
from rightrig.simulation.series import series_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.objective import Objective, Slo
    from rightrig.demand.requests import Requests
    from rightrig.simulation.cluster import Cluster
    from rightrig.simulation.collecting import Collector
    from rightrig.simulation.outcome import Latency, Verdict
    from rightrig.simulation.replay import Whole

_NEVER: Final = Quantity(math.inf, Interval(math.inf, math.inf, math.inf))
_ROLES: Final = ("both", "prefill", "decode")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One pass of requests through a cluster."""

    collector: Collector
    whole: Whole
    slo: Slo
    seed: int
    wall_s: float


def found_outcome(run: Run, cluster: Cluster, requests: Requests) -> Outcome:
    """Return the outcome of a run."""
    collector, whole = run.collector, run.whole
    records = collector.records() if collector.is_exact else None
    latencies = {**collector.latencies()}
    if gaps := gap_latency(whole.gaps):
        latencies["itl"] = gaps
    duration_s = max(collector.last_s - collector.first_s, 1e-9)
    statuses = collector.statuses
    total = int(statuses.sum())
    classes = _classes(records, requests)
    kept = objectives_kept(run.slo, latencies, statuses[SERVED] / total, records)
    good = _good_count(run, requests, records)
    promised = bool(run.slo.objectives()) or any(c.slo.objectives() for c in requests.classes)
    return Outcome(
        deployment=None,
        cluster=cluster,
        seed=run.seed,
        requests_count=total,
        served_count=int(statuses[SERVED]),
        rejected_count=int(statuses[REJECTED]),
        cancelled_count=int(statuses[CANCELLED]),
        timed_out_count=int(statuses[TIMED_OUT]),
        duration_s=duration_s,
        offered_requests_per_s=requests.mean_rate_requests_per_s,
        input_tokens=collector.input_tokens,
        output_tokens=collector.output_tokens,
        latencies=latencies,
        kept=(*kept, *_kept_by_class(classes, requests, records)),
        goodput_requests_per_s=good / duration_s,
        good_ratio=good / total if promised else None,
        cache_hit_ratio=collector.cached_tokens / max(collector.input_tokens, 1),
        series=None if records is None else series_of(records, whole, cluster),
        classes=classes,
        records=records,
        is_exact=collector.is_exact,
        wall_s=run.wall_s,
        **_use(whole, cluster),
    )


def _good_count(run: Run, requests: Requests, records: Any) -> int:  # noqa: ANN401
    """Return the requests that met what they were promised; of a class, what that says."""
    if records is None or not any(own.slo.objectives() for own in requests.classes):
        return run.collector.good_count
    count = 0
    for index, own in enumerate(requests.classes):
        part = records[requests.class_index == index]
        count += int(are_good(part, own.slo if own.slo.objectives() else run.slo).sum())
    return count


def _kept_by_class(
    classes: tuple[ClassOutcome, ...],
    requests: Requests,
    records: Any,  # noqa: ANN401 - structured array, or None
) -> tuple[Kept, ...]:
    """Return the objectives of each class with their verdicts."""
    found: list[Kept] = []
    for index, (own, outcome) in enumerate(zip(requests.classes, classes, strict=False)):
        part = records[requests.class_index == index]
        served_ratio = outcome.served_count / max(outcome.requests_count, 1)
        kept = objectives_kept(own.slo, outcome.latencies, served_ratio, part)
        found += [replace(each, class_name=own.name) for each in kept]
    return tuple(found)


def _use(whole: Whole, cluster: Cluster) -> dict[str, Any]:
    """Return how much of the cluster was used."""
    replicas = _replicas(whole)
    busy_s = sum(replica.busy_s for replica in replicas)
    on_s = sum(replica.on_s for replica in replicas)
    return {
        "replicas": replicas,
        "loads": _loads(whole.replicas),
        "used_ratio": busy_s / on_s if on_s else 0.0,
        "kv_used_ratio": _kv_used_ratio(whole, cluster),
        "running_seqs": float(whole.replicas["seq_s"].sum() / busy_s) if busy_s else 0.0,
        "preemptions_count": whole.preemptions_count,
        "retries_count": whole.retries_count,
    }


def _loads(rows: Any) -> tuple[StepLoad, ...]:  # noqa: ANN401 - structured array
    """Return what steps that only decode, and steps with prompts, worked on."""
    busy_s, prompt_s, prompt_token_s, prompt_seq_s, plain_seq_s = (
        float(rows[name].sum())
        for name in ("busy_s", "prompt_s", "prompt_token_s", "prompt_seq_s", "plain_seq_s")
    )
    plain_s = busy_s - prompt_s
    found: list[StepLoad] = []
    if plain_seq_s > 0.0:
        found.append(StepLoad(plain_s, plain_seq_s / plain_s, 0.0))
    if prompt_s > 0.0:
        found.append(StepLoad(prompt_s, prompt_seq_s / prompt_s, prompt_token_s / prompt_s))
    return tuple(found)


def _replicas(whole: Whole) -> tuple[ReplicaOutcome, ...]:
    """Return what each replica did."""
    return tuple(
        ReplicaOutcome(
            index=index,
            role=_ROLES[row["role"]],
            served_count=int(row["served"]),
            busy_s=float(row["busy_s"]),
            on_s=float(row["on_s"]),
            steps_count=int(row["steps_count"]),
            prompt_tokens=int(row["prompt_tokens"]),
            output_tokens=float(row["decode_tokens"]),
        )
        for index, row in enumerate(whole.replicas)
    )


def _kv_used_ratio(whole: Whole, cluster: Cluster) -> float | None:
    """Return the mean share of blocks in use while replicas were busy."""
    blocks = np.array([engines.traits.blocks_count for engines in cluster.engines], float)
    if not blocks.any():
        return None
    rows = whole.replicas
    room = (rows["busy_s"] * blocks[rows["kind"]]).sum()
    return float(rows["used_s"].sum() / room) if room else 0.0


def objectives_kept(
    slo: Slo,
    latencies: Mapping[str, Latency],
    served_ratio: float,
    records: Any,  # noqa: ANN401 - structured array, or None
) -> tuple[Kept, ...]:
    """Return each objective with its value and verdict.

    Requests that were not served count as infinite: a percentile above their share is.
    """
    found = []
    for objective in slo.objectives():
        latency = latencies.get(objective.metric, {})
        value = latency.get(f"p{objective.percentile}")
        if served_ratio == 0.0:
            value = _NEVER
        if value is None:
            continue
        if objective.metric != "itl" and 0.0 < served_ratio < 1.0:
            value = _with_unserved(value, objective, served_ratio, records)
        found.append(Kept(objective, value, _verdict(value, objective.limit_s)))
    return tuple(found)


def judged(outcome: Outcome, latencies: Mapping[str, Latency]) -> Outcome:
    """Return an outcome with other intervals of its statistics, and the verdicts that follow."""
    kept = []
    for each in outcome.kept:
        objective, value = each.objective, each.value
        own = latencies.get(objective.metric, {}).get(f"p{objective.percentile}", value)
        if math.isfinite(value.mid) and own.model is not None and own.mid > 0.0:
            scale = value.mid / own.mid
            value = Quantity(value.mid, value.sampling, own.model.scaled(scale))
        kept.append(replace(each, value=value, verdict=_verdict(value, objective.limit_s)))
    return replace(outcome, latencies=latencies, kept=tuple(kept))


def _with_unserved(
    value: Quantity,
    objective: Objective,
    served_ratio: float,
    records: Any,  # noqa: ANN401 - structured array, or None
) -> Quantity:
    """Return the percentile over all requests, those that were not served above all others."""
    level = objective.percentile / served_ratio
    if level > 100.0 or records is None:  # noqa: PLR2004 - per cent
        return _NEVER
    served = records[records["status"] == SERVED]
    mid = float(np.percentile(values_of_s(objective.metric, served), level))
    scale = mid / value.mid if value.mid > 0.0 else 1.0
    return Quantity(mid, Interval(value.sampling.low * scale, mid, value.sampling.high * scale))


def _verdict(value: Quantity, limit_s: float) -> Verdict:
    """Return how well a limit is kept."""
    if value.joined.high <= limit_s:
        return "surely"
    return "likely" if value.mid <= limit_s else "not"


def _classes(records: Any, requests: Requests) -> tuple[ClassOutcome, ...]:  # noqa: ANN401
    """Return what the requests of each class saw."""
    if records is None:
        return ()
    found = []
    for index, own in enumerate(requests.classes):
        part = records[requests.class_index == index]
        served = part[part["status"] == SERVED]
        latencies = {m: latency_of(values_of_s(m, served)) for m in METRICS if m != "answer"}
        found.append(ClassOutcome(own.name, len(part), len(served), latencies))
    return tuple(found)
