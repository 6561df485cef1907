"""The page that is scraped: rendered once a reading, however many scrape it."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Final

from rightrig.watching.exporting.cards import MachineLines
from rightrig.watching.exporting.engines import engine_sheet
from rightrig.watching.exporting.lines import Writer, page
from rightrig.watching.exporting.plan import derived_sheet, plan_sheet
from rightrig.watching.states import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.watching.expected import Expected
    from rightrig.watching.exporting.asking import Asked
    from rightrig.watching.exporting.lines import Sheet

STARTING: Final = "starting"
"""Trouble before the first reading."""
_END: Final = b"# EOF\n"


def _bytes(text: str) -> bytes:
    """Return a text as it is sent, whatever a machine's name or a word of the shell is made of."""
    return text.encode("utf-8", "replace")


class Exporter:
    """Turns what was read last into text."""

    def __init__(
        self, latest: Callable[[], Snapshot | None], asked: Callable[[], Asked],
        expected: Expected | None, host: str = "",
    ) -> None:  # fmt: skip
        """Render nothing yet.

        Args:
            latest: Returns the cards as they were read last; the same object as long as nothing
                new was read.
            asked: Returns what engines said last, in the same way.
            expected: What was planned.
            host: Name of this machine; empty for the one that it has.
        """
        self._latest, self._asked = latest, asked
        self._expected = expected
        self._host = host or socket.gethostname()
        planned_count = None if expected is None else expected.cards_count
        self._machine = MachineLines(self._host, planned_count)
        self._plan: Sheet = {} if expected is None else plan_sheet(expected, self._host)
        self._models: dict[str, str] = {}
        self._start = Snapshot(time.time(), trouble=STARTING)
        self._read_at_s = self._start.at_s
        self._shown: tuple[Snapshot, Asked] | None = None
        self._sheets: list[Sheet] = []
        self._pages: dict[bool, bytes] = {}
        self._lock = threading.Lock()

    def text(self, *, is_open: bool) -> bytes:
        """Return the page.

        Args:
            is_open: Whether as OpenMetrics rather than in Prometheus' own format.
        """
        with self._lock:
            self._look()
            if is_open not in self._pages:
                self._pages[is_open] = _bytes(page(self._sheets, is_open=is_open))
            whole = self._pages[is_open]
            # The one value that changes without a reading.
            age = _bytes(page([self._age()], is_open=is_open))
        return whole + age + _END if is_open else whole + age

    def trouble(self) -> str:
        """Return why the driver does not answer; empty where it does."""
        return (self._latest() or self._start).trouble

    def _look(self) -> None:
        """Write all lines anew if anything was read since."""
        snapshot, asked = self._latest() or self._start, self._asked()
        before = self._shown
        if before is not None and before[0] is snapshot and before[1] is asked:
            return
        if not snapshot.trouble:
            self._read_at_s = snapshot.at_s
        self._sheets = [*self._machine.sheets(snapshot), *self._others(asked)]
        self._pages = {}
        self._shown = (snapshot, asked)

    def _others(self, asked: Asked) -> Iterator[Sheet]:
        """Yield the lines of engines and of the plan."""
        for state in asked.engines:
            # So that an engine that goes down is the same series as before.
            model = self._models[state.url] = state.model or self._models.get(state.url, "")
            yield engine_sheet(state, model, self._host, self._expected)
        yield self._plan
        if asked.derived is not None:
            name = "" if self._expected is None else self._expected.name
            yield derived_sheet(asked.derived, name, self._host)

    def _age(self) -> Sheet:
        """Return for how long cards have not been read."""
        writer = Writer("rightrig_watch_", {"Hostname": self._host})
        writer.add("sample_age_seconds", round(max(time.time() - self._read_at_s, 0.0), 3))
        return writer.sheet
