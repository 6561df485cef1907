"""Which block type llama.cpp's file types give to which tensor.

A "Q4_K_M" file is a mix: most tensors at Q4_K, some at Q6_K. The rules below are those of
llama.cpp's quantiser (repository ggml-org/llama.cpp, src/llama-quant.cpp, 2026-10) restated
as shares of layers; on Llama-3.1-8B they give the published whole-file figures (Q2_K 3.16,
Q4_K_M 4.89, Q5_K_M 5.70 bits per weight) within 1 %.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import UnknownNameError
from rightrig.facts.quantization import GGML_BITS, GGUF_MIXES

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm, TensorClass

_EIGHT_EXPERTS: Final = 8
_SEVENTY_B_LAYERS: Final = 80
_GROUPED: Final = 4


@dataclass(frozen=True, slots=True)
class Mix:
    """The block types of one file type.

    Attributes:
        base: Of most matrices.
        head: Of the output matrix.
        value: Of the attention's value matrices in the raised layers.
        down: Of the down projections in the raised layers.
        raised: Which layers are raised: ``some`` (first and last eighth, every third between),
            ``all``, ``none``.
        value_grouped: Of value matrices where four or more query heads share one.
        attention_output: Of the attention's output matrix, where not the base.
    """

    base: str
    head: str = "Q6_K"
    value: str = ""
    down: str = ""
    raised: str = "none"
    value_grouped: str = ""
    attention_output: str = ""


_MIXES: Final[dict[str, Mix]] = {
    "q2_k": Mix("Q2_K", value="Q3_K", down="Q3_K", raised="all", value_grouped="Q4_K",
                attention_output="Q3_K"),
    "q3_k_m": Mix("Q3_K", value="Q4_K", down="Q4_K", raised="all", attention_output="Q4_K"),
    "q4_0": Mix("Q4_0"),
    "q4_k_s": Mix("Q4_K", value="Q5_K", down="Q5_K", raised="first"),
    "q4_k_m": Mix("Q4_K", value="Q6_K", down="Q6_K", raised="some"),
    "q5_0": Mix("Q5_0"),
    "q5_k_m": Mix("Q5_K", value="Q6_K", down="Q6_K", raised="some"),
    "q6_k": Mix("Q6_K"),
    "q8_0": Mix("Q8_0", head="Q8_0"),
    "f16": Mix("F16", head="F16"),
}  # fmt: skip


def raised_ratio(kind: str, layer_count: int) -> float:
    """Return the share of layers that a mix raises.

    ``some``: layer i of n with i < n/8, i ≥ 7n/8 or (i − n/8) mod 3 = 2; ``first``: i < n/8.

    >>> raised_ratio("some", 32)
    0.5
    """
    if kind in {"all", "none"}:
        return 1.0 if kind == "all" else 0.0
    eighth = layer_count // 8
    if kind == "first":
        return eighth / layer_count
    raised = sum(
        i < eighth or i >= 7 * layer_count // 8 or (i - eighth) % 3 == 2  # noqa: PLR2004 - the rule's
        for i in range(layer_count)
    )
    return raised / layer_count


@functools.lru_cache(maxsize=1024)
def gguf_bits(llm: Llm, file_type: str) -> dict[TensorClass, float]:
    """Return bits per weight of each tensor class in one of llama.cpp's file types.

    Norms and routers stay at 32 bits; tied embeddings take the type of the head.

    Raises:
        UnknownNameError: for a file type whose mix is not known.
    """
    mix = _MIXES.get(file_type.lower())
    if mix is None:
        raise UnknownNameError("GGUF file type", file_type, GGUF_MIXES)
    base = GGML_BITS[mix.base]
    ratio = raised_ratio(mix.raised, llm.layer_count)
    down = ratio * GGML_BITS[mix.down or mix.base] + (1 - ratio) * base
    gated = llm.blocks[-1].ffn.gated
    matrices = 3 if gated else 2
    ffn = ((matrices - 1) * base + down) / matrices
    embedding = GGML_BITS[mix.head] if llm.tied_embeddings else base
    return {
        "embedding": embedding,
        "head": GGML_BITS[mix.head],
        "attention": _attention_bits(llm, mix, ratio),
        "ffn": ffn,
        "expert": ffn,
        "shared_expert": ffn,
        "router": GGML_BITS["F32"],
        "norm": GGML_BITS["F32"],
    }


def _value_bits(llm: Llm, mix: Mix, ratio: float) -> float:
    """Return bits per weight of the value matrices; ``ratio`` is the share of raised layers."""
    attention = llm.blocks[-1].attention
    base = mix.base
    if llm.blocks[-1].ffn.expert_count == _EIGHT_EXPERTS and mix.base != "F16":
        return GGML_BITS["Q8_0"]
    if llm.layer_count == _SEVENTY_B_LAYERS and base in {"Q3_K", "Q4_K"}:
        # Models with the layers of a 70B share eight heads' values: they are raised once more.
        base = "Q5_K"
    raised = mix.value or base
    if mix.value_grouped and attention.head_count >= _GROUPED * attention.kv_head_count:
        raised = mix.value_grouped
    return ratio * GGML_BITS[raised] + (1 - ratio) * GGML_BITS[base]


def _attention_bits(llm: Llm, mix: Mix, ratio: float) -> float:
    """Return the mean over the attention matrices, weighted by their sizes."""
    attention = llm.blocks[-1].attention
    base = GGML_BITS[mix.base]
    output = GGML_BITS[mix.attention_output or mix.base]
    query_size = attention.head_count * attention.head_dim
    output_size = attention.head_count * attention.value_dim
    if attention.kind == "mla":
        # Latent projections and queries are quantised like any matrix.
        return (query_size * base + output_size * output) / (query_size + output_size)
    key_size = attention.kv_head_count * attention.head_dim
    value_size = attention.kv_head_count * attention.value_dim
    bits = (query_size + key_size) * base + output_size * output
    bits += value_size * _value_bits(llm, mix, ratio)
    return bits / (query_size + key_size + value_size + output_size)
