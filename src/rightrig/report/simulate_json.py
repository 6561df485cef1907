"""A simulation as JSON; what grows with the requests or the time is in files of ``--save``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.report.simulated import is_thin
from rightrig.report.values import deployment_json, explanation_json, finite, interval_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.requests import LengthStatistics
    from rightrig.interval import Interval
    from rightrig.prediction.memory_fit import Fit
    from rightrig.report.schema.shared import IntervalJson
    from rightrig.report.schema.simulating import (
        HighestRateJson,
        KeptJson,
        LatencyJson,
        LengthsJson,
        ReplicaJson,
        ServedJson,
        SimulatedRentJson,
        SimulateJson,
        SimulateRefusedJson,
        StatisticJson,
        TrafficJson,
        UseJson,
    )
    from rightrig.report.simulated import Rent, Simulated, Traffic
    from rightrig.simulation.limit import Limit
    from rightrig.simulation.outcome import (
        Kept,
        Latency,
        Outcome,
        Quantity,
        ReplicaOutcome,
    )

_MILLION_TOKENS: Final = 1e6
_LISTED_REPLICAS: Final = 128


def simulate_json(seen: Simulated) -> SimulateJson:
    """Return a simulation as JSON."""
    outcome = seen.outcome
    deployment = outcome.deployment
    cost = outcome.usd_per_good_token
    return {
        "deployment": None if deployment is None else deployment_json(deployment),
        "fit_verdict": seen.fit_verdict,
        "traffic": _traffic_json(seen.traffic),
        "router": seen.router,
        "seed": outcome.seed,
        **_counts_json(outcome),
        "latencies": _latencies_json(outcome, outcome.latencies),
        "objectives": [_kept_json(kept) for kept in outcome.kept],
        "slo_met": outcome.verdict if outcome.kept else "no objective",
        "limit": None if seen.limit is None else _limit_json(seen.limit, seen.traffic),
        "power_w": _interval_json(outcome.power_w),
        "energy_j_per_token": _interval_json(outcome.energy_j_per_token),
        "price": None if seen.rent is None else _rent_json(seen.rent),
        "cost_usd_per_million_good_tokens": None
        if cost is None
        else finite(cost * _MILLION_TOKENS),
        **_use_json(outcome),
        "classes": [
            {
                "name": own.name,
                "requests_count": own.requests_count,
                "served_count": own.served_count,
                "latencies": _latencies_json(outcome, own.latencies),
            }
            for own in outcome.classes
        ],
        "evidence": outcome.evidence,
        "is_exact": outcome.is_exact,
        "saved": list(seen.saved),
        "explanation": explanation_json(outcome.explain()),
    }


def refused_json(room: Fit, traffic: Traffic) -> SimulateRefusedJson:
    """Return the answer where not one request fits: none is served."""
    count = len(traffic.requests)
    return {
        "deployment": deployment_json(room.deployment),
        "fit_verdict": room.verdict,
        "traffic": _traffic_json(traffic),
        "requests_count": count,
        "served_count": 0,
        "rejected_count": count,
        "cancelled_count": 0,
        "timed_out_count": 0,
        "explanation": explanation_json(room.explain()),
    }


def _counts_json(outcome: Outcome) -> ServedJson:
    """Return how many requests ended how, and the rates that follow."""
    return {
        "requests_count": outcome.requests_count,
        "served_count": outcome.served_count,
        "rejected_count": outcome.rejected_count,
        "cancelled_count": outcome.cancelled_count,
        "timed_out_count": outcome.timed_out_count,
        "duration_s": outcome.duration_s,
        "offered_requests_per_s": finite(outcome.offered_requests_per_s),
        "served_requests_per_s": outcome.served_requests_per_s,
        "goodput_requests_per_s": outcome.goodput_requests_per_s,
        "good_ratio": outcome.good_ratio,
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
        "output_tokens_per_s": outcome.output_tokens_per_s,
    }


def _use_json(outcome: Outcome) -> UseJson:
    """Return how much of the engines was used."""
    return {
        "used_ratio": outcome.used_ratio,
        "kv_used_ratio": outcome.kv_used_ratio,
        "running_seqs": outcome.running_seqs,
        "preemptions_count": outcome.preemptions_count,
        "retries_count": outcome.retries_count,
        "cache_hit_ratio": outcome.cache_hit_ratio,
        "replicas_count": len(outcome.replicas),
        "replicas": [_replica_json(own) for own in outcome.replicas[:_LISTED_REPLICAS]],
        "wall_s": outcome.wall_s,
    }


def _traffic_json(traffic: Traffic) -> TrafficJson:
    """Return what came."""
    return {
        "text": traffic.text,
        "origin": traffic.origin,
        "source": traffic.source,
        "users_count": traffic.users_count,
        "requests_per_arrival_count": traffic.turns_count,
        "prompts": _lengths_json(traffic.input),
        "answers": _lengths_json(traffic.output),
        "notes": list(traffic.notes),
    }


def _lengths_json(lengths: LengthStatistics) -> LengthsJson:
    """Return statistics of tokens."""
    return {
        "mean_tokens": lengths.mean_tokens,
        "p50_tokens": lengths.p50_tokens,
        "p90_tokens": lengths.p90_tokens,
        "p99_tokens": lengths.p99_tokens,
        "max_tokens": lengths.max_tokens,
    }


def _replica_json(own: ReplicaOutcome) -> ReplicaJson:
    """Return what one engine did."""
    return {
        "index": own.index,
        "role": own.role,
        "served_count": own.served_count,
        "busy_s": own.busy_s,
        "on_s": own.on_s,
        "steps_count": own.steps_count,
        "prompt_tokens": own.prompt_tokens,
        "output_tokens": own.output_tokens,
    }


def _latencies_json(
    outcome: Outcome, latencies: Mapping[str, Latency]
) -> dict[str, dict[str, LatencyJson]]:
    """Return statistics by metric, ``p99.9`` as ``p99_9``."""
    return {
        metric: {
            name.replace(".", "_"): {
                **_quantity_json(value),
                "is_thin": is_thin(outcome, metric, name),
            }
            for name, value in latency.items()
        }
        for metric, latency in latencies.items()
    }


def _quantity_json(value: Quantity) -> StatisticJson:
    """Return a statistic with what other draws and other speeds would make it."""
    return {
        "mid_s": finite(value.mid),
        "sampling_s": _interval_json(value.sampling),
        "model_s": _interval_json(value.model),
        "joined_s": _interval_json(value.joined) if math.isfinite(value.mid) else None,
    }


def _interval_json(value_s: Interval | None) -> IntervalJson | None:
    """Return an interval of any unit; null where it is not known or has no end."""
    return None if value_s is None or not math.isfinite(value_s.high) else interval_json(value_s)


def _kept_json(kept: Kept) -> KeptJson:
    """Return an objective with its verdict; null for a percentile that was not reached."""
    return {
        "metric": kept.objective.metric,
        "percentile": kept.objective.percentile,
        "limit_s": kept.objective.limit_s,
        **_quantity_json(kept.value),
        "verdict": kept.verdict,
    }


def _limit_json(limit: Limit, traffic: Traffic) -> HighestRateJson:
    """Return the highest rate of requests, all turns of sessions counted."""
    rate = limit.rate_requests_per_s
    return {
        "rate_requests_per_s": interval_json(rate.scaled(traffic.turns_count)),
        "rate_arrivals_per_s": interval_json(rate),
        "binding": None if limit.binding is None else _kept_json(limit.binding),
        "tried_count": limit.tried_count,
    }


def _rent_json(rent: Rent) -> SimulatedRentJson:
    """Return what the rig costs, and who asks that."""
    bought = rent.purchase
    return {
        "rent_usd_per_hour": rent.rent_usd_per_hour,
        "provider": bought.price.provider if bought else None,
        "instance": bought.price.instance if bought else None,
        "instances_count": bought.instances_count if bought else None,
        "rented_cards_count": bought.rented_cards if bought else None,
        "date": bought.price.date if bought else None,
        "trust": bought.price.trust if bought else None,
        "source": bought.price.source if bought else None,
    }
