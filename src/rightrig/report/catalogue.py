"""The reports of the catalogue: lists, and one record with its sources."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.quantities import MIB, show_bytes, show_gib, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.work.kv_cache import model_kv_bytes_per_token, window_of
from rightrig.work.weights import (
    active_params_count,
    params_by_class,
    total_params_count,
    weight_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.gpu import Gpu, StreetPrice
    from rightrig.facts.llm import Attention, Ffn, Llm
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.source import Record, Source
    from rightrig.facts.system import System
    from rightrig.report.values import Json

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
        *_tail(gpu.note, gpu.sources),
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


def _tail(note: str, sources: Sequence[Source]) -> tuple[Block, ...]:
    """Return the note and the sources of a record."""
    lines = [Paragraph(f"Note: {note}")] if note else []
    for source in sources:
        what = f" [{', '.join(source.fields)}]" if source.fields else ""
        about = f" ({source.note})" if source.note else ""
        date = f", {source.date}" if source.date else ""
        lines.append(
            Paragraph(f"Source, {source.kind}: {source.reference}{date}{what}{about}", "dim")
        )
    return tuple(lines)


def models_document(llms: Sequence[Llm]) -> Document:
    """Return all models, a line each."""
    rows = tuple(
        (
            llm.name,
            f"{total_params_count(llm) / 1e9:,.2f}",
            f"{active_params_count(llm) / 1e9:,.2f}",
            llm.checkpoint.format,
            f"{weight_bytes(llm, 'checkpoint') / _GIGA:,.1f}",
            f"{model_kv_bytes_per_token(llm, 16.0):,.0f}",
            f"{llm.max_context_tokens:,}",
        )
        for llm in llms
    )
    headers = ("model", "B params", "B active", "checkpoint", "GB", "KV B/token, 16 bit", "context")
    return (Grid(headers, rows, (1, 2, 4, 5, 6), spare=(3, 2, 5)),)


def model_document(llm: Llm) -> Document:
    """Return one model: layers, parameters by class, sizes, sources."""
    layers = tuple(
        (
            str(count),
            block.attention.kind,
            _heads_text(block.attention),
            f"{window_of(block.attention) or '–'}",
            _ffn_text(block.ffn),
        )
        for block, count in llm.block_counts
    )
    classes = tuple((kind, f"{n:,}") for kind, n in params_by_class(llm).items())
    size = (
        f"{total_params_count(llm):,} parameters, {active_params_count(llm):,} active a token; "
        f"hidden {llm.hidden_size:,}, vocabulary {llm.vocab_size:,}, context "
        f"{llm.max_context_tokens:,}."
    )
    stored = (
        f"Checkpoint {llm.checkpoint.format}: {show_bytes(weight_bytes(llm, 'checkpoint'))}; "
        f"KV cache {model_kv_bytes_per_token(llm, 16.0):,.0f} B a token at 16 bits."
    )
    facts = [size, stored]
    if llm.published.total_params_count:
        facts.append(f"Published: {llm.published.total_params_count:,} parameters.")
    elif llm.published.total_billion:
        facts.append(f"Published: {llm.published.total_billion:g} billion parameters.")
    if llm.not_counted:
        facts.append(f"Not counted: {', '.join(llm.not_counted)}.")
    return (
        Paragraph(llm.name, "title"),
        *(Paragraph(text) for text in facts),
        Grid(("layers", "attention", "heads/kv × dim", "window", "feed-forward"), layers, (0,)),
        Grid(("tensor class", "parameters"), classes, (1,)),
        *_tail(llm.note, llm.sources),
    )


def model_json(llm: Llm) -> Json:
    """Return one model as JSON, with its counted parameters and sizes."""
    return {
        **record_json(llm),
        "total_params_count": total_params_count(llm),
        "active_params_count": active_params_count(llm),
        "params_by_class": params_by_class(llm),
        "checkpoint_bytes": weight_bytes(llm, "checkpoint"),
        "kv_bytes_per_token": model_kv_bytes_per_token(llm, 16.0),
    }


def models_json(llms: Sequence[Llm]) -> Json:
    """Return all models as JSON: names and sizes; ``models show`` has the whole record."""
    return {
        "models": [
            {
                "name": llm.name,
                "slug": llm.slug,
                "family": llm.family,
                "total_params_count": total_params_count(llm),
                "active_params_count": active_params_count(llm),
                "checkpoint_format": llm.checkpoint.format,
                "checkpoint_bytes": weight_bytes(llm, "checkpoint"),
                "kv_bytes_per_token": model_kv_bytes_per_token(llm, 16.0),
                "max_context_tokens": llm.max_context_tokens,
            }
            for llm in llms
        ]
    }


def _heads_text(attention: Attention) -> str:
    """Return query heads, key-value heads and the width of one."""
    return f"{attention.head_count}/{attention.kv_head_count} × {attention.head_dim}"


def _ffn_text(ffn: Ffn) -> str:
    """Return a feed-forward network in words."""
    if not ffn.expert_count:
        return f"dense {ffn.inner_size:,}"
    shared = f" + shared {ffn.shared_inner_size:,}" if ffn.shared_inner_size else ""
    return f"{ffn.experts_per_token} of {ffn.expert_count} × {ffn.expert_inner_size:,}{shared}"


def rigs_document(systems: Sequence[System]) -> Document:
    """Return all machines, a line each."""
    rows = tuple((s.slug, s.kind, s.rig, s.topology, s.name) for s in systems)
    return (Grid(("rig", "kind", "cards", "topology", "name"), rows, spare=(3, 1, 4)),)


def rig_document(system: System) -> Document:
    """Return one machine."""
    price = "–"
    if system.list_price_low_usd:
        high = system.list_price_high_usd or system.list_price_low_usd
        price = f"{show_usd(system.list_price_low_usd)} to {show_usd(high)}, {system.price_date}"
    facts = (
        ("cards", system.rig), ("topology", system.topology), ("CPU", system.host_cpu or "–"),
        ("host memory", system.host_memory or "–"), ("network", system.network or "–"),
        ("power", f"{system.power_w:,.0f} W" if system.power_w else "–"), ("list price", price),
    )  # fmt: skip
    return (
        Paragraph(f"{system.name} ({system.slug})", "title"),
        Grid(("fact", "value"), facts),
        *_tail(system.note, system.sources),
    )


def prices_document(prices: Iterable[Price]) -> Document:
    """Return rental offers, cheapest card first; a node's price is never shown as a card's."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    known = sorted(
        (p for p in prices if p.per_gpu_usd_per_hour),
        key=lambda p: (p.gpu, p.per_gpu_usd_per_hour or 0),
    )
    rows = tuple(
        (
            p.gpu,
            f"{p.per_gpu_usd_per_hour:.3f}",
            f"{p.on_demand_usd_per_hour:.3f}",
            str(p.gpu_count),
            p.provider,
            p.instance,
            p.region,
            p.date,
            p.terms,
            p.trust,
            p.staleness(today),
        )
        for p in known
    )
    headers = (
        "gpu", "$/h a card", "$/h instance", "cards", "provider", "instance", "region", "date",
        "terms", "trust", "age",
    )  # fmt: skip
    return (Grid(headers, rows, (1, 2, 3), spare=(6, 2, 8, 9, 7, 10, 5)),)


def offers_document(slug: str, prices: Sequence[Price]) -> Document:
    """Return the offers for one card with their sources and notes."""
    if not prices:
        return (Paragraph(f"No rental offer for {slug} is known."),)
    lines = [
        Paragraph(f"{p.provider} {p.instance}: {p.source}. {p.note}".rstrip(), "dim")
        for p in prices
    ]
    return (Paragraph(f"Offers for {slug}", "title"), *prices_document(prices), *lines)


def runtimes_document(runtimes: Sequence[Runtime]) -> Document:
    """Return all runtimes, a line each."""
    rows = tuple(
        (
            r.slug,
            r.version or "–",
            "yes" if r.modelled else "facts only",
            ", ".join(r.vendors) or "–",
            r.min_compute_capability or "–",
            r.memory_rule,
        )
        for r in runtimes
    )
    headers = (
        "runtime",
        "version",
        "modelled",
        "vendors",
        "min compute capability",
        "its fraction is of",
    )
    return (Grid(headers, rows, spare=(5, 1, 4)),)


def runtime_document(runtime: Runtime) -> Document:
    """Return one runtime with its statements."""
    rows = tuple((s.topic, s.text, s.source) for s in runtime.statements)
    return (
        Paragraph(f"{runtime.name} {runtime.version}", "title"),
        Grid(("topic", "statement", "source"), rows),
        *_tail(runtime.note, runtime.sources),
    )


def record_json(record: Record) -> Json:
    """Return a record as JSON, with its own field names."""
    return record.model_dump(mode="json", exclude_none=True)


def records_json(kind: str, records: Iterable[Record]) -> Json:
    """Return a list of records as JSON, without sources and notes: ``show`` has them."""
    left_out = {"sources", "note", "statements"}
    return {kind: [r.model_dump(mode="json", exclude_none=True, exclude=left_out) for r in records]}
