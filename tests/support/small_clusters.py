"""Engines with affine steps, requests at random, and clusters drawn from a seed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests
from rightrig.prediction.step_table import Coefficients, affine_table
from rightrig.simulation.cluster import (
    Autoscaling,
    Cluster,
    Engines,
    Failures,
    PrefixCache,
    Speculation,
    Traits,
    Transfer,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

COST: Final = Coefficients(
    fixed_s=0.01, per_seq_s=1e-4, per_context_token_s=1e-8, per_prefill_token_s=5e-5
)
"""A decode step of ten milliseconds and a bit for each sequence; 20,000 prompt tokens a second."""
LONGEST_TOKENS: Final = 200_000


def traits(**changes: Any) -> Traits:
    """Return an engine with plenty of memory."""
    plain: dict[str, Any] = {
        "order": "chunked", "max_seqs": 64, "max_batched_tokens": 2048, "blocks_count": 100_000,
    }  # fmt: skip
    return Traits(**plain | changes)


def engines(
    count: int = 1, cost: Coefficients = COST, own: Traits | None = None, **more: Any
) -> Engines:
    """Return some equal replicas."""
    own = own or traits()
    table = affine_table(cost, own.max_seqs, own.max_batched_tokens, LONGEST_TOKENS)
    return Engines(own, table, count, **more)


def cluster(*parts: Engines, **more: Any) -> Cluster:
    """Return engines behind a router."""
    return Cluster(parts or (engines(),), **more)


def poisson(
    rate_per_s: float, count: int, tokens: tuple[float, float] = (500.0, 100.0), **more: Any
) -> Requests:
    """Return requests at random times, with exponential lengths of some means."""
    random = np.random.default_rng(count)
    prompts, answers = (
        (1 + random.exponential(mean - 1.0, count)).astype(int) if mean > 1.0 else _ones(count)
        for mean in tokens
    )
    return Requests(
        np.cumsum(random.exponential(1.0 / rate_per_s, count)), prompts, answers, **more
    )


def fixed(arrivals_s: list[float], prompt: int, answer: int, **more: Any) -> Requests:
    """Return equal requests at given times."""
    count = len(arrivals_s)
    times = np.array(arrivals_s, float)
    return Requests(times, np.full(count, prompt), np.full(count, answer), **more)


def _ones(count: int) -> NDArray[np.int64]:
    return np.ones(count, np.int64)


def with_blocks(requests: Requests, owners: NDArray[np.int64], unit: int) -> Requests:
    """Return requests whose prompts begin with what others of the same owner begin with."""
    blocks = (requests.input_tokens + requests.output_tokens) // unit
    offsets = np.concatenate(([0], np.cumsum(blocks)))
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], blocks)
    identities = np.repeat(owners, blocks) * 1_000_000 + places
    return replace(requests, block_offsets=offsets, block_ids=identities, block_tokens=unit)


# Clusters from a seed, varied over all that the kernel can do.


class Drawn(NamedTuple):
    cluster: Cluster
    requests: Requests


def drawn(seed: int) -> Drawn:
    """Return a small cluster and its requests: the same ones for the same seed."""
    random = np.random.default_rng(seed)
    unit = int(random.choice([0, 0, 16, 64]))
    own = _drawn_traits(random, unit)
    requests = _drawn_requests(random, unit, own)
    kinds = _drawn_engines(random, own)
    whole = kinds[0].role == "both"
    count = sum(kind.count for kind in kinds)
    failing = random.random() < 0.4
    drawn_failures = [
        (float(time), int(random.integers(count))) for time in np.sort(random.uniform(0.1, 6.0, 4))
    ]
    routers = ["round-robin", "least-loaded", "prefix", "power-of-two"]
    return Drawn(
        Cluster(
            kinds,
            router=str(random.choice([*routers, "least-kv"])),  # type: ignore[arg-type]
            request_s=float(random.choice([0.0, 0.02])),
            timeout_s=float(random.choice([math.inf, math.inf, 5.0])),
            autoscaling=_drawn_scaling(random) if whole and random.random() < 0.4 else None,
            failures=Failures(tuple(drawn_failures), float(random.uniform(0.1, 2.0)))
            if failing
            else None,
            tenant_limits={"0": 5} if random.random() < 0.3 else {},
        ),
        requests,
    )


def _drawn_traits(random: np.random.Generator, unit: int) -> Traits:
    order = str(random.choice(["chunked", "chunked", "prefill-first", "static"]))
    reserves = ["whole", "none"] if order == "static" else ["prompt", "prompt", "whole", "none"]
    reserve = str(random.choice(reserves))
    caches = unit > 0 and reserve != "none"
    swaps = not caches and random.random() < 0.4
    tier = int(random.choice([0, 2000]))
    drafting = random.random() < 0.4
    return traits(
        order=order,
        reserve=reserve,
        max_seqs=int(random.choice([1, 4, 16])),
        max_batched_tokens=int(random.choice([64, 256])),
        blocks_count=0 if reserve == "none" else int(random.choice([30, 50, 400])),
        watermark_blocks=int(random.choice([0, 2])),
        slot_tokens=int(random.choice([0, 400])) if reserve == "none" else 0,
        preemption="swap" if swaps else "recompute",
        swap_s_per_token=1e-5,
        max_queue_count=20 if random.random() < 0.3 else None,
        speculation=Speculation(int(random.choice([1, 3])), 0.6) if drafting else None,
        prefix_cache=PrefixCache(unit, tier, 1e-6) if caches else None,
        transfer=Transfer(1e-3, 1e-7),
    )


def _drawn_engines(random: np.random.Generator, own: Traits) -> tuple[Engines, ...]:
    shape = random.choice(["one", "some", "unequal", "divided"])
    if shape == "divided" and own.order != "static":
        return engines(1, own=own, role="prefill"), engines(2, own=own, role="decode")
    if shape == "unequal":
        slower = replace(COST, fixed_s=0.02)
        return engines(1, own=own, weight_ratio=2.0), engines(2, slower, own=own)
    return (engines(1 if shape == "one" else 3, own=own),)


def _drawn_scaling(random: np.random.Generator) -> Autoscaling:
    return Autoscaling(
        fewest_count=int(random.choice([0, 1])),
        target_count=float(random.choice([2.0, 8.0])),
        interval_s=0.5,
        cold_start_s=1.0,
        warm_start_s=0.1,
        warm_count=1,
        cooldown_s=float(random.choice([0.0, 2.0])),
    )


def _drawn_requests(random: np.random.Generator, unit: int, own: Traits) -> Requests:
    count = 200
    rate = float(random.choice([10.0, 40.0, 1000.0]))
    requests = poisson(rate, count, (120.0, float(random.choice([10.0, 60.0]))))
    columns: dict[str, Any] = {
        "class_index": random.integers(0, 3, count),
        "classes": tuple(SloClass(name=str(k), priority=k) for k in range(3)),
    }
    if random.random() < 0.5:
        columns |= {"tenant_index": random.integers(0, 3, count), "tenants": ("0", "1", "2")}
    if random.random() < 0.5:
        columns["patience_s"] = np.where(
            random.random(count) < 0.5, random.exponential(3.0, count), math.inf
        )
    if random.random() < 0.5:
        columns["reasoning_tokens"] = random.integers(0, requests.output_tokens)
    if random.random() < 0.5:
        columns |= _followed(random, requests)
    requests = replace(requests, **columns)
    if unit and own.prefix_cache is not None:
        requests = with_blocks(requests, random.integers(0, 12, count), unit)
    return requests


def _followed(random: np.random.Generator, requests: Requests) -> dict[str, Any]:
    """Return columns in which the second half of the rows follow the first half."""
    half = len(requests) // 2
    follows = np.full(len(requests), -1)
    follows[:half] = np.arange(half, 2 * half)
    arrivals = requests.arrival_s.copy()
    arrivals[half:] = math.inf
    thinking = np.where(np.isinf(arrivals), random.exponential(0.5, len(requests)), 0.0)
    return {"next_index": follows, "arrival_s": arrivals, "think_s": thinking}
