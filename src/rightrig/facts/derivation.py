"""What follows from a card's record: bandwidth from its bus, rates from its clock, densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import GB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.gpu import Gpu, PeakRates
    from rightrig.facts.price import Price

RATES: Final = (
    "fp64", "fp64_tensor", "fp32", "tf32", "fp16", "fp16_fp16_accumulate", "bf16", "fp8",
    "fp8_fp16_accumulate", "int8", "fp4", "int4",
)  # fmt: skip
"""Kinds of rates that a record may state, from the widest format to the narrowest."""
VECTOR_RATES: Final = frozenset({"fp64", "fp64_tensor", "fp32"})
"""Rates that a maker may state at another clock than those of the tensor cores."""


def bus_bandwidth_bytes_per_s(pins_count: int, pin_bits_per_s: float) -> float:
    """Return the bandwidth of a memory bus: pins × rate of a pin / 8, in bytes/s.

    >>> bus_bandwidth_bytes_per_s(384, 21e9) / 1e9
    1008.0
    """
    return pins_count * pin_bits_per_s / 8.0


def bandwidth_by_bus_bytes_per_s(gpu: Gpu) -> float | None:
    """Return a card's bandwidth by bus and pin rate, in bytes/s; nothing where one is unknown."""
    if gpu.memory_bus_bits is None or gpu.memory_pin_bits_per_s is None:
        return None
    return bus_bandwidth_bytes_per_s(gpu.memory_bus_bits, gpu.memory_pin_bits_per_s)


def stated_flop_per_s(peak: PeakRates, rate: str) -> float | None:
    """Return a stated rate by its kind, in flop/s."""
    value: float | None = getattr(peak, f"{rate}_flop_per_s")
    return value


def clock_of_rate_hz(gpu: Gpu, rate: str) -> float | None:
    """Return the clock at which the maker states a rate, in Hz."""
    if rate in VECTOR_RATES and gpu.vector_boost_hz is not None:
        return gpu.vector_boost_hz
    return gpu.boost_hz


def fma_per_clock_count(gpu: Gpu, rate: str) -> int | None:
    """Return the multiply-adds that one SM starts a clock at some rate."""
    if gpu.fma_per_clock is None:
        return None
    count: int | None = getattr(gpu.fma_per_clock, rate)
    return count


def clocked_flop_per_s(gpu: Gpu, rate: str) -> float | None:
    """Return SMs × multiply-adds × 2 × clock, in flop/s; nothing where a factor is unknown."""
    fma, clock_hz = fma_per_clock_count(gpu, rate), clock_of_rate_hz(gpu, rate)
    if fma is None or clock_hz is None or gpu.sm_count is None:
        return None
    return gpu.sm_count * fma * 2.0 * clock_hz


def tensor_clock_hz(gpu: Gpu) -> float | None:
    """Return the clock that the stated FP16 rate implies, in Hz: what the board sustains.

    It is below the boost clock where a power limit binds (``not_by_clock``), and near it
    elsewhere.
    """
    stated, fma = gpu.peak.fp16_flop_per_s, fma_per_clock_count(gpu, "fp16")
    if stated is None or fma is None or gpu.sm_count is None:
        return None
    return stated / (gpu.sm_count * fma * 2.0)


def is_peak_computed(gpu: Gpu) -> bool:
    """Say whether the rates were computed from the clock, so that they cannot but agree with it."""
    return any(s.kind == "computed" and "peak" in s.fields for s in gpu.sources)


def fp16_accumulate_flop_per_s(gpu: Gpu) -> float | None:
    """Return the FP16 rate that accumulates in FP16, in flop/s.

    GeForce cards state it apart; a card whose SM starts as many multiply-adds either way has
    the same rate for both. Nothing where that is not known.
    """
    if gpu.peak.fp16_fp16_accumulate_flop_per_s is not None:
        return gpu.peak.fp16_fp16_accumulate_flop_per_s
    fma = gpu.fma_per_clock
    if fma is None or fma.fp16_fp16_accumulate is None or fma.fp16_fp16_accumulate != fma.fp16:
        return None
    return gpu.peak.fp16_flop_per_s


def marketed_bytes(gpu: Gpu) -> float:
    """Return the size that a card is sold by as makers divide by it: "80 GB" is 80 × 10⁹ B."""
    return gpu.memory_marketed_gib * GB


def sweep_s(gpu: Gpu) -> float:
    """Return the time to read the whole marketed memory once, in seconds.

    It bounds a decode step of a model that fills the card; 1 / it is GB/s per GB.
    """
    return marketed_bytes(gpu) / gpu.memory_bandwidth_bytes_per_s


def link_bytes_per_s(gpu: Gpu) -> float | None:
    """Return what one card can send to others in one direction, in bytes/s.

    Its fabric where it has one, else PCIe. Never the sum of both directions.
    """
    if gpu.fabric is not None:
        return gpu.fabric.bytes_per_s
    return gpu.pcie.bytes_per_s if gpu.pcie is not None else None


def flop_per_j(gpu: Gpu, rate: str) -> float | None:
    """Return the stated rate over the board's power, in flop/J (flop/s per watt)."""
    stated = stated_flop_per_s(gpu.peak, rate)
    if stated is None or gpu.board_power_w is None:
        return None
    return stated / gpu.board_power_w


def cheapest_offer(gpu: Gpu, prices: Iterable[Price]) -> Price | None:
    """Return the cheapest on-demand offer for a card, if any is known."""
    offers = [
        (price.per_gpu_usd_per_hour, price)
        for price in prices
        if price.gpu == gpu.slug and price.terms == "on-demand" and price.per_gpu_usd_per_hour
    ]
    return min(offers, key=lambda offer: offer[0])[1] if offers else None


def rent_of_gb_usd_per_hour(gpu: Gpu, price: Price) -> float | None:
    """Return the rent of one marketed gigabyte of a card for an hour, in USD."""
    per_card = price.per_gpu_usd_per_hour
    return None if per_card is None else per_card / gpu.memory_marketed_gib
