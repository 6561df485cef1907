"""The report of one claim: its words, what computes it, what that rests on, rules, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Readings
from rightrig.audit.judging import judged
from rightrig.audit.stated import Number
from rightrig.report.audit_texts import (
    claimed_text,
    reason_of,
    recomputed_text,
    safe,
    unit_of,
    value_text,
)
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.sources import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from rightrig.audit.auditing import Audited
    from rightrig.audit.expression import Expression
    from rightrig.facts.source import Record
    from rightrig.report.audit import Audit
    from rightrig.report.sources import SourceLine

_STYLES: Final[dict[str, Literal["good", "warn", "bad"]]] = {
    "correct": "good", "approximate": "good", "depends": "warn", "unverifiable": "warn",
    "wrong": "bad", "impossible": "bad",
}  # fmt: skip
_MOST_SOURCES: Final = 3
_SHOWN_BY: Final = {"Gpu": "gpus", "Llm": "models", "System": "rigs", "Runtime": "runtimes"}
"""Records whose sources a command lists."""


def claim_document(found: Audit) -> Document:
    """Return everything that is known of the one claim that is shown."""
    (audited,) = found.shown
    return (
        Paragraph(_headline(audited), "title"),
        Paragraph(f"{audited.verdict.upper()}: {reason_of(audited)}", _STYLES[audited.verdict]),
        *_words(audited),
        *_reads(found.stated),
        *_readings(audited),
        *_functions(audited),
        *_rests_on(audited, found.records),
        *_rules(audited),
    )


def _headline(audited: Audited) -> str:
    """Return what is stated beside what was computed."""
    figure = audited.figure
    about = f" ({safe(figure.quantity)})" if figure.quantity else ""
    computed = "" if audited.found is None else f", computed {recomputed_text(audited)}"
    return f"{safe(figure.id)}{about}: stated {claimed_text(figure)}{computed}"


def _words(audited: Audited) -> Iterator[Paragraph]:
    """Yield the quote, where it stands, and what computes it."""
    figure = audited.figure
    if figure.quote:
        where = f" ({safe(figure.source)})" if figure.source else ""
        yield Paragraph(f"Quote: “{safe(figure.quote)}”{where}")
    elif figure.source:
        yield Paragraph(f"Source: {safe(figure.source)}")
    if figure.expression is not None:
        yield Paragraph(f"Computed by: {safe(figure.expression.text)}")
    if audited.is_arithmetic:
        yield Paragraph("That is arithmetic of the text itself; it reads no fact.")
    if audited.judgement.depends_on:
        yield Paragraph(f"Depends on: {safe(audited.judgement.depends_on)}")


def _reads(stated: Mapping[str, str]) -> Iterator[Paragraph]:
    """Yield what the rows state that the claim reads."""
    if stated:
        told = "; ".join(f"{safe(name)} states {text}" for name, text in stated.items())
        yield Paragraph(f"Reads: {told}.")


def _readings(audited: Audited) -> Document:
    """Return each reading, or each figure, with its own verdict."""
    figure, found = audited.figure, audited.found
    if isinstance(found, Readings):
        each = [(safe(name), figure.stated, value) for name, value in found.by_name.items()]
    elif isinstance(found, tuple):
        pairs = zip(figure.stated, found, strict=True)
        each = [(safe(s.text if isinstance(s, Number) else str(s)), (s,), v) for s, v in pairs]
    else:
        return ()
    unit = safe(unit_of(figure))
    rows = tuple(
        (name, value_text(value, figure, unit), judged(stated, value).verdict)
        for name, stated, value in each
    )
    head = "reading" if isinstance(found, Readings) else "figure"
    return (Paragraph(""), Grid((head, "comes to", "verdict"), rows))


def _functions(audited: Audited) -> Document:
    """Return what each function that was called does."""
    rows = tuple((name, text) for name, text in _called(audited.figure.expression).items())
    if not rows:
        return ()
    return (Paragraph(""), Grid(("function", "what it does"), rows, below=1))


def _called(expression: Expression | None) -> dict[str, str]:
    """Return the functions of an expression, each with its sentence."""
    calls = () if expression is None else expression.calls
    return {call.name: call.sentence for call in calls}


def _rests_on(audited: Audited, records: Mapping[str, Record]) -> Document:
    """Return the records and fields that were read, with their public sources."""
    rows = tuple(
        (name.partition("#")[0], name.partition("#")[2] or "the record", "; ".join(told))
        for name in audited.rests_on
        for told in [_sources(records.get(name), name.partition("#")[2])]
    )
    if not rows:
        return ()
    return (Paragraph(""), Grid(("rests on", "field", "source"), rows, below=2))


def _sources(record: Record | None, path: str) -> tuple[str, ...]:
    """Return the sources of a field, or of a whole record."""
    lines = [line for _, of_it in sources_of(() if record is None else (record,)) for line in of_it]
    chosen = [line for line in lines if path and _speaks_for(record, line, path)]
    shown = _SHOWN_BY.get(type(record).__name__)
    if not chosen and shown is not None:
        count = f"{len(lines)} source{'' if len(lines) == 1 else 's'}"
        return (f"{count}: 'rightrig {shown} show {getattr(record, 'slug', '')}'",)
    return tuple(_line(line) for line in (chosen or lines)[:_MOST_SOURCES]) or ("",)


def _speaks_for(record: Record | None, line: SourceLine, path: str) -> bool:
    """Return whether a source names the field, or what the field lies in."""
    for source in getattr(record, "sources", ()):
        if source.reference == line.reference:
            return any(path == f or path.startswith(f"{f}.") for f in source.fields)
    return False


def _line(line: SourceLine) -> str:
    """Return one source."""
    date = f", {line.date}" if line.date else ""
    return f"{line.kind}: {line.url or line.reference}{date}"


def _rules(audited: Audited) -> Document:
    """Return the rules that were checked, kept or broken."""
    if not audited.checked:
        return ()
    calls = _called(audited.figure.lint)
    rows = []
    for rule in audited.checked:
        ids = ", ".join(violation.rule_id for violation in rule.broken)
        kept = f"broken [{ids}]" if ids else "kept"
        rows.append((rule.name, kept, calls.get(rule.name, "")))
    return (Paragraph(""), Grid(("rule", "result", "what it judges"), tuple(rows), below=2))
