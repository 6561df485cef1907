"""What a figure should be: by the datasheet, and by the calibrated speed model, with its interval.

Everything is a time of one call; rates are work over it. On a processor that nobody described
there is neither.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.prediction.kernels import SAMPLED, UNSAMPLED_RATIO, allreduce, bounded_s, gemm
from rightrig.prediction.parameters import engine_of, family_of, kernels_of
from rightrig.prediction.rates import keys_of, looked_up, sheet_of
from rightrig.prediction.roofline import bound_s, kernel_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.measuring.bench.values import Figure

_FORMATS: Final = {"bfloat16": "bf16", "float16": "bf16", "float8_e4m3fn": "fp8", "int8": "int8"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the device that was measured.

    Attributes:
        gpu: Its record; ``None`` where no catalogue has one.
        rig: All its cards, for messages among them.
        llms: Models by the names in the labels of figures.
        why_unknown: Why there is no record.
    """

    gpu: Gpu | None = None
    rig: Rig | None = None
    llms: Mapping[str, Llm] = field(default_factory=dict)
    why_unknown: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a figure should be.

    Attributes:
        least_s: What the datasheet allows (η = 1); ``None`` where it says nothing.
        time_s: What calibrated kernels take; ``None`` where none was timed.
        evidence: What is behind that.
    """

    least_s: float | None = None
    time_s: Interval | None = None
    evidence: str = ""


def expected(figure: Figure, subject: Subject) -> Expected:
    """Return what a figure should be on a device."""
    if subject.gpu is None:
        return Expected()
    find = _WAYS.get(figure.block)
    return Expected() if find is None else find(figure, subject, subject.gpu)


def dense_peak_flop_per_s(gpu: Gpu, dtype: str) -> float | None:
    """Return the dense peak of a type, in flop/s, where the datasheet has one."""
    peak = gpu.peak
    return {
        "bfloat16": peak.bf16_flop_per_s, "float16": peak.fp16_flop_per_s,
        "float8_e4m3fn": peak.fp8_flop_per_s, "int8": peak.int8_flop_per_s,
        "float32": peak.fp32_flop_per_s,
    }.get(dtype)  # fmt: skip


def _moved(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time of reading and writing memory."""
    del subject
    return Expected(figure.moved_bytes / gpu.memory_bandwidth_bytes_per_s)


def _product(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time of a matrix product: the roofline, and timed kernels' share of it."""
    del subject
    dtype = str(figure.labels["type"])
    peak = dense_peak_flop_per_s(gpu, dtype)
    if peak is None:
        return Expected()
    least = float(bound_s(figure.flop, figure.moved_bytes, peak, gpu.memory_bandwidth_bytes_per_s))
    if dtype not in _FORMATS:
        return Expected(least)
    sides = tuple(int(figure.labels[side]) for side in ("m", "n", "k"))
    found = gemm(gpu, (sides[0], sides[1], sides[2]), _FORMATS[dtype])
    return Expected(least, found.time_s, found.evidence)


def _sustained(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time of a large product; those of kernels hold for cool cards."""
    return Expected(_product(figure, subject, gpu).least_s)


def _attention(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time of decode attention, or of prefill attention."""
    del subject
    peak = dense_peak_flop_per_s(gpu, str(figure.labels["type"]))
    if peak is None:
        return Expected()
    band = gpu.memory_bandwidth_bytes_per_s
    least = float(bound_s(figure.flop, figure.moved_bytes, peak, band))
    of, sheet = _shares(gpu), sheet_of(gpu, engine_of("vllm"), "bf16", "fp16")
    reached = band * min(of("cache") * of("card_memory"), 1.0)
    compute, overhead_s = peak, sheet.attention_overhead_s
    if figure.block == "prefill-attention":
        compute = peak * min(of("scores") * of("card_compute"), 1.0)
    mid = float(kernel_s(figure.flop, figure.moved_bytes, compute, reached, overhead_s))
    factor, evidence = _factor(gpu, "attention")
    return Expected(least, bounded_s(mid, factor, least), evidence)


def _shares(gpu: Gpu) -> Callable[[str], float]:
    """Return the parameters of plain kernels on a card, by their kind."""
    return looked_up(keys_of(gpu, engine_of("vllm"), "bf16", "pcie.2"))


def _factor(gpu: Gpu, table: str) -> tuple[float, str]:
    """Return the factor to the ends of an interval, and what is behind it."""
    sampled, is_own = kernels_of(family_of(gpu), "bf16", table)
    if sampled is None or not is_own:
        return UNSAMPLED_RATIO, "what kernels of other cards reach"
    return 1.0 + float(sampled["p90_abs_error_ratio"]), SAMPLED


def _transfer(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time over the card's PCIe connector, without the protocol's overhead."""
    del subject
    return Expected() if gpu.pcie is None else Expected(figure.moved_bytes / gpu.pcie.bytes_per_s)


def _message(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time over the link among the cards; of all-reduces also what libraries take."""
    del gpu
    rig = subject.rig
    if rig is None or rig.cards_count < 2 or figure.labels.get("backend", "nccl") != "nccl":  # noqa: PLR2004 - a pair
        return Expected()
    ranks = int(figure.labels.get("ranks", 2))
    least = figure.moved_bytes / rig.link(ranks).bytes_per_s
    if figure.name != "all_reduce":
        return Expected(least)
    found = allreduce(rig, float(figure.labels["size_bytes"]), ranks)
    return Expected(least, found.time_s, found.evidence)


def _step(figure: Figure, subject: Subject, gpu: Gpu) -> Expected:
    """Return the time of a step of layers: the sum over its operators, one after the other."""
    from rightrig.measuring.bench.step_work import step_work  # noqa: PLC0415 - NumPy, when asked

    llm = subject.llms.get(str(figure.labels["model"]))
    peak = dense_peak_flop_per_s(gpu, "bfloat16")
    if llm is None or peak is None:
        return Expected()
    of, sheet = _shares(gpu), sheet_of(gpu, engine_of("vllm"), "bf16", "fp16")
    band = gpu.memory_bandwidth_bytes_per_s
    compute = peak * min(of("compute") * of("card_compute"), 1.0)
    least, mid = 0.0, 0.0
    for work in step_work(llm, figure.labels):
        if not work.moved_bytes:  # of a step without prompts, or without sequences
            continue
        attends = work.kind in {"attention", "prefill"}
        reached = band * min(of("cache" if attends else "memory") * of("card_memory"), 1.0)
        overhead_s = work.launches_count * (
            sheet.attention_overhead_s if attends else sheet.gemm_overhead_s
        )
        if work.kind != "rows":  # what runs row by row may be fused away
            least += float(bound_s(work.flop, work.moved_bytes, peak, band))
        mid += float(kernel_s(work.flop, work.moved_bytes, compute, reached, overhead_s))
    factor, evidence = _factor(gpu, "gemm")
    return Expected(least, bounded_s(mid, factor, least), evidence)


_WAYS: Final = {
    "copy": _moved, "read": _moved, "gemm": _product, "clocks": _sustained,
    "decode-attention": _attention, "prefill-attention": _attention, "transfer": _transfer,
    "peers": _message, "collectives": _message, "stack": _step,
}  # fmt: skip
