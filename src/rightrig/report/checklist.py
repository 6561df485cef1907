"""The report of the production checklist."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from rightrig.quantities import show_number
from rightrig.report.document import Document, Paragraph
from rightrig.watching.checklist.items import counts_of, is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.report.schema.checklist import ChecklistItemJson, ChecklistJson
    from rightrig.watching.checklist.item import Checked, Status, Topic

_MARKS: Final[dict[Status, str]] = {
    "pass": "PASS", "fail": "FAIL", "not verifiable": "OPEN", "information": "INFO",
}  # fmt: skip
_STYLES: Final[dict[Status, Literal["good", "bad", "warn", "plain"]]] = {
    "pass": "good", "fail": "bad", "not verifiable": "warn", "information": "plain",
}  # fmt: skip
_TITLES: Final[dict[Topic, str]] = {
    "plan": "The plan", "machine": "The machine", "links": "Its links",
    "metrics": "What watches it", "alerts": "Alerts", "load": "Under load",
    "information": "To know",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChecklistReport:
    """A checked deployment.

    Attributes:
        file: As it was named.
        strict: Whether what cannot be verified counts as no.
    """

    file: str
    planned: Planned
    items: tuple[Checked, ...]
    strict: bool = False

    @property
    def is_yes(self) -> bool:
        """Whether the answer is yes: nothing failed, strictly nothing is open either."""
        return is_ready(self.items, strict=self.strict)

    @property
    def is_ready(self) -> bool:
        """Whether everything was verified, and held."""
        return is_ready(self.items, strict=True)


def checklist_document(report: ChecklistReport) -> Document:
    """Return a checklist as a document."""
    return tuple(_blocks(report))


def _blocks(report: ChecklistReport) -> Iterator[Paragraph]:
    """Yield its blocks."""
    counts = counts_of(report.items)
    planned = report.planned
    word, style = _verdict(report)
    yield Paragraph(
        f"{word}: {planned.model} on {planned.rig} at {show_number(planned.peak_requests_per_s)} "
        f"requests/s: {counts['pass']} pass, {counts['fail']} fail, "
        f"{counts['not verifiable']} not verifiable.",
        style,
    )
    for topic, group in groupby(report.items, key=lambda one: one.topic):
        yield Paragraph(_TITLES[topic], "title")
        items = tuple(group)
        for one, after in zip(items, (*items[1:], None), strict=True):
            yield from _item(one, after)
    yield from _ending(report, counts["not verifiable"])


def _verdict(report: ChecklistReport) -> tuple[str, Literal["good", "warn", "bad"]]:
    """Return the verdict in a word, and its colour."""
    if report.is_ready:
        return "Ready", "good"
    if report.is_yes:
        return "Nothing failed, not all of it verified", "warn"
    return "Not ready", "bad"


def _item(one: Checked, after: Checked | None) -> Iterator[Paragraph]:
    """Yield one item: what should hold, what was found, what to do.

    What helps several items in a row is told once, after the last of them.
    """
    outcome = one.outcome
    yield Paragraph(
        f"{_MARKS[outcome.status]}  {one.sentence}: {outcome.found}. [{one.id}]",
        _STYLES[outcome.status],
    )
    if after is not None and _help(after) == _help(one):
        return
    told = ": ".join(part for part in _help(one) if part)
    if told:
        yield Paragraph(f"→ {told}{'' if outcome.command else '.'}", "dim")


def _help(one: Checked) -> tuple[str, str]:
    """Return what helps."""
    return one.outcome.remedy, one.outcome.command


def _ending(report: ChecklistReport, open_count: int) -> Iterator[Paragraph]:
    """Yield what OPEN means where something is."""
    if open_count:
        more = "counts as no" if report.strict else "counts as no with --strict"
        yield Paragraph(
            f"OPEN is what nothing that was read from here says: {open_count} of it. It {more}."
        )


def checklist_json(report: ChecklistReport) -> ChecklistJson:
    """Return a checklist as JSON."""
    counts = counts_of(report.items)
    return {
        "deployment": report.file,
        "model": report.planned.model,
        "rig": report.planned.rig,
        "peak_requests_per_s": report.planned.peak_requests_per_s,
        "ready": report.is_ready,
        "strict": report.strict,
        "passed_count": counts["pass"],
        "failed_count": counts["fail"],
        "unverified_count": counts["not verifiable"],
        "items": [_item_json(one) for one in report.items],
    }


def _item_json(one: Checked) -> ChecklistItemJson:
    """Return one item as JSON."""
    outcome = one.outcome
    return {
        "id": one.id,
        "topic": one.topic,
        "sentence": one.sentence,
        "status": outcome.status,
        "found": outcome.found,
        "remedy": outcome.remedy,
        "command": outcome.command,
    }
