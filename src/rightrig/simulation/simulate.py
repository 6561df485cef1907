"""A deployment under a workload, over time: what every request saw."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.demand.objective import Slo
from rightrig.demand.requests import Requests
from rightrig.demand.scenario import Scenario, requests_of, sample
from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.prediction.evidence import end_ratios
from rightrig.prediction.step_table import step_table
from rightrig.simulation.cluster import Cluster, Engines
from rightrig.simulation.collecting import Collector
from rightrig.simulation.drawing import drawn_w
from rightrig.simulation.engines import drafting, lengths_of, timer_in, traits_of, transfer_of
from rightrig.simulation.finding import Run, found_outcome, judged
from rightrig.simulation.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.demand.workload import Workload
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.step_time import StepTimer
    from rightrig.simulation.cluster import Autoscaling, Failures, Router, Speculation
    from rightrig.simulation.outcome import Outcome

_NO_LIMITS: Final = Slo()
_OWN_MOST: Final = 1_000_000
"""Requests whose own blocks are named to find them again: a number for every block of each."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How to simulate, beside what and for whom.

    Attributes:
        requests_count: How many to draw of a workload or scenario.
        seed: Of all draws.
        router: How requests are spread over replicas.
        prefill_replicas_count: Of the deployment's replicas, those that only read prompts and send
            their cache to the others; 0 for none.
        speculation: Tokens drafted, and the chance that one is accepted.
        timeout_s: The operator's limit from arrival to the last token.
        max_queue_count: Requests that may wait at a replica; more are rejected (429).
        tenant_limits: Most requests of a tenant in the system.
        autoscaling: When replicas start and stop; ``None`` for all the time.
        failures: Which replica dies when.
        price_usd_per_hour: Rent of one replica.
        model_interval: Whether to simulate the ends of the prediction's interval too (three runs
            instead of one).
        progress: Called with the share of the work that is done.
    """

    requests_count: int = 10_000
    seed: int = 1
    router: Router = "least-loaded"
    prefill_replicas_count: int = 0
    speculation: Speculation | None = None
    timeout_s: float = math.inf
    max_queue_count: int | None = None
    tenant_limits: Mapping[str, int] | None = None
    autoscaling: Autoscaling | None = None
    failures: Failures | None = None
    price_usd_per_hour: float | None = None
    model_interval: bool = True
    progress: Callable[[float], None] | None = None

    @property
    def runs_count(self) -> int:
        """Simulations of one answer: the middle, and both ends of the model's interval."""
        return 3 if self.model_interval else 1


def simulate(
    deployment: Deployment,
    workload: Workload | Scenario | Requests,
    *,
    slo: Slo = _NO_LIMITS,
    setting: Setting | None = None,
) -> Outcome:
    """Return what happens to the requests of a workload on a deployment.

    Args:
        deployment: A deployment whose rules hold; its replicas stand behind a router.
        workload: Fixed lengths at a rate, distributions, or requests of a trace.
        slo: Objectives that make a request good.
        setting: Everything else.

    Raises:
        InputError: when the model does not fit, its speed is not modelled, or no request comes.
    """
    setting = setting or Setting()
    requests = requests_for(workload, setting)
    return outcome_of(prepare(deployment, requests, setting), slo, setting)


def simulate_cluster(
    cluster: Cluster, requests: Requests, *, slo: Slo = _NO_LIMITS, seed: int = 1
) -> Outcome:
    """Return what happens to requests on engines that are given by their traits and times.

    The way in for measured step times, unequal replicas, and anything that no deployment says.
    """
    return found_outcome(run_once(cluster, requests, slo, seed), cluster, requests)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A deployment ready to be simulated with some requests."""

    deployment: Deployment
    requests: Requests
    cluster: Cluster
    timer: StepTimer
    lengths: Lengths

    def at_speed(self, ratio: float) -> Cluster:
        """Return the cluster with engines whose steps take longer (or less) by a factor."""
        slower = tuple(
            replace(engines, table=engines.table.scaled(ratio)) for engines in self.cluster.engines
        )
        return replace(self.cluster, engines=slower)

    @property
    def ends_ratio(self) -> tuple[float, float]:
        """Ends of the interval of a step's time over its middle."""
        measured = self.timer.speeds.measured
        return end_ratios("tpot", measured, has_experts=self.timer.llm.has_experts)


def requests_for(workload: Workload | Scenario | Requests, setting: Setting) -> Requests:
    """Return the requests of a workload; a trace is its own."""
    if isinstance(workload, Requests):
        requests = workload
    elif isinstance(workload, Scenario):
        requests = sample(workload, setting.requests_count, setting.seed)
    else:
        requests = requests_of(workload, setting.requests_count, setting.seed)
    if not len(requests):
        raise InputError("there are no requests to simulate")
    return requests


def prepare(deployment: Deployment, requests: Requests, setting: Setting) -> Prepared:
    """Return a deployment as a cluster for some requests."""
    totals = requests.input_tokens + requests.output_tokens
    longest = int(totals.max())
    most = deployment.llm.max_context_tokens
    if longest > most:
        raise InputError(
            f"the longest request has {longest:,} tokens, and {deployment.llm.name} was made for "
            f"{most:,}; leave such requests out or choose a model with a longer context"
        )
    lengths = lengths_of(
        float(requests.input_tokens.mean()), float(requests.output_tokens.mean()),
        setting.speculation,
    )  # fmt: skip
    timer = timer_in(deployment, lengths)
    traits = traits_of(deployment, lengths, requests.block_tokens)
    traits = replace(traits, max_queue_count=setting.max_queue_count)
    if setting.speculation is not None:
        traits = drafting(traits, setting.speculation)
    table = step_table(timer, lengths, traits.max_seqs, float(longest))
    engines = Engines(traits, table, deployment.parallelism.replicas)
    cluster = Cluster(
        engines=(engines,),
        router=setting.router,
        request_s=float(timer.speeds.request_s),
        timeout_s=setting.timeout_s,
        autoscaling=setting.autoscaling,
        failures=setting.failures,
        tenant_limits=setting.tenant_limits or {},
    )
    if setting.prefill_replicas_count:
        cluster = _divided(cluster, deployment, lengths, setting.prefill_replicas_count)
    return Prepared(deployment, requests, cluster, timer, lengths)


def _divided(
    cluster: Cluster, deployment: Deployment, lengths: Lengths, prefill_count: int
) -> Cluster:
    """Return the cluster with some replicas that only read prompts."""
    whole = cluster.engines[0]
    if not 0 < prefill_count < whole.count:
        raise InputError(
            f"{prefill_count} of {whole.count} replicas cannot read prompts for the others: leave "
            "at least one for each part (--replicas)"
        )
    sends = replace(whole.traits, transfer=transfer_of(deployment, lengths))
    return replace(
        cluster,
        engines=(
            replace(whole, traits=sends, count=prefill_count, role="prefill"),
            replace(whole, count=whole.count - prefill_count, role="decode"),
        ),
    )


def run_once(cluster: Cluster, requests: Requests, slo: Slo, seed: int) -> Run:
    """Return one pass of the requests through a cluster."""
    begun_s = time.perf_counter()
    collector = Collector(len(requests), slo, reasons=len(requests.reasoning_tokens) > 0)
    whole = replay(cluster, requests, seed, collector.take)
    return Run(collector, whole, slo, seed, time.perf_counter() - begun_s)


def outcome_of(prepared: Prepared, slo: Slo, setting: Setting) -> Outcome:
    """Return the outcome of a prepared deployment, with the ends of the model's interval."""
    tell = setting.progress or (lambda _: None)
    found = outcome_at(prepared, slo, setting)
    tell(1.0 / setting.runs_count)
    speeds = prepared.timer.speeds
    found = replace(
        found,
        deployment=prepared.deployment,
        power_w=drawn_w(prepared.deployment, prepared.timer, prepared.lengths, found),
        price_usd_per_hour=_price_usd_per_hour(found, setting),
        evidence=speeds.evidence,
        sources=speeds.sources,
    )
    if not setting.model_interval:
        return found
    ends = []
    for share, ratio in zip((2.0 / 3.0, 1.0), prepared.ends_ratio, strict=True):
        ends.append(outcome_at(prepared, slo, setting, ratio))
        tell(share)
    return with_model_interval(found, ends[0], ends[1])


def outcome_at(prepared: Prepared, slo: Slo, setting: Setting, ratio: float = 1.0) -> Outcome:
    """Return what happens on engines whose steps take longer (or less) by a factor.

    An engine that keeps prefixes finds what it had computed of a request that it preempted: where
    requests name no blocks and some were preempted, it is simulated again with their own.
    """
    cluster, requests = prepared.at_speed(ratio), prepared.requests
    run = run_once(cluster, requests, slo, setting.seed)
    if run.whole.preemptions_count and not requests.block_tokens and len(requests) <= _OWN_MOST:
        own = cluster.engines[0].traits.block_tokens
        again = prepare(prepared.deployment, with_own_blocks(requests, own), setting)
        if again.cluster.engines[0].traits.prefix_cache is not None:
            cluster, requests = again.at_speed(ratio), again.requests
            run = run_once(cluster, requests, slo, setting.seed)
    return found_outcome(run, cluster, requests)


def with_own_blocks(requests: Requests, block_tokens: int) -> Requests:
    """Return requests that share nothing with others and know their own blocks again."""
    blocks = (requests.input_tokens + requests.output_tokens) // block_tokens
    offsets = np.concatenate(([0], np.cumsum(blocks)))
    return replace(
        requests,
        block_offsets=offsets,
        block_ids=np.arange(offsets[-1]),
        block_tokens=block_tokens,
    )


def with_model_interval(found: Outcome, fast: Outcome, slow: Outcome) -> Outcome:
    """Return an outcome whose statistics carry what other speeds of the engine would make them."""
    latencies = {
        metric: {
            name: replace(value, model=_between(value.mid, fast, slow, (metric, name)))
            for name, value in latency.items()
        }
        for metric, latency in found.latencies.items()
    }
    return judged(found, latencies)


def _between(mid: float, fast: Outcome, slow: Outcome, key: tuple[str, str]) -> Interval:
    """Return the interval between two other outcomes, around the middle."""
    metric, name = key
    ends = [
        end.latencies[metric][name].mid if metric in end.latencies else mid for end in (fast, slow)
    ]
    return Interval(min(mid, *ends), mid, max(mid, *ends))


def _price_usd_per_hour(found: Outcome, setting: Setting) -> float | None:
    """Return the mean rent of the replicas that were on, in $ an hour."""
    if setting.price_usd_per_hour is None:
        return None
    on_s = sum(replica.on_s for replica in found.replicas)
    return setting.price_usd_per_hour * on_s / found.duration_s
