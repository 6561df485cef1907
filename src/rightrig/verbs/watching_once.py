"""From the words of ``watch once`` to its answer, or one answer after another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, MissingError
from rightrig.quantities import parse
from rightrig.report.watched import Watched
from rightrig.verbs.found import Found
from rightrig.verbs.progress import watcher
from rightrig.watching.engines.scraping import check_engines
from rightrig.watching.observing import observed

if TYPE_CHECKING:
    from collections.abc import Generator

    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.watching import WatchOnceJson
    from rightrig.watching.expected import Expected
    from rightrig.watching.observing import Seen

_LEAST_S: Final = 0.5
_MOST_S: Final = 3600.0
_NOTHING: Final = (
    "there is neither a card nor an engine to watch: run it on the machine that has the cards "
    "(with NVIDIA's driver, or amd-smi), or name an engine with --engine http://host:8000"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    catalog: Catalog
    urls: tuple[str, ...]
    deployment: str | None
    over: str
    every: str | None


def answer_of(asked: Asked) -> Found[WatchOnceJson]:
    """Return what a machine does; with ``every`` the last of many answers, each shown meanwhile.

    Raises:
        InputError: when an address, a file or a time is wrong.
        MissingError: when there is neither a card nor an engine to watch.
    """
    over_s = _time_s(asked.over, "--over")
    every_s = None if asked.every is None else _time_s(asked.every, "--every")
    check_engines(asked.urls)
    expected = _expected(asked)
    answers = _answers(asked, expected, over_s, every_s)
    with closing(answers):
        if every_s is not None:
            return _last(answers)
        # A driver that hangs is given up after half a minute.
        with watcher().line() as say:
            if say is not None:
                say(f"reading cards and engines for {asked.over} …")
            return next(answers)


def _time_s(text: str, option: str) -> float:
    """Return a time between two readings."""
    time_s = parse(text, "time", name=option)
    if not _LEAST_S <= time_s <= _MOST_S:
        raise InputError(f"{option} is {text}: give at least {_LEAST_S:g}s and at most 1h")
    return time_s


def _expected(asked: Asked) -> Expected | None:
    """Return what the plan lets one expect."""
    if asked.deployment is None:
        return None
    from rightrig.watching.expecting import expected_in

    return expected_in(asked.deployment, asked.catalog, len(asked.urls))


def _answers(
    asked: Asked, expected: Expected | None, over_s: float, every_s: float | None
) -> Generator[Found[WatchOnceJson]]:
    """Yield one answer a reading."""
    from rightrig.watching.rules.firing import firing
    from rightrig.watching.rules.thresholds import thresholds_of

    thresholds = thresholds_of(expected)
    with closing(observed(asked.urls, expected, over_s, every_s)) as readings:
        for seen in readings:
            # A driver without a card is to show those that were planned.
            has_driver = expected is not None and bool(seen.moment.snapshot.driver)
            if not seen.has_cards and not seen.engines and not has_driver:
                raise MissingError(_NOTHING)
            unlike = _unlike(asked.catalog, expected, seen)
            yield _found(Watched(seen, expected, firing(seen.moment, thresholds), unlike))


def _unlike(catalog: Catalog, expected: Expected | None, seen: Seen) -> str:
    """Return how what runs differs from the plan."""
    from rightrig.watching.likeness import unlike

    if expected is None:
        return ""
    cards = [catalog.claims("gpus", card.name) for card in seen.moment.snapshot.cards]
    # One that no record knows may be the planned one.
    slugs = frozenset().union(*cards) if all(cards) else frozenset()
    engine = seen.moment.engine
    return unlike(expected, "" if engine is None else engine.model, slugs)


def _last(answers: Generator[Found[WatchOnceJson]]) -> Found[WatchOnceJson]:
    """Show one answer after another until somebody ends it; return the last.

    Ending it is how it ends: that is no interruption, and the exit code is the last answer's.
    """
    found: Found[WatchOnceJson] | None = None
    with watcher().frames() as show:
        if show is None:
            raise InputError("--every redraws a terminal: leave it out here")
        try:
            for found in answers:
                show(found)
        except KeyboardInterrupt:
            if found is None:
                raise
    if found is None:
        raise MissingError(_NOTHING)
    return replace(found, is_shown=True)


def _found(watched: Watched) -> Found[WatchOnceJson]:
    """Return one reading in every form."""
    from rightrig.report.watch import watch_document
    from rightrig.report.watch_json import watch_json

    return Found(
        data=lambda: watch_json(watched),
        document=lambda: watch_document(watched),
        yes=watched.is_healthy,
    )
