"""The reports of cards: the list, and one card with its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import MIB, show_gib, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.gpu import Gpu, StreetPrice
    from rightrig.facts.price import Price

_TERA = 1e12
_GIGA = 1e9


def gpus_document(gpus: Sequence[Gpu]) -> Document:
    """Return all cards, a line each."""
    rows = tuple(
        (
            gpu.slug,
            gpu.architecture,
            gpu.tier,
            show_gib(gpu.memory_bytes.mid),
            f"{gpu.memory_bandwidth_bytes_per_s / _GIGA:,.0f}",
            _tera(gpu.peak.bf16_flop_per_s or gpu.peak.fp16_flop_per_s),
            _tera(gpu.peak.fp8_flop_per_s),
            f"{gpu.board_power_w:.0f}" if gpu.board_power_w else "–",
        )
        for gpu in gpus
    )
    headers = (
        "gpu", "architecture", "tier", "visible memory", "GB/s", "16-bit TFLOP/s", "FP8 TFLOP/s",
        "W",
    )  # fmt: skip
    note = (
        "Dense rates, FP32 accumulate. Memory is what an engine sees; 'gpus show NAME' says how "
        "it is known."
    )
    return (Grid(headers, rows, (3, 4, 5, 6, 7), spare=(1, 7, 6)), Paragraph(note, "dim"))


def _tera(rate: float | None) -> str:
    """Return a rate in TFLOP/s."""
    return f"{rate / _TERA:,.0f}" if rate else "–"


def gpu_document(gpu: Gpu, prices: Iterable[Price]) -> Document:
    """Return one card with everything that is known, and from where."""
    memory = gpu.memory_bytes
    facts = [
        ("architecture", f"{gpu.architecture}, compute capability {gpu.compute_capability or '–'}"),
        ("tier, form", f"{gpu.tier}, {gpu.form_factor}"),
        ("memory, marketed", f"{gpu.memory_marketed_gib:g} GB class, {gpu.memory_type}"),
        (
            "memory, nvidia-smi",
            f"{gpu.memory_nvml_mib:,} MiB" if gpu.memory_nvml_mib else "unknown",
        ),
        ("memory, visible to engines", f"{show_gib(memory.mid)} ({gpu.evidence_of_memory})"),
        ("memory bandwidth", f"{gpu.memory_bandwidth_bytes_per_s / _GIGA:,.0f} GB/s"),
        ("board power", f"{gpu.board_power_w:.0f} W" if gpu.board_power_w else "unknown"),
        ("ECC", gpu.ecc),
        ("MIG instances", str(gpu.mig_instance_count or "none")),
        ("PCIe, one direction", _pcie_text(gpu)),
        ("fabric, one direction", _fabric_text(gpu)),
    ]
    facts += [
        (label, f"{value / _TERA:,.1f} TFLOP/s")
        for label, value in _rates(gpu)
        if value is not None
    ]
    facts += [*_chip_facts(gpu), *_cheapest_offer(gpu, prices)]
    facts += [("unverified", ", ".join(gpu.unverified))] if gpu.unverified else []
    return (
        Paragraph(f"{gpu.name} ({gpu.slug})", "title"),
        Grid(("fact", "value"), tuple(facts)),
        *tail(gpu.note, gpu.sources),
    )


def _chip_facts(gpu: Gpu) -> list[tuple[str, str]]:
    """Return what is known of the chip and its price when bought."""
    street = gpu.street_price
    known = (
        ("SMs or compute units", f"{gpu.sm_count:,}" if gpu.sm_count else ""),
        ("CUDA cores or the like", f"{gpu.cuda_core_count:,}" if gpu.cuda_core_count else ""),
        ("boost clock", f"{gpu.boost_hz / 1e6:,.0f} MHz" if gpu.boost_hz else ""),
        ("last-level cache", f"{gpu.l2_bytes / MIB:,.0f} MiB" if gpu.l2_bytes else ""),
        ("released", gpu.release_date or ""),
        ("launch price", show_usd(gpu.launch_price_usd) if gpu.launch_price_usd else ""),
        ("street price", _street_text(street) if street else ""),
    )
    return [(name, text) for name, text in known if text]


def _street_text(price: StreetPrice) -> str:
    """Return a street price with its condition, date and source."""
    amount = show_usd(price.low_usd)
    if price.high_usd > price.low_usd:
        amount += f" to {show_usd(price.high_usd)}"
    return f"{amount}, {price.condition}, {price.date} ({price.source})"


def _cheapest_offer(gpu: Gpu, prices: Iterable[Price]) -> list[tuple[str, str]]:
    """Return the cheapest on-demand offer for a card, if any is known."""
    offers = [
        (p.per_gpu_usd_per_hour, p)
        for p in prices
        if p.gpu == gpu.slug and p.terms == "on-demand" and p.per_gpu_usd_per_hour
    ]
    if not offers:
        return []
    usd_per_hour, price = min(offers, key=lambda offer: offer[0])
    text = f"{show_usd(usd_per_hour)}/h a card, {price.provider}, {price.date}"
    return [("cheapest rent", text)]


def _rates(gpu: Gpu) -> list[tuple[str, float | None]]:
    """Return the dense rates of a card with their labels."""
    return [
        (name.removesuffix("_flop_per_s").replace("_", " ").upper(), value)
        for name, value in gpu.peak.model_dump().items()
    ]


def _pcie_text(gpu: Gpu) -> str:
    """Return the PCIe connector in words."""
    if gpu.pcie is None:
        return "–"
    peers = "" if gpu.pcie.peer_to_peer else ", no peer-to-peer in the stock driver"
    rate = gpu.pcie.bytes_per_s / _GIGA
    return f"gen {gpu.pcie.generation} x{gpu.pcie.lanes}, {rate:.1f} GB/s{peers}"


def _fabric_text(gpu: Gpu) -> str:
    """Return the link between cards in words."""
    fabric = gpu.fabric
    if fabric is None:
        return "none"
    peer = f", {fabric.peer_bytes_per_s / _GIGA:g} to one peer" if fabric.peer_bytes_per_s else ""
    return (
        f"{fabric.kind} {fabric.generation or ''}, {fabric.bytes_per_s / _GIGA:g} GB/s{peer}, "
        f"{fabric.topology} of up to {fabric.max_cards}"
    )
