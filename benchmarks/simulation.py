"""Time simulations against their budgets; ``bench.py`` writes the figures down.

    python benchmarks/simulation.py

Llama-3.1-8B on H100s at 80 % of the rate that saturates them, with the lengths and arrivals of
Azure's conversations (shared/traces); nothing is measured where the trace is absent. Wall
seconds on one core, medians of three runs, kernels compiled before.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from figure import Figure

from rightrig.demand.objective import Slo
from rightrig.demand.requests import Requests
from rightrig.demand.trace import read_trace
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.simulation.cluster import Cluster
from rightrig.simulation.finding import found_outcome
from rightrig.simulation.limit import find_limit
from rightrig.simulation.replay import replay
from rightrig.simulation.simulate import Setting, prepare, run_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.simulation.cluster import Engines, Router
    from rightrig.simulation.outcome import Outcome

_SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / "shared")
_TRACE: Final = _SHARED / "traces" / "AzureLLMInferenceTrace_conv.csv"
_REPEATS: Final = 3
_LOAD_RATIO: Final = 0.8
_MILLION: Final = 1_000_000
_SYSTEM_TOKENS, _UNIT_TOKENS, _GROUPS_COUNT = 512, 128, 20
_FLEET_REPLICAS, _FLEET_REQUESTS = 10_000, 10_000_000
_PLAIN: Final = Setting(model_interval=False)
_VIDUR_REQUESTS: Final = (64, 1024)
_VIDUR_WORDS: Final = (
    "--replica_config_device", "a100",
    "--replica_config_model_name", "meta-llama/Meta-Llama-3-8B",
    "--request_generator_config_type", "synthetic",
    "--length_generator_config_type", "trace",
    "--trace_request_length_generator_config_trace_file",
    "data/processed_traces/splitwise_conv.csv",
    "--interval_generator_config_type", "poisson",
    "--poisson_request_interval_generator_config_qps", "6.45",
    "--replica_scheduler_config_type", "sarathi",
    "--no-metrics_config_store_plots", "--no-metrics_config_enable_chrome_trace",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """The deployment, the trace, and the rate at which one engine has no idle place."""

    deployment: Deployment
    trace: Requests
    full_requests_per_s: float

    def engines(self, requests: Requests, count: int) -> Engines:
        """Return some replicas of the deployment for some requests."""
        return replace(prepare(self.deployment, requests, _PLAIN).cluster.engines[0], count=count)

    def at_load(self, requests: Requests, replicas: int) -> Requests:
        """Return requests that come at 80 % of what some replicas can do."""
        return requests.at_rate(_LOAD_RATIO * self.full_requests_per_s * replicas)


def case_of(catalog: Catalog) -> Case:
    """Return the case; its full rate is that of the whole trace when all of it is there at 0."""
    trace = read_trace(_TRACE).requests
    deployment = propose(catalog, catalog.llm("llama-3.1-8b"), parse_rig("1xh100-sxm", catalog))
    at_once = replace(trace, arrival_s=np.zeros(len(trace)))
    cluster = prepare(deployment, at_once, _PLAIN).cluster
    whole = replay(cluster, at_once, 1, _forget)
    return Case(deployment, trace, len(trace) / float(whole.replicas["busy_s"][0]))


def _forget(_: object) -> None:
    """Take records and do nothing."""


def median_s(action: Callable[[], object]) -> float:
    """Return the median wall seconds of a call."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def outcome_on(cluster: Cluster, requests: Requests) -> Outcome:
    """Return what becomes of requests, with all statistics."""
    return found_outcome(run_once(cluster, requests, Slo(), 1), cluster, requests)


def bare_rate_per_s(case: Case) -> float:
    """Return how many requests the kernel alone simulates in a second: one engine, no prefixes."""
    requests = case.at_load(case.trace.repeated(_MILLION), 1)
    cluster = Cluster((case.engines(requests, 1),))
    return _MILLION / median_s(lambda: replay(cluster, requests, 1, _forget))


def with_prefixes(requests: Requests) -> Requests:
    """Return requests whose prompts begin with one of a few system prompts."""
    blocks = (requests.input_tokens + requests.output_tokens) // _UNIT_TOKENS
    offsets = np.concatenate(([0], np.cumsum(blocks)))
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], blocks)
    groups = np.random.default_rng(1).integers(0, _GROUPS_COUNT, len(requests))
    shared = _SYSTEM_TOKENS // _UNIT_TOKENS
    own = _GROUPS_COUNT * shared + np.arange(offsets[-1])
    identities = np.where(places < shared, np.repeat(groups, blocks) * shared + places, own)
    return replace(requests, block_offsets=offsets, block_ids=identities, block_tokens=_UNIT_TOKENS)


def whole_rate_per_s(case: Case) -> float:
    """Return the same with prefix caches, a router before 4 replicas, and exact percentiles."""
    requests = with_prefixes(case.at_load(case.trace.repeated(_MILLION), 4))
    cluster = Cluster((case.engines(requests, 4),), router="least-loaded")
    found: list[Outcome] = []
    took_s = median_s(lambda: found.append(outcome_on(cluster, requests)))
    if not found[0].is_exact or found[0].cache_hit_ratio < 0.3:  # noqa: PLR2004 - 512 of 1,155
        raise RuntimeError("the benchmark does not measure what it says")
    return _MILLION / took_s


def _million(case: Case) -> None:
    """Simulate a million requests with exact percentiles."""
    requests = case.at_load(case.trace.repeated(_MILLION), 1)
    outcome_on(Cluster((case.engines(requests, 1),)), requests)


def _fleet(case: Case) -> None:
    """Simulate a minute of a large fleet: records are not kept, percentiles are sketched."""
    random = np.random.default_rng(1)
    rate_per_s = _LOAD_RATIO * case.full_requests_per_s * _FLEET_REPLICAS
    rows = random.integers(0, len(case.trace), _FLEET_REQUESTS)
    requests = Requests(
        arrival_s=np.cumsum(random.exponential(1.0 / rate_per_s, _FLEET_REQUESTS)),
        input_tokens=case.trace.input_tokens[rows],
        output_tokens=case.trace.output_tokens[rows],
    )
    router: Router = "power-of-two"
    found = outcome_on(Cluster((case.engines(requests, _FLEET_REPLICAS),), router), requests)
    if found.is_exact or found.served_count != _FLEET_REQUESTS:
        raise RuntimeError("the benchmark does not measure what it says")


_ALONE: Final = {"million": _million, "fleet": _fleet}
"""Runs in a process of their own, for their memory."""


def alone(name: str) -> tuple[float, float]:
    """Return the wall seconds and the peak memory in bytes of a run in a process of its own."""
    command = [sys.executable, __file__, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s, peak_bytes = map(float, done.stdout.split())
    return took_s, peak_bytes


def limit_s(case: Case) -> float:
    """Return how long it takes to find the highest rate of the trace that keeps an objective."""
    slo = Slo(ttft_p99_s=1.0, tpot_p99_s=0.05)
    return median_s(lambda: find_limit(case.deployment, case.trace, slo, Setting()))


def vidur_figures() -> list[Figure]:
    """Return the rate of Vidur on the same lengths where it is installed with its profiles."""
    found = importlib.util.find_spec("vidur")
    if found is None or not found.submodule_search_locations:
        print("vidur is not installed: no figure beside ours")
        return []
    root = Path(found.submodule_search_locations[0]).parent
    times_s = []
    for count in _VIDUR_REQUESTS:
        words = ("--synthetic_request_generator_config_num_requests", str(count))
        start = time.perf_counter()
        command = [sys.executable, "-m", "vidur.main", *_VIDUR_WORDS, *words]
        done = subprocess.run(command, check=False, capture_output=True, cwd=root)
        times_s.append(time.perf_counter() - start)
        if done.returncode:
            print(f"vidur failed: {done.stderr[-200:]!r}")
            return []
    rate_per_s = (_VIDUR_REQUESTS[1] - _VIDUR_REQUESTS[0]) / (times_s[1] - times_s[0])
    return [Figure("vidur_rate", rate_per_s, "per_s")]


def figures(catalog: Catalog) -> list[Figure]:
    """Return every figure of the simulation."""
    if not _TRACE.exists():
        print(f"{_TRACE} is absent: simulations are not timed")
        return []
    case = case_of(catalog)
    million_s, million_bytes = alone("million")
    fleet_s, fleet_bytes = alone("fleet")
    return [
        Figure("simulation_rate", bare_rate_per_s(case), "per_s", least=1e6),
        Figure("simulation_whole_rate", whole_rate_per_s(case), "per_s", least=1e5),
        Figure("simulation_million", million_s, "s"),
        Figure("simulation_million_memory", million_bytes, "B", 2e9),
        Figure("simulation_fleet", fleet_s / 60.0, "min"),
        Figure("simulation_fleet_memory", fleet_bytes, "B", 4e9),
        Figure("find_limit", limit_s(case), "s", 10.0),
        *vidur_figures(),
    ]


def main(words: list[str]) -> int:
    """Print every figure; or run one case and print its seconds and peak bytes."""
    catalog = shipped()
    if words:
        case = case_of(catalog)
        start = time.perf_counter()
        _ALONE[words[0]](case)
        took_s = time.perf_counter() - start
        print(took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return 0
    found = figures(catalog)
    for figure in found:
        print(f"{figure.name:28}{figure.value:10.4g} {figure.unit}  {figure.budget}")
    return 0 if all(figure.is_kept for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
