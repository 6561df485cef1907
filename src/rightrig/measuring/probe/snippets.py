"""Small programs to run on the machine that was probed, each guarded by what it can do."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe.processor import SLUG
from rightrig.measuring.probe.snippet_texts import COMPILE, FP8, HEAD, MATMUL
from rightrig.quantities import GB, TERA

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.measuring.probe.probed import Probed

KINDS: Final = {"fp8": FP8, "compile": COMPILE, "matmul": MATMUL}
"""Name of a sample → its text."""


def snippet(kind: str, subject: Probed) -> str:
    """Return a sample for a machine: Python that needs nothing but PyTorch.

    It looks for a device itself and says so where that cannot do what is asked; the figures of
    the machine's first card stand beside what it measures.
    """
    gpu = next((one.gpu for one in subject.read if one.gpu is not None), subject.processor)
    text = Template(HEAD + KINDS[kind]).substitute(_figures(gpu))
    return text.strip() + "\n"


def _figures(gpu: Gpu | None) -> dict[str, str]:
    """Return what a record states, as literals of Python."""
    if gpu is None:
        return {"card": '"a card that no record knows"', "rate": "None", "bandwidth": "None",
                "rate_name": '"fp16"'}  # fmt: skip
    peak = gpu.peak
    rate, name = next(
        (
            (value, label)
            for value, label in (
                (peak.bf16_flop_per_s, "bf16"),
                (peak.fp16_flop_per_s, "fp16"),
                (peak.fp32_flop_per_s, "fp32"),
            )
            if value
        ),
        (None, "fp16"),
    )
    return {
        "card": repr(gpu.slug),
        "rate": "None" if rate is None else f"{rate / TERA:.4g}",
        "rate_name": repr("fp32" if gpu.slug == SLUG else name),
        "bandwidth": f"{gpu.memory_bandwidth_bytes_per_s / GB:.5g}",
    }
