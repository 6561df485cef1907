"""Rigs side by side, like for like: dense with dense, per direction with per direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.quantities import GIB, show_usd
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.price import Price
    from rightrig.report.values import Json

_TERA = 1e12
_GIGA = 1e9


@dataclass(frozen=True, slots=True)
class Line:
    """One compared quantity: a value a rig, in the unit that the name ends with."""

    name: str
    label: str
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    is_ratio_fair: bool = True


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
            lambda v: f"{v / _GIGA:,.0f} GB/s",
        ),
        _line(
            "sweep_s",
            "reading all memory once",
            [_sweep_s(gpu) for gpu in gpus],
            lambda v: f"{v * 1e3:.1f} ms",
        ),
    ]


def _rate_lines(rigs: Sequence[Rig]) -> list[Line]:
    """Return the dense rates of one card, one accumulate type a line."""
    rates = (
        ("bf16_flop_per_s", "BF16 dense, FP32 accumulate"),
        ("fp16_fp16_accumulate_flop_per_s", "FP16 dense, FP16 accumulate"),
        ("fp8_flop_per_s", "FP8 dense, FP32 accumulate"),
        ("fp4_flop_per_s", "FP4 dense"),
        ("fp64_flop_per_s", "FP64 vector"),
    )
    return [
        _line(
            name,
            f"{label}, a card",
            [getattr(rig.gpu.peak, name) for rig in rigs],
            lambda v: f"{v / _TERA:,.1f} TFLOP/s",
        )
        for name, label in rates
    ]


def _link_and_power(rigs: Sequence[Rig], prices: list[Price]) -> list[Line]:
    """Return link, power and rent of some rigs."""
    links = [rig.link(rig.cards_per_node) for rig in rigs]
    has_links = [rig.cards_per_node > 1 for rig in rigs]
    rents = [_cheapest_usd_per_hour(rig.gpu.slug, prices) for rig in rigs]
    return [
        _line(
            "link_bytes_per_s",
            "link of a card, one direction",
            [
                link.bytes_per_s if linked else None
                for link, linked in zip(links, has_links, strict=True)
            ],
            lambda v: f"{v / _GIGA:,.1f} GB/s",
        ),
        _line(
            "power_w",
            "power of all cards",
            [rig.gpu.board_power_w and rig.gpu.board_power_w * rig.cards_count for rig in rigs],
            lambda v: f"{v:,.0f} W",
        ),
        _line("rent_usd_per_hour", "cheapest rent of a card", rents, lambda v: f"{show_usd(v)}/h"),
    ]


def _line(
    name: str, label: str, values: Sequence[float | None], show: Callable[[float], str]
) -> Line:
    """Return a line with its texts."""
    texts = tuple("–" if value is None else show(value) for value in values)
    return Line(name, label, tuple(values), texts)


def _sweep_s(gpu: Gpu) -> float:
    """Return the time to read all memory once."""
    return gpu.memory_bytes.mid / gpu.memory_bandwidth_bytes_per_s


def _cheapest_usd_per_hour(slug: str, prices: list[Price]) -> float | None:
    """Return the least on-demand price of one card, if any is known."""
    found = [
        p.per_gpu_usd_per_hour
        for p in prices
        if p.gpu == slug and p.terms == "on-demand" and p.per_gpu_usd_per_hour
    ]
    return min(found, default=None)


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
    return (Grid(tuple(headers), tuple(rows), numeric), *notes, Paragraph(_FAIR, "dim"))


_FAIR = (
    "Like for like: dense rates (sparse ones are never stored), one accumulate type a line, links "
    "in one direction. A ratio across lines would compare different things."
)


def _link_text(rig: Rig) -> str:
    """Return what joins the cards of a rig."""
    if rig.cards_per_node == 1:
        return "a single card"
    link = rig.link(rig.cards_per_node)
    staged = ", staged through host memory (no peer-to-peer)" if link.kind == "pcie-host" else ""
    return f"cards joined by {link.kind}{staged}"


def compare_json(rigs: Sequence[Rig], lines: Sequence[Line]) -> Json:
    """Return a comparison as JSON."""
    return {
        "rigs": [rig.text for rig in rigs],
        "quantities": [
            {"name": line.name, "label": line.label, "values": list(line.values)} for line in lines
        ],
    }
