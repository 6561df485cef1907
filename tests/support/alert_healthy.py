"""Every metric that the rules read, of two cards at work and an engine that keeps its promises."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from alert_cases import DEPLOYMENT, INFO, card, deployment, engine, series, watch
from promtool import Run

from rightrig.watching.rules.recorded import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promtool import Series

_EVER: Final = 400


def _counts(per_step: float) -> Run:
    return Run(1e6, per_step, _EVER)


def _card(gpu: int) -> Iterator[Series]:
    """Yield the series of one card."""
    for name, value in (
        ("up", 1), ("utilization_ratio", 0.97), ("sm_active_ratio", 0.8),
        ("sm_occupancy_ratio", 0.3), ("memory_total_bytes", 8.5e10), ("memory_used_bytes", 7.3e10),
        ("temperature_celsius", 70), ("thermal_margin_celsius", 15), ("power_watts", 600),
        ("power_limit_watts", 700), ("sm_clock_hertz", 1.8e9), ("sm_clock_max_hertz", 1.98e9),
        ("row_remap_pending", 0), ("row_remap_failed", 0), ("retired_page_pending", 0),
        ("recovery_action", 0), ("pcie_link_generation", 5), ("pcie_link_generation_max", 5),
        ("pcie_link_lanes", 16), ("pcie_link_lanes_max", 16), ("fabric_ready", 1),
        ("mig_enabled", 0),
    ):  # fmt: skip
        yield card(name, value, gpu=gpu)
    for reason in REASONS:
        yield card("clock_event_active", 0, gpu=gpu, reason=reason)
    for kind in ("corrected", "uncorrected"):
        yield card("ecc_errors_total", 3, gpu=gpu, kind=kind)
    yield card("throttled_seconds_total", 100, gpu=gpu, policy="power")
    yield card("pcie_replays_total", _counts(1), gpu=gpu)
    yield card("xid_events_total", Run(None, 0.0, _EVER), gpu=gpu, xid="79")
    for link in range(18):
        yield card("nvlink_up", 1, gpu=gpu, link=str(link))
        yield card("nvlink_errors_total", 7, gpu=gpu, link=str(link), kind="replay")


def _engine() -> Iterator[Series]:
    """Yield the series of the engine."""
    yield engine("up", 1)
    yield engine("requests_running", 40)
    yield engine("requests_waiting", 0)
    yield engine("kv_cache_used_ratio", 0.7)
    yield engine("preemptions_total", 2)
    yield engine("prompt_tokens_total", _counts(30_000))
    yield engine("generation_tokens_total", _counts(30_000))
    yield engine("requests_total", _counts(300), outcome="stop")
    yield engine("requests_total", _counts(1), outcome="error")
    for metric in ("ttft", "tpot", "e2e", "itl"):
        yield engine("latency_observations_total", _counts(300), metric=metric)
        yield engine("within_objective_total", _counts(299), metric=metric)


def _rest() -> Iterator[Series]:
    """Yield the series of reader and deployment."""
    yield watch("driver_up", 1)
    yield watch("gpus", 2)
    yield watch("gpus_expected", 2)
    yield watch("sample_age_seconds", 1)
    yield watch("reader_restarts_total", 1, reason="hung")
    yield INFO
    yield deployment("rent_usd_per_hour", 20)
    yield deployment("output_tokens_per_second", 1000)
    yield deployment("prediction_ratio", 1.0)
    yield series("rightrig_deployment_peak_requests_per_second", DEPLOYMENT, 10)


HEALTHY: Final = tuple(chain(_card(0), _card(1), _engine(), _rest()))
