"""The rates of a card: stated, as they follow from the clock, and by watt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts import derivation
from rightrig.facts.generation import generation_of
from rightrig.quantities import GIGA, TERA
from rightrig.report.document import Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.gpu import Gpu
    from rightrig.report.schema.gpus import RateJson

UNKNOWN: Final = "unknown"
_RATE_LABEL: Final = {
    "fp64": "FP64 vector", "fp64_tensor": "FP64 tensor", "fp32": "FP32 vector", "tf32": "TF32",
    "fp16": "FP16", "fp16_fp16_accumulate": "FP16, FP16 accum.", "bf16": "BF16", "fp8": "FP8",
    "fp8_fp16_accumulate": "FP8, FP16 accum.", "int8": "INT8", "fp4": "FP4", "int4": "INT4",
}  # fmt: skip


def megahertz(clock_hz: float | None) -> str | None:
    """Return a clock as makers print it."""
    return None if clock_hz is None else f"{clock_hz / 1e6:,.0f} MHz"


def rates_grid(gpu: Gpu) -> Grid:
    """Return every rate with its derivation from the clock, and by watt."""
    rows = []
    for rate in derivation.RATES:
        stated = derivation.stated_flop_per_s(gpu.peak, rate)
        if stated is None:
            continue
        fma, by_watt = (
            derivation.fma_per_clock_count(gpu, rate),
            derivation.flop_per_j(gpu, rate),
        )
        unverified = {"peak", f"peak.{rate}_flop_per_s"} & set(gpu.unverified)
        rows.append(
            (
                _RATE_LABEL[rate],
                f"{_shown(stated)}{'*' if unverified else ''}",
                f"{fma:,}" if fma else UNKNOWN,
                _by_clock_text(gpu, rate, stated),
                f"{by_watt / GIGA:,.1f}" if by_watt else UNKNOWN,
            )
        )
    headers = ("dense rate", "TFLOP/s", "FMA/clk/SM", "SMs×FMA×2×clock", "GFLOP/s per W")
    return Grid(headers, tuple(rows), (1, 2, 3, 4))


def rate_notes(gpu: Gpu) -> Iterable[Paragraph]:
    """Return what must be known to read the rates."""
    lines = ["Dense rates; sums in FP32 (INT8, INT4: INT32) unless the label says FP16."]
    if derivation.is_peak_computed(gpu):
        lines.append("(computed): the rates were computed so, and are no check of each other.")
    if gpu.not_by_clock_reason:
        lines.append(f"(see below): {gpu.not_by_clock_reason}")
    if any(field.split(".")[0] == "peak" for field in gpu.unverified):
        lines.append("* unverified: no stored source confirms it.")
    if gpu.vector_boost_hz is not None:
        lines.append(f"Vector and FP64 rates are stated at {megahertz(gpu.vector_boost_hz)}.")
    generation = generation_of(gpu)
    if generation is not None:
        shapes = "; ".join(generation.mma_shapes)
        lines += [f"Matrix instructions: {shapes}."] if shapes else []
        lines += [f"{generation.name}: {generation.note}"] if generation.note else []
    return (Paragraph(line, "dim") for line in lines)


def rates_json(gpu: Gpu) -> list[RateJson]:
    """Return every stated rate of a card with its derivation."""
    return [_rate_json(gpu, rate) for rate in derivation.RATES if _is_stated(gpu, rate)]


def _by_clock_text(gpu: Gpu, rate: str, stated_flop_per_s: float) -> str:
    """Return the rate that follows from the clock, and how far the stated one is from it."""
    made = derivation.clocked_flop_per_s(gpu, rate)
    if made is None:
        return UNKNOWN
    if rate in gpu.not_by_clock:
        return f"{_shown(made)} (see below)"
    if derivation.is_peak_computed(gpu):
        return f"{_shown(made)} (computed)"
    return f"{_shown(made)} ({made / stated_flop_per_s - 1.0:+.1%})"


def _shown(flop_per_s: float) -> str:
    """Return a rate in TFLOP/s, with two decimals where one would hide it."""
    decimals = 2 if flop_per_s < 10 * TERA else 1
    return f"{flop_per_s / TERA:,.{decimals}f}"


def _is_stated(gpu: Gpu, rate: str) -> bool:
    """Say whether a record has a rate."""
    return derivation.stated_flop_per_s(gpu.peak, rate) is not None


def _rate_json(gpu: Gpu, rate: str) -> RateJson:
    """Return one rate with its derivation."""
    return {
        "rate": rate,
        "stated_flop_per_s": derivation.stated_flop_per_s(gpu.peak, rate),
        "fma_per_clock_count": derivation.fma_per_clock_count(gpu, rate),
        "clocked_flop_per_s": derivation.clocked_flop_per_s(gpu, rate),
        "follows_clock": rate not in gpu.not_by_clock,
        "is_computed": derivation.is_peak_computed(gpu),
        "flop_per_j": derivation.flop_per_j(gpu, rate),
    }
