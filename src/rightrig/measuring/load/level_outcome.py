"""From the records of a level to its figures."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.measuring.load.faults import KINDS
from rightrig.measuring.load.outcome import Client, Kept, LevelOutcome
from rightrig.measuring.load.outcome_samples import samples_of, usage_check
from rightrig.measuring.load.statistics import batches_of, latency_of, percentile_of
from rightrig.measuring.load.steady import window_of
from rightrig.measuring.load.validity import lag_limit_s, validity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rightrig.demand.objective import Objective, Slo
    from rightrig.measuring.load.faults import Kind
    from rightrig.measuring.load.level_running import Running
    from rightrig.measuring.load.outcome import Latency, LevelKind, Samples, Validity, Window
    from rightrig.measuring.load.outcome_samples import Record
    from rightrig.measuring.load.prompts import Writer

    Column = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_PERCENT: Final = 100
_SHORTEST_S: Final = 1e-9


def outcome_of(
    running: Running, slo: Slo, writer: Writer, started: str, *, interrupted: bool
) -> LevelOutcome:
    """Return what the records of a level say."""
    level, records = running.level, _counted(running.records, interrupted=interrupted)
    samples = samples_of(records, writer.tokenizer)
    window = window_of(samples, level, _end_of_load_s(running, samples))
    inside = (samples.due_s >= window.start_s) & (samples.due_s <= window.end_s)
    latencies = latencies_of(samples, inside)
    client = _client(running, samples, inside, window)
    ok_count = int((samples.is_ok & inside).sum())
    served, prompts, answers = _rates_per_s(samples, window, level.kind)
    return LevelOutcome(
        level=level,
        slo=slo,
        started=started,
        duration_s=running.wall_s,
        requests_count=int(inside.sum()),
        ok_count=ok_count,
        faults=faults_of(samples, inside),
        details={record.kind: record.detail for record in reversed(records) if record.detail},
        statuses=dict(Counter(map(int, samples.status[inside]))),
        window=window,
        latencies=latencies,
        kept=tuple(kept_by(samples, inside, one) for one in slo.objectives()),
        offered_requests_per_s=_offered_count(running, inside, client) / _span_s(window),
        served_requests_per_s=served,
        input_tokens_per_s=prompts,
        output_tokens_per_s=answers,
        good_ratio=good_ratio(samples, inside, slo),
        concurrency_mean_count=_held_count(samples.sent_s, samples.done_s, window),
        concurrency_max_count=running.most_in_flight_count,
        client=client,
        validity=_validity(running, client, latencies, slo, samples.is_ok & inside),
        usage=usage_check(records, samples, writer.tokenizer),
        samples=samples,
        interrupted=interrupted,
        notes=tuple(running.asker.notes),
    )


def _counted(records: list[Record], *, interrupted: bool) -> list[Record]:
    """Return the records that count: what an interruption cut short is no fault of the server."""
    return [one for one in records if not (interrupted and one.kind == "unfinished")]


def _validity(
    running: Running, client: Client, latencies: Mapping[str, Latency], slo: Slo, counted: Mask
) -> Validity:
    """Return whether the figures are the server's."""
    ttft = latencies.get("ttft_sent")
    limit_s = lag_limit_s(slo, ttft.statistics["p99"].value_s.mid if ttft else None)
    exhausted = sum(record.kind == "exhausted" for record in running.records)
    ok_count = int(counted.sum())
    return validity_of(client, running.level.kind, ok_count, limit_s, exhausted_count=exhausted)


def latencies_of(samples: Samples, inside: Mask) -> Mapping[str, Latency]:
    """Return the statistics of every metric of the requests that were answered.

    A metric of which there is no value is absent.
    """
    chosen = samples.is_ok & inside
    rank = _ranks(samples.due_s, chosen)
    found = {}
    for metric, values_s in request_metrics_s(samples).items():
        of_all = inside if metric == "lag" else chosen
        known = of_all & np.isfinite(values_s)
        batch = batches_of(int(known.sum()))[np.argsort(np.argsort(samples.due_s[known]))]
        found[metric] = latency_of(values_s[known], batch)
    lengths = np.diff(samples.gap_offsets)
    is_chosen = np.repeat(chosen, lengths)
    batches = batches_of(int(chosen.sum()))
    of_gap = np.repeat(rank, lengths)[is_chosen]
    found["itl"] = latency_of(samples.gaps_s[is_chosen], batches[of_gap])
    return {metric: latency for metric, latency in found.items() if latency is not None}


def request_metrics_s(samples: Samples) -> dict[str, Column]:
    """Return the metrics that have a value a request (``outcome.METRICS``); NaN without one."""
    after = samples.output_tokens - 1
    decode_s = samples.last_token_s - samples.first_token_s
    tpot_s = np.where(after > 0, decode_s / np.maximum(after, 1), np.nan)
    return {
        "ttft": samples.first_token_s - samples.due_s,
        "ttft_sent": samples.first_token_s - samples.sent_s,
        "tpot": tpot_s,
        "e2e": samples.last_token_s - samples.due_s,
        "lag": samples.sent_s - samples.due_s,
    }


def kept_by(samples: Samples, inside: Mask, objective: Objective) -> Kept:
    """Return whether an objective was kept; failures count as infinitely late."""
    metric, percentile, limit_s = objective
    if metric == "itl":
        chosen = np.repeat(inside & samples.is_ok, np.diff(samples.gap_offsets))
        values_s = samples.gaps_s[chosen]
    else:
        of_all = request_metrics_s(samples)[metric][inside]
        is_ok = samples.is_ok[inside]
        values_s = np.where(is_ok, of_all, np.inf)[~(is_ok & np.isnan(of_all))]
    if not values_s.size:
        values_s = np.array([np.inf])
    order = np.argsort(values_s, kind="stable")
    batch = batches_of(len(values_s))[order]
    found = percentile_of(values_s[order], batch, percentile / _PERCENT).value_s
    is_sure = found.high <= limit_s or found.low > limit_s
    return Kept(objective, found, is_kept=found.mid <= limit_s, is_sure=is_sure)


def are_good(samples: Samples, slo: Slo) -> Mask:
    """Return which requests were answered within every limit of an objective.

    As in a simulation, a limit holds for each request by itself, whatever its percentile; ``itl``
    is of pairs of chunks and not known for a request. An answer of one token has no time per
    further token, and keeps any limit of it.
    """
    good = samples.is_ok.copy()
    metrics = request_metrics_s(samples)
    metrics["tpot"] = np.where(samples.output_tokens <= 1, 0.0, metrics["tpot"])
    for metric, _, limit_s in slo.objectives():
        if metric != "itl":
            with np.errstate(invalid="ignore"):
                good &= metrics[metric] <= limit_s
    return good


def good_ratio(samples: Samples, inside: Mask, slo: Slo) -> float | None:
    """Return the share of good requests among all, failures included; ``None`` of none."""
    if not slo.objectives() or not inside.any():
        return None
    return float(are_good(samples, slo)[inside].mean())


def _ranks(due_s: Column, chosen: Mask) -> NDArray[np.int64]:
    """Return the place of each chosen request among them by time; others have 0."""
    ranks = np.zeros(len(due_s), np.int64)
    ranks[np.flatnonzero(chosen)] = np.argsort(np.argsort(due_s[chosen], kind="stable"))
    return ranks


def _end_of_load_s(running: Running, samples: Samples) -> float:
    """Return when the load began to fall, or the level ended."""
    level = running.level
    end_s = min(level.duration_s, running.wall_s)
    if level.kind == "closed":
        return end_s if math.isnan(running.short_of_work_s) else min(end_s, running.short_of_work_s)
    is_all = len(samples) >= running.wanted_count and len(samples) > 0
    return min(end_s, float(samples.due_s.max())) if is_all else end_s


def _client(running: Running, samples: Samples, inside: Mask, window: Window) -> Client:
    """Return how well this client did its part."""
    lag_s = (samples.sent_s - samples.due_s)[inside]
    beats_s = np.array(running.lags_s)
    return Client(
        lag_p99_s=float(np.quantile(lag_s, 0.99)) if lag_s.size else 0.0,
        loop_lag_p99_s=float(np.quantile(beats_s, 0.99)) if beats_s.size else 0.0,
        cpu_ratio=running.cpu_s / max(running.wall_s, _SHORTEST_S),
        sent_ratio=_sent_ratio(running, samples, inside, window),
        reconnects_count=running.asker.pool.reconnects_count,
    )


def _sent_ratio(running: Running, samples: Samples, inside: Mask, window: Window) -> float:
    """Return sent over due, or held over what would have been held (``outcome.Client``)."""
    if running.level.kind == "closed":
        inside = inside & samples.is_ok  # what fails at once holds nothing
        whole_s = float((samples.done_s - samples.due_s)[inside].sum())
        late_s = float((samples.sent_s - samples.due_s)[inside].sum())
        return 1.0 - late_s / whole_s if whole_s > 0.0 else 1.0
    due = running.due_count(window.start_s, window.end_s)
    is_root = samples.row < running.roots_count
    in_time = samples.sent_s <= window.end_s + _grace_s(window)
    sent = int((inside & is_root & in_time).sum())
    return min(sent / due, 1.0) if due else 1.0


def _grace_s(window: Window) -> float:
    """Return how late the last requests of a window may be sent: half a percent of it."""
    return 0.005 * _span_s(window)


def _offered_count(running: Running, inside: Mask, client: Client) -> float:
    """Return the requests that were due, those that were not sent included."""
    sent = float(inside.sum())
    is_short = running.level.kind == "open" and client.sent_ratio > 0.0
    return sent / client.sent_ratio if is_short else sent


def faults_of(samples: Samples, inside: Mask) -> dict[Kind, int]:
    """Return how many requests failed, by kind."""
    counts = np.bincount(samples.kind_index[inside], minlength=len(KINDS))
    return {kind: int(n) for kind, n in zip(KINDS, counts, strict=True) if n and kind != "ok"}


def _rates_per_s(samples: Samples, window: Window, kind: LevelKind) -> tuple[float, float, float]:
    """Return requests, tokens of prompts and tokens of answers that were served a second.

    At a rate: what ended within the window. Of users: by the share of each request's time that
    lies within it, since users in step with each other would otherwise have their whole last round
    inside or outside; where requests wait in a growing line, that share would count the waiting.
    """
    if kind == "closed":
        served = _share_ratio(samples.sent_s, samples.done_s, window) * samples.is_ok
    else:
        is_inside = (samples.done_s >= window.start_s) & (samples.done_s <= window.end_s)
        served = (samples.is_ok & is_inside).astype(np.float64)
    span_s = _span_s(window)
    return (
        float(served.sum()) / span_s,
        float((served * samples.input_tokens).sum()) / span_s,
        float((served * samples.output_tokens).sum()) / span_s,
    )


def _share_ratio(start_s: Column, end_s: Column, window: Window) -> Column:
    """Return the share of each request's time that lies within the window."""
    inside_s = np.minimum(end_s, window.end_s) - np.maximum(start_s, window.start_s)
    return np.clip(inside_s / np.maximum(end_s - start_s, _SHORTEST_S), 0.0, 1.0)


def _held_count(start_s: Column, end_s: Column, window: Window) -> float:
    """Return the mean number of requests under way within the window."""
    inside_s = np.minimum(end_s, window.end_s) - np.maximum(start_s, window.start_s)
    return float(np.maximum(inside_s, 0.0).sum()) / _span_s(window)


def _span_s(window: Window) -> float:
    return max(window.end_s - window.start_s, _SHORTEST_S)
