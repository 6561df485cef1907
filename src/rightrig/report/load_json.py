"""A load test as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rightrig.measuring.load.breaking import DEFINITION
from rightrig.measuring.load.commands import aiperf_command, vllm_command
from rightrig.quantities import MILLION
from rightrig.report.load_plan import criteria
from rightrig.report.loaded import overlaps
from rightrig.report.values import deployment_json, finite, interval_json

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.measuring.load.breaking import Breaking
    from rightrig.measuring.load.costing import TokenCost
    from rightrig.measuring.load.levels_predicted import LevelPrediction
    from rightrig.measuring.load.outcome import Latency, LevelOutcome, Window
    from rightrig.report.loaded import Loaded, LoadPlan
    from rightrig.report.schema.loading import (
        BreakingJson,
        ClientJson,
        LevelCostJson,
        LevelJson,
        LevelPredictionJson,
        LoadJson,
        LoadPlanJson,
        MeasuredLatencyJson,
        MeasuredObjectiveJson,
        UsageJson,
        WindowJson,
    )
    from rightrig.report.schema.shared import IntervalJson


def load_json(seen: Loaded) -> LoadJson:
    """Return a load test as JSON."""
    test, price = seen.test, seen.price
    return {
        "url": test.url or None,
        "name": test.name,
        "api": test.api,
        "tool": seen.tool,
        "deployment": None if seen.deployment is None else deployment_json(seen.deployment),
        "traffic": seen.traffic,
        "slo_s": {f"{o.metric}_p{o.percentile}_s": o.limit_s for o in seen.slo.objectives()},
        "is_usual_slo": seen.is_usual_slo,
        "slo_met": seen.met,
        "plan": None if seen.plan is None else _plan_json(seen, seen.plan),
        "levels": [_level_json(seen, index) for index in range(len(seen.outcomes))],
        "breaking": None if seen.breaking is None else _breaking_json(seen, seen.breaking),
        "price": None
        if price is None
        else {"cost_usd_per_hour": price.cost_usd_per_hour, "source": price.source},
        "run_id": seen.run_id,
        "command": seen.command,
        "notes": list(seen.notes),
        "interrupted": seen.interrupted,
    }


def _plan_json(seen: Loaded, plan: LoadPlan) -> LoadPlanJson:
    """Return the test of a plan."""
    planned = plan.planned
    return {
        "origin": planned.origin,
        "peak_requests_per_s": planned.peak_requests_per_s,
        "peak_words": planned.words,
        "input_tokens": planned.input_tokens,
        "output_tokens": planned.output_tokens,
        "capacity_requests_per_s": _rate_json(planned.capacity_requests_per_s),
        "breaking_requests_per_s": _rate_json(plan.breaking_requests_per_s),
        "levels": [
            {
                "peak_ratio": one.peak_ratio,
                "rate_requests_per_s": one.load.rate_requests_per_s or 0.0,
                "requests_count": one.load.requests_count,
                "expected": one.expected,
                "vllm": vllm_command(seen.test, one.load),
                "aiperf": aiperf_command(seen.test, one.load),
            }
            for one in plan.levels
        ],
        "criteria": list(criteria(seen)),
    }


def _level_json(seen: Loaded, index: int) -> LevelJson:
    """Return one level."""
    outcome, prediction, cost = seen.outcomes[index], seen.predictions[index], seen.costs[index]
    level, peak = outcome.level, seen.peak_requests_per_s
    rate, good = level.rate_requests_per_s, outcome.goodput_requests_per_s
    return {
        "kind": level.kind,
        "concurrency": level.concurrency if level.kind == "closed" else None,
        "rate_requests_per_s": rate,
        "peak_ratio": rate / peak if rate and peak else None,
        "started": outcome.started,
        "duration_s": outcome.duration_s,
        "requests_count": outcome.requests_count,
        "ok_count": outcome.ok_count,
        "error_ratio": outcome.error_ratio,
        "faults": {str(kind): count for kind, count in outcome.faults.items()},
        "statuses": {str(status): count for status, count in outcome.statuses.items()},
        "offered_requests_per_s": outcome.offered_requests_per_s,
        "served_requests_per_s": outcome.served_requests_per_s,
        "goodput_requests_per_s": finite(good),
        "good_ratio": outcome.good_ratio,
        "input_tokens_per_s": outcome.input_tokens_per_s,
        "output_tokens_per_s": outcome.output_tokens_per_s,
        "concurrency_mean_count": outcome.concurrency_mean_count,
        "concurrency_max_count": outcome.concurrency_max_count,
        "latencies": {m: _latency_json(one) for m, one in outcome.latencies.items()},
        "objectives": _objectives_json(outcome),
        "verdict": outcome.validity.verdict,
        "reasons": list(outcome.validity.reasons),
        "window": _window_json(outcome.window),
        "client": _client_json(outcome),
        "usage": _usage_json(outcome),
        "prediction": None if prediction is None else _prediction_json(prediction),
        "cost": None if cost is None else _cost_json(cost),
        "notes": list(outcome.notes),
        "interrupted": outcome.interrupted,
    }


def _latency_json(latency: Latency) -> MeasuredLatencyJson:
    """Return one metric, ``p99.9`` as ``p99_9``."""
    return {
        "count": latency.count,
        "min_s": latency.min_s,
        "max_s": latency.max_s,
        "deviation_s": latency.deviation_s,
        "statistics": {
            name.replace(".", "_"): {
                "low_s": one.value_s.low,
                "mid_s": one.value_s.mid,
                "high_s": one.value_s.high,
                "is_enough": one.is_enough,
            }
            for name, one in latency.statistics.items()
        },
    }


def _objectives_json(outcome: LevelOutcome) -> list[MeasuredObjectiveJson]:
    """Return each limit with what was measured."""
    return [
        {
            "metric": kept.objective.metric,
            "percentile": kept.objective.percentile,
            "limit_s": kept.objective.limit_s,
            "measured_s": finite(kept.value_s.mid),
            "is_kept": kept.is_kept,
            "is_sure": kept.is_sure,
        }
        for kept in outcome.kept
    ]


def _window_json(window: Window) -> WindowJson:
    """Return the part of a level that is counted."""
    return {
        "start_s": window.start_s,
        "end_s": window.end_s,
        "cut_count": window.cut_count,
        "is_steady": window.is_steady,
        "is_growing": window.is_growing,
        "reason": window.reason,
    }


def _client_json(outcome: LevelOutcome) -> ClientJson:
    """Return how well the client did its own part."""
    client = outcome.client
    return {
        "lag_p99_s": finite(client.lag_p99_s),
        "loop_lag_p99_s": finite(client.loop_lag_p99_s),
        "cpu_ratio": finite(client.cpu_ratio),
        "sent_ratio": finite(client.sent_ratio),
    }


def _usage_json(outcome: LevelOutcome) -> UsageJson:
    """Return where counts of tokens come from."""
    usage = outcome.usage
    return {
        "source": usage.source,
        "checked_count": usage.checked_count,
        "wrong_count": usage.wrong_count,
        "input_ratio": finite(usage.input_ratio),
        "notes": list(usage.notes),
    }


def _prediction_json(found: LevelPrediction) -> LevelPredictionJson:
    """Return what was predicted of a level."""
    return {
        "output_tokens_per_s": interval_json(found.output_tokens_per_s),
        "latencies": {
            metric: {name.replace(".", "_"): interval_json(one) for name, one in named.items()}
            for metric, named in found.latencies.items()
        },
        "good_ratio": None if found.good_ratio is None else interval_json(found.good_ratio),
        "evidence": found.evidence,
    }


def _cost_json(cost: TokenCost) -> LevelCostJson:
    """Return what a million output tokens cost."""
    predicted = cost.predicted_usd_per_token
    return {
        "cost_usd_per_million_output_tokens": cost.cost_usd_per_token * MILLION,
        "predicted_usd_per_million_output_tokens": None
        if predicted is None
        else interval_json(predicted.scaled(MILLION)),
        "is_regression": cost.is_regression,
    }


def _breaking_json(seen: Loaded, breaking: Breaking) -> BreakingJson:
    """Return the breaking point, beside the predicted one."""
    found, predicted = breaking.rate_requests_per_s, seen.predicted_breaking_requests_per_s
    broken = breaking.broken_requests_per_s
    ratio, is_within = None, None
    if found is not None and predicted is not None:
        ratio = found.mid / predicted.mid
        is_within = overlaps(found, predicted)
    return {
        "definition": DEFINITION,
        "status": breaking.status,
        "rate_requests_per_s": _rate_json(found),
        "held_requests_per_s": breaking.held_requests_per_s,
        "broken_requests_per_s": broken if math.isfinite(broken) else None,
        "is_monotone": breaking.is_monotone,
        "tried": [
            {
                "rate_requests_per_s": one.rate_requests_per_s,
                "good_ratio": one.good_ratio,
                "error_ratio": one.error_ratio,
                "is_growing": one.is_growing,
                "holds": one.holds,
            }
            for one in breaking.tried
        ],
        "predicted_requests_per_s": _rate_json(predicted),
        "found_over_predicted_ratio": ratio,
        "is_within_prediction": is_within,
    }


def _rate_json(rate_requests_per_s: Interval | None) -> IntervalJson | None:
    """Return a rate with its ends, or null."""
    return None if rate_requests_per_s is None else interval_json(rate_requests_per_s)
