"""Host memory that an engine wants while it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.prediction.memory_fit import Fit

SHARD_BYTES: Final = 5e9
"""Usual size of one safetensors file (``max_shard_size`` of transformers before 5)."""
_WHOLE_FILE_RUNTIMES: Final = ("tensorrt-llm",)


def loading_host_bytes(result: Fit) -> Interval:
    """Return the host memory that loading wants, in bytes, on one node.

    Files are mapped, so that at least one of them passes through memory at a time; each rank
    reads its own share; the whole checkpoint stays in the page cache where there is room, which
    makes a restart quick. TensorRT-LLM converts the whole checkpoint in memory.
    """
    whole = result.weights_bytes
    split = result.deployment.parallelism
    ranks = min(split.engine_cards, result.deployment.rig.cards_per_node)
    low = min(whole, SHARD_BYTES)
    mid = (
        whole
        if result.deployment.runtime.slug in _WHOLE_FILE_RUNTIMES
        else min(whole, SHARD_BYTES * ranks)
    )
    return Interval(low, mid, max(whole, mid))
