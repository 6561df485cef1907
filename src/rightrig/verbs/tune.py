"""``rightrig tune``: one knob at a time from a baseline, on a live engine or on the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.verbs import loading_options as lo
from rightrig.verbs import options as o
from rightrig.verbs import tuning_options as to
from rightrig.verbs.found import Found
from rightrig.verbs.typed import typed

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.tuning import TuneJson


def tune(
    catalog: Catalog,
    model: o.ModelOrNone = None,
    on: o.OnOrNone = None,
    engine: to.EngineCommand = None,
    simulate: to.Simulate = False,
    baseline: to.Baseline = None,
    knob: to.Knobs = None,
    metric: to.MetricName = None,
    repeats: to.Repeats = 3,
    one_start: to.OneStart = False,
    start_timeout: to.StartTimeout = "10min",
    url: to.EngineUrl = None,
    name: lo.Name = None,
    chat: lo.Chat = True,
    rate: o.OnlyRate = None,
    concurrency: o.Users = None,
    think: o.Think = None,
    trace: o.TraceFile = None,
    preset: o.Preset = None,
    input: o.InputLengths = None,  # noqa: A002
    output: o.OutputLengths = None,
    arrivals: o.ArrivalLaw = None,
    requests: to.RunRequests = None,
    seconds: to.RunSeconds = "60s",
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
    timeout: lo.AnswerTimeout = None,
    ignore_eos: lo.IgnoreEos = True,
    api_key_env: lo.ApiKeyEnv = None,
    price: o.RigPrice = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    acceptance: to.AcceptanceOfDrafts = None,
    fresh: to.Fresh = False,
    keep: to.Keep = True,
) -> Found[TuneJson]:
    """One knob at a time: what it does, beyond chance."""
    command = typed(tune, locals())
    from rightrig.verbs.tuning import Asked, Server, Way, answer_of
    from rightrig.verbs.tuning_parts import Choices, Words

    words = Words(rate, concurrency, think, trace, preset, input, output, arrivals, requests, seed)
    limits = (ttft_p50, ttft_p90, ttft_p95, ttft_p99, tpot_p50, tpot_p90, tpot_p95, tpot_p99,
              e2e_p50, e2e_p90, e2e_p95, e2e_p99, itl_p50, itl_p90, itl_p95, itl_p99)  # fmt: skip
    server = Server(engine, url, name, "chat" if chat else "completions", timeout, start_timeout,
                    api_key_env, ignore_eos, one_start)  # fmt: skip
    way = Way(simulate, metric, repeats, seconds, fresh, keep)
    return answer_of(Asked(catalog, model, on, Choices(runtime, weights, kv), baseline, knob,
                           server, way, words, limits, price, acceptance, command))  # fmt: skip
