"""What the reports of all kinds of records share: JSON by field names, notes and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.document import Block, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.source import Record, Source
    from rightrig.report.values import Json


def record_json(record: Record) -> Json:
    """Return a record as JSON, with its own field names."""
    return record.model_dump(mode="json", exclude_none=True)


def records_json(kind: str, records: Iterable[Record]) -> Json:
    """Return a list of records as JSON, without sources and notes: ``show`` has them."""
    left_out = {"sources", "note", "statements"}
    return {kind: [r.model_dump(mode="json", exclude_none=True, exclude=left_out) for r in records]}


def tail(note: str, sources: Sequence[Source]) -> tuple[Block, ...]:
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
