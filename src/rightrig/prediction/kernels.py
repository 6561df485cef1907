"""Single kernels: one matrix product on a card, one all-reduce among the cards of a rig.

The operator model of a step, without an engine around it: what samples of the kernels alone reach
of the datasheet (``data/kernels.toml``), and where whole runs moved a card or link, what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError
from rightrig.facts.quantization import is_gguf_mix, weight_format
from rightrig.interval import Interval
from rightrig.prediction.network import all_reduce_s
from rightrig.prediction.parameters import engine_of, family_of, kernels_of, sampled_ranks, tables
from rightrig.prediction.rates import (
    COMPUTE_KEYS,
    KernelRates,
    keys_of,
    link_key,
    looked_up,
    sheet_of,
)
from rightrig.prediction.roofline import bound_s, kernel_s
from rightrig.quantities import check_count, check_positive
from rightrig.work.operators import ACTIVATION_BYTES, gemm_bytes, gemm_flop

if TYPE_CHECKING:
    from rightrig.deployment.rig import Link, Rig
    from rightrig.facts.gpu import Gpu

Bound = Literal["memory bandwidth", "compute", "launch"]
MOST_SIDE: Final = 1_048_576
MOST_MESSAGE_BYTES: Final = 2.0**40
UNSAMPLED_RATIO: Final = 1.8
"""Factor to the ends where no such kernel of the family was timed: a judgement."""
SAMPLED: Final = "timings of cards of this family"
_INPUT_BYTES: Final = {"fp16": ACTIVATION_BYTES, "fp8": 1.0, "int8": 1.0, "fp4": 0.5}
"""Bytes of an activation in the type that is multiplied; its quantisation is another kernel."""


@dataclass(frozen=True, slots=True)
class Gemm:
    """One product ``C[M×N] = A[M×K] · B[K×N]``, with B the weights and sums in FP32.

    Attributes:
        format_name: How the weights are stored.
        computed_in: The type that is multiplied; ``unpacked`` where weights are turned into it.
        least_s: What the datasheet allows (η = 1).
        working_set_bytes: All three matrices.
        bound: What takes longest: reading, arithmetic, or starting the kernel.
        options: Of the rig that names the card, such as ``@220w``.
    """

    gpu: Gpu
    rows: int
    columns: int
    inner: int
    format_name: str
    computed_in: str
    unpacked: bool
    flop: float
    working_set_bytes: float
    least_s: float
    time_s: Interval
    bound: Bound
    evidence: str
    options: str = ""

    @property
    def card(self) -> str:
        """The card with what a rig says of it."""
        return f"{self.gpu.slug}{self.options}"

    @property
    def rate_flop_per_s(self) -> Interval:
        """Work over time."""
        return self.time_s.reciprocal().scaled(self.flop)

    @property
    def roofline_flop_per_s(self) -> float:
        """The rate that the datasheet allows for this shape."""
        return self.flop / self.least_s

    @property
    def roofline_ratio(self) -> float:
        """Share of it that the middle reaches."""
        return self.least_s / self.time_s.mid

    @property
    def fits_l2(self) -> bool:
        """Whether a benchmark that repeats the product would read from L2, not from memory."""
        return self.gpu.l2_bytes is not None and self.working_set_bytes < self.gpu.l2_bytes


def gemm_s(
    gpu: Gpu, m: int, n: int, k: int, format_name: str = "bf16", power_cap_w: float | None = None
) -> Interval:
    """Return the time of ``C[m×n] = A[m×k] · B[k×n]`` with weights B in a format."""
    return gemm(gpu, (m, n, k), format_name, power_cap_w).time_s


def gemm(
    gpu: Gpu,
    shape: tuple[int, int, int],
    format_name: str = "bf16",
    power_cap_w: float | None = None,
) -> Gemm:
    """Return one matrix product on a card, by the model of a step's operators.

    Args:
        gpu: The card.
        shape: M rows (tokens), N columns (outputs), K inputs.
        format_name: How the weights are stored; multiplied so where the card can, else unpacked.
        power_cap_w: A limit below the board's power slows arithmetic, and reading a little.

    Raises:
        InputError: for sides below 1 or absurdly large, and for mixes of formats.
    """
    rows, columns, inner = (
        check_count(side, name=name, limit=MOST_SIDE)
        for name, side in zip(("M", "N", "K"), shape, strict=True)
    )
    compute, unpacked, bits = _computed(gpu, format_name)
    width = "packed" if unpacked else COMPUTE_KEYS[compute]
    params = float(inner) * columns
    flop = float(gemm_flop(rows, params))
    moved = float(gemm_bytes(rows, params * bits / 8.0, inner, columns, _INPUT_BYTES[compute]))
    sheet, rates = _rates(gpu, width, compute, power_cap_w)
    least = float(bound_s(flop, moved, sheet.compute_flop_per_s, sheet.memory_bytes_per_s))
    mid = kernel_s(
        flop, moved, rates.compute_flop_per_s, rates.memory_bytes_per_s, rates.overhead_s
    )
    times: dict[Bound, float] = {
        "compute": flop / float(rates.compute_flop_per_s),
        "memory bandwidth": moved / float(rates.memory_bytes_per_s),
        "launch": float(rates.overhead_s),
    }
    factor, evidence = _gemm_evidence(gpu, width)
    return Gemm(
        gpu, rows, columns, inner, format_name, compute, unpacked, flop, moved, least,
        bounded_s(float(mid), factor, least), max(times, key=lambda name: times[name]),
        evidence,
    )  # fmt: skip


def _rates(
    gpu: Gpu, width: str, compute: str, power_cap_w: float | None
) -> tuple[KernelRates, KernelRates]:
    """Return the rates of the datasheet, and what products achieve of them.

    Kernels that unpack weights are an engine's own; vLLM's stand for them.
    """
    engine = engine_of("vllm")
    sheet = sheet_of(gpu, engine, width, compute, power_cap_w)
    of = looked_up(keys_of(gpu, engine, width, "pcie.2"))
    compute_ratio = of("compute") * of("card_compute")
    memory_ratio = of("memory") * of("card_memory")
    if width == "packed":
        compute_ratio *= of("engine_compute")
        memory_ratio *= of("engine_memory")
    achieved = KernelRates(
        sheet.flop_per_s * min(compute_ratio, 1.0),
        sheet.memory_bytes_per_s * min(memory_ratio, 1.0),
        sheet.gemm_overhead_s,
    )
    return KernelRates(sheet.flop_per_s, gpu.memory_bandwidth_bytes_per_s, 0.0), achieved


def _computed(gpu: Gpu, format_name: str) -> tuple[str, bool, float]:
    """Return the type that a card multiplies a format in, whether it unpacks it, and its bits."""
    if is_gguf_mix(format_name):
        raise InputError(
            f"--weights {format_name} is a mix of types; one product has one: name bf16, fp8, "
            "int8, awq, nvfp4 or another single format"
        )
    chosen = weight_format(format_name)
    peaks = {
        "fp8": gpu.peak.fp8_flop_per_s, "int8": gpu.peak.int8_flop_per_s,
        "fp4": gpu.peak.fp4_flop_per_s,
    }  # fmt: skip
    if peaks.get(chosen.compute):
        return chosen.compute, False, chosen.bits_per_weight
    return "fp16", chosen.bits_per_weight < 8.0 * ACTIVATION_BYTES, chosen.bits_per_weight


def _gemm_evidence(gpu: Gpu, width: str) -> tuple[float, str]:
    """Return the factor to the ends and what is behind it: the p90 error of samples, if any."""
    sampled, is_own = kernels_of(family_of(gpu), "bf16" if width == "packed" else width)
    if sampled is None:
        return UNSAMPLED_RATIO, "shares of published runs, or of what others reach"
    if not is_own:
        return UNSAMPLED_RATIO, "timings of cards of a related family"
    return 1.0 + float(sampled["p90_abs_error_ratio"]), SAMPLED


def bounded_s(mid_s: float, factor_ratio: float, least_s: float) -> Interval:
    """Return an interval around a time, no end of which passes the datasheet's limit."""
    mid_s = max(mid_s, least_s)
    around = Interval.around(mid_s, factor_ratio)
    return Interval(max(around.low, least_s), mid_s, around.high)


@dataclass(frozen=True, slots=True)
class AllReduce:
    """One all-reduce among cards of a rig.

    Attributes:
        message_bytes: On every rank, before and after.
        latency_s: What the smallest message takes.
        least_s: A ring at the link's rated bandwidth, without latency.
    """

    rig: Rig
    link: Link
    ranks_count: int
    message_bytes: float
    latency_s: float
    least_s: float
    time_s: Interval
    evidence: str

    @property
    def bus_bytes_per_s(self) -> float:
        """Bus bandwidth as nccl-tests prints it: ``2·(n−1)/n · S / t``."""
        return (
            2.0 * (self.ranks_count - 1) / self.ranks_count * self.message_bytes / self.time_s.mid
        )

    @property
    def latency_ratio(self) -> float:
        """Share of the time that no bandwidth would save."""
        return min(self.latency_s / self.time_s.mid, 1.0)


def allreduce_s(rig: Rig, message_bytes: float, ranks_count: int) -> Interval:
    """Return the time of an all-reduce of a message among cards of a rig."""
    return allreduce(rig, message_bytes, ranks_count).time_s


def allreduce(rig: Rig, message_bytes: float, ranks_count: int) -> AllReduce:
    """Return one all-reduce: ``α + 2·(n−1)/n · S / bus bandwidth`` with fitted α and bandwidth.

    One line for every size: libraries change algorithms, so that sizes between a few hundred
    kilobytes and a few megabytes are the least certain.

    Raises:
        InputError: for fewer than two ranks, more than the rig has, or cards without a link.
    """
    if not rig.is_uniform or any(group.mig for group in rig.groups):
        raise InputError(f"{rig.text} has no link of one kind; name whole cards of one kind")
    if rig.cards_count == 1:
        raise InputError(
            f"an all-reduce is among two or more cards and {rig.text} is one; name more in --on"
        )
    if not 1 < ranks_count <= rig.cards_count:
        raise InputError(
            f"--ranks is {ranks_count}: an all-reduce needs from 2 ranks to the "
            f"{rig.cards_count} cards of {rig.text}; name another number, or more cards in --on"
        )
    check_positive(message_bytes, name="--allreduce", limit=MOST_MESSAGE_BYTES)
    link = rig.link(ranks_count)
    key = link_key(rig.gpu, link, ranks_count)
    of = looked_up(keys_of(rig.gpu, engine_of("vllm"), "bf16", key))
    bus = min(of("bus"), 1.0) * link.bytes_per_s
    mid = float(all_reduce_s(message_bytes, ranks_count, of("latency_s"), bus))
    least = float(all_reduce_s(message_bytes, ranks_count, 0.0, link.bytes_per_s))
    factor, evidence = _link_factor(key)
    return AllReduce(
        rig, link, ranks_count, message_bytes, of("latency_s"), least,
        bounded_s(mid, factor, least), evidence,
    )  # fmt: skip


def _link_factor(key: str) -> tuple[float, str]:
    """Return the factor to the ends for a link, and what is behind it."""
    name, _, ranks = key.rpartition(".")
    sampled = tables("kernels")["all_reduce"].get(name)
    if sampled is None:
        return UNSAMPLED_RATIO, "the usual figures of such links"
    fit = (sampled.get("custom") or sampled["nccl"])[f"n{sampled_ranks(int(ranks))}"]
    return 1.0 + float(fit["p90_abs_error_ratio"]), SAMPLED


def tp_efficiency(gemm_s: float, comm_s: float, n: int) -> float:
    """Return the share of n cards that tensor parallelism uses: ``(g/n) / (g/n + c)``.

    Source: Amdahl 1967, doi:10.1145/1465482.1465560, messages as the part that does not shrink.
    Validity: products alone, nothing overlaps.

    Args:
        gemm_s: Time of the products on one card.
        comm_s: Time of the messages among n cards, which overlaps with nothing.
        n: Cards.

    >>> round(tp_efficiency(3.5, 0.28, 2), 3), round(tp_efficiency(8.5, 8.0, 2), 3)
    (0.862, 0.347)
    """
    check_positive(gemm_s, name="gemm_s", limit=1e15)
    check_count(n, name="n", limit=MOST_SIDE)
    if comm_s:
        check_positive(comm_s, name="comm_s", limit=1e15)
    divided_s = gemm_s / n
    return divided_s / (divided_s + comm_s)


def tp_speedup_ratio(gemm_s: float, comm_s: float, n: int) -> float:
    """Return how many times one card n cards are: ``n · efficiency``; below 1 they are slower.

    Source: definition, with ``tp_efficiency``. Validity: as there.

    >>> round(tp_speedup_ratio(8.5, 8.0, 2), 2)
    0.69
    """
    return n * tp_efficiency(gemm_s, comm_s, n)
