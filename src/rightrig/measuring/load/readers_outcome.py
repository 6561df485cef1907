"""From the requests that another load generator recorded to the figures of a level."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rightrig.measuring.load.level_outcome import faults_of, good_ratio, kept_by, latencies_of
from rightrig.measuring.load.outcome import SOURCES, Client, LevelOutcome, UsageCheck
from rightrig.measuring.load.steady import in_flight_count, window_of
from rightrig.measuring.load.validity import lag_limit_s, validity_of

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.measuring.load.outcome import Samples, Validity, Window
    from rightrig.measuring.load.readers_rows import Recorded


def recorded_outcome(recorded: Recorded, slo: Slo) -> LevelOutcome:
    """Return what a server did under one load that another tool held.

    All requests of the file count, from the first that was due to the end of the last: the tool
    has left its warm-up out. What the tool's own process took is not in its file; where the file
    says when requests were due, its lag is.

    Args:
        recorded: Of a file.
        slo: What makes an answer good.
    """
    samples = recorded.samples
    window = _window(recorded)
    span_s = max(window.end_s - window.start_s, 1e-9)
    inside = np.ones(len(samples), bool)
    is_ok = samples.is_ok
    lag_s = samples.sent_s - samples.due_s
    latencies = latencies_of(samples, inside)
    client = Client(float(np.quantile(lag_s, 0.99)), math.nan, math.nan, math.nan)
    median = latencies["ttft"].statistics["p50"].value_s.mid if "ttft" in latencies else None
    return LevelOutcome(
        level=recorded.level,
        slo=slo,
        started="",
        duration_s=span_s,
        requests_count=len(samples),
        ok_count=int(is_ok.sum()),
        faults=faults_of(samples, inside),
        statuses=dict(Counter(map(int, samples.status))),
        window=window,
        latencies=latencies,
        kept=tuple(kept_by(samples, inside, one) for one in slo.objectives()),
        offered_requests_per_s=_offered_requests_per_s(samples),
        served_requests_per_s=int(is_ok.sum()) / span_s,
        input_tokens_per_s=float(samples.input_tokens[is_ok].sum()) / span_s,
        output_tokens_per_s=float(samples.output_tokens[is_ok].sum()) / span_s,
        good_ratio=good_ratio(samples, inside, slo),
        concurrency_mean_count=float(np.nansum(samples.done_s - samples.sent_s)) / span_s,
        concurrency_max_count=int(in_flight_count(samples).max()),
        client=client,
        validity=_validity(recorded, client, int(is_ok.sum()), lag_limit_s(slo, median)),
        usage=UsageCheck(SOURCES[int(samples.source_index.max())]),
        samples=samples,
    )


def _window(recorded: Recorded) -> Window:
    """Return the whole of a load, and whether its queue grew."""
    samples = recorded.samples
    found = window_of(samples, recorded.level, float(samples.due_s.max()))
    end_s = float(np.nanmax(np.fmax(samples.done_s, samples.due_s)))
    return replace(found, start_s=0.0, end_s=max(end_s, 1e-9), reason="all that the file holds")


def _offered_requests_per_s(samples: Samples) -> float:
    """Return requests over the time in which they were due; one alone counts as one a second."""
    span_s = float(samples.due_s.max() - samples.due_s.min())
    return max(len(samples) - 1, 1) / span_s if span_s > 0.0 else float(len(samples))


def _validity(recorded: Recorded, client: Client, ok_count: int, limit_s: float) -> Validity:
    """Return whether the figures are the server's, as far as the file says how its client did."""
    known = replace(client, loop_lag_p99_s=0.0, cpu_ratio=0.0, sent_ratio=1.0)
    return validity_of(known, recorded.level.kind, ok_count, limit_s)
