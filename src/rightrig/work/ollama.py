"""What Ollama asks of llama.cpp: context, batch, card.

Ollama starts llama-server, which deals out the layers itself; its own rules pick a context, a
batch and a single card where the model fits one. Rules: repository ollama/ollama at fb30760
(2026-08-21), files named at each function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIB, MIB
from rightrig.work.llama_cpp_options import Options

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

RESERVED_BYTES: Final = 457.0 * MIB
"""Set aside on every card for its context (ml/device.go, MinimumMemory)."""
RESERVED_METAL_BYTES: Final = 512.0 * MIB
DEFAULT_PARALLEL_COUNT: Final = 1
"""OLLAMA_NUM_PARALLEL (envconfig/config.go)."""
SINGLE_CARD_RATIO: Final = 0.8
"""Of a card's free memory: the most that a model may be predicted to take to go there alone."""
_SMALL_BATCH: Final = 512
_MEDIUM_BATCH: Final = 1024
_LARGE_BATCH: Final = 2048
_LONG_CONTEXT: Final = 32768
_SHORT_CONTEXT: Final = 4096
_HEADROOM_RATIO: Final[dict[int, float]] = {_MEDIUM_BATCH: 0.75, _LARGE_BATCH: 0.60}
_SURCHARGE_BYTES: Final[dict[int, float]] = {_MEDIUM_BATCH: 768.0 * MIB, _LARGE_BATCH: 2.0 * GIB}


def default_context_tokens(total_memory_bytes: float) -> int:
    """Return the context where nobody sets one, by the memory of all cards (server/routes.go).

    >>> default_context_tokens(24 * 2**30)
    32768
    """
    if total_memory_bytes >= 47 * GIB:
        return 262_144
    return 32_768 if total_memory_bytes >= 23 * GIB else 4_096


def predicted_bytes(llm: Llm, file_bytes: float, context_tokens: int) -> float:
    """Return what Ollama believes a model takes (llm/llama_server.go, PredictServerVRAM).

    The file and ``2 · layers · KV heads · (hidden/heads) · context · 2 B``: every layer as full
    attention at 16 bits with the fewest key-value heads, whatever the windows or the KV format.
    """
    if not llm.attentions:
        return file_bytes
    kv_heads = min(a.kv_head_count for a in llm.attentions)
    width = llm.hidden_size // max(a.head_count for a in llm.attentions)
    return file_bytes + 4.0 * llm.layer_count * kv_heads * width * context_tokens


def batch_tokens(context_tokens: int, predicted_memory_bytes: float, free_bytes: float) -> int:
    """Return ``-b`` and ``-ub`` where nobody sets them (server/sched.go).

    512 up to 4,096 tokens of context, 1,024 up to 32,768, else 2,048; less where the prediction
    leaves too little of the free memory. Cards without flash attention stay at 512.
    """
    batch = _SMALL_BATCH if context_tokens <= _SHORT_CONTEXT else _MEDIUM_BATCH
    if context_tokens > _LONG_CONTEXT:
        batch = _LARGE_BATCH
    while batch > _SMALL_BATCH:
        limit = min(
            SINGLE_CARD_RATIO * free_bytes - _SURCHARGE_BYTES[batch],
            _HEADROOM_RATIO[batch] * free_bytes,
        )
        if predicted_memory_bytes <= limit:
            break
        batch //= 2
    return batch


def single_card(predicted_memory_bytes: float, free_bytes: tuple[float, ...]) -> int | None:
    """Return the card that takes the whole model, or ``None`` where llama.cpp splits it.

    The freest card among those of whose free memory the prediction is at most 80 %
    (server/sched.go, bestSingleGPUFit); cards of one kind, none of them integrated.
    """
    fitting = [
        card
        for card, free in enumerate(free_bytes)
        if predicted_memory_bytes <= SINGLE_CARD_RATIO * free
    ]
    return max(fitting, key=lambda card: free_bytes[card], default=None)


def server_options(
    llm: Llm, context_tokens: int, parallel_count: int, batch: int, kv_format: str = "fp16"
) -> Options:
    """Return how Ollama starts llama-server (llm/llama_server.go).

    ``-c`` is the context of one request, at most the model's own, times the parallel requests;
    each has a cache of its own; both caches have one format (OLLAMA_KV_CACHE_TYPE).
    """
    return Options(
        context_tokens=min(context_tokens, llm.max_context_tokens) * parallel_count,
        ubatch_tokens=batch,
        batch_tokens=batch,
        slots_count=parallel_count,
        key_format=kv_format,
        value_format=kv_format,
        outputs_count=parallel_count,
    )
