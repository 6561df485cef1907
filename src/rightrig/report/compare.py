"""Rigs side by side, like for like: dense with dense, per direction with per direction."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rightrig.facts import derivation
from rightrig.quantities import GIB, GIGA, TERA, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.factors import factors_document, factors_json, gaps, like_for_like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.price import Price
    from rightrig.report.schema.comparing import CompareJson


@dataclass(frozen=True, slots=True)
class Line:
    """One compared quantity: a value a rig, in the unit that the name ends with.

    ``warnings`` are sentences on what the values rest on, such as old prices.
    """

    name: str
    label: str
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def compare_lines(rigs: Sequence[Rig], prices: Iterable[Price]) -> tuple[Line, ...]:
    """Return the compared quantities of some rigs.

    Rates are dense and accumulate in FP32 unless the label says otherwise; links are of one
    card in one direction; totals are sums that no single tensor can use at once.
    """
    lines = [*_memory_lines(rigs), *_rate_lines(rigs), *_link_and_power(rigs, list(prices))]
    return tuple(line for line in lines if any(value is not None for value in line.values))


def _memory_lines(rigs: Sequence[Rig]) -> list[Line]:
    """Return how many cards, and the memory of one."""
    gpus = [rig.gpu for rig in rigs]
    return [
        _line("cards_count", "cards", [float(r.cards_count) for r in rigs], lambda v: f"{v:.0f}"),
        _line(
            "memory_bytes",
            "memory of a card, visible",
            [gpu.memory_bytes.mid for gpu in gpus],
            lambda v: f"{v / GIB:.2f} GiB",
        ),
        _line(
            "memory_bandwidth_bytes_per_s",
            "memory bandwidth of a card",
            [gpu.memory_bandwidth_bytes_per_s for gpu in gpus],
            lambda v: f"{v / GIGA:,.0f} GB/s",
        ),
        _line(
            "bandwidth_per_byte_per_s",
            "bandwidth a GB",
            [1.0 / derivation.sweep_s(gpu) for gpu in gpus],
            lambda v: f"{v:.1f} GB/s",
        ),
        _line(
            "sweep_s",
            "reading all memory once",
            [derivation.sweep_s(gpu) for gpu in gpus],
            lambda v: f"{v * 1e3:.1f} ms",
        ),
    ]


def _rate_lines(rigs: Sequence[Rig]) -> list[Line]:
    """Return the dense rates of one card, one accumulate type a line."""
    gpus = [rig.gpu for rig in rigs]
    rates = (
        ("bf16_flop_per_s", "BF16", [g.peak.bf16_flop_per_s for g in gpus]),
        ("fp16_flop_per_s", "FP16", [g.peak.fp16_flop_per_s for g in gpus]),
        (
            "fp16_fp16_accumulate_flop_per_s",
            "FP16, FP16 accumulate",
            [derivation.fp16_accumulate_flop_per_s(g) for g in gpus],
        ),
        ("fp8_flop_per_s", "FP8", [g.peak.fp8_flop_per_s for g in gpus]),
        ("int8_flop_per_s", "INT8", [g.peak.int8_flop_per_s for g in gpus]),
        ("fp4_flop_per_s", "FP4", [g.peak.fp4_flop_per_s for g in gpus]),
        ("fp32_flop_per_s", "FP32 vector", [g.peak.fp32_flop_per_s for g in gpus]),
        ("fp64_flop_per_s", "FP64 vector", [g.peak.fp64_flop_per_s for g in gpus]),
        ("fp64_tensor_flop_per_s", "FP64 tensor", [g.peak.fp64_tensor_flop_per_s for g in gpus]),
    )
    return [
        _line(name, label, values, lambda v: f"{v / TERA:,.1f} TFLOP/s")
        for name, label, values in rates
    ]


def _link_and_power(rigs: Sequence[Rig], prices: list[Price]) -> list[Line]:
    """Return link, power and rent of some rigs."""
    links = [rig.link(rig.cards_per_node) for rig in rigs]
    has_links = [rig.cards_per_node > 1 for rig in rigs]
    return [
        _line(
            "card_link_bytes_per_s",
            "fastest link of a card",
            [derivation.link_bytes_per_s(rig.gpu) for rig in rigs],
            lambda v: f"{v / GIGA:,.1f} GB/s",
        ),
        _line(
            "link_bytes_per_s",
            "link as set up",
            [
                link.bytes_per_s if linked else None
                for link, linked in zip(links, has_links, strict=True)
            ],
            lambda v: f"{v / GIGA:,.1f} GB/s",
        ),
        _line(
            "power_w",
            "power of all cards",
            [rig.gpu.board_power_w and rig.gpu.board_power_w * rig.cards_count for rig in rigs],
            lambda v: f"{v:,.0f} W",
        ),
        _rent_line(rigs, prices),
    ]


def _rent_line(rigs: Sequence[Rig], prices: list[Price]) -> Line:
    """Return the cheapest rents of one card, with a warning for each that is old or undated."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    offers = {rig.gpu.slug: _cheapest(rig.gpu.slug, prices) for rig in rigs}
    found = [offers[rig.gpu.slug] for rig in rigs]
    rents = [None if price is None else price.per_gpu_usd_per_hour for price in found]
    line = _line(
        "rent_usd_per_hour", "cheapest rent of a card", rents, lambda v: f"{show_usd(v)}/h"
    )
    warnings = tuple(
        f"The rent of {slug} is {stale}: check it before you buy."
        for slug, price in offers.items()
        if price and (stale := price.staleness(today))
    )
    return replace(line, warnings=warnings)


def _line(
    name: str, label: str, values: Sequence[float | None], show: Callable[[float], str]
) -> Line:
    """Return a line with its texts."""
    texts = tuple("–" if value is None else show(value) for value in values)
    return Line(name, label, tuple(values), texts)


def _cheapest(slug: str, prices: list[Price]) -> Price | None:
    """Return the cheapest on-demand offer of a card, if any is known."""
    found = [
        p for p in prices if p.gpu == slug and p.terms == "on-demand" and p.per_gpu_usd_per_hour
    ]
    return min(found, key=lambda p: p.per_gpu_usd_per_hour or 0.0, default=None)


def compare_document(rigs: Sequence[Rig], lines: Sequence[Line]) -> Document:
    """Return a comparison as a document; ratios are to the first rig."""
    names = [rig.text for rig in rigs]
    headers = ["quantity"]
    for place, name in enumerate(names):
        headers += [name] if place == 0 else [name, "ratio"]
    rows = []
    for line in lines:
        row = [line.label, line.texts[0]]
        for value, text in zip(line.values[1:], line.texts[1:], strict=True):
            first = line.values[0]
            row += [text, f"{value / first:.2f}×" if value and first else "–"]
        rows.append(tuple(row))
    notes = [
        Paragraph(f"{rig.text}: {rig.gpu.evidence_of_memory}; {_link_text(rig)}.", "dim")
        for rig in rigs
    ]
    numeric = tuple(range(1, len(headers)))
    gpus = [rig.gpu for rig in rigs]
    return (
        Grid(tuple(headers), tuple(rows), numeric),
        *notes,
        Paragraph(_FAIR, "dim"),
        *(Paragraph(note, "warn") for note in like_for_like(gpus)),
        *(Paragraph(warning, "warn") for line in lines for warning in line.warnings),
        *factors_document(gaps(gpus)),
    )


_FAIR = (
    "Like for like, of one card where nothing else is said: dense rates that sum in FP32 unless "
    "the line says FP16, links in one direction. Divide along a line, never across two."
)


def _link_text(rig: Rig) -> str:
    """Return what joins the cards of a rig."""
    if rig.cards_per_node == 1:
        return "a single card"
    link = rig.link(rig.cards_per_node)
    staged = ", staged through host memory (no peer-to-peer)" if link.kind == "pcie-host" else ""
    return f"cards joined by {link.kind}{staged}"


def compare_json(rigs: Sequence[Rig], lines: Sequence[Line]) -> CompareJson:
    """Return a comparison as JSON."""
    return {
        "rigs": [rig.text for rig in rigs],
        "quantities": [
            {"name": line.name, "label": line.label, "values": list(line.values)} for line in lines
        ],
        "factors": factors_json(gaps([rig.gpu for rig in rigs])),
        "notes": list(like_for_like([rig.gpu for rig in rigs])),
        "warnings": [warning for line in lines for warning in line.warnings],
    }
