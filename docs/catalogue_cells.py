# ruff: noqa: INP001 - a part of catalogue_tables.py beside it; docs is no package
"""What the tables of ``docs/catalogue`` are made of: cells, rows, and links to public sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIGA
from rightrig.report.sources import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rightrig.facts.gpu import Gpu, PeakRates
    from rightrig.facts.llm import Block
    from rightrig.facts.source import Record
    from rightrig.report.sources import SourceLine

NONE: Final = "–"
_FABRICS: Final = {
    "nvlink": "NVLink", "infinity-fabric": "Infinity Fabric", "ici": "ICI", "roce": "RoCE",
}  # fmt: skip
_SMALL_FLOP_PER_S: Final = 100e12
SOURCE_KINDS: Final = (
    "specification", "datasheet", "measured", "repository", "page", "secondary", "computed",
    "unverified",
)  # fmt: skip
"""How good a source is: the maker's own word first, general knowledge last."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; a header after ``>`` is one of numbers, set to the right."""
    titles = [header.removeprefix(">") for header in headers]
    rules = ["---:" if header.startswith(">") else "---" for header in headers]
    lines = [titles, rules, *([cell.replace("|", "\\|") or NONE for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def first_group(groups: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return the first group whose beginnings of names fit a name."""
    return next(group for group, starts in groups.items() if name.startswith(starts))


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with its thousands apart, or nothing."""
    return "" if value is None else f"{value:,.{digits}f}"


def tera(rate_flop_per_s: float | None) -> str:
    """Return a rate in TFLOP/s; a small one with a decimal."""
    if rate_flop_per_s is None:
        return ""
    return number(rate_flop_per_s / 1e12, 1 if rate_flop_per_s < _SMALL_FLOP_PER_S else 0)


def linked(text: str, source: SourceLine) -> str:
    """Return a text that leads to a source, where that has a public address."""
    return f"[{text}]({source.url})" if source.url else text


def grounds(record: Record) -> str:
    """Return of which kinds a record's sources are, the best first, each with its first address."""
    found: dict[str, SourceLine] = {}
    for line in (line for _, lines in sources_of([record]) for line in lines):
        known = found.get(line.kind)
        if known is None or (line.url and not known.url):
            found[line.kind] = line
    kinds = sorted(found, key=SOURCE_KINDS.index)
    sure = [kind for kind in kinds if kind != "unverified"] or kinds
    text = ", ".join(linked(kind, found[kind]) for kind in sure)
    unsure = len(getattr(record, "unverified", ()))
    return "; ".join(part for part in (text, f"{unsure} unverified" if unsure else "") if part)


def sixteen_bits(peak: PeakRates) -> str:
    """Return the dense rate of BF16; of FP16, and said so, where no BF16 is stated."""
    if peak.bf16_flop_per_s is not None or peak.fp16_flop_per_s is None:
        return tera(peak.bf16_flop_per_s)
    return f"{tera(peak.fp16_flop_per_s)} (FP16)"


def links_of(gpu: Gpu) -> str:
    """Return what joins a card to its host and to other cards."""
    found = []
    if gpu.pcie is not None:
        found.append(f"PCIe {gpu.pcie.generation} ×{gpu.pcie.lanes}")
    if gpu.fabric is not None:
        kind = f"{_FABRICS[gpu.fabric.kind]} {gpu.fabric.generation or ''}".rstrip()
        rate = number(gpu.fabric.bytes_per_s / GIGA)
        found.append(f"{kind} {gpu.fabric.topology} of {gpu.fabric.max_cards}, {rate} GB/s")
    return "; ".join(found)


def mixer_of(block: Block) -> str:
    """Return what mixes tokens in a kind of layer."""
    if block.recurrent is not None:
        return block.recurrent.kind
    if block.attention is None:
        return "without attention"
    attention = block.attention
    if attention.kind == "mla":
        return f"mla {attention.kv_lora_rank}+{attention.rope_head_dim}"
    window = f" {attention.window_tokens:,}" if attention.window_tokens else ""
    return f"{attention.kind}{window} {attention.head_count}/{attention.kv_head_count}"
