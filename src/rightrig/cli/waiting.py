"""What a user of a terminal sees meanwhile: a line before the simulator compiles, bars."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.cli.sweep_progress import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rightrig.verbs.progress import Frame, Line, Share, Tasks


def _is_seen() -> bool:
    """Whether somebody looks at standard error."""
    return sys.stderr is not None and sys.stderr.isatty()


@dataclass(frozen=True, slots=True)
class Terminal:
    """A watcher on standard error (:class:`rightrig.verbs.progress.Watcher`).

    Attributes:
        is_json: Whether answers are wanted as JSON.
    """

    is_json: bool = False

    def compiling(self) -> None:
        """Say on a terminal that the first run takes longer, when it is the first."""
        from rightrig.simulation._jit import are_kernels_kept

        if _is_seen() and not are_kernels_kept():
            sys.stderr.write("compiling the simulator once, up to a minute …\n")
            sys.stderr.flush()

    @contextmanager
    def shares(self, doing: str = "simulating") -> Iterator[Share | None]:
        """Yield what moves a bar; ``None`` where nobody looks."""
        if not _is_seen():
            yield None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(doing, total=1.0)
            yield lambda share_ratio: bar.update(task, completed=min(share_ratio, 1.0))

    def tasks(self, tasks_count: int) -> AbstractContextManager[Tasks]:
        """Return what moves a bar, or writes a line now and then."""
        return shown(tasks_count)

    @contextmanager
    def line(self) -> Iterator[Line | None]:
        """Yield what writes one line over and over; it is gone in the end."""
        if not _is_seen():
            yield None
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
            yield lambda text: live.update(
                Text(text, overflow="ellipsis", no_wrap=True), refresh=True
            )

    @contextmanager
    def frames(self) -> Iterator[Frame | None]:
        """Yield what draws one answer over the last; in a pipe one stands below the other.

        JSON is one line an answer.
        """
        from rightrig.cli.frames import drawn, line, written

        if self.is_json:
            yield line
        elif sys.stdout.isatty():
            with drawn() as draw:
                yield draw
        else:
            yield written
