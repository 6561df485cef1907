"""Which block type llama.cpp's file types give to which tensor.

A "Q4_K_M" file is a mix: most tensors at Q4_K, some at Q6_K. The rules are those of
llama.cpp's quantiser (repository ggml-org/llama.cpp, src/llama-quant.cpp, 2026-10) with an
importance matrix, as files are published; ``test_gguf_mix.py`` has the sizes of whole files of
Llama-3.1-8B that they give.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import UnknownNameError
from rightrig.facts.quantization import GGML_BITS, GGML_BLOCK_WEIGHTS, GGUF_MIXES
from rightrig.work.gguf_tensors import layer_matrices, vocabulary_matrix

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm, TensorClass
    from rightrig.work.gguf_tensors import Matrix, Role

Where = Literal["all", "two", "four", "sixteenth", "eighth", "some", "middle"]
Raise = tuple[tuple[Where, str], ...]
"""Layers and the type that they get; the first that holds is taken, the base where none does."""

_EIGHT_EXPERTS: Final = 8
_SEVENTY_B_LAYERS: Final = 80
_GROUPED: Final = 4
_UNMIXED: Final = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class Mix:
    """The block types of one file type.

    Attributes:
        base: Of most matrices.
        head: Of the output matrix, and of embeddings tied to it.
        embedding: Of the input embedding, where not the base.
        value: Of the attention's value matrices.
        grouped: The same where four or more query heads share a value head.
        query_key: Of query and key matrices, where not the base.
        attention_output: Of the attention's output matrix, where not the base.
        eight_output: The same in models of eight experts.
        eight_key: Key matrices in models of eight experts.
        gate_up: Of gate and up projections.
        down: Of down projections.
        experts: Of stacks of matrices, where not the base.
        bumps: Whether values are raised further in 70B and eight-expert models.
    """

    base: str
    head: str = "Q6_K"
    embedding: str = ""
    value: Raise = ()
    grouped: Raise | None = None
    query_key: str = ""
    attention_output: str = ""
    eight_output: str = ""
    eight_key: str = "Q8_0"
    gate_up: Raise = ()
    down: Raise = ()
    experts: str = ""
    bumps: bool = True


def _tiny(base: str, output: str, fill: str, embedding: str) -> Mix:
    """Return the mix of the one- and two-bit types, which share their rules."""
    return Mix(
        base, "Q5_K", embedding, value=(("all", fill),), grouped=(("all", "Q4_K"),),
        attention_output=output, eight_output="Q5_K", eight_key="Q4_K", down=(("eighth", fill),),
        bumps=False,
    )  # fmt: skip


_SOME_Q6: Final[Raise] = (("some", "Q6_K"),)
_ALL_Q4: Final[Raise] = (("all", "Q4_K"),)
_ALL_Q5: Final[Raise] = (("all", "Q5_K"),)
_FIRST_Q5: Final[Raise] = (("eighth", "Q5_K"),)

_MIXES: Final[dict[str, Mix]] = {
    "iq1_s": _tiny("IQ1_S", "IQ2_XXS", "Q2_K", "Q2_K"),
    "iq1_m": _tiny("IQ1_M", "IQ2_XXS", "Q2_K", "Q2_K"),
    "iq2_xxs": _tiny("IQ2_XXS", "", "Q2_K", "Q2_K"),
    "iq2_xs": _tiny("IQ2_XS", "", "Q2_K", "Q2_K"),
    "iq2_s": _tiny("IQ2_XS", "IQ3_S", "IQ3_S", "IQ3_S"),
    "iq2_m": _tiny("IQ2_S", "IQ3_S", "IQ3_S", "IQ3_S"),
    "q2_k_s": Mix("Q2_K", grouped=_ALL_Q4, down=(("eighth", "Q4_K"),)),
    "q2_k": Mix("Q2_K", value=(("all", "Q3_K"),), grouped=_ALL_Q4, down=(("all", "Q3_K"),),
                attention_output="Q3_K", eight_output="Q5_K"),
    "iq3_xxs": Mix("IQ3_XXS", "Q5_K", "IQ3_S", grouped=_ALL_Q4, query_key="IQ2_S",
                   attention_output="IQ3_S", eight_output="Q5_K"),
    "iq3_xs": Mix("IQ3_S", grouped=_ALL_Q4, query_key="IQ3_XXS", eight_output="Q5_K",
                  gate_up=(("middle", "IQ3_XXS"),)),
    "iq3_s": Mix("IQ3_S", grouped=_ALL_Q4, eight_output="Q5_K"),
    "iq3_m": Mix("IQ3_S", value=_ALL_Q4, attention_output="Q4_K", eight_output="Q5_K",
                 down=(("eighth", "Q4_K"),)),
    "q3_k_s": Mix("Q3_K", eight_output="Q5_K"),
    "q3_k_m": Mix("Q3_K", value=(("two", "Q5_K"), ("all", "Q4_K")), attention_output="Q4_K",
                  eight_output="Q5_K", down=(("sixteenth", "Q5_K"), ("all", "Q4_K"))),
    "q3_k_l": Mix("Q3_K", value=_ALL_Q5, attention_output="Q5_K", down=_ALL_Q5),
    "iq4_xs": Mix("IQ4_XS", grouped=_ALL_Q5, eight_output="Q5_K", down=_FIRST_Q5),
    "iq4_nl": Mix("IQ4_NL", grouped=_ALL_Q5, eight_output="Q5_K", down=_FIRST_Q5),
    "mxfp4_moe": Mix("Q8_0", "Q8_0", experts="MXFP4", bumps=False, eight_key=""),
    "q4_0": Mix("Q4_0"),
    "q4_1": Mix("Q4_1"),
    "q4_k_s": Mix("Q4_K", value=(("four", "Q5_K"),), eight_output="Q5_K",
                  down=_FIRST_Q5),
    "q4_k_m": Mix("Q4_K", value=_SOME_Q6, eight_output="Q5_K", down=_SOME_Q6),
    "q5_0": Mix("Q5_0"),
    "q5_1": Mix("Q5_1"),
    "q5_k_s": Mix("Q5_K"),
    "q5_k_m": Mix("Q5_K", value=_SOME_Q6, down=_SOME_Q6),
    "q6_k": Mix("Q6_K"),
    "q8_0": Mix("Q8_0", "Q8_0"),
    "tq1_0": Mix("TQ1_0", embedding="Q4_K"),
    "tq2_0": Mix("TQ2_0", embedding="Q4_K"),
    "bf16": Mix("BF16", "BF16"),
    "f16": Mix("F16", "F16"),
    "f32": Mix("F32", "F32"),
}  # fmt: skip

_FALCON_DOWN: Final[dict[str, Raise]] = {
    "q3_k_m": (("sixteenth", "Q5_K"), ("some", "Q4_K")),
    "q3_k_l": _ALL_Q4,
    "q4_k_s": (),
    "q4_k_m": (("sixteenth", "Q6_K"), ("some", "Q5_K")),
}

_FALLBACKS: Final[dict[str, str]] = {
    **dict.fromkeys(("Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
"""What rows that no block of 256 divides get instead; other types of 256 get IQ4_NL."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the quantiser looks at in a model, beside the matrix itself.

    Attributes:
        layer_count: Its layers.
        value_count: Value matrices among them.
        expert_count: Routed experts; 0 for none.
        group: Query heads that share a value head in the first layer.
        tied: Whether the embedding serves as output matrix.
        falcon: Falcon has rules of its own.
    """

    layer_count: int
    value_count: int
    expert_count: int
    group: int
    tied: bool
    falcon: bool


@functools.lru_cache(maxsize=1024)
def profile_of(llm: Llm) -> Profile:
    """Return what the quantiser looks at in a model."""
    values = [any(m.role == "attn_v" for m in layer_matrices(llm, i)) for i in llm.layer_order]
    first = llm.attentions[0] if llm.attentions else None
    return Profile(
        layer_count=llm.layer_count,
        value_count=sum(values),
        expert_count=max((ffn.expert_count for ffn in llm.ffns), default=0),
        group=first.head_count // first.kv_head_count if first else 1,
        tied=llm.tied_embeddings,
        falcon=llm.family == "falcon",
    )


def mix_of(file_type: str, profile: Profile) -> Mix:
    """Return the mix of a file type for such a model.

    Raises:
        UnknownNameError: for a file type whose mix is not known.
    """
    name = file_type.lower()
    mix = _MIXES.get(name)
    if mix is None:
        raise UnknownNameError("GGUF file type", file_type, GGUF_MIXES)
    if profile.falcon and mix.base not in _UNMIXED:
        if not mix.bumps:
            return replace(mix, head="Q8_0")
        output = "Q4_K" if name == "q3_k_l" else ""
        down = _FALCON_DOWN.get(name, mix.down)
        return replace(mix, head="Q8_0", attention_output=output, eight_output="", down=down)
    if profile.expert_count == _EIGHT_EXPERTS:
        down = (*mix.down, ("some", "Q4_K")) if name == "iq3_m" else mix.down
        return replace(mix, attention_output=mix.eight_output, down=down)
    return mix


def holds(where: Where, layer: int, layer_count: int) -> bool:
    """Whether a layer is among those named.

    ``some``: the first eighth, the last eighth, and every third between.

    >>> sum(holds("some", i, 32) for i in range(32))
    16
    """
    eighth = layer_count // 8
    last = 7 * layer_count // 8
    return {
        "all": True,
        "two": layer < 2,  # noqa: PLR2004 - the rule's
        "four": layer < 4,  # noqa: PLR2004 - the rule's
        "sixteenth": layer < layer_count // 16,
        "eighth": layer < eighth,
        "middle": eighth <= layer < last,
        "some": layer < eighth or layer >= last or (layer - eighth) % 3 == 2,  # noqa: PLR2004
    }[where]


def _raised(rules: Raise, base: str, layer: int, layer_count: int) -> str:
    """Return the type that the rules give to a layer."""
    return next((kind for where, kind in rules if holds(where, layer, layer_count)), base)


def _value_type(mix: Mix, profile: Profile, layer: int) -> str:
    """Return the type of a value matrix; ``layer`` counts value matrices."""
    is_grouped = profile.group >= _GROUPED or (
        not mix.bumps and profile.expert_count >= _GROUPED
    )  # fmt: skip
    rules = mix.grouped if is_grouped and mix.grouped is not None else mix.value
    found = _raised(rules, mix.base, layer, profile.value_count)
    if not mix.bumps:
        return found
    if profile.layer_count == _SEVENTY_B_LAYERS and profile.group > 1 and found in {"Q3_K", "Q4_K"}:
        found = "Q5_K"
    return "Q8_0" if profile.expert_count == _EIGHT_EXPERTS else found


def _mixed_type(mix: Mix, profile: Profile, role: Role, layer: int) -> str:
    """Return the type that the mix gives to a role in a layer, whatever the shape."""
    if role == "output" or (role == "token_embd" and profile.tied):
        return mix.head
    if role == "attn_v":
        return _value_type(mix, profile, layer)
    if role == "attn_k" and profile.expert_count == _EIGHT_EXPERTS and mix.eight_key:
        return mix.eight_key
    if role in {"ffn_gate", "ffn_up", "ffn_down"}:
        rules = mix.down if role == "ffn_down" else mix.gate_up
        return _raised(rules, mix.base, layer, profile.layer_count)
    chosen = {
        "token_embd": mix.embedding,
        "attn_q": mix.query_key,
        "attn_k": mix.query_key,
        "attn_output": mix.attention_output,
    }.get(role, "")
    return chosen or mix.base


@functools.lru_cache(maxsize=65536)
def block_type(file_type: str, profile: Profile, matrix: Matrix, layer: int) -> str:
    """Return the block type of one matrix in a file of this type.

    ``layer`` counts the layers; for value matrices it counts those. Routers stay at F32; rows
    that blocks of 256 do not divide fall back to a type with blocks of 32, or to F16.
    """
    mix = mix_of(file_type, profile)
    if matrix.role == "router":
        return "F32"
    if mix.base in _UNMIXED:
        return mix.base
    columns = matrix.shape[0]
    is_head = matrix.role == "output" or (matrix.role == "token_embd" and profile.tied)
    if is_head and columns % GGML_BLOCK_WEIGHTS[mix.base]:
        return "Q8_0" if columns % GGML_BLOCK_WEIGHTS["Q8_0"] == 0 else "F16"
    is_stack = len(matrix.shape) == 3 and matrix.role != "output"  # noqa: PLR2004 - dimensions
    if mix.experts and is_stack:
        found = mix.experts
    else:
        found = _mixed_type(mix, profile, matrix.role, layer)
    if columns % GGML_BLOCK_WEIGHTS[found]:
        found = _FALLBACKS.get(found, "IQ4_NL")
    return "F16" if columns % GGML_BLOCK_WEIGHTS[found] else found


@functools.lru_cache(maxsize=2048)
def layer_types(llm: Llm, file_type: str) -> tuple[tuple[tuple[Matrix, str], ...], ...]:
    """Return every layer's matrices with their block types, first layer first."""
    profile = profile_of(llm)
    counts_downs = not mix_of(file_type, profile).bumps
    seen: Counter[str] = Counter()
    layers = []
    for layer, index in enumerate(llm.layer_order):
        found = []
        for matrix in layer_matrices(llm, index):
            # The smallest types count down projections, the shared expert's too, not layers.
            is_counted = matrix.role == "attn_v" or (counts_downs and matrix.role == "ffn_down")
            place = seen[matrix.role] if is_counted else layer
            found.append((matrix, block_type(file_type, profile, matrix, place)))
            seen[matrix.role] += 1
        layers.append(tuple(found))
    return tuple(layers)


@functools.lru_cache(maxsize=1024)
def gguf_bits(llm: Llm, file_type: str) -> dict[TensorClass, float]:
    """Return the mean bits per weight of each tensor class in one of llama.cpp's file types.

    Norms and routers stay at 32 bits; tied embeddings take the type of the head; classes whose
    matrices are not listed (recurrent mixers) take the base type.

    Raises:
        UnknownNameError: for a file type whose mix is not known.
    """
    profile = profile_of(llm)
    base = GGML_BITS[mix_of(file_type, profile).base]
    params: Counter[TensorClass] = Counter()
    sizes: dict[TensorClass, float] = {}
    for layer in layer_types(llm, file_type):
        for matrix, kind in layer:
            params[matrix.kind] += matrix.params_count
            added = matrix.params_count * GGML_BITS[kind]
            sizes[matrix.kind] = sizes.get(matrix.kind, 0.0) + added
    classes: tuple[TensorClass, ...] = ("attention", "ffn", "expert", "shared_expert")
    found = {kind: sizes[kind] / params[kind] if params[kind] else base for kind in classes}
    embedding = block_type(file_type, profile, vocabulary_matrix(llm, "token_embd"), 0)
    head = block_type(file_type, profile, vocabulary_matrix(llm, "output"), 0)
    return {
        **found,
        "embedding": GGML_BITS[embedding],
        "head": GGML_BITS[head],
        "router": GGML_BITS["F32"],
        "norm": GGML_BITS["F32"],
    }
