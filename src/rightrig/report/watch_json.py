"""``watch once`` as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.questions_hardware import optional_json
from rightrig.report.values import finite
from rightrig.report.watched import LATENCIES
from rightrig.watching.engines.histograms import all_count, mean_s, quantile_bounds_s

if TYPE_CHECKING:
    from rightrig.report.schema.watching import (
        WatchedCardJson,
        WatchedEngineJson,
        WatchedHealthJson,
        WatchedLatencyJson,
        WatchedPlanJson,
        WatchedRatesJson,
        WatchedStateJson,
        WatchedWorkJson,
        WatchOnceJson,
    )
    from rightrig.report.watched import Watched
    from rightrig.watching.states import CardState, EngineState, Latency


def watch_json(watched: Watched) -> WatchOnceJson:
    """Return one reading as JSON."""
    snapshot = watched.seen.moment.snapshot
    expected = watched.links_expected_count()
    latencies = (_latency_json(watched, name) for name in LATENCIES)
    return {
        "at": watched.at.isoformat(timespec="milliseconds"),
        "over_s": watched.derived.over_s,
        "driver": snapshot.driver,
        "driver_trouble": snapshot.trouble,
        "healthy": watched.is_healthy,
        "cards": [_card_json(card, expected) for card in watched.cards],
        "engines": [_engine_json(engine) for engine in watched.seen.engines],
        "latencies": [one for one in latencies if one is not None],
        "derived": _rates_json(watched),
        "plan": _plan_json(watched),
        "alerts": [
            {
                "alert": one.alert,
                "severity": one.severity,
                "subject": one.subject,
                "sentence": one.sentence,
                "runbook": one.runbook,
            }
            for one in watched.firings
        ],
    }


def _card_json(card: CardState, links_expected_count: int | None) -> WatchedCardJson:
    """Return one card as JSON."""
    return {
        "card": card.index,
        "name": card.name,
        "uuid": card.uuid,
        "bus_id": card.bus_id,
        "trouble": card.trouble,
        **_work_json(card),
        **_state_json(card),
        **_health_json(card, links_expected_count),
    }


def _work_json(card: CardState) -> WatchedWorkJson:
    """Return what one card does."""
    did = card.activity
    return {
        "busy_ratio": did.gpu_ratio,
        "memory_busy_ratio": did.memory_ratio,
        "sm_active_ratio": did.sm_ratio,
        "sm_occupancy_ratio": did.occupancy_ratio,
        "tensor_active_ratio": did.tensor_ratio,
        "dram_active_ratio": did.dram_ratio,
        "memory_used_bytes": card.memory_used_bytes,
        "memory_total_bytes": card.memory_total_bytes,
    }


def _state_json(card: CardState) -> WatchedStateJson:
    """Return clocks, power and heat of one card."""
    return {
        "sm_clock_hz": card.clocks.sm_hz,
        "sm_clock_max_hz": card.clocks.sm_max_hz,
        "clocks_held_by": list(card.clocks.reasons or ()),
        "power_w": card.power.draw_w,
        "power_limit_w": card.power.limit_w,
        "temperature_celsius": card.heat.gpu_celsius,
        "memory_temperature_celsius": card.heat.memory_celsius,
        "thermal_margin_celsius": card.heat.margin_celsius,
    }


def _health_json(card: CardState, links_expected_count: int | None) -> WatchedHealthJson:
    """Return errors and links of one card."""
    health, bus = card.health, card.bus
    return {
        "ecc_volatile": dict(health.ecc_volatile),
        "ecc_aggregate": dict(health.ecc_aggregate),
        "remapped_rows": dict(health.remapped_rows),
        "row_remap_pending": health.is_remap_pending,
        "row_remap_failed": health.has_remap_failed,
        "retired_pages": dict(health.retired_pages),
        "xids": {str(number): count for number, count in sorted(health.xids.items())},
        "recovery_action": health.recovery_action,
        "pcie_generation": bus.generation,
        "pcie_lanes": bus.lanes,
        "pcie_max_generation": bus.max_generation,
        "pcie_max_lanes": bus.max_lanes,
        "pcie_replays_count": bus.replays_count,
        "nvlinks_count": len(card.links),
        "nvlinks_up_count": sum(link.is_up for link in card.links),
        "nvlinks_expected_count": links_expected_count,
    }


def _engine_json(engine: EngineState) -> WatchedEngineJson:
    """Return one engine as JSON."""
    return {
        "url": engine.url,
        "kind": engine.kind,
        "model": engine.model,
        "trouble": engine.trouble,
        "requests_running_count": engine.running_count,
        "requests_waiting_count": engine.waiting_count,
        "kv_cache_used_ratio": engine.kv_used_ratio,
        "preemptions_count": engine.preemptions_count,
        "prompt_tokens": engine.prompt_tokens,
        "generation_tokens": engine.generation_tokens,
        "requests_ended_count": dict(engine.finished),
    }


def _latency_json(watched: Watched, name: Latency) -> WatchedLatencyJson | None:
    """Return one latency as JSON; ``None`` where no engine counts it."""
    found = watched.latency(name)
    if found is None:
        return None
    histogram, over = found
    p50_low_s, p50_high_s = quantile_bounds_s(histogram, 0.5) or (None, None)
    p95_low_s, p95_high_s = quantile_bounds_s(histogram, 0.95) or (None, None)
    return {
        "metric": name,
        "over": over,
        "observations_count": all_count(histogram),
        "mean_s": mean_s(histogram),
        "p50_low_s": p50_low_s,
        "p50_high_s": finite(p50_high_s),
        "p95_low_s": p95_low_s,
        "p95_high_s": finite(p95_high_s),
    }


def _rates_json(watched: Watched) -> WatchedRatesJson:
    """Return what follows from the two readings."""
    found = watched.derived
    return {
        "output_tokens_per_s": found.output_tokens_per_s,
        "requests_per_s": found.requests_per_s,
        "cost_usd_per_output_token": found.cost_usd_per_output_token,
        "output_tokens_per_j": found.output_tokens_per_j,
        "bandwidth_ratio": found.bandwidth_ratio,
        "bandwidth_source": found.bandwidth_source,
        "prediction_ratio": found.prediction_ratio,
    }


def _plan_json(watched: Watched) -> WatchedPlanJson | None:
    """Return the plan beside it."""
    expected = watched.expected
    if expected is None:
        return None
    return {
        "name": expected.name,
        "cards_count": expected.cards_count,
        "cost_usd_per_hour": expected.cost_usd_per_hour,
        "peak_requests_per_s": expected.peak_requests_per_s,
        "output_tokens_per_s": optional_json(watched.expected_tokens_per_s),
        "cost_usd_per_output_token": optional_json(watched.expected_cost_usd_per_output_token),
        "peak_output_tokens_per_s": optional_json(expected.output_tokens_per_s),
        "peak_cost_usd_per_output_token": optional_json(expected.cost_usd_per_output_token),
        "peak_power_w": optional_json(expected.draw_w),
        "verdict": watched.verdict,
        "unlike": watched.unlike,
    }
