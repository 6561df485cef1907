"""A run: tasks through an engine, with a journal from which it goes on after an end of any kind."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.running.journal import opened
from rightrig.running.tasks import Done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rightrig.running.journal import Journal
    from rightrig.running.tasks import Engine, Row, T, Work


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of all tasks.

    Attributes:
        done: By the IDs of the tasks.
        reused_count: Tasks that an earlier run had finished.
        computed_count: Tasks that this run finished.
        died_count: Of those, the tasks whose workers ended twice.
        torn_count: Lines of the journal that an earlier run did not write to their end.
        elapsed_s: Time that this run took.
    """

    done: Mapping[str, Done]
    reused_count: int
    computed_count: int
    died_count: int
    torn_count: int
    elapsed_s: float

    @property
    def rows(self) -> dict[str, Row]:
        """What was found, by the ID of the task."""
        return {done.id: done.row for done in self.done.values() if done.row is not None}

    @property
    def errors(self) -> dict[str, str]:
        """Why nothing was found, by the ID of the task."""
        return {done.id: done.error for done in self.done.values() if done.row is None}


def run(
    work: Work[T],
    tasks: Sequence[T],
    folder: Path,
    engine: Engine[T],
    jobs: int,
    tell: Callable[[int, int], None],
) -> Ran:
    """Do all tasks that the journal of a folder does not know, and return what became of each.

    A task whose worker ended is tried once more after the others, alone; where that worker ends
    too, the task has failed, and the next run tries it again. A task that raised an error has
    failed for good.

    Args:
        work: What is done with a task.
        tasks: With different IDs.
        folder: Is made where there is none.
        engine: Where the work is done.
        jobs: Workers at once.
        tell: Called with the number of tasks that are finished, and of those found finished.

    Raises:
        InputError: when the folder holds another journal, or another run writes there.
    """
    begun_s = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {task.id: task for task in tasks}
    with opened(folder, wanted) as journal:
        done = dict(journal.known)
        reused_count = len(done)
        tell(reused_count, reused_count)
        left = [task for task in wanted.values() if task.id not in done]
        for workers_count, is_last in ((jobs, False), (1, True)):
            died = []
            with contextlib.closing(engine(work, left, workers_count)) as results:
                for found in results:
                    if found.died and not is_last:
                        died.append(wanted[found.id])
                        continue
                    done[found.id] = _kept(journal, found)
                    tell(len(done), reused_count)
            left = died
    return Ran(
        done=done,
        reused_count=reused_count,
        computed_count=len(done) - reused_count,
        died_count=sum(found.died for found in done.values()),
        torn_count=journal.torn_count,
        elapsed_s=time.monotonic() - begun_s,
    )


def _kept(journal: Journal, found: Done) -> Done:
    """Write a result down, and return it as a later run will read it."""
    journal.add(found)
    return Done(found.id, json.loads(json.dumps(found.row)), found.error, found.died)
