"""``rightrig predict``: TTFT, TPOT, tokens/s, power, with intervals and the bottleneck."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def predict(
    model: o.Model,
    on: o.On,
    input: Annotated[int, typer.Option("--input", help="Tokens of the prompt.")] = 1000,  # noqa: A002
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 300,
    concurrency: Annotated[str, typer.Option(help="Users at once, or max.")] = "1",
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    replicas: o.Replicas = None,
    max_seqs: o.MaxSeqs = None,
    max_batched_tokens: o.MaxBatchedTokens = None,
    gpu_memory_utilization: o.MemoryUtilization = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """How fast: TTFT, TPOT, throughput, power, with 80 % intervals."""
    from rightrig.cli.deploying import Choices, deploy, records_of
    from rightrig.cli.traffic import predicted
    from rightrig.report.predict import predict_document, predict_json

    fixed = Choices(
        runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens, gpu_memory_utilization
    )
    result = predicted(deploy(o.chosen(catalog), model, on, fixed), input, output, concurrency)
    answer(
        as_json=json,
        data=lambda: predict_json(result),
        document=lambda: predict_document(result),
        yes=result.fit.max_concurrency >= 1,
        records=records_of(result.deployment),
    )
