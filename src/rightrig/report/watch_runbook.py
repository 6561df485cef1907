"""The report of runbooks: the list of pages, one page as text, the XID that was asked for."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rightrig.report.document import Document, Grid, Paragraph
from rightrig.watching.xids import severity_of, source, xids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rightrig.report.schema.watch_runbook import (
        RunbookListJson,
        RunbookPageJson,
        RunbookXidJson,
    )
    from rightrig.watching.runbooks import Page, Sought

_LINK: Final = re.compile(r"\[([a-z-]+)\]\(\1\.md\)")
_STARTS: Final = re.compile(r"\s*(?:- |\d+\. )|```|\||#")
"""What begins a line that does not go on from the one before."""
_NOTHING: Final = "–"


def runbooks_json(pages: Sequence[Page]) -> RunbookListJson:
    """Return the list of pages as JSON."""
    return {
        "runbooks": [
            {
                "runbook": page.slug,
                "title": page.title,
                "alerts": list(page.alerts),
                "xids": list(_xids_of(page.slug)),
            }
            for page in pages
        ]
    }


def runbooks_document(pages: Sequence[Page]) -> Document:
    """Return the list of pages as a document."""
    rows = tuple(
        (
            page.slug,
            page.title,
            _named(page),
        )
        for page in pages
    )
    return (
        Grid(("runbook", "what it is", "alerts and XIDs"), rows, below=2),
        Paragraph("One of them: rightrig watch runbook NAME; an alert or an XID names one too."),
    )


def _named(page: Page) -> str:
    """Name the alerts and the XIDs of a page; empty where it has none."""
    numbers = ", ".join(map(str, _xids_of(page.slug)))
    xids_text = f"XID {numbers}" if numbers else ""
    return "; ".join(text for text in (", ".join(page.alerts), xids_text) if text)


def _xids_of(slug: str) -> tuple[int, ...]:
    """Return the XIDs whose page this is."""
    return tuple(number for number, row in xids().items() if row.runbook == slug)


def runbook_json(sought: Sought) -> RunbookPageJson:
    """Return a page as JSON; its text as it is shipped."""
    return {
        "runbook": sought.page.slug,
        "title": sought.page.title,
        "alerts": list(sought.page.alerts),
        "xid": _xid_json(sought),
        "text": sought.page.text,
    }


def _xid_json(sought: Sought) -> RunbookXidJson | None:
    """Return the XID that was asked for."""
    if sought.xid_number is None:
        return None
    row = sought.xid
    return {
        "number": sought.xid_number,
        "name": row.name if row else "",
        "severity": severity_of(sought.xid_number),
        "meaning": row.meaning if row else "",
        "action": row.action if row else "",
        "nvidia_now": row.nvidia_now if row else "",
        "nvidia_then": row.nvidia_then if row else "",
    }


def runbook_text(sought: Sought) -> str:
    """Return a page for a terminal: the XID that was asked for, then the page without links."""
    lead = "" if sought.xid_number is None else f"{_xid_text(sought)}\n\n"
    return lead + _LINK.sub(r"\1", sought.page.text)


def runbook_document(sought: Sought) -> Document:
    """Return a page as a document: headings, an item a paragraph, tables as tables."""
    return tuple(_blocks(runbook_text(sought).splitlines()))


def _blocks(lines: Iterable[str]) -> Iterator[Paragraph | Grid]:
    """Yield the blocks of a page's Markdown."""
    code: list[str] | None = None
    for kind, group in groupby(_joined(lines), key=lambda line: line.startswith("|")):
        if kind and code is None:
            yield _grid(list(group))
            continue
        for line in group:
            if line.startswith("```"):
                if code:
                    yield Paragraph("\n".join(code))
                code = [] if code is None else None
            elif code is not None:
                code.append(line)
            elif line.startswith("#"):
                yield Paragraph(line.lstrip("# "), "title")
            else:
                yield Paragraph(line.replace("`", ""))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, those of one sentence or item as one; of code each as it is."""
    is_code, held = False, ""
    for line in lines:
        is_code ^= line.startswith("```")
        if held and (is_code or not line or _STARTS.match(line)):
            yield held
            held = ""
        if is_code or line.startswith(("```", "|", "#")):
            yield line
        else:
            held = f"{held} {line.strip()}".strip()
    if held:
        yield held


def _grid(rows: Sequence[str]) -> Grid:
    """Return a table of Markdown; the second of its lines is a rule."""
    headers, _, *rest = (
        tuple(cell.strip().replace("`", "") for cell in row.strip("| ").split(" | "))
        for row in rows
    )
    return Grid(headers, tuple(rest))


def _xid_text(sought: Sought) -> str:
    """Say what an XID is."""
    row = sought.xid
    if row is None:
        return (
            f"XID {sought.xid_number} is not in our table: treat it as a warning, "
            f"and look it up: {source()}."
        )
    nvidia = nvidia_text(row.nvidia_now, row.nvidia_then)
    return (
        f"XID {row.number} {row.name} ({row.severity}): {row.meaning}.\n→ {row.action}.\n"
        f"NVIDIA: {nvidia}; {source()}."
    )


def nvidia_text(now: str, then: str) -> str:
    """Return what NVIDIA says to do, in its terms.

    >>> nvidia_text("RESET_GPU", "CONTACT_SUPPORT"), nvidia_text("", "")
    ('RESET_GPU, then CONTACT_SUPPORT', '–')
    """
    return ", then ".join(word for word in (now, then) if word) or _NOTHING
