"""The block types of ggml and the file types of llama.cpp, by their numbers in a GGUF file.

Sizes follow from the block structures of ggml (repository ggml-org/llama.cpp,
ggml/src/ggml-common.h, 2026-10), numbers from ggml/include/ggml.h and include/llama.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BlockType:
    """One block type: so many weights in so many bytes, scales included."""

    name: str
    weights_count: int
    block_bytes: int


_SUPER: Final = 256
_TYPES: Final[dict[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2), 28: ("F64", 1, 8),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    # A scale of 2 bytes (and a minimum of 2, or 4 bytes of sums), then the quants.
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 20: ("IQ4_NL", 32, 18),
    41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
    10: ("Q2_K", _SUPER, 84), 11: ("Q3_K", _SUPER, 110), 12: ("Q4_K", _SUPER, 144),
    13: ("Q5_K", _SUPER, 176), 14: ("Q6_K", _SUPER, 210), 15: ("Q8_K", _SUPER, 292),
    16: ("IQ2_XXS", _SUPER, 66), 17: ("IQ2_XS", _SUPER, 74), 22: ("IQ2_S", _SUPER, 82),
    18: ("IQ3_XXS", _SUPER, 98), 21: ("IQ3_S", _SUPER, 110), 19: ("IQ1_S", _SUPER, 50),
    29: ("IQ1_M", _SUPER, 56), 23: ("IQ4_XS", _SUPER, 136),
    34: ("TQ1_0", _SUPER, 54), 35: ("TQ2_0", _SUPER, 66),
    # One E8M0 scale a block of 32; four E4M3 scales a block of 64.
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36),
}  # fmt: skip
BLOCK_TYPES: Final = {number: BlockType(*fields) for number, fields in _TYPES.items()}
"""Every type that a tensor of a current file may have."""

REMOVED_TYPES: Final[dict[int, str]] = {
    4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
}  # fmt: skip
"""Types that llama.cpp no longer loads."""

FILE_TYPES: Final[dict[int, str]] = {
    0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k",
    11: "q3_k_s", 12: "q3_k_m", 13: "q3_k_l", 14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s",
    17: "q5_k_m", 18: "q6_k", 19: "iq2_xxs", 20: "iq2_xs", 21: "q2_k_s", 22: "iq3_xs",
    23: "iq3_xxs", 24: "iq1_s", 25: "iq4_nl", 26: "iq3_s", 27: "iq3_m", 28: "iq2_s",
    29: "iq2_m", 30: "iq4_xs", 31: "iq1_m", 32: "bf16", 36: "tq1_0", 37: "tq2_0",
    38: "mxfp4_moe", 39: "nvfp4", 40: "q1_0", 41: "q2_0",
}  # fmt: skip
"""The mixes that ``general.file_type`` names."""
