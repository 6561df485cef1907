"""GGUF files with the tensors of a model and no data, written from names and shapes."""

from __future__ import annotations

import math
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Q8_0, F32, I32 = 8, 0, 26
CODES: Final = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}
LIST_CODES: Final = {**CODES, int: (5, "i")}
FIT_PARAMS: Final = Path(__file__).parents[2] / ".cache" / "llama.cpp" / "bin" / "llama-fit-params"
Shapes = dict[str, tuple[int, ...]]
Keys = dict[str, Any]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def value(item: Any) -> bytes:
    """Return a tagged value, or a list of them."""
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    is_list = isinstance(item, list)
    items = item if is_list else [item]
    number, code = (LIST_CODES if is_list else CODES)[type(items[0])]
    head = struct.pack("<IIQ", 9, number, len(items)) if is_list else struct.pack("<I", number)
    return head + struct.pack(f"<{len(items)}{code}", *items)


@dataclass
class File:
    """One file: eight bits where a matrix allows them, else 32."""

    architecture: str
    keys: Keys
    tensors: Shapes = field(default_factory=dict)
    general: Keys = field(default_factory=dict)

    def layer(self, number: int, *groups: Shapes) -> None:
        """Add a layer's tensors; names without an ending are weights."""
        for group in groups:
            for name, shape in group.items():
                bare = name.rsplit(".", 1)[-1] in {"weight", "bias", "scale"}
                bare = bare or name in {"ssm_a", "ssm_d"}
                self.tensors[f"blk.{number}.{name}{'' if bare else '.weight'}"] = shape

    def size_bytes(self, *names: str) -> int:
        """Return the bytes of the tensors whose names hold one of these."""
        return sum(
            tensor_bytes(shape)
            for name, shape in self.tensors.items()
            if not names or any(part in name for part in names)
        )

    def write(self, path: Path) -> Path:
        pairs = {"general.architecture": self.architecture, "tokenizer.ggml.model": "none"}
        pairs |= self.general
        pairs |= {f"{self.architecture}.{key}": item for key, item in self.keys.items()}
        parts = [b"GGUF", struct.pack("<IQQ", 3, len(self.tensors), len(pairs))]
        parts += [text(key) + value(item) for key, item in pairs.items()]
        end = 0
        for name, shape in self.tensors.items():
            parts.append(text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            kind = I32 if "tid2eid" in name else type_of(shape)
            parts.append(struct.pack("<IQ", kind, end))
            end += -(-tensor_bytes(shape) // 32) * 32
        header = b"".join(parts)
        with path.open("wb") as file:
            file.write(header)
            file.truncate(-(-len(header) // 32) * 32 + end)
        return path


def type_of(shape: tuple[int, ...]) -> int:
    return Q8_0 if len(shape) > 1 and shape[0] % 32 == 0 else F32


def tensor_bytes(shape: tuple[int, ...]) -> int:
    count = math.prod(shape)
    return count // 32 * 34 if type_of(shape) == Q8_0 else count * 4


def asked_for(arch: str, keys: Keys) -> Keys:
    """Return what llama.cpp asks for besides and what decides no size."""
    found: Keys = {
        "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 10_000.0,
        "expert_gating_func": 4 if arch == "deepseek4" else 2, "expert_weights_scale": 1.0,
        "expert_weights_norm": True,
    }  # fmt: skip
    if "attention.key_length" in keys:
        found["attention.value_length"] = keys["attention.key_length"]
    if arch.startswith("qwen35"):
        found |= {"rope.dimension_sections": [11, 11, 10, 0], "rope.dimension_count": 64}
    if arch == "deepseek4":
        found |= {
            "hyper_connection.sinkhorn_iterations": 3, "hyper_connection.epsilon": 1e-6,
            "attention.compress_rope_freq_base": 10_000.0,
            "swiglu_clamp_exp": [0.0] * keys["block_count"],
        }  # fmt: skip
    return found


def base(arch: str, hidden: int, words: int, layers: int, **keys: Any) -> File:
    """Return a file with what surrounds the layers; the head is the embedding."""
    named = {"embedding_length": hidden, "block_count": layers, "context_length": 131_072}
    own = {**named, **{key.replace("__", "."): item for key, item in keys.items()}}
    own = {**asked_for(arch, own), "vocab_size": words, **own}
    ends: Shapes = {"token_embd.weight": (hidden, words), "output_norm.weight": (hidden,)}
    return File(arch, own, ends)


def untied(file: File) -> File:
    file.tensors["output.weight"] = file.tensors["token_embd.weight"]
    return file


def llama_cpp_weights_mib(path: Path) -> int | None:
    """Return what llama.cpp says the weights take, where ``make oracle`` has built it.

    It refuses a file that lacks a tensor, has one too many, or one of another shape.
    """
    if not FIT_PARAMS.exists():
        return None
    words = ["-m", str(path), "--fit-print", "on", "-fit", "off", "--no-repack", "-c", "512"]
    done = subprocess.run(
        [str(FIT_PARAMS), *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    host = next(line for line in done.stdout.splitlines() if line.startswith("Host"))
    return int(host.split()[1])


def norms(width: int, *names: str) -> Shapes:
    return dict.fromkeys(names, (width,))


def gated(hidden: int, inner: int, ending: str = "", *experts: int) -> Shapes:
    into, out = (hidden, inner, *experts), (inner, hidden, *experts)
    return {f"ffn_gate{ending}": into, f"ffn_up{ending}": into, f"ffn_down{ending}": out}


def heads(hidden: int, query: int, key: int, *, out: int | None = None) -> Shapes:
    return {
        "attn_q": (hidden, query), "attn_k": (hidden, key), "attn_v": (hidden, key),
        "attn_output": (out or query, hidden),
    }  # fmt: skip


def head_norms(width: int) -> Shapes:
    return norms(width, "attn_q_norm", "attn_k_norm")


@dataclass
class Latent:
    """The dimensions of latent attention."""

    hidden: int
    heads: int
    nope: int
    value: int
    query: int
    index_heads: int = 0

    def keys(self) -> Keys:
        ranks = {"attention.q_lora_rank": self.query} if self.query else {}
        return {
            "attention.head_count": self.heads, "attention.key_length": 576,
            "attention.value_length": 512, "attention.key_length_mla": self.nope + 64,
            "attention.value_length_mla": self.value, "attention.kv_lora_rank": 512,
            "rope.dimension_count": 64, **ranks,
        }  # fmt: skip

    def shapes(self) -> Shapes:
        hidden, wide = self.hidden, self.heads * (self.nope + 64)
        queries: Shapes = {"attn_q": (hidden, wide)}
        if self.query:
            queries = {"attn_q_a": (hidden, self.query), "attn_q_b": (self.query, wide)}
            queries |= norms(self.query, "attn_q_a_norm")
        return queries | {
            "attn_kv_a_mqa": (hidden, 576), "attn_kv_a_norm": (512,),
            "attn_k_b": (self.nope, 512, self.heads), "attn_v_b": (512, self.value, self.heads),
            "attn_output": (self.heads * self.value, hidden),
        }  # fmt: skip

    def indexer(self) -> Shapes:
        return {
            "indexer.k_norm": (128,), "indexer.k_norm.bias": (128,),
            "indexer.proj": (self.hidden, self.index_heads), "indexer.attn_k": (self.hidden, 128),
            "indexer.attn_q_b": (self.query, self.index_heads * 128),
        }  # fmt: skip
