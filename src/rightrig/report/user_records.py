"""What an answer owes to a user's catalogue: each record of it, with its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.price import Price
from rightrig.report.document import Document, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.source import Record
    from rightrig.report.schema.shared import UserRecordJson

RECORD_KINDS: Final = {
    "Gpu": "card", "Llm": "model", "Runtime": "runtime", "System": "machine", "Price": "price",
    "PowerFact": "power", "Licence": "licence", "Provider": "provider",
    "Part": "part", "FailureRate": "failure rate", "Resale": "resale", "Territory": "territory",
}  # fmt: skip
_MOST_SHOWN: Final = 8


def user_records_json(records: Iterable[Record]) -> list[UserRecordJson]:
    """Return those of the records that a user stated, each once, with their files."""
    found: dict[tuple[str, str, str], None] = {}
    for record in records:
        path = _user_file(record)
        if path:
            found[RECORD_KINDS[type(record).__name__], record_name(record), path] = None
    return [{"kind": kind, "name": name, "path": path} for kind, name, path in found]


def user_records_document(records: Iterable[Record]) -> Document:
    """Return the line that names them, or nothing where all records are shipped ones."""
    texts = [f"{r['kind']} {r['name']} ({r['path']})" for r in user_records_json(records)]
    if not texts:
        return ()
    more = f" and {len(texts) - _MOST_SHOWN} more" if len(texts) > _MOST_SHOWN else ""
    return (Paragraph(f"From your catalogue: {', '.join(texts[:_MOST_SHOWN])}{more}."),)


def _user_file(record: Record) -> str | None:
    """Return the user's file that a record was read from, if it was."""
    if isinstance(record, Price):
        return record.user_file
    sources = getattr(record, "sources", ())
    return next((s.reference for s in reversed(sources) if s.kind == "user"), None)


def record_name(record: Record) -> str:
    """Return what a record is called in a list."""
    if isinstance(record, Price):
        return f"{record.provider} {record.instance}"
    slug: str = getattr(record, "slug", "")
    return slug
