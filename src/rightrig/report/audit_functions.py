"""The report of ``audit --functions``: what an expression may call, and its units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.naming import functions
from rightrig.audit.units import ATOMS
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from rightrig.audit.naming import Kind

_KINDS: Final[dict[Kind, str]] = {
    "fact": "Facts read a record of the catalogue",
    "formula": "Formulas compute",
    "claim": "Claims read what the table states, and bound it",
    "rule": "Rules judge, and stand in the column lint",
}


def functions_document() -> Document:
    """Return every function by its kind, and every unit."""
    blocks: list[Paragraph | Grid] = [
        Paragraph(f"{len(functions())} functions that an expression may call.", "title"),
        Paragraph(
            "A name ends with its unit: what is called memory_bytes takes 24*GiB, and "
            "decode_bound_tokens_per_s comes to tokens a second. What ends with =… may be left out."
        ),
    ]
    for kind, about in _KINDS.items():
        rows = tuple((f.usage, f.sentence) for f in functions().values() if f.kind == kind)
        blocks += [Paragraph(""), Paragraph(f"{about} ({kind}).", "title")]
        blocks.append(Grid(("function", "what it does"), rows, below=1))
    blocks += [Paragraph(""), Paragraph(f"Units: {', '.join(ATOMS)}.")]
    return tuple(blocks)
