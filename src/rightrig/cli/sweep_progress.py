"""How far a sweep is: a bar on a terminal, else a line now and then; always on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tell = Callable[[int, int], None]

EVERY_S: Final = 30.0
"""Between two lines where nobody looks."""


@contextmanager
def shown(tasks_count: int) -> Iterator[Tell]:
    """Yield what takes the number of finished tasks, and of those that were found finished."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _lines(tasks_count)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sweeping", total=tasks_count, rate="")
        begun_s = time.monotonic()

        def tell(done_count: int, reused_count: int) -> None:
            rate = _rate_text(done_count - reused_count, time.monotonic() - begun_s)
            bar.update(task, completed=done_count, rate=rate)

        yield tell


def _lines(tasks_count: int) -> Tell:
    """Return what writes a line every so often."""
    begun_s = told_s = time.monotonic()

    def tell(done_count: int, reused_count: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s < EVERY_S:
            return
        told_s = now_s
        new_count, took_s = done_count - reused_count, now_s - begun_s
        left_s = (tasks_count - done_count) * took_s / max(new_count, 1)
        sys.stderr.write(
            f"sweep: {done_count:,} of {tasks_count:,} tasks, {_rate_text(new_count, took_s)}, "
            f"{show_seconds(left_s)} left\n"
        )
        sys.stderr.flush()

    return tell


def _rate_text(count: int, took_s: float) -> str:
    """Return tasks a second."""
    return f"{show_number(count / took_s)}/s" if took_s and count else ""
