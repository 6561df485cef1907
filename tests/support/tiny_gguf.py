"""A random Llama in one GGUF file of llama.cpp, of two megabytes, made on the spot.

Every letter of ASCII is a token and so is every byte, as in vocabularies of SentencePiece. The head
gives bytes and marks no weight: an answer is of letters, and as long as was asked for.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

import numpy as np
from gguf_writer import text, value

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT_TOKENS: Final = 2048
LAYERS: Final = 3
HIDDEN: Final = 128
HEADS: Final = 4
KV_HEADS: Final = 2
INNER: Final = 256
_LETTERS: Final = [chr(code) for code in range(33, 127)]
_BYTES: Final = [f"<0x{code:02X}>" for code in range(256)]
_WORDS: Final = ["<unk>", "<s>", "</s>", *_BYTES, "\u2581", *_LETTERS]
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_F32: Final = 0
_ALIGNED: Final = 32
_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "assistant:"
)


def write(path: Path, hidden: int = HIDDEN) -> Path:
    """Write the model; the same bytes each time.

    Args:
        hidden: Dimensions of a token; a head has a fourth of them.
    """
    keys, tensors = _keys(hidden), _tensors(hidden)
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(keys)), *keys]
    end = 0
    for name, matrix in tensors.items():
        # Dimensions are written from the fastest one.
        shape = matrix.shape[::-1]
        parts.append(text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        parts.append(struct.pack("<IQ", _F32, end))
        end += _rounded(matrix.nbytes)
    header = b"".join(parts)
    with path.open("wb") as file:
        file.write(header.ljust(_rounded(len(header)), b"\0"))
        for matrix in tensors.values():
            file.write(matrix.tobytes().ljust(_rounded(matrix.nbytes), b"\0"))
    return path


def _rounded(size: int) -> int:
    return math.ceil(size / _ALIGNED) * _ALIGNED


def _keys(hidden: int) -> list[bytes]:
    """Return the file's keys with their values."""
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * len(_BYTES)]
    kinds += [_NORMAL] * (len(_WORDS) - len(kinds))
    plain = {
        "general.architecture": "llama", "general.name": "tiny", "general.file_type": 0,
        "llama.context_length": CONTEXT_TOKENS, "llama.embedding_length": hidden,
        "llama.block_count": LAYERS, "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS, "llama.attention.head_count_kv": KV_HEADS,
        "llama.rope.dimension_count": hidden // HEADS, "llama.rope.freq_base": 10_000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.vocab_size": len(_WORDS),
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": _TEMPLATE,
        "tokenizer.ggml.scores": [-float(place) for place in range(len(_WORDS))],
        "tokenizer.ggml.token_type": kinds,
    }  # fmt: skip
    found = [text(key) + value(item) for key, item in plain.items()]
    head = struct.pack("<IIQ", 9, 8, len(_WORDS))
    coded = [word.encode() for word in _WORDS]
    words = head + b"".join(struct.pack("<Q", len(word)) + word for word in coded)
    return [*found, text("tokenizer.ggml.tokens") + words]


def _tensors(hidden: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return the weights."""
    drawn = np.random.default_rng(0)
    kv = hidden // HEADS * KV_HEADS

    def matrix(rows: int, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return drawn.normal(0.0, columns**-0.5, (rows, columns)).astype(np.float32)

    ones = np.ones(hidden, np.float32)
    head = matrix(len(_WORDS), hidden)
    head[: 4 + len(_BYTES)] = 0.0
    found = {"token_embd.weight": matrix(len(_WORDS), hidden), "output_norm.weight": ones}
    found["output.weight"] = head
    for layer in range(LAYERS):
        block = {
            "attn_norm": ones, "ffn_norm": ones,
            "attn_q": matrix(hidden, hidden), "attn_k": matrix(kv, hidden),
            "attn_v": matrix(kv, hidden), "attn_output": matrix(hidden, hidden),
            "ffn_gate": matrix(INNER, hidden), "ffn_up": matrix(INNER, hidden),
            "ffn_down": matrix(hidden, INNER),
        }  # fmt: skip
        found |= {f"blk.{layer}.{name}.weight": item for name, item in block.items()}
    return found
