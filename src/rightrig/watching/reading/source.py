"""What reads the cards of one maker: a program of ours, and how long it may take."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from typing import Final, Literal

Vendor = Literal["NVIDIA", "AMD"]


@dataclass(frozen=True, slots=True)
class Source:
    """A reader of the cards of one maker.

    Attributes:
        module: That is run as a program.
        first_s: How long it may take to its first line: a driver that nobody uses yet starts
            its cards one after another.
        line_s: How long between two lines, however short the period is.
    """

    vendor: Vendor
    module: str
    first_s: float
    line_s: float

    def command(self, period_s: float) -> tuple[str, ...]:
        """Return how it is started; a period of 0 reads once."""
        # The same interpreter, whatever lies in the folder that it is started in.
        return (sys.executable, "-P", "-m", self.module, f"{period_s:g}")

    def patience_s(self, period_s: float) -> float:
        """Return how long no line may come before the reader counts as hung, in seconds."""
        return max(self.line_s, 3.0 * period_s)


NVIDIA: Final = Source("NVIDIA", "rightrig.watching.reading.nvml_loop", first_s=30.0, line_s=5.0)
AMD: Final = Source("AMD", "rightrig.watching.reading.amd_loop", first_s=60.0, line_s=60.0)
_AMD_PROGRAMS: Final = ("amd-smi", "rocm-smi")


def has_nvml() -> bool:
    """Whether ``nvidia-ml-py`` is installed, which the extra ``watch`` brings."""
    return importlib.util.find_spec("pynvml") is not None


def has_amd() -> bool:
    """Whether anything here can read AMD's cards."""
    return importlib.util.find_spec("amdsmi") is not None or any(
        shutil.which(program) for program in _AMD_PROGRAMS
    )
