"""``rightrig predict``: TTFT, TPOT, tokens/s, power, with intervals and the bottleneck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.predicting import PredictAnswerJson


def predict(
    catalog: Catalog,
    on: o.Rigs,
    model: o.ModelOrNone = None,
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
    concurrency: Annotated[str, typer.Option(help="Users at once, or max.")] = "1",
    explain: o.Explain = False,
    sweep: o.Sweep = None,
    save: o.SweepFolder = None,
    splits: o.Splits = False,
    gemm: o.Gemms = None,
    allreduce: o.AllReduces = None,
    ranks: o.Ranks = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    dp: o.AttentionDp = None,
    ep: o.ExpertParallel = None,
    cp: o.ContextParallel = None,
    replicas: o.Replicas = None,
    prefix_hit: o.PrefixHit = None,
    image_patches: o.ImagePatches = None,
    draft: o.Draft = None,
    spec_tokens: o.SpecTokens = None,
    acceptance: o.Acceptance = None,
    max_seqs: o.MaxSeqs = None,
    max_batched_tokens: o.MaxBatchedTokens = None,
    gpu_memory_utilization: o.MemoryUtilization = None,
) -> Found[PredictAnswerJson]:
    """How fast: TTFT, TPOT, throughput, power, with 80 % intervals."""
    from rightrig.verbs.predicting import Asked, Choices, Traffic, answer_of

    fixed = Choices(
        runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
        gpu_memory_utilization, dp, cp, draft, expert_parallel=ep,
    )  # fmt: skip
    traffic = Traffic(input, output, concurrency, prefix_hit, spec_tokens, acceptance,
                      image_patches)  # fmt: skip
    asked = Asked(
        catalog, model, tuple(on), traffic, fixed, tuple(gemm or ()),
        tuple(allreduce or ()), ranks, splits=splits, sweep=sweep, save=save, explain=explain,
    )  # fmt: skip
    return answer_of(asked)
