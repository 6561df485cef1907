"""``rightrig fit``: does it fit, what takes the memory, what remains."""

from __future__ import annotations

from rightrig.cli import options as o
from rightrig.cli.answer import answer


def fit(
    model: o.Model,
    on: o.On,
    context: o.ContextOrUsual = None,
    concurrency: o.Sequences = 1,
    runtime: o.MemoryRuntime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    tp: o.Tp = None,
    pp: o.Pp = None,
    replicas: o.Replicas = None,
    max_seqs: o.MaxSeqs = None,
    max_batched_tokens: o.MaxBatchedTokens = None,
    gpu_memory_utilization: o.MemoryUtilization = None,
    dp: o.AttentionDp = None,
    cp: o.ContextParallel = None,
    draft: o.Draft = None,
    loras: o.Loras = None,
    lora_rank: o.LoraRank = None,
    gpu_layers: o.GpuLayers = None,
    tensor_split: o.TensorSplit = None,
    cpu_moe: o.CpuMoe = None,
    flash_attention: o.FlashAttention = True,
    os: o.OperatingSystem = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Does it fit, what takes the memory of each card, what remains."""
    from rightrig.cli.deploying import Choices, deploy, fitted, records_of
    from rightrig.report.fit import fit_document, fit_json

    fixed = Choices(
        runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
        gpu_memory_utilization, attention_dp=dp, context_parallel=cp, draft=draft, loras=loras,
        lora_rank=lora_rank, gpu_layers=gpu_layers, tensor_split=tensor_split, cpu_moe=cpu_moe,
        flash_attention=flash_attention, operating_system=os,
    )  # fmt: skip
    known = o.chosen(catalog)
    result, changes = fitted(known, deploy(known, model, on, fixed), context, concurrency)
    answer(
        as_json=json, data=lambda: fit_json(result, changes), yes=result.verdict != "no",
        document=lambda: fit_document(result, changes), records=records_of(result.deployment),
    )  # fmt: skip
