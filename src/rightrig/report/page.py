"""A page to hand on: what was asked, the answer first, then the tables, notes and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rightrig import __version__
from rightrig.report.document import Block, Document, Paragraph
from rightrig.report.prices import refreshed_document
from rightrig.report.sources import Sourced, sources_of
from rightrig.report.user_records import user_records_document

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping, Sequence

    from rightrig.facts.source import Record
    from rightrig.report.values import Json

VERDICT_OF_STYLE: Final = {"good": "fits", "warn": "tight", "bad": "no"}
"""The class of colour and sign of a paragraph that says how good an answer is."""
_NOTE_STYLES: Final = ("dim", "warn")


class Answered(Protocol):
    """What a verb found, as ``rightrig.verbs`` returns it (a room above this one)."""

    @property
    def data(self) -> Callable[[], Mapping[str, object]]:
        """Makes the JSON."""

    @property
    def document(self) -> Callable[[], Document]:
        """Makes the text."""

    @property
    def records(self) -> tuple[Record, ...]:
        """What the answer rests on."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, parted as a reader wants it who has never seen rightrig.

    Attributes:
        asked: Sentences on what was asked.
        answer: Paragraphs that answer it; empty where the tables do.
        body: The rest, in the document's order.
        notes: What closes the document in small print, and what the prices are of.
        sources: By record: those that the answer rests on.
        command: The command line that gives the answer again.
        made_on: The day.
        charts: Vega-Lite specifications.
    """

    title: str
    asked: tuple[str, ...]
    answer: tuple[Paragraph, ...]
    body: Document
    notes: tuple[Paragraph, ...]
    sources: tuple[Sourced, ...]
    command: str
    made_on: datetime.date
    charts: tuple[Json, ...] = ()
    version: str = __version__


def page_of(
    found: Answered, command: str, made_on: datetime.date, charts: Sequence[Json] = ()
) -> Page:
    """Part an answer into a page.

    The answer is the first coloured paragraph above the first table with what follows it there;
    a document without one is answered by the first sentence of its explanation, if it has one.
    """
    blocks = [b for b in found.document() if not (isinstance(b, Paragraph) and not b.text.strip())]
    title, blocks = _title(blocks, command)
    head_count = next((i for i, b in enumerate(blocks) if not _is_sentence(b)), len(blocks))
    head = [b for b in blocks[:head_count] if isinstance(b, Paragraph)]
    first = next((i for i, p in enumerate(head) if p.style in VERDICT_OF_STYLE), len(head))
    answer, body = head[first:], blocks[head_count:]
    if not answer:
        answer = _explained(found)
        body = [b for b in body if b not in answer]
    body, notes = _without_notes(body)
    records = tuple(found.records)
    own = (*refreshed_document(records, made_on), *user_records_document(records))
    return Page(
        title, tuple(p.text for p in head[:first]), tuple(answer), tuple(body),
        (*notes, *(p for p in own if isinstance(p, Paragraph))), sources_of(records),
        command, made_on, tuple(charts),
    )  # fmt: skip


def _title(blocks: list[Block], command: str) -> tuple[str, list[Block]]:
    """Return the title, and the blocks below it; the command where the document has none."""
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and first.style == "title":
        return first.text, blocks[1:]
    words = command.removeprefix("rightrig ")
    return f"{words[:1].upper()}{words[1:]}", blocks


def _is_sentence(block: Block) -> bool:
    """Say whether a block is a paragraph of the body text: no heading of a part, and no file."""
    return isinstance(block, Paragraph) and block.style != "title" and not block.is_file


def _explained(found: Answered) -> list[Paragraph]:
    """Return the first sentence of the explanation that the JSON holds, or nothing."""
    explanation = found.data().get("explanation")
    sentences = explanation.get("sentences") if isinstance(explanation, dict) else None
    return [Paragraph(sentences[0])] if sentences else []


def _without_notes(body: list[Block]) -> tuple[list[Block], list[Paragraph]]:
    """Part the small print at the end from the rest."""
    notes: list[Paragraph] = []
    rest = list(body)
    while rest and isinstance(rest[-1], Paragraph) and rest[-1].style in _NOTE_STYLES:
        notes.insert(0, rest.pop())  # type: ignore[arg-type]
    return rest, notes
