"""Several engines of one deployment (replicas) as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.watching.engines.histograms import merged
from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.watching.states import Histogram, Latency


def joined(engines: Sequence[EngineState]) -> EngineState | None:
    """Return several engines as one; ``None`` where there is none.

    What one of them does not tell is not known of all. Where one could not be read, that is the
    trouble of all: half a deployment is not the deployment.
    """
    if len(engines) <= 1:
        return engines[0] if engines else None
    broken = [f"{one.url}: {one.trouble}" for one in engines if one.trouble]
    urls = ", ".join(one.url for one in engines)
    # The mean: where one answers later than the others, too much of it and too little of them.
    at_s = sum(one.at_s for one in engines) / len(engines)
    if broken:
        return EngineState(urls, at_s, trouble="; ".join(broken))
    ratios = [one.kv_used_ratio for one in engines if one.kv_used_ratio is not None]
    read_bytes = _total_count([one.read_bytes for one in engines])
    return EngineState(
        url=urls,
        at_s=at_s,
        kind=", ".join(sorted({one.kind for one in engines})),
        model=", ".join(sorted({one.model for one in engines if one.model})),
        running_count=_total_count([one.running_count for one in engines]),
        waiting_count=_total_count([one.waiting_count for one in engines]),
        kv_used_ratio=max(ratios, default=None),
        preemptions_count=_total_count([one.preemptions_count for one in engines]),
        prompt_tokens=_total_count([one.prompt_tokens for one in engines]),
        generation_tokens=_total_count([one.generation_tokens for one in engines]),
        finished=_finished(engines),
        prefix_queries_count=_total_count([one.prefix_queries_count for one in engines]),
        prefix_hits_count=_total_count([one.prefix_hits_count for one in engines]),
        # Of one card: the mean over engines of equal cards.
        read_bytes=None if read_bytes is None else read_bytes / len(engines),
        latencies=_latencies(engines),
    )


def _total_count(parts_count: Iterable[float | None]) -> float | None:
    """Return a sum; ``None`` where a part is not known."""
    total = 0.0
    for part in parts_count:
        if part is None:
            return None
        total += part
    return total


def _finished(engines: Sequence[EngineState]) -> dict[str, float]:
    """Return how requests ended, over all."""
    found: dict[str, float] = {}
    for engine in engines:
        for way, count in engine.finished.items():
            found[way] = found.get(way, 0.0) + count
    return found


def _latencies(engines: Sequence[EngineState]) -> dict[Latency, Histogram]:
    """Return the latencies that all of them count."""
    found: dict[Latency, Histogram] = {}
    for name in engines[0].latencies:
        parts = [one.latencies[name] for one in engines if name in one.latencies]
        whole = merged(parts) if len(parts) == len(engines) else None
        if whole is not None:
            found[name] = whole
    return found
