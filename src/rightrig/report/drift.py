"""The report of a regression watch: what shifted, when, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.quantities import GB, TERA, show_number, show_seconds
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import finite, interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.report.schema.drift import DriftFigureJson, DriftJson, DriftShiftJson
    from rightrig.watching.drift import Shift, Verdict
    from rightrig.watching.drift_series import Series

_DAY: Final = len("2026-11-20")
_MOST_ROWS: Final = 60
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Series with their verdicts.

    Attributes:
        since: The first day that counts, ISO; ``None`` for all.
        runs_count: Runs that ended.
        newest_run: When the newest began, ISO; empty without any.
        shows_steady: Whether also what is steady gets a row.
    """

    store: str
    machine: str
    since: str | None
    runs_count: int
    newest_run: str
    figures: tuple[tuple[Series, Verdict], ...]
    shows_steady: bool = False

    @property
    def worse_count(self) -> int:
        """Figures that shifted to the worse and stayed there."""
        return sum(v.shift is not None and s.is_worse(v.shift) for s, v in self.figures)

    @property
    def better_count(self) -> int:
        """Figures that shifted to the better."""
        return sum(
            v.shift is not None and _direction(s, v.shift) == "better" for s, v in self.figures
        )


def drift_document(report: DriftReport) -> Document:
    """Return a regression watch as a document."""
    return tuple(_blocks(report))


def _blocks(report: DriftReport) -> Iterator[Paragraph | Grid]:
    """Yield its blocks."""
    if not report.figures:
        since = f" since {report.since}" if report.since else ""
        yield Paragraph(
            f"No figure of bench or load is kept of {report.machine}{since} in {report.store}.",
            "bad",
        )
        yield Paragraph("'rightrig bench --quick' and 'rightrig load URL' keep what they measure.")
        return
    worse, better = report.worse_count, report.better_count
    yield Paragraph(_title(report, worse, better), "bad" if worse else "good")
    shifted = [(s, v) for s, v in report.figures if v.shift is not None]
    if shifted:
        yield _shifts(shifted[:_MOST_ROWS])
        if len(shifted) > _MOST_ROWS:
            yield Paragraph(f"{len(shifted) - _MOST_ROWS} more are in the JSON.", "dim")
        yield from _versions(shifted)
    if report.shows_steady:
        rest = [(s, v) for s, v in report.figures if v.shift is None]
        if rest:
            yield _steady(rest[:_MOST_ROWS])
    yield from _counts(report)


def _title(report: DriftReport, worse: int, better: int) -> str:
    """Return the answer in one line."""
    if worse:
        told = f"{worse} figure{'' if worse == 1 else 's'} shifted to the worse"
    else:
        told = "No figure shifted to the worse"
    return f"{report.machine}: {told}{f', {better} to the better' if better else ''}."


def _shifts(rows: list[tuple[Series, Verdict]]) -> Grid:
    """Return what shifted, a row each."""
    headers = (
        "figure",
        "of",
        "runs",
        "since",
        "from",
        "to",
        "change",
        "80 %",
        "verdict",
        "command",
    )
    found = [_shift_row(s, v, v.shift) for s, v in rows if v.shift is not None]
    return Grid(headers, tuple(found), (2, 4, 5, 6, 7), spare=(9, 7))


def _shift_row(series: Series, verdict: Verdict, shift: Shift) -> tuple[str, ...]:
    """Return the row of one shift."""
    change = shift.change_ratio
    word: str = _direction(series, shift)
    word = "changed" if word == "neither" else word
    word += ", gradual" if shift.is_gradual else ""
    word += ", is back" if shift.is_over else ""
    return (
        series.name,
        series.of,
        str(verdict.count),
        series.points[shift.place].started[:_DAY],
        value_text(series.name, shift.before),
        value_text(series.name, shift.after),
        _percent(change.mid),
        f"{_percent(change.low)} to {_percent(change.high)}",
        word,
        series.command,
    )


def _percent(ratio: float) -> str:
    """Return a change in percent; one from zero has none."""
    return _NOTHING if finite(ratio) is None else f"{ratio:+.1%}"


def _versions(rows: list[tuple[Series, Verdict]]) -> Iterator[Paragraph]:
    """Yield software that changed where figures shifted."""
    told: dict[str, None] = {}
    for series, verdict in rows:
        if verdict.shift is not None:
            day = series.points[verdict.shift.place].started[:_DAY]
            told.update({f"{day}: {one}": None for one in series.changed_versions(verdict.shift)})
    for one in told:
        yield Paragraph(f"Changed between the runs on both sides, {one}.", "warn")


def _steady(rows: list[tuple[Series, Verdict]]) -> Grid:
    """Return what did not shift, a row each."""
    found = tuple(
        (
            s.name, s.of, str(v.count), value_text(s.name, v.median),
            value_text(s.name, v.spread), _word(v), s.command,
        )
        for s, v in rows
    )  # fmt: skip
    headers = ("figure", "of", "runs", "median", "run to run", "verdict", "command")
    return Grid(headers, found, (2, 3, 4), spare=(6,))


def _word(verdict: Verdict) -> str:
    """Return a verdict with what it needs."""
    if verdict.word == "too few runs":
        return f"too few runs (needs {verdict.needed_count})"
    return verdict.word


def _counts(report: DriftReport) -> Iterator[Paragraph]:
    """Yield how many figures were not flagged, and what the words mean."""
    words = [verdict.word for _, verdict in report.figures]
    steady, few = words.count("steady"), words.count("too few runs")
    needed = max((v.needed_count for _, v in report.figures), default=0)
    told = [f"{steady} steady"] if steady else []
    told += [f"{few} with too few runs (a shift of one alone needs {needed})"] if few else []
    since = f" since {report.since}" if report.since else ""
    yield Paragraph(
        f"{len(report.figures)} figures of {report.runs_count} runs{since}, the newest of "
        f"{report.newest_run[:_DAY]}{'; ' if told else ''}{', '.join(told)}.",
        "dim",
    )
    yield Paragraph(
        "Flagged is a change point that is larger than 1 % and than what one run differs from the "
        "next; at most 5 % of those are expected to be chance.",
        "dim",
    )


def _direction(series: Series, shift: Shift) -> str:
    """Return which way a shift is."""
    if series.better == "neither":
        return "neither"
    is_worse = (shift.after < shift.before) == (series.better == "more")
    return "worse" if is_worse else "better"


def value_text(name: str, value: float) -> str:
    """Return a figure in a unit that people read, by the end of its name."""
    if finite(value) is None:
        return _NOTHING
    if name.endswith("_bytes_per_s"):
        return f"{show_number(value / GB)} GB/s"
    if name.endswith("_flop_per_s"):
        return f"{show_number(value / TERA)} Tflop/s"
    if name.endswith("_s") and "_per_" not in name and value >= 0.0:
        return show_seconds(value)
    return show_number(value)


def drift_json(report: DriftReport) -> DriftJson:
    """Return a regression watch as JSON."""
    return {
        "store": report.store,
        "machine": report.machine,
        "since": report.since,
        "runs_count": report.runs_count,
        "newest_run": report.newest_run or None,
        "figures_count": len(report.figures),
        "worse_count": report.worse_count,
        "better_count": report.better_count,
        "figures": [_figure_json(series, verdict) for series, verdict in report.figures],
    }


def _figure_json(series: Series, verdict: Verdict) -> DriftFigureJson:
    """Return one figure as JSON."""
    return {
        "kind": series.kind,
        "machine": series.machine,
        "command": series.command,
        "figure": series.name,
        "of": series.of,
        "verdict": verdict.word,
        "runs_count": verdict.count,
        "needed_runs_count": verdict.needed_count,
        "first_date": series.points[0].started[:_DAY],
        "last_date": series.points[-1].started[:_DAY],
        "median": verdict.median,
        "spread": finite(verdict.spread),
        "shift": None if verdict.shift is None else _shift_json(series, verdict.shift),
    }


def _shift_json(series: Series, shift: Shift) -> DriftShiftJson:
    """Return one shift as JSON."""
    is_known = finite(shift.change_ratio.mid) is not None
    return {
        "direction": _direction(series, shift),  # type: ignore[typeddict-item] # one of its words
        "date": series.points[shift.place].started[:_DAY],
        "run": series.points[shift.place].run_id,
        "before": shift.before,
        "after": shift.after,
        "change_ratio": interval_json(shift.change_ratio) if is_known else None,
        "p_ratio": shift.p_ratio,
        "is_gradual": shift.is_gradual,
        "is_over": shift.is_over,
        "changed_versions": list(series.changed_versions(shift)),
    }
