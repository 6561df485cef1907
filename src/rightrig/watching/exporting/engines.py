"""Lines of engines."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rightrig.watching.exporting.lines import Writer

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.watching.exporting.lines import Sheet
    from rightrig.watching.states import EngineState, Histogram

_ENGINE: Final = "rightrig_engine_"


def limits_s(slo: Slo) -> dict[str, float]:
    """Return the limit of each latency that has an objective; of several that of the highest share.

    >>> from rightrig.demand.objective import Slo
    >>> limits_s(Slo(ttft_p50_s=0.2, ttft_p95_s=1.0, tpot_p99_s=0.05))
    {'ttft': 1.0, 'tpot': 0.05}
    """
    # Objectives come by metric and then by percentile: the last of a metric is its highest.
    return {one.metric: one.limit_s for one in slo.objectives()}


def engine_sheet(state: EngineState, model: str, host: str, slo: Slo) -> Sheet:
    """Return the lines of one engine; where it cannot be read, that it is down, and nothing old.

    Args:
        state: As read.
        model: That it names, or named before it went down.
        host: Of the exporter.
        slo: What the plan promised.
    """
    labels = {"engine": plain_url(state.url), "model": model, "Hostname": host}
    writer = Writer(_ENGINE, labels)
    writer.add("up", not state.trouble)
    if state.trouble:
        return writer.sheet
    for name, value in (
        ("requests_running", state.running_count),
        ("requests_waiting", state.waiting_count),
        ("kv_cache_used_ratio", state.kv_used_ratio),
        ("preemptions_total", state.preemptions_count),
        ("prompt_tokens_total", state.prompt_tokens),
        ("generation_tokens_total", state.generation_tokens),
        ("prefix_cache_queries_total", state.prefix_queries_count),
        ("prefix_cache_hits_total", state.prefix_hits_count),
    ):
        writer.add(name, value)
    for outcome, count in state.finished.items():
        writer.add("requests_total", count, outcome=outcome)
    limit_of = limits_s(slo)
    for metric, histogram in state.latencies.items():
        _latency(writer, metric, histogram, limit_of.get(metric))
    return writer.sheet


def _latency(writer: Writer, metric: str, histogram: Histogram, limit_s: float | None) -> None:
    """Write one latency, and how many requests had it within the plan's objective."""
    if not histogram.observations_count:
        return
    writer.add("latency_seconds_total", histogram.total_s, metric=metric)
    writer.add("latency_observations_total", histogram.observations_count[-1], metric=metric)
    if limit_s is None:
        return
    within = list(takewhile(lambda bound_s: bound_s <= limit_s, histogram.bounds_s))
    if within:
        count = histogram.observations_count[len(within) - 1]
        writer.add("within_objective_total", count, metric=metric)
        writer.add("objective_bound_seconds", within[-1], metric=metric)


def plain_url(url: str) -> str:
    """Return an address without the name and password that may stand in it.

    >>> plain_url("http://me:secret@localhost:8000/metrics")
    'http://localhost:8000/metrics'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
