"""The report of ``runtimes list --on``: which engines run on a rig, and what to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.compatibility_matrix import PLAIN_FORMATS
from rightrig.facts.quantization import is_gguf_mix
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.compatibility_matrix import Asked, Support
    from rightrig.report.schema.runtimes import RuntimesOnJson

_MOST_FORMATS: Final = 5
_LEGEND: Final = (
    "tp tensor parallel, pp pipeline, ep experts, dp attention on separate sequences, cp one "
    "sequence's cache over cards, layers dealt out by memory. Native formats are multiplied as "
    "they are stored."
)


def support_document(asked: Asked, rows: Sequence[Support]) -> Document:
    """Return the engines that run on a rig as a table, then what to know and why not."""
    run = [row for row in rows if row.verdict != "no"]
    model = f" for {asked.llm.name}" if asked.llm else ""
    system = f" under {SYSTEM_NAMES[asked.operating_system]}" if asked.operating_system else ""
    title = f"{len(run)} of {len(rows)} runtimes run on {asked.rig.text}{model}{system}"
    headers = ("runtime", "runs", "splits", "native formats", "unpacked to 16 bits")
    engines = tuple(_row(row) for row in run if row.runtime.kind == "engine")
    return (
        Paragraph(title, "title"),
        *((Grid(headers, engines, spare=(4,)),) if engines else ()),
        Paragraph(_LEGEND, "dim"),
        *_notes("To know:", [((*r.reasons, *r.refused_splits), r) for r in run]),
        *_notes("Not here:", [(r.reasons[:1], r) for r in rows if r.verdict == "no"]),
    )


def _row(row: Support) -> tuple[str, ...]:
    """Return one engine as a line."""
    return (
        row.runtime.slug,
        row.verdict,
        ", ".join(row.splits) or "–",
        _formats_text(row.native_formats),
        _formats_text(row.unpacked_formats),
    )


def _formats_text(names: Sequence[str]) -> str:
    """Return a list of formats that stays in its column: llama.cpp's mixes as a number.

    >>> _formats_text(("mxfp4", "q4_k_m", "q8_0"))
    'mxfp4, 2 GGUF mixes'
    """
    mixes = [name for name in names if is_gguf_mix(name) and name not in PLAIN_FORMATS]
    plain = [name for name in names if name not in mixes]
    shown = plain[:_MOST_FORMATS]
    if len(plain) > _MOST_FORMATS:
        shown.append(f"{len(plain) - _MOST_FORMATS} more")
    if mixes:
        shown.append(f"{len(mixes)} GGUF mixes")
    return ", ".join(shown) or "–"


def _notes(heading: str, notes: Sequence[tuple[tuple[str, ...], Support]]) -> tuple[Paragraph, ...]:
    """Return the reasons of some runtimes, those with the same one together."""
    same: dict[tuple[str, ...], list[str]] = {}
    for reasons, row in notes:
        if reasons:
            same.setdefault(reasons, []).append(row.runtime.slug)
    lines = [Paragraph(f"  {', '.join(who)}: {'; '.join(why)}.") for why, who in same.items()]
    return (Paragraph(heading, "warn"), *lines) if lines else ()


def support_json(asked: Asked, rows: Sequence[Support]) -> RuntimesOnJson:
    """Return every runtime with its verdict as JSON."""
    return {
        "rig": asked.rig.text,
        "model": asked.llm.name if asked.llm else None,
        "operating_system": asked.operating_system,
        "runtimes": [
            {
                "runtime": row.runtime.slug,
                "version": row.runtime.version,
                "kind": row.runtime.kind,
                "verdict": row.verdict,
                "native_formats": list(row.native_formats),
                "unpacked_formats": list(row.unpacked_formats),
                "splits": list(row.splits),
                "refused_splits": list(row.refused_splits),
                "reasons": list(row.reasons),
            }
            for row in rows
        ],
    }
