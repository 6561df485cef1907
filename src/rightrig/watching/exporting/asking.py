"""Engines asked at a period of their own, so that one that hangs holds up nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.watching.deriving import derived
from rightrig.watching.engines.joining import joined
from rightrig.watching.engines.scraping import ask_all, shown_url
from rightrig.watching.states import EngineState, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from rightrig.watching.expected import Expected
    from rightrig.watching.states import Derived, Snapshot

PERIOD_S: Final = 5.0
"""Between two readings of the engines."""
DEADLINE_S: Final = 3.0
"""For an engine to answer."""
ENDED: Final = "it is not asked any more"
_LAST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What engines said last, and what follows."""

    engines: tuple[EngineState, ...] = ()
    derived: Derived | None = None


class Asking:
    """Asks engines again and again, as long as it is entered."""

    def __init__(
        self, urls: Sequence[str], expected: Expected | None,
        snapshot: Callable[[], Snapshot | None], period_s: float = PERIOD_S,
    ) -> None:  # fmt: skip
        """Ask nothing yet.

        Args:
            urls: Of the replicas of one deployment.
            expected: What was planned of it.
            snapshot: Returns the cards as they are now.
            period_s: Between two readings, in seconds.
        """
        self._urls = tuple(urls)
        self._expected = expected
        self._snapshot = snapshot
        self._period_s = period_s
        self._before: Moment | None = None
        self._asked = Asked()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask_always, name="engines", daemon=True)

    def latest(self) -> Asked:
        """Return what engines said last, at once."""
        return self._asked

    def __enter__(self) -> Self:
        """Start to ask, where there is anything to ask or to derive."""
        if self._urls or self._expected is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Stop to ask; an answer that is on its way is not waited for."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_S)

    def _ask_always(self) -> None:
        """Ask at each period."""
        next_s = time.monotonic()
        try:
            while not self._ending.wait(max(next_s - time.monotonic(), 0.0)):
                next_s = max(next_s + self._period_s, time.monotonic())
                engines = tuple(one.result() for one in ask_all(self._urls, DEADLINE_S))
                self._asked = Asked(engines, self._derived(engines))
        finally:  # whatever ended it: nobody is to take old answers for new ones
            urls = map(shown_url, self._urls)
            self._asked = Asked(tuple(EngineState(url, time.time(), trouble=ENDED) for url in urls))

    def _derived(self, engines: tuple[EngineState, ...]) -> Derived | None:
        """Return what follows from this reading and the one before it."""
        snapshot = self._snapshot()
        if snapshot is None:
            return None
        now = Moment(snapshot, joined(engines))
        before, self._before = self._before, now
        return None if before is None else derived(before, now, self._expected)
