"""``rightrig simulate``: what every request sees over time, under a workload or a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.simulating import SimulateAnswerJson


def simulate(
    catalog: Catalog,
    model: o.Model,
    on: o.On,
    rate: o.OnlyRate = None,
    concurrency: o.Users = None,
    think: o.Think = None,
    trace: o.TraceFile = None,
    preset: o.Preset = None,
    input: o.InputLengths = None,  # noqa: A002
    output: o.OutputLengths = None,
    arrivals: o.ArrivalLaw = None,
    requests: o.RequestsCount = None,
    seed: o.Seed = 1,
    ttft_p50: o.Ttft = None,
    ttft_p90: o.Ttft = None,
    ttft_p95: o.Ttft = None,
    ttft_p99: o.Ttft = None,
    tpot_p50: o.Tpot = None,
    tpot_p90: o.Tpot = None,
    tpot_p95: o.Tpot = None,
    tpot_p99: o.Tpot = None,
    e2e_p50: o.E2e = None,
    e2e_p90: o.E2e = None,
    e2e_p95: o.E2e = None,
    e2e_p99: o.E2e = None,
    itl_p50: o.Itl = None,
    itl_p90: o.Itl = None,
    itl_p95: o.Itl = None,
    itl_p99: o.Itl = None,
    find_limit: o.FindLimit = False,
    router: o.RouterName = "least-loaded",
    prefill_replicas: o.PrefillReplicas = None,
    timeout: o.Timeout = None,
    max_queue: o.MaxQueue = None,
    price: o.RigPrice = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    dp: o.AttentionDp = None,
    ep: o.ExpertParallel = None,
    cp: o.ContextParallel = None,
    replicas: o.Replicas = None,
    draft: o.Draft = None,
    spec_tokens: o.SpecTokens = None,
    acceptance: o.Acceptance = None,
    max_seqs: o.MaxSeqs = None,
    max_batched_tokens: o.MaxBatchedTokens = None,
    gpu_memory_utilization: o.MemoryUtilization = None,
    save: o.OutcomeFolder = None,
) -> Found[SimulateAnswerJson]:
    """What requests see over time: percentiles, goodput, limits."""
    from rightrig.verbs.simulating import Asked, Choices, Service, Words, answer_of

    fixed = Choices(runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
                    gpu_memory_utilization, dp, cp, draft, expert_parallel=ep)  # fmt: skip
    words = Words(rate, concurrency, think, trace, preset, input, output, arrivals, requests, seed)
    limits = (ttft_p50, ttft_p90, ttft_p95, ttft_p99, tpot_p50, tpot_p90, tpot_p95, tpot_p99,
              e2e_p50, e2e_p90, e2e_p95, e2e_p99, itl_p50, itl_p90, itl_p95, itl_p99)  # fmt: skip
    service = Service(router, prefill_replicas, timeout, max_queue, price, spec_tokens, acceptance)
    return answer_of(Asked(catalog, model, on, fixed, words, limits, service, find_limit, save))
