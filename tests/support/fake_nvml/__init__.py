"""A stand-in for NVIDIA's driver library, so that tests take the path of the real nvidia-ml-py."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = Path(__file__).with_name("fake_nvml.c")
HGX_H100: Final[Mapping[str, object]] = {
    "count": 8,
    "driver": "550.54.15",
    "cuda": 12_040,
    "pair.level": 50,
    "gpu*.name": "NVIDIA H100 80GB HBM3",
    "gpu*.memory": 81_559 << 20,
    "gpu*.capability": "9.0",
    "gpu*.bus_bits": 5_120,
    "gpu*.ecc": 1,
    "gpu*.mig": 0,
    "gpu*.persistence": 1,
    "gpu*.reasons": 0x1,
    "gpu*.fabric": 3,
    "gpu*.power_limit": 700_000,
    "gpu*.power_default": 700_000,
    "gpu*.sm_clock": 345,
    "gpu*.sm_clock_most": 1_980,
    "gpu*.memory_clock": 2_619,
    "gpu*.memory_clock_most": 2_619,
    "gpu*.pcie_generation": 5,
    "gpu*.pcie_lanes": 16,
    "gpu*.pcie_generation_most": 5,
    "gpu*.pcie_lanes_most": 16,
    "gpu*.pcie_generation_card": 5,
    "gpu*.links": 18,
    "gpu*.link_type": 2,
    "gpu*.temperature": 41,
    "gpu*.power": 71_000,
    **{f"gpu{n}.uuid": f"GPU-00000000-0000-0000-0000-00000000000{n}" for n in range(8)},
    **{f"gpu{n}.bus_id": f"00000000:{0x19 + 0x11 * n:02X}:00.0" for n in range(8)},
    **{f"gpu{n}.node": n // 4 for n in range(8)},
    **{f"gpu{n}.cpus": "0-47,96-143" if n < 4 else "48-95,144-191" for n in range(8)},
}  # fmt: skip
"""A healthy board of eight H100."""


def build(folder: Path, *, is_old: bool = False) -> Path:
    """Build the library into a folder, which ``LD_LIBRARY_PATH`` then names.

    Args:
        folder: Where it is put.
        is_old: Whether functions of newer drivers are to be missing.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here to build a stand-in for NVIDIA's driver")
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, *(["-DOLD_DRIVER"] if is_old else [])], check=True, timeout=60)
    return folder


def write_state(path: Path, *states: Mapping[str, object]) -> None:
    """Write what the library answers from, at once; of equal keys the last counts."""
    whole = {key: value for state in states for key, value in state.items()}
    new = path.with_name(f"{path.name}.new")
    new.write_text("".join(f"{key}={value}\n" for key, value in whole.items()), "utf-8")
    new.replace(path)
