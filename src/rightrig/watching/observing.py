"""A machine and its engines read again and again, each reading beside the one before."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError
from rightrig.watching.deriving import derived, running_seqs
from rightrig.watching.engines.histograms import since
from rightrig.watching.engines.joining import joined
from rightrig.watching.engines.scraping import ask_all, check_engines
from rightrig.watching.reading.collector import Collector
from rightrig.watching.states import Moment, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from rightrig.watching.expected import Expected
    from rightrig.watching.states import EngineState, Histogram, Latency

    Latest = Callable[[], Snapshot | None]

NO_LIBRARY: Final = "LibraryNotFound"
"""What is said where no card was ever set up; a driver that is not loaded once was."""
_SHORTEST_PERIOD_S: Final = 0.5
_LONGEST_PERIOD_S: Final = 5.0
_POLL_S: Final = 0.02
_FIRST_S: Final = 60.0
"""For the first reading of cards; a driver that hangs is told of before."""
_NEXT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading, with what was there before.

    Attributes:
        moment: The engines in it are joined to one.
        engines: Each by itself.
        recent: Latencies of the time between the two readings, where something was observed.
        running_count: Requests in the batch, mean of the two readings.
    """

    moment: Moment
    engines: tuple[EngineState, ...]
    recent: Mapping[Latency, Histogram]
    running_count: float | None = None

    @property
    def has_cards(self) -> bool:
        """Whether there is a card to watch, or a driver that should show one."""
        snapshot = self.moment.snapshot
        return bool(snapshot.cards) or snapshot.trouble not in {"", NO_LIBRARY}


def observed(
    urls: Sequence[str], expected: Expected | None, over_s: float, every_s: float | None
) -> Generator[Seen]:
    """Yield what a machine and its engines do.

    Args:
        urls: Of engines; none for the cards alone.
        expected: What the plan promised.
        over_s: Between the first two readings, in seconds.
        every_s: Between further ones; ``None`` for one answer.

    Raises:
        MissingError: where neither a card nor an engine can be watched.
        InputError: for an address that is none, or is named twice.
    """
    check_engines(urls)
    period_s = min(max(over_s / 2.0, _SHORTEST_PERIOD_S), _LONGEST_PERIOD_S)
    with _cards(period_s, has_engine=bool(urls)) as latest:
        before = _seen(latest, urls, None)
        wait_s = over_s
        while True:
            time.sleep(wait_s)
            now = _seen(latest, urls, before.moment.snapshot)
            yield _compared(before, now, expected)
            if every_s is None:
                return
            before, wait_s = now, every_s


@contextmanager
def _cards(period_s: float, *, has_engine: bool) -> Iterator[Latest]:
    """Yield what returns the cards' last reading."""
    try:
        collector = Collector(period_s)
    except MissingError:
        if not has_engine:
            raise
        yield lambda: Snapshot(time.time(), trouble=NO_LIBRARY)
        return
    with collector:
        yield collector.latest


def _seen(latest: Latest, urls: Sequence[str], before: Snapshot | None) -> Seen:
    """Return a reading that is another one than the last."""
    answers = ask_all(urls)
    snapshot = _next(latest, before)
    engines = tuple(one.result() for one in answers)
    return Seen(Moment(snapshot, joined(engines)), engines, {})


def _next(latest: Latest, before: Snapshot | None) -> Snapshot:
    """Return the first reading after another one; what is known where none comes."""
    end_s = time.monotonic() + (_FIRST_S if before is None else _NEXT_S)
    while True:
        found = latest()
        # Not by their times, for clocks are set back. A driver that is not there, or hangs, tells
        # so once, and not again soon.
        if found is not None and (found is not before or found.trouble):
            return found
        if time.monotonic() > end_s:
            return found or Snapshot(time.time(), trouble="hung")
        time.sleep(_POLL_S)


def _compared(before: Seen, now: Seen, expected: Expected | None) -> Seen:
    """Return a reading with what follows from the one before."""
    earlier, later = before.moment.engine, now.moment.engine
    recent: dict[Latency, Histogram] = {}
    running = None
    if earlier is not None and later is not None:
        running = running_seqs(earlier, later)
        for name, whole in later.latencies.items():
            window = since(earlier.latencies.get(name), whole)
            if window is not None and window.observations_count[-1] > 0.0:
                recent[name] = window
    follows = derived(before.moment, now.moment, expected)
    return Seen(Moment(now.moment.snapshot, later, follows), now.engines, recent, running)
