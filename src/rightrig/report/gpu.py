"""The reports of cards: the list, and one card with what follows from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts import derivation
from rightrig.facts.generation import generation_of
from rightrig.facts.price import staleness
from rightrig.facts.tier import tier_reasons
from rightrig.quantities import GIGA, MIB, TERA, show_gib, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.gpu_rates import UNKNOWN, megahertz, rate_notes, rates_grid, rates_json
from rightrig.report.mig import mig_grid
from rightrig.report.record import listed_json, record_json, tail
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from rightrig.facts.gpu import EccCost, Gpu
    from rightrig.facts.mig import MigProfile
    from rightrig.facts.price import Price
    from rightrig.report.schema.gpus import GpuRentJson, GpuShowJson, GpusJson

_ECC_MODE: Final = {
    "none": "none",
    "native": "native, always on",
    "optional-on": "optional, on by default",
    "optional-off": "optional, off by default",
}


_UNLISTED: Final = frozenset((
    "measured_here",
    "sources", "note", "fma_per_clock", "ecc_cost", "street_price", "not_by_clock",
    "not_by_clock_reason", "cooling", "display_output_count", "vector_boost_hz", "base_hz",
    "memory_pin_bits_per_s", "memory_stack_count", "throttle_celsius",
))  # fmt: skip


def gpus_document(gpus: Sequence[Gpu]) -> Document:
    """Return all cards, a line each."""
    rows = tuple(
        (
            gpu.slug,
            gpu.architecture,
            gpu.tier,
            show_gib(gpu.memory_bytes.mid),
            f"{gpu.memory_bandwidth_bytes_per_s / GIGA:,.0f}",
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
    return f"{rate / TERA:,.0f}" if rate else "–"


def gpus_json(gpus: Iterable[Gpu]) -> GpusJson:
    """Return all cards as JSON: what a list is sorted and filtered by; ``show`` has the rest."""
    return {"gpus": [listed_json(gpu, _UNLISTED) for gpu in gpus]}


def gpu_document(
    gpu: Gpu, prices: Iterable[Price], today: datetime.date, mig: Sequence[MigProfile] = ()
) -> Document:
    """Return one card with everything that is known, what is not, and from where."""
    tiers = (Paragraph(f"Tier, {line}." if n == 0 else f"  {line}.") for n, line in _tiers(gpu))
    return (
        Paragraph(f"{gpu.name} ({gpu.slug})", "title"),
        *tiers,
        Grid(("chip", "value"), _chip_rows(gpu)),
        Grid(("memory", "value"), _memory_rows(gpu)),
        rates_grid(gpu),
        *rate_notes(gpu),
        Grid(("links, power, software", "value"), (*_board_rows(gpu), *_software_rows(gpu))),
        *mig_grid(mig),
        Grid(("price", "value"), _price_rows(gpu, prices, today)),
        *tail(gpu.note, gpu.sources),
    )


def _tiers(gpu: Gpu) -> Iterable[tuple[int, str]]:
    """Return the sentences about the tier with their places."""
    return enumerate(tier_reasons(gpu))


def _marked(gpu: Gpu, field: str, text: str | None) -> str:
    """Return a value as text: unknown where there is none, unverified where no source has it."""
    if text is None:
        return UNKNOWN
    parts = field.split(".")
    above = {".".join(parts[: n + 1]) for n in range(len(parts))}
    return f"{text} (unverified)" if above & set(gpu.unverified) else text


def _chip_rows(gpu: Gpu) -> tuple[tuple[str, str], ...]:
    """Return the rows about the chip."""
    generation = generation_of(gpu)
    known = {
        "sm_count": ("SMs or compute units", gpu.sm_count and f"{gpu.sm_count:,}"),
        "cuda_core_count": (
            "CUDA cores or the like",
            gpu.cuda_core_count and f"{gpu.cuda_core_count:,}",
        ),
        "tensor_core_count": ("tensor cores", _tensor_cores(gpu)),
        "base_hz": ("clock, base", megahertz(gpu.base_hz)),
        "boost_hz": ("clock, boost", megahertz(gpu.boost_hz)),
        "peak.fp16_flop_per_s": (
            "clock, by FP16 rate",
            megahertz(derivation.tensor_clock_hz(gpu)),
        ),
        "l2_bytes": ("last-level cache", gpu.l2_bytes and f"{gpu.l2_bytes / MIB:,.0f} MiB"),
        "mig_instance_count": ("MIG or partitions", f"{gpu.mig_instance_count or 'none'}"),
        "release_date": ("released", gpu.release_date),
    }
    capability = f", compute capability {gpu.compute_capability}" if gpu.compute_capability else ""
    formats = ", ".join(f.upper() for f in generation.native_formats) if generation else UNKNOWN
    return (
        ("architecture", _marked(gpu, "compute_capability", f"{gpu.architecture}{capability}")),
        ("native formats", formats),
        *((label, _marked(gpu, field, text or None)) for field, (label, text) in known.items()),
    )


def _tensor_cores(gpu: Gpu) -> str | None:
    """Return how many tensor cores of which generation."""
    generation = generation_of(gpu)
    if gpu.tensor_core_count is None:
        return None
    which = generation.tensor_core_generation if generation else None
    return f"{gpu.tensor_core_count:,}" + (f", generation {which}" if which else "")


def _memory_rows(gpu: Gpu) -> tuple[tuple[str, str], ...]:
    """Return the three sizes, the bandwidth and how it is made, ECC."""
    memory = gpu.memory_bytes
    nvml = f"{gpu.memory_nvml_mib:,} MiB" if gpu.memory_nvml_mib else None
    stacks = f" in {gpu.memory_stack_count} stacks" if gpu.memory_stack_count else ""
    marketed = f"{gpu.memory_marketed_gib:g} GB class, {gpu.memory_type}{stacks}"
    sweep_s = derivation.sweep_s(gpu)
    rows = [
        ("marketed", _marked(gpu, "memory_marketed_gib", marketed)),
        ("nvidia-smi", _marked(gpu, "memory_nvml_mib", nvml)),
        ("visible to engines", f"{show_gib(memory.mid)} ({gpu.evidence_of_memory})"),
        (
            "bandwidth",
            _marked(
                gpu,
                "memory_bandwidth_bytes_per_s",
                f"{gpu.memory_bandwidth_bytes_per_s / GIGA:,.0f} GB/s",
            ),
        ),
        ("bus × pin rate", _marked(gpu, "memory_bus_bits", _bus_text(gpu))),
        ("bandwidth a GB", f"{1.0 / sweep_s:.1f} GB/s"),
        ("reading it all once", f"{sweep_s * 1e3:.1f} ms"),
        ("ECC", _marked(gpu, "ecc", _ECC_MODE[gpu.ecc])),
    ]
    if gpu.ecc != "none":
        rows.append(("cost of ECC", _marked(gpu, "ecc_cost", _ecc_cost_text(gpu.ecc_cost))))
    return tuple(rows)


def _bus_text(gpu: Gpu) -> str | None:
    """Return the bus and what it makes, against the stated bandwidth."""
    if gpu.memory_bus_bits is None:
        return None
    made = derivation.bandwidth_by_bus_bytes_per_s(gpu)
    if made is None or gpu.memory_pin_bits_per_s is None:
        return f"{gpu.memory_bus_bits:,} bits × unknown"
    off = made / gpu.memory_bandwidth_bytes_per_s - 1.0
    return (
        f"{gpu.memory_bus_bits:,} bits × {gpu.memory_pin_bits_per_s / GIGA:g} Gb/s "
        f"= {made / GIGA:,.0f} GB/s ({off:+.1%})"
    )


def _ecc_cost_text(cost: EccCost | None) -> str | None:
    """Return what ECC takes of capacity and bandwidth."""
    if cost is None:
        return None
    low, high = cost.bandwidth_low_ratio, cost.bandwidth_high_ratio
    size = UNKNOWN if cost.capacity_ratio is None else f"{cost.capacity_ratio:.4g}"
    capacity = UNKNOWN if cost.capacity_ratio is None else f"{100 * float(size):g} %"
    bandwidth = UNKNOWN if low is None or high is None else f"{100 * low:g} to {100 * high:g} %"
    if low == high == 0.0:
        bandwidth = "none"
    return f"capacity {'none' if cost.capacity_ratio == 0.0 else capacity}, bandwidth {bandwidth}"


def _board_rows(gpu: Gpu) -> tuple[tuple[str, str], ...]:
    """Return links, power and cooling."""
    throttle = f"{gpu.throttle_celsius:g} °C" if gpu.throttle_celsius else None
    power = f"{gpu.board_power_w:.0f} W" if gpu.board_power_w else None
    outputs = None if gpu.display_output_count is None else str(gpu.display_output_count or "none")
    return (
        ("PCIe, one direction", _pcie_text(gpu)),
        ("fabric, one direction", _marked(gpu, "fabric", _fabric_text(gpu))),
        ("board power", _marked(gpu, "board_power_w", power)),
        ("cooling", _marked(gpu, "cooling", gpu.cooling)),
        ("slows down at", _marked(gpu, "throttle_celsius", throttle)),
        ("display outputs", _marked(gpu, "display_output_count", outputs)),
    )


def _software_rows(gpu: Gpu) -> tuple[tuple[str, str], ...]:
    """Return the oldest software for a card."""
    generation = generation_of(gpu)
    toolkit = generation.min_toolkit if generation else None
    driver = generation.min_driver if generation else None
    return (
        ("oldest toolkit", toolkit or UNKNOWN),
        ("oldest Linux driver", driver or UNKNOWN),
    )


def _price_rows(
    gpu: Gpu, prices: Iterable[Price], today: datetime.date
) -> tuple[tuple[str, str], ...]:
    """Return what it costs, with the age of every price."""
    launch = show_usd(gpu.launch_price_usd) if gpu.launch_price_usd else None
    offer = derivation.cheapest_offer(gpu, prices)
    rows = [
        ("launch", _marked(gpu, "launch_price_usd", launch)),
        ("street", _street_text(gpu, today) or UNKNOWN),
    ]
    rows += [("street, source", gpu.street_price.source)] if gpu.street_price else []
    if offer is None or offer.per_gpu_usd_per_hour is None:
        return (*rows, ("cheapest rent", "no offer is known"))
    warning = offer.staleness(today)
    text = f"{show_usd(offer.per_gpu_usd_per_hour)}/h a card, {offer.provider}, {offer.date}"
    by_gb = derivation.rent_of_gb_usd_per_hour(gpu, offer) or 0.0
    return (
        *rows,
        ("cheapest rent", f"{text} – {warning}" if warning else text),
        ("rent of a GB", f"${by_gb:.5f}/h"),
    )


def _street_text(gpu: Gpu, today: datetime.date) -> str | None:
    """Return a street price with its condition, date, age and source."""
    price = gpu.street_price
    if price is None:
        return None
    amount = show_usd(price.low_usd)
    if price.high_usd > price.low_usd:
        amount += f" to {show_usd(price.high_usd)}"
    warning = staleness(price.date, today)
    age = f" – {warning}" if warning else ""
    return f"{amount}, {price.condition}, {price.date}{age}"


def _pcie_text(gpu: Gpu) -> str:
    """Return the PCIe connector in words."""
    if gpu.pcie is None:
        return "–"
    peers = "" if gpu.pcie.peer_to_peer else ", no peer-to-peer in the stock driver"
    rate = gpu.pcie.bytes_per_s / GIGA
    return f"gen {gpu.pcie.generation} x{gpu.pcie.lanes}, {rate:.1f} GB/s{peers}"


def _fabric_text(gpu: Gpu) -> str:
    """Return the link between cards in words."""
    fabric = gpu.fabric
    if fabric is None:
        return "none"
    generation = f" {fabric.generation}" if fabric.generation else ""
    peer = f", {fabric.peer_bytes_per_s / GIGA:g} to one peer" if fabric.peer_bytes_per_s else ""
    return (
        f"{fabric.kind}{generation}, {fabric.bytes_per_s / GIGA:g} GB/s{peer}, "
        f"{fabric.topology} of up to {fabric.max_cards}"
    )


def gpu_json(
    gpu: Gpu, prices: Iterable[Price], today: datetime.date, mig: Sequence[MigProfile] = ()
) -> GpuShowJson:
    """Return one card as JSON: its record, and below ``derived`` what follows from it."""
    generation = generation_of(gpu)
    return {
        **record_json(gpu),
        "tier_reasons": list(tier_reasons(gpu)),
        "generation": record_json(generation) if generation else None,
        "mig_profiles": [record_json(profile) for profile in mig],
        "derived": {
            "memory_visible_bytes": interval_json(gpu.memory_bytes),
            "memory_evidence": gpu.evidence_of_memory,
            "bandwidth_by_bus_bytes_per_s": derivation.bandwidth_by_bus_bytes_per_s(gpu),
            "bandwidth_per_byte_per_s": 1.0 / derivation.sweep_s(gpu),
            "sweep_s": derivation.sweep_s(gpu),
            "tensor_clock_hz": derivation.tensor_clock_hz(gpu),
            "link_bytes_per_s": derivation.link_bytes_per_s(gpu),
            "rates": rates_json(gpu),
            **_rent_json(gpu, prices, today),
        },
    }


def _rent_json(gpu: Gpu, prices: Iterable[Price], today: datetime.date) -> GpuRentJson:
    """Return the cheapest rent and the age of the prices."""
    offer = derivation.cheapest_offer(gpu, prices)
    street = gpu.street_price
    return {
        "rent_usd_per_hour": None if offer is None else offer.per_gpu_usd_per_hour,
        "rent_of_gb_usd_per_hour": None
        if offer is None
        else derivation.rent_of_gb_usd_per_hour(gpu, offer),
        "rent_provider": None if offer is None else offer.provider,
        "rent_date": None if offer is None else offer.date,
        "rent_warning": None if offer is None else offer.staleness(today),
        "street_price_warning": None if street is None else staleness(street.date, today),
    }
