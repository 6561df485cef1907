"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="Catalogue name, hub id, or path to a config.json.")]
On = Annotated[str, typer.Option("--on", help="Rig: 8xh100-sxm, 4xrtx-4090, 2n:8xh200-sxm …")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Runtime = Annotated[str | None, typer.Option(help="vllm or llama.cpp.")]
Weights = Annotated[
    str | None, typer.Option(help="checkpoint, bf16, fp8, awq, nvfp4, nf4, q4_k_m …")
]
Kv = Annotated[str | None, typer.Option(help="Format of the KV cache: bf16, fp8, q8_0 …")]
Tp = Annotated[int | None, typer.Option(help="Tensor-parallel ranks.")]
Pp = Annotated[int | None, typer.Option(help="Pipeline stages.")]
Replicas = Annotated[int | None, typer.Option(help="Independent engines on the rig.")]
MaxSeqs = Annotated[int | None, typer.Option(help="Most sequences in one step.")]
MaxBatchedTokens = Annotated[int | None, typer.Option(help="Most tokens in one step.")]
MemoryUtilization = Annotated[
    float | None, typer.Option("--gpu-memory-utilization", help="Share of a card vLLM may use.")
]
