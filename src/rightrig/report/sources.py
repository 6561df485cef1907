"""Where the figures of an answer come from: a line a source, record by record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from rightrig.facts.price import Price
from rightrig.report.user_records import RECORD_KINDS, record_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rightrig.facts.source import Record

_GITHUB: Final = re.compile(r"github:([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:: ?(\S+))?")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source of a record.

    Attributes:
        kind: How good the source is, in the words of ``facts.source.Source``.
        reference: As the record states it.
        date: As the source gives it; empty where it does not.
        about: The fields that it speaks for, and what to know of it.
    """

    kind: str
    reference: str
    date: str
    about: str

    @property
    def url(self) -> str:
        """Return the address of the source; empty where it has none that a browser opens."""
        if self.reference.startswith(("https://", "http://")):
            return self.reference if " " not in self.reference else ""
        if found := _GITHUB.fullmatch(self.reference):
            kind = "blob" if found[3] else "tree"
            return f"https://github.com/{found[1]}/{kind}/{found[2] or 'HEAD'}/{found[3] or ''}"
        return ""


Sourced: TypeAlias = tuple[str, tuple[SourceLine, ...]]
"""A record by its kind and name, such as ``card h100-sxm``, and its sources."""


def sources_of(records: Iterable[Record]) -> tuple[Sourced, ...]:
    """Return the sources of some records, each record once, in their order."""
    found: dict[str, dict[SourceLine, None]] = {}
    for record in records:
        name = RECORD_KINDS.get(type(record).__name__, type(record).__name__.lower())
        of_it = found.setdefault(f"{name} {record_name(record)}".rstrip(), {})
        of_it.update(dict.fromkeys(_lines_of(record)))
    return tuple((what, tuple(lines)) for what, lines in found.items() if lines)


def _lines_of(record: Record) -> Iterator[SourceLine]:
    """Yield the sources of one record; an offer, a row of a list, states one of its own."""
    if isinstance(record, Price):
        yield SourceLine(f"offer, {record.trust}", record.source, record.date, record.note)
    for source in getattr(record, "sources", ()):
        about = "; ".join(text for text in (", ".join(source.fields), source.note) if text)
        yield SourceLine(source.kind, source.reference, source.date or "", about)
