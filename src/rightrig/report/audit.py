"""The report of ``audit``: how many figures are right, and each with what it comes to and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.audit.auditing import counted
from rightrig.report.audit_json import computed_counts
from rightrig.report.audit_texts import (
    claimed_text,
    factor_text,
    reason_of,
    recomputed_text,
    safe,
)
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.audit.auditing import Audited
    from rightrig.facts.source import Record

_HEADERS: Final = ("id", "source", "claimed", "recomputed", "factor", "verdict", "why")


@dataclass(frozen=True, slots=True)
class Change:
    """An input that was changed: what a row states, and what it stated."""

    id: str
    claimed: str
    instead_of: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit shows.

    Attributes:
        every: All claims of the table, judged.
        shown: Those that were asked for.
        changes: Inputs that were changed.
        before: The claims that depend on them, by id, as they were.
        records: By the name that a claim rests on.
        stated: What the rows state that the claims read, by id.
    """

    every: tuple[Audited, ...]
    shown: tuple[Audited, ...]
    changes: tuple[Change, ...] = ()
    before: Mapping[str, Audited] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_wrong(self) -> bool:
        """Whether a claim of the table is wrong or impossible."""
        return any(one.verdict in {"wrong", "impossible"} for one in self.every)


def audit_document(found: Audit) -> Document:
    """Return the counts, and a table of the claims that are shown."""
    return (
        Paragraph(_headline(found), "title"),
        Paragraph(_computed(found)),
        *(Paragraph(text) for text in _said(found)),
        *_table(found),
    )


def _headline(found: Audit) -> str:
    """Return the counts by verdict."""
    counts = counted(found.every)
    told = [f"{count} {_word(word, count)}" for word, count in counts.items() if count]
    return f"{_claims(len(found.every))}{': ' if told else ''}{', '.join(told)}."


def _word(verdict: str, count: int) -> str:
    """Return a verdict as it follows a count."""
    return "depend" if verdict == "depends" and count > 1 else verdict


def _claims(count: int) -> str:
    """Return so many claims."""
    return f"{count:,} claim{'' if count == 1 else 's'}"


def _computed(found: Audit) -> str:
    """Return how many were computed by what."""
    counts = computed_counts(found.every)
    return (
        f"Computed by facts and formulas: {counts['facts and formulas']}; by arithmetic of the "
        f"text itself: {counts['arithmetic']}; not computed: {counts['nothing']}."
    )


def _said(found: Audit) -> list[str]:
    """Return what was changed, and what is shown where that is not everything."""
    told = [f"{safe(c.id)} is {safe(c.claimed)} instead of {safe(c.instead_of)}." for c in
            found.changes]  # fmt: skip
    if found.changes:
        changed = sum(_came_out(one) != _came_out(found.before[one.figure.id]) for one in
                      found.shown if one.figure.id in found.before)  # fmt: skip
        told.append(
            f"Shown: {len(found.shown)} that read what was changed; {changed} "
            f"come{'s' if changed == 1 else ''} out otherwise."
        )
    elif len(found.shown) != len(found.every):
        told.append(f"Shown: {len(found.shown)} of {len(found.every)}.")
    return told


def _came_out(audited: Audited) -> tuple[str, str]:
    """Return what a claim came to, and its verdict."""
    return recomputed_text(audited), audited.verdict


def _table(found: Audit) -> Document:
    """Return the claims, a row each; with what was before an input was changed."""
    if not found.shown:
        return ()
    if not found.changes:
        rows = tuple(_row(one) for one in found.shown)
        return (Paragraph(""), Grid(_HEADERS, rows, (4,), below=6))
    headers = ("id", "source", "claimed", "before", "recomputed", "verdict", "why")
    rows = tuple(_changed_row(one, found.before.get(one.figure.id)) for one in found.shown)
    return (Paragraph(""), Grid(headers, rows, below=6))


def _row(audited: Audited) -> tuple[str, ...]:
    """Return one claim."""
    figure = audited.figure
    return (
        safe(figure.id),
        safe(figure.source),
        claimed_text(figure),
        recomputed_text(audited),
        factor_text(audited),
        audited.verdict,
        _why(audited),
    )


def _changed_row(audited: Audited, before: Audited | None) -> tuple[str, ...]:
    """Return one claim beside what it came to before."""
    row = _row(audited)
    was = "–" if before is None else f"{recomputed_text(before)}, {before.verdict}"
    return (*row[:3], was, row[3], row[5], row[6])


def _why(audited: Audited) -> str:
    """Return what a figure is of, and why the verdict is what it is."""
    about, reason = safe(audited.figure.quantity), reason_of(audited)
    return f"{about}: {reason}" if about and reason else about or reason
