"""The report of ``watch once``: alerts first, then cards, links, engines, cost beside the plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.probe.wording import spans
from rightrig.report.document import Document, Paragraph
from rightrig.report.watch_cards import cards_grid, health_grid
from rightrig.report.watch_engine import engine_grid, engines_grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.report.document import Grid
    from rightrig.report.watched import Watched
    from rightrig.watching.states import CardState

_STYLES: Final[dict[str, Literal["bad", "warn", "dim"]]] = {
    "critical": "bad", "warning": "warn", "info": "dim",
}  # fmt: skip
_GPU: Final = "GPU "
_RANK: Final = {severity: rank for rank, severity in enumerate(_STYLES)}


def watch_document(watched: Watched) -> Document:
    """Return one reading as a document; on a screen too short for it, the top matters most."""
    return tuple(_blocks(watched))


def _blocks(watched: Watched) -> Iterator[Paragraph | Grid]:
    """Yield its blocks."""
    yield Paragraph(_title(watched), "title")
    yield from _troubles(watched)
    if watched.cards:
        yield cards_grid(watched)
        yield health_grid(watched)
    if watched.seen.engines:
        yield from _engines(watched)
    yield from _plan(watched)


def _title(watched: Watched) -> str:
    """Return what is watched, and when."""
    snapshot = watched.seen.moment.snapshot
    names = Counter(_name(card) for card in snapshot.cards)
    told = " + ".join(f"{count} × {name}" for name, count in names.items()) or "no card"
    driver = f", driver {snapshot.driver}" if snapshot.driver else ""
    return (
        f"{watched.at:%Y-%m-%d %H:%M:%S} UTC, over {watched.derived.over_s:.3g} s: {told}{driver}"
    )


def _name(card: CardState) -> str:
    """Return what a card is called."""
    return f"{card.name or 'card'}{' (lost)' if card.trouble else ''}"


def _troubles(watched: Watched) -> Iterator[Paragraph]:
    """Yield what is wrong, the worst first; or that nothing is."""
    alike: dict[tuple[str, str, str, str], list[str]] = {}
    for one in sorted(watched.firings, key=lambda one: _RANK.get(one.severity, len(_RANK))):
        key = (one.severity, one.alert, one.sentence.rstrip("."), one.runbook)
        alike.setdefault(key, []).append(one.subject)
    for (severity, alert, sentence, runbook), subjects in alike.items():
        yield Paragraph(
            f"{severity.upper()} {alert}: {_subjects(subjects)}: {sentence}. → rightrig watch "
            f"runbook {runbook}",
            _STYLES.get(severity, "dim"),
        )
    if not watched.firings:
        yield Paragraph("No alert.", "good")


def _subjects(subjects: Sequence[str]) -> str:
    """Return what an alert is of: ``GPU 0, 2-5``, or each subject."""
    numbers = [text.removeprefix(_GPU) for text in subjects if text.startswith(_GPU)]
    others = [text for text in subjects if not text.startswith(_GPU)]
    indices = sorted(int(text) for text in numbers if text.isdigit())
    if len(indices) < len(subjects) - len(others):
        return ", ".join(subjects)
    cards = [f"{_GPU}{', '.join(spans(indices))}"] if indices else []
    return ", ".join([*cards, *others])


def _engines(watched: Watched) -> Iterator[Paragraph | Grid]:
    """Yield the engines: each in a line, and all together beside the plan."""
    engines = watched.seen.engines
    for one in engines:
        model = f" serves {one.model}" if one.model else ""
        said = f"cannot be read: {one.trouble}" if one.trouble else f"({one.kind}){model}"
        yield Paragraph(f"Engine {one.url} {said}.", "bad" if one.trouble else "plain")
    if len(engines) > 1:
        yield engines_grid(engines)
    whole = watched.seen.moment.engine
    if whole is not None and not whole.trouble:
        yield engine_grid(watched)


def _plan(watched: Watched) -> Iterator[Paragraph]:
    """Say what the columns of the plan are of."""
    expected = watched.expected
    if expected is None:
        return
    yield Paragraph(f"Plan: {expected.name}, peak {expected.peak_requests_per_s:.3g} requests/s.")
    if watched.unlike:
        yield Paragraph(f"The plan is not of what runs here: {watched.unlike}.", "warn")
    if not expected.rates:
        yield Paragraph("Its speed is not modelled, and nothing is compared with it.", "dim")
    elif watched.seen.engines and watched.expected_tokens_per_s is None:
        yield Paragraph("Nothing ran when it was read: speed and cost are not compared.", "dim")
