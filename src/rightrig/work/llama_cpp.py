"""llama.cpp's memory on every device: weights, KV cache, compute buffer.

Weights and caches follow from shapes and types, the compute buffer from running ggml's graph
allocator on the sizes of the graph that llama.cpp reserves at start (``ggml_alloc``,
``llama_cpp_graph``). Agreement with ``llama-fit-params`` is what benchmarks/llama_cpp_oracle.py
measures. Sources: repository ggml-org/llama.cpp, 2026-10, files named at each function.
"""

from __future__ import annotations

import functools
import hashlib
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.quantization import GGML_BITS, KV_BITS, is_gguf_mix
from rightrig.work import weights
from rightrig.work.ggml_alloc import HOST, traced_bytes
from rightrig.work.gguf_mix import block_type, layer_types, profile_of
from rightrig.work.gguf_tensors import vocabulary_matrix
from rightrig.work.kv_cache import read_elements_per_token
from rightrig.work.llama_cpp_ffn import feed_forward
from rightrig.work.llama_cpp_graph import Builder
from rightrig.work.llama_cpp_options import PIPELINE_COPIES
from rightrig.work.llama_cpp_styles import STYLES, Batch, Place, Style

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention, Block, Llm
    from rightrig.work.ggml_alloc import Graph
    from rightrig.work.llama_cpp_options import Options, Placement

_WINDOW_BLIND: Final = frozenset({"llama", "mistral", "mixtral", "phi3", "qwen2", "starcoder2"})
"""Families whose windows llama.cpp ignores: their model files set no ``swa_type``."""
CHECKED_FAMILIES: Final = frozenset(
    {
        "cohere", "deepseek_v2", "deepseek_v3", "falcon", "gemma2", "gemma3_text", "glm4_moe",
        "gpt_oss", "granite", "llama", "minimax_m2", "mistral", "mixtral", "olmo2", "phi3",
        "qwen2", "qwen3", "qwen3_moe", "smollm3", "starcoder2",
    }
)  # fmt: skip
"""Families whose compute buffers agree with llama-fit-params."""
_SAMPLES: Final = 4
_TAIL: Final = 3


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What one device holds, in bytes."""

    weights_bytes: float = 0.0
    cache_bytes: float = 0.0
    compute_bytes: float = 0.0


def window_of(llm: Llm, attention: Attention) -> int | None:
    """Return the window that llama.cpp keeps to in such a layer, or ``None``."""
    if attention.kind not in {"sliding", "chunked"} or llm.family in _WINDOW_BLIND:
        return None
    return attention.window_tokens


def layer_cache_bytes(llm: Llm, options: Options) -> tuple[float, ...]:
    """Return the bytes of every layer's cache, all slots together.

    Attention: ``streams · cells · (KV·h·bits_K + KV·v·bits_V)/8``; MLA keeps the latent once, as
    keys (llama-kv-cache.cpp). Recurrent mixers: ``slots · (H·d_k·d_v + (kernel − 1)·channels)``
    in 32 bits (llama-memory-recurrent.cpp).
    """
    sizes = [block_cache_bytes(llm, block, options) for block in llm.blocks]
    return tuple(sizes[index] for index in llm.layer_order)


def block_cache_bytes(llm: Llm, block: Block, options: Options) -> float:
    """Return the bytes of one layer's cache, all slots together."""
    if block.recurrent is not None:
        mixer = block.recurrent
        state = mixer.head_count * mixer.key_dim * mixer.value_dim
        state += max(0, mixer.conv_kernel - 1) * mixer.conv_channels
        return 4.0 * state * options.slots_count
    attention = block.attention
    if attention is None or attention.shares_kv:
        return 0.0
    key_bits, value_bits = KV_BITS[options.key_format], KV_BITS[options.value_format]
    return options.streams_count * (
        _kept_elements_bits(llm, attention, options, key_bits, value_bits) / 8.0
    )


def _kept_elements_bits(
    llm: Llm, attention: Attention, options: Options, key_bits: float, value_bits: float
) -> float:
    """Return the bits that one stream keeps in one layer of attention.

    An indexer's keys are cached beside the rest, one head of them (llama-kv-cache-dsa.cpp).
    Compressed layers keep their window and one entry for every few tokens; that is their
    definition, llama.cpp's own buffers for them (llama-kv-cache-dsv4.cpp) were not followed.
    """
    window = window_of(llm, attention)
    cells: float = options.cells_count if window is None else options.window_cells(window)
    if attention.kind == "compressed":
        cells = options.window_cells(attention.window_tokens or 0)
        ratio = attention.compression_tokens
        cells += options.cells_count / ratio if ratio else 0.0
    indexer = attention.indexer
    index = indexer.head_dim if indexer is not None and indexer.cached_bytes_per_token else 0
    if attention.kind in {"mla", "compressed"}:
        return cells * (read_elements_per_token(attention) + index) * key_bits
    heads = attention.kv_head_count
    size = heads * (attention.head_dim * key_bits + attention.value_dim * value_bits)
    return cells * (size + index * key_bits)


@functools.lru_cache(maxsize=1024)
def layer_weight_bytes(llm: Llm, file_type: str) -> tuple[tuple[float, float], ...]:
    """Return every layer's bytes of weights, and those of its routed experts alone.

    Matrices take the types of the quantiser's mix, vectors 32 bits. Formats that are no file type
    of llama.cpp (``checkpoint``, ``mxfp4``) take the mean bits of each tensor class.
    """
    order = llm.layer_order
    if not (is_gguf_mix(file_type) or file_type == "bf16"):
        bits = weights.class_bits(llm, file_type)
        sizes = []
        for block in llm.blocks:
            parts = weights.block_params(block, llm.hidden_size)
            total = sum(params * bits[kind] / 8.0 for kind, params in parts.items())
            sizes.append((total, parts.get("expert", 0) * bits["expert"] / 8.0))
        return tuple(sizes[index] for index in order)
    found = []
    for index, matrices in zip(order, layer_types(llm, file_type), strict=True):
        total = experts = 0.0
        listed: Counter[str] = Counter()
        for matrix, kind in matrices:
            size = matrix.params_count * GGML_BITS[kind] / 8.0
            total += size
            experts += size if matrix.kind == "expert" else 0.0
            listed[matrix.kind] += matrix.params_count
        parts = weights.block_params(llm.blocks[index], llm.hidden_size)
        vectors = {kind: 4.0 * max(0, n - listed[kind]) for kind, n in parts.items()}
        found.append((total + sum(vectors.values()), experts + vectors.get("expert", 0.0)))
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def vocabulary_bytes(llm: Llm, file_type: str) -> tuple[float, float]:
    """Return the bytes of the input embedding and of the output matrix with its norm."""
    if is_gguf_mix(file_type) or file_type == "bf16":
        profile = profile_of(llm)
        embedding, head = (
            matrix.params_count * GGML_BITS[block_type(file_type, profile, matrix, 0)] / 8.0
            for matrix in (vocabulary_matrix(llm, "token_embd"), vocabulary_matrix(llm, "output"))
        )
    else:
        bits = weights.class_bits(llm, file_type)
        count = weights.vocabulary_params(llm)
        embedding = count * bits["embedding"] / 8.0
        head = embedding if llm.tied_embeddings else count * bits["head"] / 8.0
    return embedding, head + 4.0 * llm.final_norm_params


def output_buffer_bytes(llm: Llm, options: Options) -> float:
    """Return the host's buffer of logits: one row a slot, 32 bits (output_reserve)."""
    return 4.0 * llm.vocab_size * options.slots_count


def is_exact(llm: Llm) -> bool:
    """Whether the compute buffer of such a model has been checked against llama.cpp.

    Other families are computed as if their layers were Llama's; recurrent mixers count with
    their widest rows alone.
    """
    kinds = {"full", "sliding", "chunked", "mla"}
    return llm.family in CHECKED_FAMILIES and all(
        block.attention is not None and block.attention.kind in kinds for block in llm.blocks
    )


@functools.lru_cache(maxsize=4096)
def compute_bytes(
    llm: Llm, file_type: str, options: Options, placement: Placement
) -> dict[int, float]:
    """Return the compute buffer on each device, ``HOST`` among them."""
    return compute_path(llm, file_type, options, placement)[0]


def compute_path(
    llm: Llm, file_type: str, options: Options, placement: Placement
) -> tuple[dict[int, float], bytes]:
    """Return the compute buffer on each device, and a mark of how sizes compared on cards.

    Two contexts of one mark have the cards' buffers of all contexts between them on a line
    (``ggml_alloc.traced_bytes``).

    The graph of the largest batch is built with two or three layers of every kind on every
    device and with the last layer; more of the same do not change the peak.
    """
    graph = _graph(llm, file_type, options, placement)
    pipelined = (
        options.pipelines
        and placement.cards_count > 1
        and placement.is_all_on_cards
        and not options.kv_on_host
    )
    copies = PIPELINE_COPIES if pipelined else 1
    takes_over = options.takes_over and placement.cards_count > 0
    found, path = traced_bytes(graph, copies, takes_over=takes_over)
    batch = _batch(llm, options)
    # A window follows the context until it is full.
    ends = (batch.tokens_count, batch.window_cells == batch.full_cells, *path)
    mark = hashlib.blake2b(array("L", ends).tobytes(), digest_size=16).digest()
    return {device: float(size) for device, size in found.items() if device is not None}, mark


def _batch(llm: Llm, options: Options) -> Batch:
    """Return the batch that llama.cpp reserves for (llama_context::sched_reserve)."""
    tokens = options.step_tokens
    windows = [w for a in llm.attentions if (w := window_of(llm, a))]
    slots = options.slots_count
    return Batch(
        tokens_count=-(-tokens // slots) * slots,
        outputs_count=min(tokens, options.outputs_count or tokens),
        streams_count=options.streams_count,
        full_cells=options.cells_count,
        window_cells=options.window_cells(windows[0]) if windows else 0,
        flash_attention=options.flash_attention,
        key_bits=KV_BITS[options.key_format],
        value_bits=KV_BITS[options.value_format],
        mixed=options.mixes_batches,
    )


def _graph(llm: Llm, file_type: str, options: Options, placement: Placement) -> Graph:
    """Return the graph of the largest batch."""
    style = STYLES.get(llm.family, Style())
    builder = Builder(llm, _batch(llm, options), style, feed_forward)
    stream = builder.start()
    order = llm.layer_order
    every = style.parallel or style.rope_gap > 0 or _may_fetch(options, placement)
    for layer in _sampled(order, placement, every=every):
        builder.place = _place_of(llm, file_type, options, placement, layer)
        stream = builder.layer(llm.blocks[order[layer]], stream, is_last=layer == len(order) - 1)
    stream.is_kept = style.keeps_stream
    if style.late_outputs:
        stream = builder.outputs(stream)
    sizes = {"output": round(vocabulary_bytes(llm, file_type)[1])}
    builder.place = Place(placement.output_device, sizes_bytes=sizes)
    stream = builder.norm(stream)
    stream.is_kept = True
    builder.graph.expand(builder.linear(stream, llm.vocab_size, "output"))
    return builder.graph


def _may_fetch(options: Options, placement: Placement) -> bool:
    """Whether weights of single layers may be copied to a card while it computes."""
    return options.takes_over and placement.cards_count > 0 and not placement.is_all_on_cards


def _sampled(order: tuple[int, ...], placement: Placement, *, every: bool) -> list[int]:
    """Return the layers to build: a few of each kind on each device, and the last ones.

    As many as leave an even number out: the free blocks of some families alternate between two
    patterns from layer to layer.
    """
    if every:
        return list(range(len(order)))
    tail = len(order) - _TAIL
    keys = [
        (index, placement.devices[layer], layer in placement.host_experts)
        for layer, index in enumerate(order)
    ]
    totals = Counter(keys[: max(0, tail)])
    seen: Counter[tuple[int, int, bool]] = Counter()
    chosen = []
    for layer, key in enumerate(keys):
        seen[key] += 1
        if layer >= tail or seen[key] <= _SAMPLES + totals[key] % 2:
            chosen.append(layer)
    return chosen


def _place_of(
    llm: Llm, file_type: str, options: Options, placement: Placement, layer: int
) -> Place:
    """Return where one layer's parts lie."""
    device = placement.devices[layer]
    gap = STYLES.get(llm.family, Style()).rope_gap
    sizes: dict[str, int] = {}
    if _may_fetch(options, placement) and is_gguf_mix(file_type):
        sizes = {
            matrix.name: round(matrix.params_count * GGML_BITS[kind] / 8.0)
            for matrix, kind in layer_types(llm, file_type)[layer]
        }
    return Place(
        device=device,
        kv_device=HOST if options.kv_on_host else device,
        expert_device=HOST if layer in placement.host_experts else device,
        has_rope=not gap or (layer + 1) % gap > 0,
        sizes_bytes=sizes,
    )


def memory(
    llm: Llm, file_type: str, options: Options, placement: Placement
) -> dict[int, DeviceMemory]:
    """Return what every device holds; host memory under ``HOST``.

    The input embedding is always the host's; tied to the output matrix it is stored twice when
    that lies on a card. Vision encoders (mmproj) and the output buffer are not counted.
    """
    stored: defaultdict[int, float] = defaultdict(float)
    cached: defaultdict[int, float] = defaultdict(float)
    sizes = layer_weight_bytes(llm, file_type)
    caches = layer_cache_bytes(llm, options)
    for layer, device in enumerate(placement.devices):
        total, experts = sizes[layer]
        on_host = experts if layer in placement.host_experts else 0.0
        stored[device] += total - on_host
        stored[HOST] += on_host
        cached[HOST if options.kv_on_host else device] += caches[layer]
    embedding, output = vocabulary_bytes(llm, file_type)
    stored[HOST] += embedding
    is_shared = llm.tied_embeddings and placement.output_device == HOST
    stored[placement.output_device] += output - (embedding if is_shared else 0.0)
    working = compute_bytes(llm, file_type, options, placement)
    return {
        device: DeviceMemory(stored[device], cached[device], working.get(device, 0.0))
        for device in sorted({HOST, *stored, *cached, *working})
    }
