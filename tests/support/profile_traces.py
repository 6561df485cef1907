"""Chrome traces made by hand: kernels with known times, as profilers write them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

GEMM: Final = "nvjet_tst_64x32_64x16_2x1_v_bz_TNT"
ATTENTION: Final = "void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128>>(Params)"
NORM: Final = "void vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*)"
ROPE: Final = "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*)"
CACHE: Final = "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16>(__nv_bfloat16 const*)"
SILU: Final = "void vllm::act_and_mul_kernel<c10::BFloat16>(c10::BFloat16*)"
REDUCE: Final = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096>)"
SAMPLE: Final = "void at::native::reduce_kernel<512, 1, at::native::ArgMaxOps<float>>"


def kernel(name: str, start_us: float, span_us: float, **args: Any) -> dict[str, Any]:
    """Return a kernel as PyTorch's profiler writes it."""
    kind = "gpu_memcpy" if name.startswith("Memcpy") else "kernel"
    place = {"device": 0, "stream": 7, "correlation": 1} | args
    return {
        "ph": "X", "cat": kind, "name": name, "pid": 0, "tid": place["stream"],
        "ts": start_us, "dur": span_us, "args": place,
    }  # fmt: skip


def launch(number: int, at_us: float, name: str = "cudaLaunchKernel") -> dict[str, Any]:
    """Return the call of the host that launched something."""
    return {
        "ph": "X", "cat": "cuda_runtime", "name": name, "pid": 9, "tid": 9, "ts": at_us,
        "dur": 1.0, "args": {"correlation": number},
    }  # fmt: skip


def mark(name: str, start_us: float, span_us: float, kind: str = "user_annotation") -> Any:
    """Return a named span."""
    return {
        "ph": "X", "cat": kind, "name": name, "pid": 9, "tid": 9, "ts": start_us, "dur": span_us,
    }  # fmt: skip


def in_a_row(
    spans: Iterable[tuple[str, float]], start_us: float, gap_us: float = 0.0, **args: Any
) -> list[dict[str, Any]]:
    """Return kernels one after another."""
    events, at_us = [], start_us
    for name, span_us in spans:
        events.append(kernel(name, at_us, span_us, **args))
        at_us += span_us + gap_us
    return events


def decode_layer(*, ranks: int = 1) -> list[tuple[str, float]]:
    """Return the kernels of one dense layer of vLLM and their times in microseconds."""
    reduce = [(REDUCE, 8.0)] if ranks > 1 else []
    return [
        (GEMM, 10.0), (ROPE, 2.0), (CACHE, 2.0), (ATTENTION, 12.0), (GEMM, 7.0), *reduce,
        (NORM, 3.0), (GEMM, 40.0), (SILU, 3.0), (GEMM, 20.0), *reduce, (NORM, 3.0),
    ]  # fmt: skip


def decode_step(layers: int, *, ranks: int = 1) -> list[tuple[str, float]]:
    """Return the kernels of a decode step: layers, head, sampling."""
    return [*(decode_layer(ranks=ranks) * layers), (GEMM, 90.0), (SAMPLE, 5.0)]


def write(path: Path, events: Sequence[Any], **beside: Any) -> Path:
    """Write a trace; packed where the name says so."""
    text = json.dumps({"schemaVersion": 1, **beside, "traceEvents": list(events)})
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
