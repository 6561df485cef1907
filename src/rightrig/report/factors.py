"""Why two cards differ: a ratio as a product of causes, and what must not be divided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import capability
from rightrig.facts import derivation
from rightrig.quantities import GIGA, TERA
from rightrig.report.document import Document, Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.gpu import Gpu
    from rightrig.report.schema.comparing import GapJson

_NOTICEABLE: Final = 0.005
_FIRST_SPARSE: Final = (8, 0)
_SPARSE_AMD: Final = frozenset({"CDNA3", "CDNA4"})


@dataclass(frozen=True, slots=True)
class Factor:
    """One cause of a ratio: the two values as text, and their ratio."""

    label: str
    over: str
    under: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Gap:
    """The ratio of one quantity of two cards, the greater over the smaller, in factors.

    The product of the factors is the ratio of the stated figures: what the known causes do not
    explain is the last factor.
    """

    quantity: str
    over: str
    under: str
    factors: tuple[Factor, ...]

    @property
    def ratio(self) -> float:
        """The product of the factors."""
        return math.prod(factor.ratio for factor in self.factors)


def gaps(gpus: Sequence[Gpu]) -> tuple[Gap, ...]:
    """Return the gaps of arithmetic and bandwidth between the first card and each other."""
    first = gpus[0]
    found: list[Gap | None] = []
    for other in gpus[1:]:
        if other.slug == first.slug:
            continue
        in_fp16, in_fp32 = (compute_gap(first, other, sums) for sums in ("FP16", "FP32"))
        is_twice = in_fp16 is not None and in_fp32 is not None and in_fp16.ratio == in_fp32.ratio
        found += [None if is_twice else in_fp16, in_fp32, bandwidth_gap(first, other)]
    return tuple(gap for gap in found if gap is not None)


def compute_gap(a: Gpu, b: Gpu, accumulate: str) -> Gap | None:
    """Return FP16 rates of two cards as multiply-adds × SMs × clock × rest.

    ``accumulate`` is that of both cards (``FP16`` or ``FP32``). Nothing where a factor of one
    card is unknown.
    """
    over, under = sorted((a, b), key=lambda gpu: -(_fp16_flop_per_s(gpu, accumulate) or 0.0))
    top, bottom = _fp16_flop_per_s(over, accumulate), _fp16_flop_per_s(under, accumulate)
    kind = "fp16" if accumulate == "FP32" else "fp16_fp16_accumulate"
    fma = [derivation.fma_per_clock_count(gpu, kind) for gpu in (over, under)]
    if top is None or bottom is None:
        return None
    counts = (over.sm_count, under.sm_count)
    clocks = (over.boost_hz, under.boost_hz)
    known = [
        _factor("multiply-adds a clock and SM", fma, 1.0),
        _factor("SMs or compute units", counts, 1.0),
        _factor("clock, MHz", clocks, 1e6),
    ]
    if any(factor is None for factor in known):
        return None
    factors = tuple(factor for factor in known if factor is not None)
    quantity = f"FP16 dense, {accumulate} accumulate"
    return _closed(Gap(quantity, over.slug, under.slug, factors), top / bottom)


def bandwidth_gap(a: Gpu, b: Gpu) -> Gap | None:
    """Return the memory bandwidth of two cards as bus width × pin rate × rest."""
    over, under = sorted((a, b), key=lambda gpu: -gpu.memory_bandwidth_bytes_per_s)
    ratio = over.memory_bandwidth_bytes_per_s / under.memory_bandwidth_bytes_per_s
    bus = _factor("bus, bits", (over.memory_bus_bits, under.memory_bus_bits), 1.0)
    pins = (over.memory_pin_bits_per_s, under.memory_pin_bits_per_s)
    pin = _factor("rate of a pin, Gb/s", pins, GIGA)
    if bus is None or pin is None:
        return None
    return _closed(Gap("memory bandwidth", over.slug, under.slug, (bus, pin)), ratio)


def _closed(gap: Gap, stated_ratio: float) -> Gap:
    """Return a gap whose factors make the stated ratio: the rest is a factor of its own."""
    rest = stated_ratio / gap.ratio
    label = "rest: power limits, rounding"
    factors = (*gap.factors, Factor(label, "", "", rest))
    return Gap(gap.quantity, gap.over, gap.under, factors)


def _factor(label: str, values: Sequence[float | None], scale: float) -> Factor | None:
    """Return one factor, or nothing where a value is unknown."""
    over, under = values
    if over is None or under is None:
        return None
    return Factor(label, f"{over / scale:,.6g}", f"{under / scale:,.6g}", over / under)


def _fp16_flop_per_s(gpu: Gpu, accumulate: str) -> float | None:
    """Return the FP16 rate that accumulates in that format."""
    if accumulate == "FP32":
        return gpu.peak.fp16_flop_per_s
    return derivation.fp16_accumulate_flop_per_s(gpu)


def factors_document(found: Iterable[Gap]) -> Document:
    """Return the factor tables."""
    return tuple(
        Grid(
            (f"{gap.quantity}: why", gap.over, gap.under, "ratio"),
            (
                *(
                    (factor.label, factor.over, factor.under, f"{factor.ratio:.3f}")
                    for factor in gap.factors
                    if factor.over or abs(factor.ratio - 1.0) >= _NOTICEABLE
                ),
                ("product", "", "", f"{gap.ratio:.3f}"),
            ),
            (1, 2, 3),
        )
        for gap in found
    )


def factors_json(found: Iterable[Gap]) -> list[GapJson]:
    """Return the factors as JSON."""
    return [
        {
            "quantity": gap.quantity,
            "over": gap.over,
            "under": gap.under,
            "ratio": gap.ratio,
            "factors": [{"label": f.label, "ratio": f.ratio} for f in gap.factors],
        }
        for gap in found
    ]


def like_for_like(gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """Return which printed figures of these cards must not be divided by each other.

    Accumulation in FP16 against FP32, sparse against dense, both directions against one: each
    with the figure that is printed and the one that compares.
    """
    cards = tuple({gpu.slug: gpu for gpu in gpus}.values())
    notes = [_accumulate_note(cards), _sparse_note(cards), _direction_note(cards)]
    return tuple(note for note in notes if note)


def _accumulate_note(cards: Sequence[Gpu]) -> str:
    """Return the warning about GeForce's headline rate beside a card without such a rate."""
    doubled = [g for g in cards if g.peak.fp16_fp16_accumulate_flop_per_s is not None]
    if not doubled:
        return ""
    gpu = doubled[0]
    headline, fair = gpu.peak.fp16_fp16_accumulate_flop_per_s or 0.0, gpu.peak.fp16_flop_per_s
    text = (
        f"The {headline / TERA:,.1f} TFLOP/s of FP16 printed for {gpu.slug} accumulate in FP16; "
        f"in FP32, as models need it, it has {(fair or 0.0) / TERA:,.1f}"
    )
    other = next((g for g in cards if g not in doubled and g.peak.fp16_flop_per_s), None)
    if other is None or not fair:
        return f"{text}."
    rate = other.peak.fp16_flop_per_s or 0.0
    return (
        f"{text}: {other.slug} has {rate / fair:.2f} times that, not {rate / headline:.2f} times."
    )


def _is_sparse(gpu: Gpu) -> bool:
    """Say whether a card has the 2:4 sparsity with which its maker prints rates."""
    if gpu.vendor == "NVIDIA" and gpu.compute_capability:
        return capability(gpu.compute_capability) >= _FIRST_SPARSE
    return gpu.architecture in _SPARSE_AMD


def _sparse_note(cards: Sequence[Gpu]) -> str:
    """Return the warning about rates with 2:4 sparsity."""
    sparse = [g for g in cards if _is_sparse(g) and derivation.fp16_accumulate_flop_per_s(g)]
    if not sparse:
        return ""
    rate = derivation.fp16_accumulate_flop_per_s(sparse[0]) or 0.0
    dense_only = [g.slug for g in cards if not _is_sparse(g)]
    beside = f"; {', '.join(dense_only)} has no such mode" if dense_only else ""
    return (
        f"With 2:4 sparsity, as makers like to print rates, FP16 of {sparse[0].slug} would be "
        f"{2 * rate / TERA:,.1f}; dense, as here, it is {rate / TERA:,.1f}{beside}."
    )


def _direction_note(cards: Sequence[Gpu]) -> str:
    """Return the warning about links of which both directions are printed as a sum."""
    linked = [g for g in cards if g.fabric is not None]
    if not linked or linked[0].fabric is None:
        return ""
    gpu, fabric = linked[0], linked[0].fabric
    one = fabric.bytes_per_s
    text = (
        f"The {2 * one / GIGA:,.4g} GB/s printed for the {fabric.kind} of {gpu.slug} is the sum "
        f"of both directions; one is {one / GIGA:,.4g}"
    )
    other = next((g for g in cards if g.fabric is None and g.pcie is not None), None)
    if other is None or other.pcie is None:
        return f"{text}."
    pcie = other.pcie.bytes_per_s
    return (
        f"{text}: {one / pcie:.1f} times the {pcie / GIGA:.1f} GB/s of PCIe of {other.slug} in "
        f"one direction, not {2 * one / pcie:.1f} times."
    )
