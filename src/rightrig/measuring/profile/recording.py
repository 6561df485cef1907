"""How to record a step of an engine: commands of profilers, and what to look for (features F156).

Flags are those of the documentation of each: vLLM and SGLang (*Profiling*), TensorRT-LLM
(*Performance Analysis*), llama.cpp (``llama-bench``), PyTorch (``torch.profiler``), Nsight Systems
and Nsight Compute (user guides), rocprofv3 (ROCprofiler-SDK), as of November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rightrig.errors import InputError


@dataclass(frozen=True, slots=True)
class Way:
    """One way to record.

    Attributes:
        tool: The profiler.
        use: When to take it.
        commands: To be run in turn; ``MODEL`` and the like are to be filled in.
        file: What ``rightrig profile`` reads then.
    """

    tool: str
    use: str
    commands: tuple[str, ...]
    file: str

    @property
    def reading(self) -> str:
        """The words that read it: counters need no model."""
        return self.file if self.file == _COUNTERS else f"{self.file} --model MODEL --on RIG"


@dataclass(frozen=True, slots=True)
class Recording:
    """How an engine is recorded.

    Attributes:
        ways: The quickest first.
        look_for: What shows in such a profile, and what it means.
    """

    engine: str
    ways: tuple[Way, ...]
    look_for: tuple[str, ...]


_COUNTERS: Final = "counters.csv"
_STATS: Final = "nsys stats --report cuda_gpu_trace --format csv --output step step.nsys-rep"
_SYSTEMS: Final = (
    "nsys profile --trace=cuda,nvtx --sample=none --cpuctxsw=none --cuda-graph-trace=node "
    "--trace-fork-before-exec=true --force-overwrite=true --output=step"
)
_COMPUTE: Final = (
    "ncu --target-processes all --kernel-name regex:'gemm|nvjet|flash|fmha|attention|mul_mat' "
    "--launch-skip 400 --launch-count 40 --metrics gpu__time_duration.sum,"
    "dram__throughput.avg.pct_of_peak_sustained_elapsed,"
    "sm__throughput.avg.pct_of_peak_sustained_elapsed --csv --log-file counters.csv"
)
_ROCPROF: Final = "rocprofv3 --kernel-trace --output-format csv --output-file step --"
_LOAD: Final = "rightrig load http://127.0.0.1:{port} --concurrency 16 --requests 64"
_ALIKE: Final = (
    "idle time between kernels of one step: the host launches too slowly; captured graphs end it",
    "idle time between steps: scheduler, sampling on the host, or no requests",
    "messages with nothing beside them on other streams: exposed communication",
    "one product far above its roofline while others are near it: a bad kernel for its shape",
    "attention that grows faster than the context: a backend that does not split it",
    "many small elementwise kernels and copies: what a compiler would fuse",
)
_GRAPHS: Final = (
    "one kernel as long as a step: a captured graph, recorded without --cuda-graph-trace=node"
)


def _with_counters(command: str) -> Way:
    """Return Nsight Compute on a short run without graphs; it repeats every kernel."""
    return Way(
        "Nsight Compute", "counters of single kernels: memory- or compute-bound; very slow",
        (f"{_COMPUTE} {command}",), _COUNTERS,
    )  # fmt: skip


def _with_rocprof(command: str) -> Way:
    """Return rocprofv3 on cards of AMD."""
    return Way("rocprofv3", "cards of AMD", (f"{_ROCPROF} {command}",), "step_kernel_trace.csv")


_VLLM_LATENCY: Final = (
    "vllm bench latency --model MODEL --batch-size 16 --input-len 1000 --output-len 32 "
    "--num-iters-warmup 2 --num-iters 1"
)
_SGLANG_BATCH: Final = (
    "python -m sglang.bench_one_batch --model-path MODEL --batch-size 16 --input-len 1000 "
    "--output-len 32"
)
_TENSORRT_SERVE: Final = "trtllm-serve MODEL --backend pytorch --port 8000"
_LLAMA_BENCH: Final = "llama-bench -m MODEL.gguf -ngl 99 -fa 1 -p 0 -n 32 -d 1000 -r 1"
SNIPPET: Final = """\
import torch
from torch.profiler import ProfilerActivity, profile, schedule
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("MODEL", dtype="auto", device_map="auto").eval()
tokens = torch.randint(10, model.config.vocab_size - 1, (16, 1000), device=model.device)
activities = [ProfilerActivity.CPU]
if torch.cuda.is_available():
    activities.append(ProfilerActivity.CUDA)
with torch.inference_mode():
    found = model(tokens, use_cache=True)
    with profile(activities=activities, schedule=schedule(wait=1, warmup=2, active=5)) as profiler:
        for _ in range(8):
            last = found.logits[:, -1:].argmax(-1)
            found = model(last, past_key_values=found.past_key_values, use_cache=True)
            profiler.step()
profiler.export_chrome_trace("step.json.gz")
"""
"""Five decode steps of transformers, as a Chrome trace."""
RECORDINGS: Final = {
    "vllm": Recording(
        "vllm",
        (
            Way(
                "torch.profiler", "names and batches of steps; slows the host down",
                (
                    ("vllm serve MODEL --profiler-config "
                    '\'{"profiler": "torch", "torch_profiler_dir": "./profile", '
                    '"torch_profiler_with_stack": false}\''),
                    _LOAD.format(port=8000) + " &",
                    ("curl -X POST http://127.0.0.1:8000/start_profile; sleep 1; "
                    "curl -X POST http://127.0.0.1:8000/stop_profile"),
                ),
                "profile/*rank0*.pt.trace.json.gz",
            ),
            Way(
                "Nsight Systems", "true times: little overhead",
                (f"VLLM_WORKER_MULTIPROC_METHOD=spawn {_SYSTEMS} {_VLLM_LATENCY}", _STATS),
                "step_cuda_gpu_trace.csv",
            ),
            _with_counters(f"{_VLLM_LATENCY} --enforce-eager"),
            _with_rocprof(_VLLM_LATENCY),
        ),
        (*_ALIKE, _GRAPHS),
    ),
    "sglang": Recording(
        "sglang",
        (
            Way(
                "torch.profiler", "names and batches of steps; slows the host down",
                (
                    ("SGLANG_TORCH_PROFILER_DIR=./profile SGLANG_PROFILE_WITH_STACK=False "
                    "python -m sglang.launch_server --model-path MODEL --port 30000"),
                    _LOAD.format(port=30000) + " &",
                    ("curl -X POST http://127.0.0.1:30000/start_profile -H 'Content-Type: "
                    "application/json' -d '{\"num_steps\": 20}'"),
                ),
                "profile/*TP-0*.trace.json.gz",
            ),
            Way(
                "Nsight Systems", "true times: little overhead",
                (f"{_SYSTEMS} {_SGLANG_BATCH}", _STATS), "step_cuda_gpu_trace.csv",
            ),
            _with_counters(f"{_SGLANG_BATCH} --disable-cuda-graph"),
            _with_rocprof(_SGLANG_BATCH),
        ),
        (*_ALIKE, _GRAPHS),
    ),
    "tensorrt-llm": Recording(
        "tensorrt-llm",
        (
            Way(
                "torch.profiler", "names and batches of steps (PyTorch backend)",
                (
                    ("TLLM_PROFILE_START_STOP=100-120 TLLM_TORCH_PROFILE_TRACE=step.json "
                    f"TLLM_LLMAPI_ENABLE_NVTX=1 {_TENSORRT_SERVE}"),
                    _LOAD.format(port=8000),
                ),
                "step.json",
            ),
            Way(
                "Nsight Systems", "true times: little overhead",
                (
                    (f"TLLM_PROFILE_START_STOP=100-120 {_SYSTEMS} -c cudaProfilerApi "
                    f"{_TENSORRT_SERVE}"),
                    _LOAD.format(port=8000),
                    _STATS,
                ),
                "step_cuda_gpu_trace.csv",
            ),
            _with_counters(_TENSORRT_SERVE),
        ),
        (*_ALIKE, _GRAPHS),
    ),
    "llama.cpp": Recording(
        "llama.cpp",
        (
            Way(
                "Nsight Systems", "true times: little overhead",
                (f"{_SYSTEMS} {_LLAMA_BENCH}", _STATS), "step_cuda_gpu_trace.csv",
            ),
            _with_counters(f"env GGML_CUDA_DISABLE_GRAPHS=1 {_LLAMA_BENCH}"),
            _with_rocprof(_LLAMA_BENCH),
        ),
        (
            *_ALIKE,
            _GRAPHS,
            "copies between host and card in every token: layers that do not lie on the card",
            "mul_mat_q where mul_mat_vec_q would do, and the other way round: a batch at the edge",
        ),
    ),
    "transformers": Recording(
        "transformers",
        (
            Way(
                "torch.profiler", "names and shapes; slows the host down",
                ("cat > record.py <<'END'\n" + SNIPPET + "END", "python record.py"),
                "step.json.gz",
            ),
            Way(
                "Nsight Systems", "true times: little overhead",
                (f"{_SYSTEMS} python record.py", _STATS), "step_cuda_gpu_trace.csv",
            ),
            _with_counters("python record.py"),
            _with_rocprof("python record.py"),
        ),
        (*_ALIKE, "idle time before every kernel: PyTorch launches each of them from Python"),
    ),
}  # fmt: skip
"""Engines → how each is recorded."""


def recording_of(engine: str) -> Recording:
    """Return how an engine is recorded.

    Raises:
        InputError: for an engine without instructions.
    """
    found = RECORDINGS.get(engine.lower())
    if found is None:
        raise InputError(
            f"--record {engine[:40]!r}: there are instructions for {', '.join(RECORDINGS)}"
        )
    return found
