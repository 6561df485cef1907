"""What each engine calls its metrics, once; of several names the first that is there counts.

A name is written with ``_`` behind the engine's prefix, where engines write ``:``: some exporters
on the way replace it.

Sources, read on 2026-11-21:

- vLLM: a server of 0.32, and https://docs.vllm.ai/en/latest/usage/metrics.html; the older names are
  those of 0.6 to 0.10 (``vllm/engine/metrics.py``, ``vllm/v1/metrics/loggers.py``).
- SGLang: ``python/sglang/srt/observability/metrics_collector.py`` of sgl-project/sglang, commit
  016d8605, and its forerunner ``python/sglang/srt/metrics/collector.py``.
- llama.cpp: ``tools/server/README.md`` of ggml-org/llama.cpp, "GET /metrics".
- TensorRT-LLM: ``tensorrt_llm/metrics/collector.py`` of NVIDIA/TensorRT-LLM, commit 050f80de.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.watching.states import Latency

How = Literal["sum", "largest", "mean"]
"""How several label sets (models, ranks) make one number."""
Field = Literal[
    "running_count", "waiting_count", "kv_used_ratio", "preemptions_count", "prompt_tokens",
    "generation_tokens", "prefix_queries_count", "prefix_hits_count", "read_bytes",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """Requests that ended; ``label`` names the one that says how, else all ended as ``way``."""

    name: str
    way: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """The names of one engine, without its prefix."""

    kind: str
    prefix: str
    numbers: Mapping[Field, tuple[str, ...]]
    latencies: Mapping[Latency, tuple[str, ...]]
    outcomes: tuple[Outcome, ...]


HOW: Final[dict[Field, How]] = {
    "running_count": "sum",
    "waiting_count": "sum",
    "kv_used_ratio": "largest",
    "preemptions_count": "sum",
    "prompt_tokens": "sum",
    "generation_tokens": "sum",
    "prefix_queries_count": "sum",
    "prefix_hits_count": "sum",
    "read_bytes": "mean",  # engines estimate it for one card; ranks are equal cards
}

VLLM: Final = Engine(
    "vllm",
    "vllm",
    {
        "running_count": ("num_requests_running",),
        "waiting_count": ("num_requests_waiting",),
        "kv_used_ratio": ("kv_cache_usage_perc", "gpu_cache_usage_perc"),
        "preemptions_count": ("num_preemptions_total",),
        "prompt_tokens": ("prompt_tokens_total",),
        "generation_tokens": ("generation_tokens_total",),
        "prefix_queries_count": ("prefix_cache_queries_total", "gpu_prefix_cache_queries_total"),
        "prefix_hits_count": ("prefix_cache_hits_total", "gpu_prefix_cache_hits_total"),
        "read_bytes": ("estimated_read_bytes_per_gpu_total",),
    },
    {
        "ttft": ("time_to_first_token_seconds",),
        "tpot": ("request_time_per_output_token_seconds",),
        # The older name was of each gap too, whatever it says.
        "itl": ("inter_token_latency_seconds", "time_per_output_token_seconds"),
        "e2e": ("e2e_request_latency_seconds",),
        "queue": ("request_queue_time_seconds",),
    },
    (
        Outcome("request_success_total", label="finished_reason"),
        Outcome("admission_rejections_total", "rejected"),
    ),
)
SGLANG: Final = Engine(
    "sglang",
    "sglang",
    {
        "running_count": ("num_running_reqs",),
        "waiting_count": ("num_queue_reqs",),
        "kv_used_ratio": ("token_usage",),
        "preemptions_count": ("num_retracted_requests_total",),
        "prompt_tokens": ("prompt_tokens_total",),
        "generation_tokens": ("generation_tokens_total",),
        "prefix_queries_count": ("prompt_tokens_total",),
        "prefix_hits_count": ("cached_tokens_total",),
        # Its estimate of bytes read counts all weights again for each token of a batch.
    },
    {
        "ttft": ("time_to_first_token_seconds",),
        "tpot": ("time_per_output_token_seconds",),
        "itl": ("inter_token_latency_seconds",),
        "e2e": ("e2e_request_latency_seconds",),
        "queue": ("queue_time_seconds",),
    },
    (Outcome("num_requests_total", "finished"), Outcome("num_aborted_requests_total", "abort")),
)
LLAMA_CPP: Final = Engine(
    "llama.cpp",
    "llamacpp",
    {
        "running_count": ("requests_processing",),
        "waiting_count": ("requests_deferred",),
        "kv_used_ratio": ("kv_cache_usage_ratio",),
        "prompt_tokens": ("prompt_tokens_total",),
        "generation_tokens": ("tokens_predicted_total",),
    },
    {},
    (),
)
TENSORRT_LLM: Final = Engine(
    "tensorrt-llm",
    "trtllm",
    {
        "running_count": ("num_requests_running",),
        "waiting_count": ("num_requests_waiting",),
        "kv_used_ratio": ("kv_cache_utilization",),
        "prompt_tokens": ("prompt_tokens_total",),
        "generation_tokens": ("generation_tokens_total",),
        "prefix_queries_count": ("prompt_tokens_total",),
        "prefix_hits_count": ("prompt_cached_tokens_total",),
    },
    {
        "ttft": ("time_to_first_token_seconds",),
        "tpot": ("time_per_output_token_seconds",),
        "e2e": ("e2e_request_latency_seconds",),
        "queue": ("request_queue_time_seconds",),
    },
    (
        Outcome("request_success_total", label="finished_reason"),
        Outcome("request_error_total", "error"),
    ),
)
ENGINES: Final = (VLLM, SGLANG, LLAMA_CPP, TENSORRT_LLM)
