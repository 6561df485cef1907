"""What decides the shape of llama.cpp's graph: a family's style, a batch, where things lie.

Styles restate the model files of llama.cpp (repository ggml-org/llama.cpp, src/models/*.cpp,
2026-10) as differences from Llama's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from rightrig.work.ggml_alloc import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Style:
    """How a family's layers differ from Llama's.

    Attributes:
        norm_first: A norm before the attention and before the feed-forward part.
        norm_after: A norm after each of them.
        full_norm: Mean-and-variance norms, which do not write over their input.
        norm_bias: Norms have a bias.
        parallel: Attention and feed-forward part read one norm (Falcon, Command R).
        fused_qkv: One matrix for queries, keys and values.
        fused_gate: One matrix for gate and up projections.
        plain_heads: Queries and keys are normed before they are cut into heads.
        scales_query: Queries are scaled by themselves.
        embedding: How embeddings are scaled: not, by a number, by a row of numbers.
        soft_cap: Attention scores pass through a tanh.
        scales_branch: What a branch adds to the stream is scaled (Granite).
        late_outputs: The wanted rows are picked after the last layer, not in it.
        gating: How routers make weights: softmax of all, of the chosen, or sigmoid.
        keeps_stream: The last layer's output is an output of the graph.
        rope_gap: Every so many layers one has no rotary positions; 0 for none.
        groups: Groups of experts that the router picks from.
        scales_experts: The weights of the chosen experts are scaled.
    """

    norm_first: bool = True
    norm_after: bool = False
    full_norm: bool = False
    norm_bias: bool = False
    parallel: bool = False
    fused_qkv: bool = False
    fused_gate: bool = False
    plain_heads: bool = False
    scales_query: bool = False
    embedding: Literal["", "number", "rows"] = ""
    soft_cap: bool = False
    scales_branch: bool = False
    late_outputs: bool = False
    gating: Literal["softmax", "chosen", "sigmoid"] = "softmax"
    keeps_stream: bool = False
    rope_gap: int = 0
    groups: int = 1
    scales_experts: bool = False


STYLES: Final[dict[str, Style]] = {
    "gemma2": Style(norm_after=True, scales_query=True, embedding="number", soft_cap=True),
    "gemma3_text": Style(norm_after=True, scales_query=True, embedding="rows"),
    "olmo2": Style(norm_first=False, norm_after=True, plain_heads=True),
    "olmo3": Style(norm_first=False, norm_after=True, plain_heads=True),
    "phi3": Style(fused_qkv=True, fused_gate=True, scales_query=True),
    "cohere": Style(full_norm=True, parallel=True),
    "falcon": Style(full_norm=True, norm_bias=True, parallel=True, fused_qkv=True),
    "starcoder2": Style(full_norm=True, norm_bias=True),
    "smollm3": Style(rope_gap=4),
    "granite": Style(embedding="number", scales_branch=True),
    "gpt_oss": Style(gating="chosen", late_outputs=True, keeps_stream=True),
    "minimax_m2": Style(gating="sigmoid", plain_heads=True),
    "glm4_moe": Style(gating="sigmoid"),
    "deepseek_v3": Style(gating="sigmoid", groups=8, scales_experts=True),
    "kimi_k2": Style(gating="sigmoid", scales_experts=True),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch that llama.cpp reserves memory for.

    Attributes:
        tokens_count: Tokens in it (``n_ubatch``, at most the context).
        outputs_count: Rows whose logits are wanted.
        streams_count: KV caches of their own; 1 when unified.
        full_cells: Cells of one stream in layers of full attention.
        window_cells: The same in layers with a window.
        flash_attention: Whether scores are never stored.
        key_bits: Bits of a cached value of the keys.
        value_bits: The same of values.
        mixed: Whether a batch may mix tokens and embeddings (builds after 2026-10-01).
    """

    tokens_count: int
    outputs_count: int
    streams_count: int
    full_cells: int
    window_cells: int
    flash_attention: bool
    key_bits: float = 16.0
    value_bits: float = 16.0
    mixed: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer's parts lie.

    Attributes:
        device: Of its weights.
        kv_device: Of its keys and values.
        expert_device: Of its routed experts.
        has_rope: Whether its queries and keys are rotated by position.
        sizes_bytes: Bytes of its matrices by name.
    """

    device: int = HOST
    kv_device: int = HOST
    expert_device: int = HOST
    has_rope: bool = True
    sizes_bytes: Mapping[str, int] = field(default_factory=dict)
