"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Final

import typer

_RIG_HELP: Final = "Rig: 8xh100-sxm, 4xrtx-4090, 2n:8xh200-sxm …"


Model = Annotated[str, typer.Argument(help="Catalogue name, hub id, config.json or GGUF file.")]
On = Annotated[str, typer.Option("--on", help=_RIG_HELP)]
ModelOrNone = Annotated[
    str | None, typer.Argument(help="Catalogue name, hub id, config.json or GGUF file.")
]
Rigs = Annotated[
    list[str],
    typer.Option("--on", help=f"{_RIG_HELP} Several with --splits, --gemm, --allreduce."),
]
OnOrNone = Annotated[str | None, typer.Option("--on", help=_RIG_HELP)]
Context = Annotated[int, typer.Option(help="Tokens of one sequence.")]
ContextOrUsual = Annotated[
    int | None, typer.Option(help="Tokens of one sequence; default 8192 or the model's most.")
]
Sequences = Annotated[int, typer.Option("--concurrency", help="Sequences at once.")]
Versus = Annotated[str | None, typer.Option(help="Another rig: only models whose verdict changes.")]
VersusRuntime = Annotated[
    str | None, typer.Option(help="Another runtime: what changes, on --versus or the same rig.")
]
VersusOs = Annotated[str | None, typer.Option(help="The same, under another system.")]
AsMatrix = Annotated[
    bool, typer.Option("--matrix", help="Models × cards × formats instead of one rig.")
]
MatrixGpus = Annotated[
    str | None, typer.Option("--gpus", help="With --matrix: cards, by comma; default all.")
]
MatrixModels = Annotated[
    str | None, typer.Option("--models", help="With --matrix: models, by comma; default all.")
]
MatrixFormats = Annotated[
    str | None, typer.Option("--formats", help="With --matrix: weight formats, by comma.")
]
MatrixCards = Annotated[int, typer.Option("--cards", help="With --matrix: cards of one engine.")]
MatrixFolder = Annotated[
    str | None, typer.Option("--save", help="With --matrix: folder for every cell, matrix.csv.")
]
EveryModel = Annotated[bool, typer.Option("--all", help="Those that do not fit too.")]
Runtime = Annotated[str | None, typer.Option(help="vllm or llama.cpp.")]
MemoryRuntime = Annotated[
    str | None,
    typer.Option(
        help="vllm, vllm@0.19.0, sglang, tensorrt-llm, lmdeploy, llama.cpp, ollama, transformers."
    ),
]
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
    float | None, typer.Option("--gpu-memory-utilization", help="The engine's memory fraction.")
]
AttentionDp = Annotated[
    int | None,
    typer.Option("--dp", help="Groups that attend to separate sequences and share experts."),
]
ContextParallel = Annotated[
    int | None, typer.Option("--cp", help="Ranks over which one sequence's cache is spread.")
]
ExpertParallel = Annotated[
    int | None, typer.Option("--ep", help="Ranks over which whole experts are dealt.")
]
PrefixHit = Annotated[
    float | None, typer.Option(help="Share of each prompt that a prefix cache holds, 0 to 1.")
]
ImagePatches = Annotated[
    int | None,
    typer.Option(help="Patches of pictures in each prompt; their tokens belong to --input."),
]
SpecTokens = Annotated[
    int | None, typer.Option(help="Tokens drafted for each step; with --acceptance.")
]
Acceptance = Annotated[
    float | None, typer.Option(help="Share of drafted tokens that are accepted, below 1.")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="The whole step, ridge batch, what 10 % more changes.")
]
Sweep = Annotated[
    str | None, typer.Option(metavar="NAME=LOW..HIGH", help="Over concurrency, input or output.")
]
SweepFolder = Annotated[
    str | None, typer.Option("--save", help="With --sweep: folder for the series, sweep.csv.")
]
Splits = Annotated[
    bool, typer.Option("--splits", help="A step on 1, 2, 4 and 8 cards of each rig.")
]
Gemms = Annotated[
    list[str] | None,
    typer.Option("--gemm", metavar="M,N,K", help="One matrix product on a card, without a model."),
]
AllReduces = Annotated[
    list[str] | None,
    typer.Option("--allreduce", metavar="BYTES", help="One all-reduce on a rig: 8KiB, 128MiB."),
]
Ranks = Annotated[
    int | None, typer.Option(help="With --allreduce: cards among which; default all of the rig.")
]
Draft = Annotated[
    str | None,
    typer.Option(help="Model that drafts tokens, or mtp for the model's own layers ahead."),
]
LoraRank = Annotated[int | None, typer.Option(help="Largest rank of the LoRA adapters.")]
Loras = Annotated[int | None, typer.Option(help="LoRA adapters that may be active at once.")]
GpuLayers = Annotated[
    int | None, typer.Option(help="llama.cpp: layers on the cards; the output is one.")
]
TensorSplit = Annotated[
    str | None, typer.Option(help="llama.cpp: parts of the layers a card takes, 3,1.")
]
CpuMoe = Annotated[
    int | None, typer.Option(help="llama.cpp: first layers whose experts stay in host memory.")
]
FlashAttention = Annotated[
    bool, typer.Option("--flash-attention/--no-flash-attention", help="llama.cpp: -fa.")
]
OperatingSystem = Annotated[
    str | None,
    typer.Option("--os", help="linux, windows or macos: refuse what does not run there."),
]
OnlyRate = Annotated[str | None, typer.Option("--rate", help="Mean arrivals: 5/s, 300/min.")]
Users = Annotated[
    int | None, typer.Option("--concurrency", help="Users who each wait for their answer.")
]
Think = Annotated[str | None, typer.Option(help="With --concurrency: mean pause of a user, 2s.")]
TraceFile = Annotated[
    str | None,
    typer.Option("--trace", metavar="FILE", help="Recorded requests; --rate stretches them."),
]
Preset = Annotated[
    str | None, typer.Option(help="agent, batch, chat, code, rag or reasoning; with --rate.")
]
InputLengths = Annotated[
    str | None,
    typer.Option(
        "--input", help="Tokens of prompts: 1000 (default), lognormal:mean=1155,p99=4142 …"
    ),
]
OutputLengths = Annotated[
    str | None, typer.Option("--output", help="Tokens of answers: 300 (default), or a law.")
]
ArrivalLaw = Annotated[
    str | None,
    typer.Option(
        "--arrivals",
        help="poisson (default), gamma:burstiness=0.5, mmpp:…, diurnal:peak=2, at-once …",
    ),
]
RequestsCount = Annotated[
    int | None, typer.Option("--requests", help="Default 10,000; of a trace all.")
]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]
Ttft = Annotated[str | None, typer.Option(metavar="TIME", help="Most time to the first token.")]
Tpot = Annotated[str | None, typer.Option(metavar="TIME", help="Most time per token after it.")]
E2e = Annotated[str | None, typer.Option(metavar="TIME", help="Most time to the last token.")]
Itl = Annotated[str | None, typer.Option(metavar="TIME", help="Most time between two tokens.")]
FindLimit = Annotated[
    bool, typer.Option("--find-limit", help="The highest rate that keeps every objective.")
]
RouterName = Annotated[
    str, typer.Option("--router", help="Or round-robin, least-kv, prefix, power-of-two.")
]
PrefillReplicas = Annotated[
    int | None, typer.Option(help="Replicas that only read prompts, for the others to answer.")
]
Timeout = Annotated[str | None, typer.Option(help="The service gives up after it: 30s.")]
MaxQueue = Annotated[int | None, typer.Option(help="Requests that may wait at a replica.")]
RigPrice = Annotated[
    str | None, typer.Option("--price", help="Rent of the rig, $5.50/h; default the cheapest.")
]
OutcomeFolder = Annotated[
    str | None,
    typer.Option("--save", metavar="DIR", help="Folder for requests, series, charts, JSON."),
]
