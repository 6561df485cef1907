"""What is fuzzed: each target takes bytes of anybody and may only refuse them by our errors.

The tests (tests/fuzz) and the long run (fuzz/run.py) share these.
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.audit.auditing import audit
from rightrig.audit.figure import read_figures
from rightrig.demand.trace import read_trace
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, RightrigError
from rightrig.facts.architectures import read_config
from rightrig.facts.architectures.files import load_config
from rightrig.facts.catalog import shipped
from rightrig.facts.gguf_model import read_gguf
from rightrig.facts.safetensors import read_header, read_index
from rightrig.facts.sizes import with_file_sizes
from rightrig.facts.tensor_names import part_of_tensor
from rightrig.facts.user_files import FoundFile, read_record
from rightrig.quantities import parse
from rightrig.report.audit_texts import reason_of, recomputed_text
from rightrig.work.weights import total_params_count, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_GPU: Final = Path(__file__).parents[1] / "src/rightrig/facts/data/gpus/rtx-4090.toml"
_DIMENSIONS: Final = ("bytes", "time", "rate", "money", "money_per_month", "power", "count")
CONFIG: Final[dict[str, object]] = {
    "model_type": "deepseek_v3", "hidden_size": 256, "intermediate_size": 512,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4,
    "vocab_size": 1000, "max_position_embeddings": 4096, "q_lora_rank": 64, "kv_lora_rank": 32,
    "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "n_routed_experts": 8,
    "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 64,
    "first_k_dense_replace": 1, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    "quantization_config": {
        "quant_method": "compressed-tensors", "ignore": ["lm_head", "re:.*self_attn.*"],
        "config_groups": {"a": {"targets": ["Linear"], "weights": {
            "type": "int", "num_bits": 4, "group_size": 32}}},
    },
}  # fmt: skip


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def gguf(data: bytes, folder: Path) -> None:
    """Read a GGUF file, and count what it holds."""
    llm = read_gguf(_written(folder, "fuzzed.gguf", data))
    assert weight_bytes(llm, "checkpoint") > 0  # noqa: S101 - the invariant


def safetensors(data: bytes, folder: Path) -> None:
    """Read the header of a safetensors file."""
    for tensor in read_header(_written(folder, "fuzzed.safetensors", data)):
        part_of_tensor(tensor.name, 4)


def index(data: bytes, folder: Path) -> None:
    """Read an index beside a configuration that is sound."""
    path = _written(folder, "model.safetensors.index.json", data)
    read_index(path)
    with_file_sizes(read_config(CONFIG, name="fuzzed"), folder)


def config(data: bytes, folder: Path) -> None:
    """Read a model's configuration, and count its parameters."""
    llm = read_config(load_config(_written(folder, "config.json", data)), name="fuzzed")
    size_bytes = weight_bytes(llm, "checkpoint")
    assert total_params_count(llm) > 0  # noqa: S101 - the invariant
    assert math.isfinite(size_bytes)  # noqa: S101 - the invariant


def record(data: bytes, folder: Path) -> None:
    """Read a record of a user's catalogue."""
    path = _written(folder, "rtx-4090.toml", data)
    read_record(FoundFile("gpus", "rtx-4090", path), shipped())


def rig(data: bytes, _: Path) -> None:
    """Read a rig's notation."""
    parse_rig(data.decode("utf-8", "replace"), shipped())


def quantity(data: bytes, _: Path) -> None:
    """Read a quantity of any dimension."""
    text = data.decode("utf-8", "replace")
    refusals = []
    for dimension in _DIMENSIONS:
        try:
            value = parse(text, dimension, name="--fuzzed", limit=1e15)
        except InputError as error:
            refusals.append(error)
            continue
        assert 0 < value <= 1e15  # noqa: S101, PLR2004 - the invariant
    if len(refusals) == len(_DIMENSIONS):
        raise refusals[0]


def trace(data: bytes, folder: Path) -> None:
    """Read a trace of requests, and look at each of them."""
    requests = read_trace(_written(folder, "fuzzed.csv", data)).requests
    assert (requests.output_tokens >= 1).all()  # noqa: S101 - the invariant


def claims(data: bytes, folder: Path) -> None:
    """Read a table of published figures, and compute and judge each of them."""
    for found in audit(read_figures(_written(folder, "fuzzed.csv", data)), shipped()):
        reason_of(found)
        recomputed_text(found)


TARGETS: Final[dict[str, Callable[[bytes, Path], None]]] = {
    f.__name__: f for f in (gguf, safetensors, index, config, record, rig, quantity, trace, claims)
}


def run(name: str, data: bytes, folder: Path) -> bool:
    """Give the bytes to a target and return whether it took them.

    Anything but our own errors is a finding, and a message of more than a line or screen too.
    """
    for stale in ("config.json", "model.safetensors.index.json"):
        if os.path.lexists(folder / stale):
            (folder / stale).unlink()
    try:
        TARGETS[name](data, folder)
    except RightrigError as error:
        said = str(error)
        if "\n" in said or len(said) > 3000:  # noqa: PLR2004 - a screen
            raise AssertionError(f"no sentence: {said[:500]!r}") from error
        return False
    return True


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _gguf_seed() -> bytes:
    """Return a small Llama: one layer of width 32."""
    keys = {"block_count": 1, "context_length": 512, "embedding_length": 32,
            "feed_forward_length": 64, "attention.head_count": 4,
            "attention.head_count_kv": 2}  # fmt: skip
    tensors = {"token_embd.weight": (32, 40), "output_norm.weight": (32,)}
    tensors |= {f"blk.0.{name}.weight": shape for name, shape in {
        "attn_norm": (32,), "attn_q": (32, 32), "attn_k": (32, 16), "attn_v": (32, 16),
        "attn_output": (32, 32), "ffn_norm": (32,), "ffn_gate": (32, 64), "ffn_up": (32, 64),
        "ffn_down": (64, 32)}.items()}  # fmt: skip
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(keys) + 1)]
    parts.append(_text("general.architecture") + struct.pack("<I", 8) + _text("llama"))
    parts += [_text(f"llama.{k}") + struct.pack("<II", 4, v) for k, v in keys.items()]
    end = 0
    for name, shape in tensors.items():
        parts.append(_text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        parts.append(struct.pack("<IQ", 2, end))
        end += -(-math.prod(shape) // 32 * 18 // 32) * 32
    return b"".join(parts) + bytes(end + 32)


def _safetensors_seed() -> bytes:
    entry = {"dtype": "BF16", "shape": [4, 4], "data_offsets": [0, 32]}
    header = {"__metadata__": {"format": "pt"}, "model.layers.0.mlp.up_proj.weight": entry}
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + bytes(32)


def seeds() -> dict[str, bytes]:
    """Return a sound input for each target."""
    files = {"lm_head.weight": "model-00001-of-00001.safetensors"}
    return {
        "gguf": _gguf_seed(),
        "safetensors": _safetensors_seed(),
        "index": json.dumps({"metadata": {"total_size": 9000}, "weight_map": files}).encode(),
        "config": json.dumps(CONFIG).encode(),
        "record": _GPU.read_bytes(),
        "rig": b"2n:4xrtx-4090@300w@pcie4x16+1xa100-sxm-80gb",
        "quantity": b"$4000.5/month",
        "trace": (
            b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
            b"2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
        ),
        "claims": (
            b"id,claimed,unit,expression,lint\n"
            b'A,"1,599",USD,"gpu(""rtx-4090"",""launch_price_usd"")",\n'
            b'B,2-3,x,"{""a"": said(""A"")/(2*USD), ""b"": 2.5}",\n'
            b'C,28,x,at_most(3),"like_for_like(""link"",""dense"",""sparse"")"\n'
        ),
    }
