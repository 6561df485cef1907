"""Software that counts for serving: engines, PyTorch, CUDA, NCCL; and what PyTorch sees."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.probe.running import run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.measuring.probe.readings import Card

PACKAGES: Final = {
    "vllm": "vllm", "sglang": "sglang", "tensorrt_llm": "tensorrt-llm", "lmdeploy": "lmdeploy",
    "transformers": "transformers", "torch": "torch", "llama-cpp-python": "llama-cpp-python",
    "triton": "triton", "flash-attn": "flash-attn", "flashinfer-python": "flashinfer",
    "nvidia-nccl-cu12": "nccl-cu12", "nvidia-nccl-cu13": "nccl-cu13", "ray": "ray",
    "nvidia-ml-py": "nvidia-ml-py",
}  # fmt: skip
"""Name of a distribution → what it is called here."""
ENGINES: Final = {
    "vllm": "vllm", "sglang": "sglang", "tensorrt-llm": "tensorrt-llm", "lmdeploy": "lmdeploy",
    "llama-server": "llama.cpp", "llama-cpp-python": "llama.cpp",
}  # fmt: skip
"""Software that is an engine of the catalogue → its record."""
_LLAMA_SERVER: Final = ("llama-server", "--version")
_LLAMA_LIMIT_S: Final = 10.0
_TORCH_LIMIT_S: Final = 60.0
# PyTorch takes seconds to import and may hang with its driver: it runs elsewhere, for a while.
_TORCH: Final = """
import json, torch
seen = []
if torch.cuda.is_available():
    for place in range(torch.cuda.device_count()):
        one = torch.cuda.get_device_properties(place)
        seen.append({
            "uuid": str(getattr(one, "uuid", "")), "sm_count": one.multi_processor_count,
            "memory_bytes": one.total_memory, "capability": f"{one.major}.{one.minor}",
        })
nccl = ""
try:
    nccl = ".".join(map(str, torch.cuda.nccl.version()))
except Exception:
    pass
print(json.dumps({
    "torch": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip,
    "nccl": nccl, "seen": seen,
}))
"""


def installed_versions(packages: Iterable[str] = tuple(PACKAGES)) -> dict[str, str]:
    """Return the versions of software that lies beside this program; nothing is imported."""
    found = {}
    for name in packages:
        try:
            found[PACKAGES[name]] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def llama_server_version() -> dict[str, str]:
    """Return the build of llama.cpp's server, where it is on the path.

    It prints ``version: 5430 (…)`` among lines about devices, to either stream.
    """
    output = run(_LLAMA_SERVER, _LLAMA_LIMIT_S, errors_too=True)
    match = re.search(r"(?m)^version: (\d{1,8})", output.text)
    return {"llama-server": f"b{match[1]}"} if match else {}


def read_torch() -> dict[str, Any]:
    """Return what PyTorch says of itself and of the cards; nothing where it cannot."""
    output = run((sys.executable, "-P", "-c", _TORCH), _TORCH_LIMIT_S)
    return parse_torch(output.text)


def parse_torch(text: str) -> dict[str, Any]:
    """Return the last line of a program's output that is a JSON object about PyTorch."""
    for line in reversed(text.splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and "torch" in value:
            return value
    return {}


def torch_versions(told: dict[str, Any]) -> dict[str, str]:
    """Return the versions that PyTorch was built with."""
    names = {"torch": "torch", "cuda": "torch-cuda", "hip": "torch-rocm", "nccl": "nccl"}
    return {names[key]: str(told[key]) for key in names if told.get(key)}


def seen_by_torch(cards: tuple[Card, ...], told: dict[str, Any]) -> tuple[Card, ...]:
    """Return the cards with what only an engine sees: memory, SMs, compute capability.

    They are told apart by their UUIDs; releases without those count only where PyTorch sees as
    many cards as the driver, in the same order.
    """
    seen = [one for one in told.get("seen", ()) if isinstance(one, dict)]
    by_uuid = {str(one.get("uuid", "")).removeprefix("GPU-"): one for one in seen}
    in_order = len(seen) == len(cards)
    found = []
    for place, card in enumerate(cards):
        one = by_uuid.get(card.uuid.removeprefix("GPU-")) if card.uuid else None
        if one is None and in_order and not any(by_uuid):
            one = seen[place]
        if one is None:
            found.append(card)
            continue
        found.append(
            replace(
                card,
                memory_cuda_bytes=int(one["memory_bytes"]),
                sm_count=int(one["sm_count"]),
                compute_capability=card.compute_capability or str(one.get("capability", "")),
            )
        )
    return tuple(found)
