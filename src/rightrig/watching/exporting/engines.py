"""Lines of engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.engines.histograms import all_count, within_count
from rightrig.watching.exporting.lines import Writer

if TYPE_CHECKING:
    from rightrig.demand.objective import Objective
    from rightrig.watching.expected import Expected
    from rightrig.watching.exporting.lines import Sheet
    from rightrig.watching.states import EngineState, Histogram

_ENGINE: Final = "rightrig_engine_"


def engine_sheet(state: EngineState, model: str, host: str, expected: Expected | None) -> Sheet:
    """Return the lines of one engine; where it cannot be read, that it is down, and nothing old.

    Args:
        state: As read.
        model: That it names, or named before it went down.
        host: Of the exporter.
        expected: What the plan promised.
    """
    labels = {"engine": state.url, "model": model, "Hostname": host}
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
    promised = {} if expected is None else expected.promised
    for metric, histogram in state.latencies.items():
        _latency(writer, metric, histogram, promised.get(metric))
    return writer.sheet


def _latency(writer: Writer, metric: str, histogram: Histogram, promise: Objective | None) -> None:
    """Write one latency, and how many requests had it within the plan's objective."""
    writer.add("latency_seconds_total", histogram.total_s, metric=metric)
    writer.add("latency_observations_total", all_count(histogram), metric=metric)
    if promise is None:
        return
    count, bound_s = within_count(histogram, promise.limit_s)
    if bound_s > 0.0:  # else not even the lowest bucket says whether one was within
        writer.add("within_objective_total", count, metric=metric)
        writer.add("objective_bound_seconds", bound_s, metric=metric)
