"""How llama.cpp is started, and where it puts the layers of a model.

Rules: repository ggml-org/llama.cpp, 2026-10, files named at each function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rightrig.work.ggml_alloc import HOST

PAD_TOKENS: Final = 256
"""Contexts and windows are rounded up to this (llama-context.cpp, llama-kv-cache-iswa.cpp)."""
PIPELINE_COPIES: Final = 4
"""Batches in flight when several cards work as a pipeline (GGML_SCHED_MAX_COPIES)."""
DEFAULT_BATCH_TOKENS: Final = 2048
DEFAULT_UBATCH_TOKENS: Final = 512
SERVER_SLOTS: Final = 4
"""Slots of llama-server where ``-np`` is not given, on one unified cache (server.cpp)."""


@dataclass(frozen=True, slots=True)
class Options:
    """How llama.cpp is started.

    Attributes:
        context_tokens: ``-c``, for all slots together.
        ubatch_tokens: ``-ub``, tokens computed at once.
        batch_tokens: ``-b``, tokens handed in at once.
        slots_count: ``-np``.
        is_unified: ``--kv-unified``: slots share one cache.
        full_windows: ``--swa-full``: windowed layers keep the whole context.
        key_format: ``-ctk``, a name of ``facts.quantization.KV_BITS``.
        value_format: ``-ctv``, the same.
        flash_attention: ``-fa``; needed for quantised values.
        outputs_count: Rows of logits that a batch may ask for: ``None`` for all of them, as
            llama-fit-params, llama-cli and embeddings do; llama-server asks for one a slot
            (builds of 2026-10; common_speculative_get_output_limits).
        kv_on_host: ``-nkvo``.
        mixes_batches: Builds after 2026-10-01 (0c1e570) reserve for batches that mix tokens and
            embeddings.
        pipelines: Whether the cards' back end works asynchronously (CUDA, HIP, RPC): several
            cards then keep four copies of every input.
        takes_over: Whether the first card computes large batches for layers in host memory
            (CUDA, HIP, Vulkan; not RPC).
    """

    context_tokens: int
    ubatch_tokens: int = DEFAULT_UBATCH_TOKENS
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    slots_count: int = 1
    is_unified: bool = False
    full_windows: bool = False
    key_format: str = "fp16"
    value_format: str = "fp16"
    flash_attention: bool = True
    outputs_count: int | None = None
    kv_on_host: bool = False
    mixes_batches: bool = True
    pipelines: bool = True
    takes_over: bool = True

    @property
    def streams_count(self) -> int:
        """Caches of their own."""
        return 1 if self.is_unified else self.slots_count

    @property
    def cells_count(self) -> int:
        """Tokens that one stream holds: the padded context, or a slot's padded share of it."""
        cells = padded(self.context_tokens)
        return cells if self.is_unified else padded(cells // self.slots_count)

    @property
    def step_tokens(self) -> int:
        """Tokens of the largest batch: ``-ub``, at most ``-b`` and the context."""
        return min(self.ubatch_tokens, self.batch_tokens, self.context_tokens)

    def window_cells(self, window_tokens: int) -> int:
        """Return the tokens that one stream holds in a windowed layer.

        ``pad256(min(cells, window · (slots if unified) + ub))`` (llama-kv-cache-iswa.cpp).
        """
        if self.full_windows:
            return self.cells_count
        sharers = self.slots_count if self.is_unified else 1
        return padded(min(self.cells_count, window_tokens * sharers + self.step_tokens))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the layers lie.

    Attributes:
        devices: Of each layer; ``HOST`` or the number of a card.
        output_device: Of the output matrix.
        cards_count: Cards that llama.cpp may use, whether or not a layer lies there.
        host_experts: Layers whose routed experts stay in host memory (``--n-cpu-moe``).
    """

    devices: tuple[int, ...]
    output_device: int = HOST
    cards_count: int = 0
    host_experts: frozenset[int] = frozenset()

    @property
    def is_all_on_cards(self) -> bool:
        """Whether nothing but the embedding is left to the host."""
        return HOST not in self.devices and self.output_device != HOST and not self.host_experts


def padded(tokens: int) -> int:
    """Return a token count rounded up as llama.cpp does.

    >>> padded(4097)
    4352
    """
    return -(-tokens // PAD_TOKENS) * PAD_TOKENS


def place(
    layer_count: int,
    shares_ratio: tuple[float, ...],
    gpu_layers: int | None = None,
    cpu_moe: int = 0,
) -> Placement:
    """Return where llama.cpp puts the layers (llama-model.cpp, load_tensors).

    ``gpu_layers`` (``-ngl``) counts the output matrix, which goes first, as one more layer after
    the last; the first layers stay behind. With ``g`` of them on cards, the i-th goes to the
    first card whose cumulative share (``-ts``, or free memory) exceeds i/g. ``cpu_moe`` is
    ``--n-cpu-moe``: the experts of that many first layers stay in host memory.

    >>> place(32, (24.0, 24.0)).devices.count(0)
    17
    >>> place(4, (1.0,), 2).devices
    (-1, -1, -1, 0)
    """
    wanted = layer_count + 1 if gpu_layers is None else min(gpu_layers, layer_count + 1)
    start = layer_count + 1 - wanted if shares_ratio else layer_count + 1
    ends, reached = [], 0.0
    for share in shares_ratio:
        reached += share
        ends.append(reached)
    devices = [HOST] * start
    for i in range(layer_count + 1 - start):
        position = i / wanted * reached
        devices.append(next((n for n, end in enumerate(ends) if position < end), len(ends) - 1))
    return Placement(
        devices=tuple(devices[:layer_count]),
        output_device=devices[layer_count],
        cards_count=len(shares_ratio),
        host_experts=frozenset(range(min(cpu_moe, layer_count))),
    )
