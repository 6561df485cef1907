"""From the words of ``watch drift`` to its answer."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.verbs.found import Found
from rightrig.verbs.risk_words import long_s
from rightrig.verbs.this_machine import machine_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.report.schema.drift import DriftJson
    from rightrig.store.database import Store
    from rightrig.store.records import Kind, Run
    from rightrig.watching.drift_series import Series

_MOST_RUNS: Final = 5_000
_MOST_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class DriftWords:
    """The words of the question; ``None`` where one was left out."""

    kind: Literal["bench", "load"] | None = None
    figure: str | None = None
    since: str | None = None
    machine: str | None = None


def answer_of(words: DriftWords) -> Found[DriftJson]:
    """Return which figures shifted; no where one shifted to the worse, or none is kept.

    Raises:
        InputError: for a time that is none, or a figure that no run has.
    """
    from rightrig.report.drift import DriftReport, drift_document, drift_json
    from rightrig.store import open_store
    from rightrig.watching.drift import shifted

    machine = words.machine or machine_name()
    since = _since(words.since)
    with open_store() as store:
        runs, where = _runs(store, words, machine, since), store.shown
    series = _series(runs, words.figure)
    verdicts = shifted([[point.value for point in one.points] for one in series])
    report = DriftReport(
        store=where,
        machine=machine,
        since=None if since is None else since.date().isoformat(),
        runs_count=len(runs),
        newest_run=max((run.started for run in runs), default=""),
        figures=tuple(zip(series, verdicts, strict=True)),
        shows_steady=words.figure is not None,
    )
    return Found(
        data=lambda: drift_json(report),
        document=lambda: drift_document(report),
        yes=bool(report.figures) and not report.worse_count,
    )


def _since(text: str | None) -> datetime.datetime | None:
    """Return the time from which on runs count."""
    if text is None:
        return None
    span_s = long_s(text, "--since")
    return datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(seconds=span_s)


def _runs(
    store: Store, words: DriftWords, machine: str, since: datetime.datetime | None
) -> tuple[Run, ...]:
    """Return the runs that count."""
    from rightrig.watching.drift_series import KINDS

    kinds: tuple[Kind, ...] = KINDS if words.kind is None else (words.kind,)
    found = [
        run for kind in kinds for run in store.runs(kind, machine, _MOST_RUNS)
        if since is None or datetime.datetime.fromisoformat(run.started) >= since
    ]  # fmt: skip
    return tuple(found)


def _series(runs: Sequence[Run], figure: str | None) -> tuple[Series, ...]:
    """Return the series of runs.

    Raises:
        InputError: for a figure that none has, where there are others.
    """
    from rightrig.watching.drift_series import series_of

    found = series_of(runs, figure)
    if figure is None or found:
        return found
    names = sorted({series.name for series in series_of(runs)})
    if not names:
        return ()
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    raise InputError(
        f"no run has the figure {plain(figure, 60)!r}: they have "
        f"{', '.join(names[:_MOST_NAMED])}{more}"
    )
