"""The limits that an engine sets when nobody does, by engine, version and card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.deployment import EngineLimits
from rightrig.deployment.parallelism import Parallelism
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime

LAYERED: Final = ("llama.cpp", "ollama")
"""Runtimes that put whole layers on cards."""
_CAPPED_ARCHITECTURES: Final = ("Ampere",)
# vLLM's memory fraction became 0.92 with the release that counts CUDA graphs in the budget.
_VLLM_NEW_RATIO_SINCE: Final = (0, 21)
VLLM_FIRST_ENGINE_BELOW: Final = (0, 8)
"""The release from which vLLM's second engine sets the limits."""
_SGLANG_BOUNDS_GIB: Final = (20, 35, 60, 90, 160)
_SGLANG_CHUNKS: Final = (2048, 4096, 4096, 8192, 8192, 16384)
_SGLANG_GRAPHS: Final = (8, 48, 32, 256, 256, 512)
_SGLANG_GRAPHS_TP4: Final = (8, 160, 160, 512, 512, 512)
_SGLANG_FLOOR_ABOVE_GIB: Final = 60
_MANY_RANKS: Final = 4
# Sizes for which SGLang captures prefill graphs: first, last and step of each run of them.
_SGLANG_PREFILL_SIZES: Final = (
    (4, 32, 4), (48, 256, 16), (288, 512, 32), (576, 1024, 64), (1280, 4096, 256),
    (4608, 1 << 20, 512),
)  # fmt: skip
_LMDEPLOY_SEQS: Final = {"a100": 512, "h100": 1024, "h20-": 1024, "h200": 1280}


def version_of(text: str) -> tuple[int, ...]:
    """Return a version as numbers that compare.

    >>> version_of("0.19.0") < version_of("0.33")
    True
    """
    parts = []
    for part in text.split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def memory_class(gpu: Gpu) -> int:
    """Return which of vLLM's default limits a card gets: 0 small, 1 from 70 GiB, 2 from 160 GiB.

    vLLM 0.33 ``get_batch_defaults``: 16,384 batched tokens from 160 GiB, 8,192 from 70 GiB
    except on A100 and GB10, 2,048 otherwise; 1,024 sequences from 70 GiB, else 256.
    """
    memory_bytes = gpu.memory_bytes.mid
    capped = gpu.architecture in _CAPPED_ARCHITECTURES or gpu.memory_is_unified
    if memory_bytes < 70 * GIB or capped:
        return 0
    return 2 if memory_bytes >= 160 * GIB else 1


def default_limits(
    runtime: Runtime, gpu: Gpu, split: Parallelism | None = None, version: str = ""
) -> EngineLimits:
    """Return the limits that an engine sets when nobody does.

    Args:
        runtime: The engine.
        gpu: The card; of unequal ones, the smallest.
        split: The parallelism; SGLang's fraction depends on it.
        version: Of the engine, where it is not the record's.
    """
    if runtime.slug in LAYERED:
        return EngineLimits(max_seqs=1, max_batched_tokens=512, memory_ratio=1.0)
    if runtime.slug == "sglang":
        return _sglang_limits(gpu, split or Parallelism())
    if runtime.slug == "tensorrt-llm":
        return EngineLimits(max_seqs=2048, max_batched_tokens=8192, memory_ratio=0.9)
    if runtime.slug == "lmdeploy":
        known = (seqs for name, seqs in _LMDEPLOY_SEQS.items() if f"{gpu.slug}-".startswith(name))
        return EngineLimits(next(known, 128), max_batched_tokens=8192, memory_ratio=0.8)
    if runtime.slug == "transformers":
        return EngineLimits(max_seqs=1024, max_batched_tokens=8192, memory_ratio=0.9)
    return _vllm_limits(gpu, version_of(version or runtime.version))


def _vllm_limits(gpu: Gpu, version: tuple[int, ...]) -> EngineLimits:
    """Return vLLM's limits; its first engine had one size for every card (to 0.7)."""
    ratio = 0.92 if version >= _VLLM_NEW_RATIO_SINCE else 0.90
    if version < VLLM_FIRST_ENGINE_BELOW:
        return EngineLimits(max_seqs=256, max_batched_tokens=2048, memory_ratio=ratio)
    size = memory_class(gpu)
    return EngineLimits(
        max_seqs=(256, 1024, 1024)[size],
        max_batched_tokens=(2048, 8192, 16384)[size],
        memory_ratio=ratio,
    )


def _sglang_limits(gpu: Gpu, split: Parallelism) -> EngineLimits:
    """Return SGLang's limits (0.5.23, ``memory_hook.py``).

    The static fraction is what remains of the card after a reserve for activations and graphs.
    """
    memory_bytes = gpu.memory_bytes.mid
    reserve_bytes = sglang_reserve_bytes(gpu, split)
    ratio = round((memory_bytes - reserve_bytes) / memory_bytes, 3)
    chunk = _SGLANG_CHUNKS[_sglang_class(gpu)]
    return EngineLimits(max_seqs=2048, max_batched_tokens=chunk, memory_ratio=max(0.1, ratio))


def _sglang_class(gpu: Gpu) -> int:
    """Return which of SGLang's sizes of cards a card is."""
    memory_bytes = gpu.memory_bytes.mid
    return sum(memory_bytes >= bound * GIB for bound in _SGLANG_BOUNDS_GIB)


def sglang_graph_seqs(gpu: Gpu, split: Parallelism) -> int:
    """Return the largest batch for which SGLang captures a decode graph."""
    table = _SGLANG_GRAPHS_TP4 if split.tp >= _MANY_RANKS else _SGLANG_GRAPHS
    return table[_sglang_class(gpu)]


def sglang_reserve_bytes(gpu: Gpu, split: Parallelism) -> float:
    """Return what SGLang keeps free of weights and cache, in bytes.

    ``512 + 1.5·max(chunk, 2048) + 128·tp·pp + 2·max_bs`` MiB, with attention data parallelism
    ``3·max_bs·dp`` more, and 8 MiB for each prefill graph up to the chunk; at least 10 GiB on
    cards above 60 GiB.
    """
    chunk = _SGLANG_CHUNKS[_sglang_class(gpu)]
    graphs = sglang_graph_seqs(gpu, split)
    ranks = split.tp * split.attention_dp * split.pp
    reserve = 512 + 1.5 * max(chunk, 2048) + 128.0 * ranks + 2 * graphs
    reserve += 8 * _prefill_graphs_count(chunk)
    if split.attention_dp > 1:
        reserve += 3 * graphs * split.attention_dp
    if gpu.memory_bytes.mid > _SGLANG_FLOOR_ABOVE_GIB * GIB:
        reserve = max(reserve, 10 * 1024)
    return reserve * MIB


def _prefill_graphs_count(chunk_tokens: int) -> int:
    """Return how many prefill graphs SGLang captures."""
    return sum(
        len(range(first, min(last, chunk_tokens) + 1, step))
        for first, last, step in _SGLANG_PREFILL_SIZES
    )
