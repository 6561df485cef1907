"""What llama.cpp and Ollama, which starts llama.cpp, are both told: the file, layers, caches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.prediction.layered_engines import options_of
from rightrig.prediction.memory_fit import HOST_RATIO, engine_of, engines_of, visible_bytes
from rightrig.quantities import GIB, MIB
from rightrig.work import llama_cpp

if TYPE_CHECKING:
    from rightrig.facts.llm import Block, Llm
    from rightrig.recipes.serving import Serving
    from rightrig.work.llama_cpp_options import Options

MOST_SLOTS: Final = 256
"""Sequences of one context (``LLAMA_MAX_SEQ``, src/llama-cparams.h, build 11434)."""
MOST_CARDS: Final = 15
"""Parts that ``--tensor-split`` takes: fewer than ``llama_max_devices()`` (src/llama.cpp)."""
CACHE_NAMES: Final = {"fp16": "f16", "fp32": "f32"}
"""Formats of a cache that llama.cpp calls otherwise (``kv_cache_types``, common/arg.cpp)."""
_WHOLE_CACHES: Final = ("fp32", "fp16", "bf16")
_BLOCK: Final = 32
"""Values with one scale in each of the other formats of a cache (ggml/src/ggml-common.h)."""
_HOST_CACHES_BYTES: Final = 8.0 * GIB
"""What llama-server keeps of prompts in host memory unless told otherwise (``cache_ram_mib``)."""
_MOST_CHECKPOINTS: Final = 32
"""Checkpoints of a slot unless told otherwise (``n_ctx_checkpoints``, common/common.h)."""


def options(serving: Serving) -> Options:
    """Return how the fit assumes that the server is started, for one slot."""
    return options_of(engine_of(serving.deployment), serving.context_tokens)


def gpu_layers(serving: Serving) -> int | None:
    """Return the layers on the cards, the output matrix as one; ``None`` for all of them.

    The fit says how many layers it left in host memory, where it had to.
    """
    asked, left = serving.deployment.placement.gpu_layers, serving.fit.offloaded_layers
    if asked is not None or not left:
        return asked
    layers = serving.deployment.llm.layer_count
    if left < layers:
        return layers + 1 - left
    # No layer is on a card: the output matrix may be.
    holds = any(
        part.name == "weights" and part.size_bytes.mid > 0.0
        for card in serving.fit.cards
        for part in card.components
    )
    return int(holds)


def card_parts(serving: Serving) -> str:
    """Return ``--tensor-split``: what the fit dealt the layers by; empty for one card."""
    cards = engines_of(serving.deployment)[0]
    asked = serving.deployment.placement.part_ratio
    if len(cards) == 1:
        return ""
    if asked:
        return ",".join(f"{part:.10g}" for part in asked)
    shown_mib = [round(size / MIB) for size in visible_bytes(cards)]
    return ",".join("1" if len(set(shown_mib)) == 1 else str(size) for size in shown_mib)


def host_caches(serving: Serving) -> tuple[int, int]:
    """Return what prompts may keep in host memory: MiB of whole ones, checkpoints of a slot.

    The fit counts neither. Where the rig says how much host memory there is, they get what the fit
    leaves of it, at most llama-server's own 8 GiB. Checkpoints are copies of what cannot be rolled
    back: windows and recurrent states (tools/server/server-context.cpp, ``do_checkpoint``).
    """
    room_bytes = _HOST_CACHES_BYTES
    limit = serving.deployment.rig.host_memory_bytes
    if limit is not None:
        room_bytes = min(room_bytes, max(0.0, HOST_RATIO * limit - serving.fit.host_bytes))
    replicas = serving.deployment.parallelism.replicas
    room_bytes = room_bytes / replicas if serving.prefix_cache else 0.0
    state_bytes = _state_bytes(serving)
    if not state_bytes:
        return int(room_bytes / MIB), _MOST_CHECKPOINTS if room_bytes else 0
    half_bytes = room_bytes / 2.0
    kept = int(half_bytes / (state_bytes * serving.engine_seqs))
    return int(half_bytes / MIB), min(_MOST_CHECKPOINTS, kept)


def _state_bytes(serving: Serving) -> float:
    """Return the bytes of one checkpoint: windowed caches and recurrent states of one slot."""
    llm, one = serving.deployment.llm, replace(options(serving), slots_count=1)
    return sum(
        count * llama_cpp.block_cache_bytes(llm, block, one)
        for block, count in llm.block_counts
        if _is_state(llm, block)
    )


def _is_state(llm: Llm, block: Block) -> bool:
    """Whether a layer's cache cannot be rolled back to an earlier token."""
    if block.recurrent is not None:
        return True
    return block.attention is not None and llama_cpp.window_of(llm, block.attention) is not None


def weights_file(serving: Serving) -> tuple[str, str]:
    """Return the GGUF file or the repository to load, and what must first be put there.

    A file that must first be made has the name that llama.cpp's own tools would give it.
    """
    llm, planned = serving.deployment.llm, stored_format(serving.deployment)
    own = serving.checkpoint == llm.name and llm.config_kind != "gguf_header"
    if serving.checkpoint and not own:
        return serving.checkpoint, ""
    name = f"{llm.name.rsplit('/', 1)[-1]}-{planned.upper()}.gguf"
    return name, serving.checkpoint_wanted or f"a GGUF file of {llm.name} in {planned.upper()}"


def is_file(checkpoint: str) -> bool:
    """Whether a checkpoint is a file here rather than a repository of the hub."""
    return checkpoint.lower().endswith(".gguf")


def common_reason(serving: Serving) -> str | None:
    """Return why neither can serve this, with the nearest that they can, or ``None``."""
    deployment = serving.deployment
    name, most = serving.runtime.name, deployment.llm.max_context_tokens
    if serving.engine_nodes > 1:
        nodes = deployment.rig.nodes_count
        return (
            f"one engine of {name} over {serving.engine_nodes} machines needs a server of another "
            f"program on the others, and these recipes start one program; use --replicas {nodes} "
            "for an engine a machine, or --runtime vllm"
        )
    if serving.context_tokens > most:
        return (
            f"{name} cuts a slot to the {most:,} tokens that {deployment.llm.name} was trained "
            f"for, and {serving.context_tokens:,} are asked; use --context {most}"
        )
    if serving.engine_seqs > MOST_SLOTS:
        rigs = -(-serving.engine_seqs // MOST_SLOTS)
        return (
            f"{name} has at most {MOST_SLOTS} slots and {serving.engine_seqs} are asked of one; "
            f"use --concurrency {MOST_SLOTS * deployment.parallelism.replicas}, or {rigs} such rigs"
        )
    if serving.engine_cards > MOST_CARDS:
        return (
            f"{name} deals layers over at most {MOST_CARDS} cards and an engine has "
            f"{serving.engine_cards}; use --replicas {-(-serving.engine_cards // MOST_CARDS)}"
        )
    return _cache_reason(serving)


def _cache_reason(serving: Serving) -> str | None:
    """Return why the cache's format does not go with the heads (src/llama-context.cpp).

    A head's keys, and its values, are stored in blocks with one scale.
    """
    kv = serving.deployment.precision.kv
    if kv in _WHOLE_CACHES or not options(serving).flash_attention:
        return None
    heads = (a for a in serving.deployment.llm.attentions if a.kind != "mla")
    odd = next((w for a in heads for w in (a.head_dim, a.value_dim) if w % _BLOCK), None)
    if odd is None:
        return None
    return (
        f"{serving.runtime.name} stores a cache in {kv} in blocks of {_BLOCK}, and heads of "
        f"{serving.name} are {odd} wide; use --kv fp16"
    )
