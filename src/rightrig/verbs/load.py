"""``rightrig load``: load an OpenAI-compatible server, and find where it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.verbs import loading_options as lo
from rightrig.verbs import options as o
from rightrig.verbs.found import Found
from rightrig.verbs.typed import typed

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.loading import LoadJson


def load(
    catalog: Catalog,
    url: lo.Url = None,
    model: lo.ServedModel = None,
    on: lo.ServedOn = None,
    name: lo.Name = None,
    chat: lo.Chat = True,
    rate: o.OnlyRate = None,
    concurrency: lo.UsersLevels = None,
    think: o.Think = None,
    trace: o.TraceFile = None,
    preset: o.Preset = None,
    input: o.InputLengths = None,  # noqa: A002
    output: o.OutputLengths = None,
    arrivals: o.ArrivalLaw = None,
    requests: lo.RequestsOfLevel = None,
    seconds: lo.Seconds = None,
    seed: o.Seed = 1,
    ramp: lo.Ramp = False,
    plan: lo.PlanFile = None,
    read: lo.ReadFile = None,
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
    warmup: lo.Warmup = None,
    timeout: lo.AnswerTimeout = None,
    ignore_eos: lo.IgnoreEos = True,
    tokenizer: lo.TokenizerFile = None,
    api_key_env: lo.ApiKeyEnv = None,
    price: o.RigPrice = None,
    csv: lo.CsvFile = None,
    keep: lo.Keep = True,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    dp: o.AttentionDp = None,
    ep: o.ExpertParallel = None,
    cp: o.ContextParallel = None,
    replicas: o.Replicas = None,
    max_seqs: o.MaxSeqs = None,
    max_batched_tokens: o.MaxBatchedTokens = None,
    gpu_memory_utilization: o.MemoryUtilization = None,
) -> Found[LoadJson]:
    """What a server delivers, and where it breaks."""
    command = typed(load, locals())
    from rightrig.verbs.loading import Asked, Choices, Files, Server, Words, answer_of

    fixed = Choices(runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
                    gpu_memory_utilization, dp, cp, expert_parallel=ep)  # fmt: skip
    words = Words(rate, None, think, trace, preset, input, output, arrivals, requests, seed)
    limits = (ttft_p50, ttft_p90, ttft_p95, ttft_p99, tpot_p50, tpot_p90, tpot_p95, tpot_p99,
              e2e_p50, e2e_p90, e2e_p95, e2e_p99, itl_p50, itl_p90, itl_p95, itl_p99)  # fmt: skip
    server = Server(url, name, "chat" if chat else "completions", tokenizer, api_key_env, timeout,
                    ignore_eos)  # fmt: skip
    return answer_of(Asked(catalog, server, words, concurrency, limits, Files(plan, read, csv),
                           model, on, fixed, ramp, seconds, warmup, price, keep,
                           command))  # fmt: skip
