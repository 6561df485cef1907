"""``rightrig fit``: does it fit, what takes the memory, what remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.fitting import FitJson


def fit(
    catalog: Catalog,
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
) -> Found[FitJson]:
    """Does it fit, what takes the memory of each card, what remains."""
    from rightrig.report.fit import fit_document, fit_json
    from rightrig.verbs.deploying import Choices, deploy, fitted, records_of

    fixed = Choices(
        runtime, weights, kv, tp, pp, replicas, max_seqs, max_batched_tokens,
        gpu_memory_utilization, attention_dp=dp, context_parallel=cp, draft=draft, loras=loras,
        lora_rank=lora_rank, gpu_layers=gpu_layers, tensor_split=tensor_split, cpu_moe=cpu_moe,
        flash_attention=flash_attention, operating_system=os,
    )  # fmt: skip
    result, changes = fitted(catalog, deploy(catalog, model, on, fixed), context, concurrency)
    return Found(data=lambda: fit_json(result, changes), yes=result.verdict != "no",
        document=lambda: fit_document(result, changes), records=records_of(result.deployment),
    )  # fmt: skip
