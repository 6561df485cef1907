"""Number formats: how many bits one weight takes, and which tensors stay at 16 bits.

Bits per weight include scales and zero points; each entry derives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from rightrig.errors import UnknownNameError
from rightrig.facts.gguf_types import BLOCK_TYPES
from rightrig.facts.llm import TensorClass  # noqa: TC001 - part of a public dataclass

SIXTEEN_BIT: Final = frozenset({"bf16", "fp16", "fp32"})
"""Formats of checkpoints that were not quantised; engines load those of 32 bits at 16."""
ComputeType = Literal["fp16", "fp8", "int8", "fp4"]
_HIGH_PRECISION: Final[tuple[TensorClass, ...]] = ("embedding", "head", "router", "norm")


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """One format of weights.

    Attributes:
        name: As on the command line.
        bits_per_weight: Of the tensors that it converts, scales included.
        compute: Type in which the tensor cores multiply; weight-only formats multiply in
            16 bits after unpacking.
        kept_16bit: Tensor classes that checkpoints of this format leave at 16 bits.
        derivation: Where the bits come from.
    """

    name: str
    bits_per_weight: float
    compute: ComputeType = "fp16"
    kept_16bit: tuple[TensorClass, ...] = _HIGH_PRECISION
    derivation: str = ""


FORMATS: Final[dict[str, WeightFormat]] = {
    f.name: f
    for f in (
        WeightFormat("bf16", 16.0, derivation="2 bytes"),
        WeightFormat("fp16", 16.0, derivation="2 bytes"),
        WeightFormat("fp32", 32.0, kept_16bit=(), derivation="4 bytes"),
        WeightFormat("fp8", 8.0, "fp8", derivation="1 byte; one scale a tensor or channel"),
        WeightFormat(
            "fp8-block", 8.0 + 32 / (128 * 128), "fp8", derivation="8 + 32/(128·128), FP32 scale"
        ),
        WeightFormat("int8", 8.0, "int8", derivation="1 byte; one scale a channel"),
        WeightFormat("awq", 4 + 16 / 128 + 4 / 128, derivation="4 + 16/128 + 4/128, group 128"),
        WeightFormat("gptq", 4 + 16 / 128 + 4 / 128, derivation="4 + 16/128 + 4/128, group 128"),
        WeightFormat("int4-g32", 4 + 16 / 32, derivation="4 + 16/32, one scale a group of 32"),
        WeightFormat("nvfp4", 4 + 8 / 16, "fp4", derivation="4 + 8/16, E4M3 scale a block of 16"),
        WeightFormat("mxfp4", 4 + 8 / 32, "fp4", derivation="4 + 8/32, E8M0 scale a block of 32"),
        WeightFormat("mxfp8", 8 + 8 / 32, "fp8", derivation="8 + 8/32, OCP MX"),
        WeightFormat(
            "nf4", 4 + 8 / 64 + 32 / (64 * 256), derivation="4 + 8/64 + 32/(64·256), double-quant"
        ),
        WeightFormat("nf4-single", 4 + 32 / 64, derivation="4 + 32/64, FP32 absmax a block of 64"),
        WeightFormat("hqq4", 4 + 2 * 16 / 64, derivation="4 + 32/64, scale and zero a group of 64"),
        WeightFormat("exl2-8bpw", 8.0, derivation="8 bits a weight on average, by its name"),
        # Checkpoints of these state their own bits; those below are the most usual.
        WeightFormat("int8-weight-only", 8.0, derivation="1 byte; one scale a channel"),
        WeightFormat("hqq", 4 + 2 * 16 / 64, derivation="as hqq4; by its bits and group"),
        WeightFormat("exl2", 4.0, derivation="bits a weight on average, as the checkpoint says"),
        WeightFormat("exl3", 4.0, derivation="bits a weight on average, as the checkpoint says"),
        WeightFormat("aqlm", 2.0, derivation="codebooks · bits a code / weights a code"),
        WeightFormat("vptq", 2.0, derivation="(bits of the index and its residual) / vector"),
        WeightFormat("spqr", 3.945, derivation="3 + 6/16 + 64/256 + 1 % outliers of 32 bits"),
        WeightFormat("bitnet", 2.0, "int8", derivation="four ternary weights a byte"),
    )
}

GGML_BITS: Final[dict[str, float]] = {
    t.name: 8.0 * t.block_bytes / t.weights_count for t in BLOCK_TYPES.values()
}
"""Bits per weight of ggml's block types: bytes a block × 8 / weights a block."""

GGML_BLOCK_WEIGHTS: Final[dict[str, int]] = {t.name: t.weights_count for t in BLOCK_TYPES.values()}
"""Weights in one block of each type: what a row's length must be divisible by."""

KV_BITS: Final[dict[str, float]] = {
    "fp32": 32.0, "bf16": 16.0, "fp16": 16.0, "fp8": 8.0, "int8": 8.0,
    "q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5, "q4_1": 5.0, "q4_0": 4.5, "iq4_nl": 4.5,
}  # fmt: skip
"""Bits per element of a KV cache."""

GGUF_MIXES: Final = (
    "iq1_s", "tq1_0", "iq1_m", "iq2_xxs", "tq2_0", "iq2_xs", "iq2_s", "iq2_m", "q2_k_s", "q2_k",
    "iq3_xxs", "iq3_xs", "q3_k_s", "iq3_s", "iq3_m", "q3_k_m", "q3_k_l", "mxfp4_moe", "iq4_xs",
    "q4_0", "iq4_nl", "q4_k_s", "q4_k_m", "q4_1", "q5_0", "q5_k_s", "q5_k_m", "q5_1", "q6_k",
    "q8_0", "f16", "f32",
)  # fmt: skip
"""File types of llama.cpp whose mixes rightrig knows tensor by tensor (work.gguf_mix), about from
small to large; its ``bf16`` is the format of that name."""
USUAL_MIXES: Final = ("q4_k_m", "q8_0", "q6_k", "q5_k_m", "q3_k_m", "q2_k")
"""Those of them that are published of most models, the most usual first."""


def weight_format(name: str) -> WeightFormat:
    """Return the format of that name.

    Raises:
        UnknownNameError: with the formats that exist.
    """
    found = FORMATS.get(name.lower().replace("_", "-"))
    if found is None:
        import difflib  # noqa: PLC0415 - needed for a wrong name only

        near = difflib.get_close_matches(
            name.lower()[:40], (*FORMATS, *GGUF_MIXES), n=3, cutoff=0.4
        )
        raise UnknownNameError("weight format", name, near or ("bf16", "fp8", "awq", "q4_k_m"))
    return found


def is_gguf_mix(name: str) -> bool:
    """Whether the name is one of llama.cpp's file types."""
    return name.lower() in GGUF_MIXES
