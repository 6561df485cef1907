"""What is run: tasks with names, the work on one of them, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = dict[str, Value]


class Task(Protocol):
    """One piece of work, small enough to be sent to a worker."""

    @property
    def id(self) -> str:
        """A name that says all that the result depends on: the same name, the same row."""
        ...


T = TypeVar("T", bound=Task)
T_contra = TypeVar("T_contra", bound=Task, contravariant=True)


class Work(Protocol[T_contra]):
    """What is done with each task; it is sent to every worker once, with all that tasks share."""

    @property
    def key(self) -> str:
        """What ``prepare`` makes on a machine: workers of one key wait for the first of them."""
        ...

    def prepare(self) -> None:
        """Get ready, once in each worker; an error here ends the run."""
        ...

    def __call__(self, task: T_contra, /) -> Row:
        """Return the row of a task: a pure function of the task and of the work."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task.

    Attributes:
        row: What it found; ``None`` where it found nothing.
        error: Why it found nothing.
        died: Whether its worker ended before it did, which says more of the machine than of the
            task: it may succeed another time.
    """

    id: str
    row: Row | None
    error: str = ""
    died: bool = False


Found: TypeAlias = Generator[Done, None, None]
Engine: TypeAlias = Callable[[Work[T], Sequence[T], int], Found]
"""Runs tasks with so many workers, and yields what became of each as soon as it is known.

When a worker ends, every task that was with it is yielded as one that died; of a single worker
that is one task. Closing the generator ends the workers.
"""
AHEAD: Final = 2
"""Tasks that are handed out for each of several workers, so that none waits for the next."""
