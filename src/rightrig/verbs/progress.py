"""How far a long answer is: an edge that shows it says how; where none does, nothing is told."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Share: TypeAlias = Callable[[float], None]
    """Takes the share of the work that is done, 0 to 1; may raise to end the work."""
    Tasks: TypeAlias = Callable[[int, int], None]
    """Takes the finished tasks, and how many of them were found finished."""
    from rightrig.verbs.found import Found

    Line: TypeAlias = Callable[[str], None]
    """Takes what one line shows from now on."""
    Frame: TypeAlias = Callable[[Found[Any]], None]
    """Takes an answer, which is shown until the next one comes."""


class Watcher(Protocol):
    """Whom to tell how far an answer is."""

    def compiling(self) -> None:
        """Hear that the simulator is about to be used, which the first time it compiles for."""

    def shares(self, doing: str = "simulating") -> AbstractContextManager[Share | None]:
        """Return what takes shares of one piece of work; ``None`` where nobody looks."""

    def tasks(self, tasks_count: int) -> AbstractContextManager[Tasks]:
        """Return what takes numbers of tasks of many."""

    def line(self) -> AbstractContextManager[Line | None]:
        """Return what takes the text of one line; ``None`` where nobody looks."""

    def frames(self) -> AbstractContextManager[Frame | None]:
        """Return what shows one answer after another; ``None`` where nobody looks."""


def _untold(done_count: int, reused_count: int) -> None:
    """Tell nobody."""


class _Nobody:
    """Looks at nothing."""

    def compiling(self) -> None:
        """Hear nothing."""

    def shares(self, doing: str = "simulating") -> AbstractContextManager[Share | None]:
        """Return nothing to tell."""
        del doing
        return nullcontext()

    def tasks(self, tasks_count: int) -> AbstractContextManager[Tasks]:
        """Return what tells nobody."""
        del tasks_count
        return nullcontext(_untold)

    def line(self) -> AbstractContextManager[Line | None]:
        """Return nothing to tell."""
        return nullcontext()

    def frames(self) -> AbstractContextManager[Frame | None]:
        """Return nothing to show on."""
        return nullcontext()


_WATCHER: Final[ContextVar[Watcher]] = ContextVar("watcher", default=_Nobody())  # noqa: B039 - it has no state


def watcher() -> Watcher:
    """Return whom to tell."""
    return _WATCHER.get()


@contextmanager
def watched_by(who: Watcher) -> Iterator[None]:
    """Tell somebody how far answers are, inside the ``with``."""
    token = _WATCHER.set(who)
    try:
        yield
    finally:
        _WATCHER.reset(token)
