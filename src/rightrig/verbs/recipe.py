"""``rightrig recipe``: how to run it, with the checks that prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.recipe import RecipeAnswerJson


def recipe(
    catalog: Catalog,
    model: o.ModelOrNone = None,
    on: o.OnOrNone = None,
    deployment: Annotated[
        str | None,
        typer.Option("--deployment", metavar="FILE", help="JSON of plan, predict or simulate."),
    ] = None,
    context: o.ContextOrUsual = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Sequences at once; default 1, or a plan's.")
    ] = None,
    input: Annotated[  # noqa: A002
        int | None, typer.Option("--input", help="Tokens of the prompt, mean.")
    ] = None,
    output: Annotated[
        int | None, typer.Option("--output", help="Tokens of the answer, mean.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="What holds the weights: hub id, folder or file.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--form", help="Print one file: serve.sh, compose.yaml …")
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Check files, parsers and this machine too.")
    ] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="DIR", help="Folder for all files.")
    ] = None,
    runtime: o.MemoryRuntime = None,
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
    prefix_cache: Annotated[
        bool, typer.Option("--prefix-cache/--no-prefix-cache", help="Share equal beginnings.")
    ] = True,
    draft: o.Draft = None,
    spec_tokens: Annotated[
        int | None, typer.Option(help="Tokens drafted a step; without --draft from the prompt.")
    ] = None,
    acceptance: o.Acceptance = None,
    loras: o.Loras = None,
    lora_rank: o.LoraRank = None,
    gpu_layers: o.GpuLayers = None,
    tensor_split: o.TensorSplit = None,
    cpu_moe: o.CpuMoe = None,
    flash_attention: o.FlashAttention = True,
    os: o.OperatingSystem = None,
) -> Found[RecipeAnswerJson]:
    """How to run it, and checks that prove it."""
    from rightrig.verbs.recipe_answer import Asked, Choices, answer_of

    fixed = Choices(
        runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
        gpu_memory_utilization, dp, cp, draft, lora_rank, loras, gpu_layers, tensor_split,
        cpu_moe, flash_attention, os, ep,
    )  # fmt: skip
    return answer_of(catalog, Asked(
        model=model, on=on, deployment=deployment, context=context, concurrency=concurrency,
        input=input, output=output, checkpoint=checkpoint, form=form, prove=prove, save=save,
        choices=fixed, prefix_cache=prefix_cache, spec_tokens=spec_tokens,
        acceptance_ratio=acceptance,
    ))  # fmt: skip
