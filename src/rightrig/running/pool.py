"""Workers on the cores of this machine: processes that are started anew, one thread each."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import MissingError
from rightrig.running.tasks import AHEAD, Done
from rightrig.running.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    from rightrig.running.tasks import Found, T, Task, Work

_DIED: Final = "its worker was killed or ran out of memory"


def cores_count() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_this_machine(work: Work[T], tasks: Sequence[T], jobs: int) -> Found:
    """Yield what becomes of tasks in ``jobs`` processes; an ``Engine``.

    A process that ends takes its pool with it. Those tasks that were handed out then died; the
    rest goes on in a new pool.

    Raises:
        MissingError: when no process can be started at all.
    """
    left = deque(tasks)
    pickled = pickle.dumps(work)
    while left:
        yield from _until_a_death(pickled, left, min(jobs, len(left)))


def _until_a_death(pickled: bytes, left: deque[T], jobs: int) -> Found:
    """Yield what becomes of tasks until none is left or a process ends."""
    context = multiprocessing.get_context("spawn")  # a copy of a process with threads may hang
    stop, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(stop, pickled))
    is_whole = False
    try:
        _check_start(pool)
        is_whole = yield from _handed_out(pool, left, jobs)
    finally:
        if not is_whole:
            # Ends the workers, in the middle of a task if need be. A pool that has lost a process
            # waits for all others, and may have started one that it never tells to end.
            held.close()
        pool.shutdown(wait=True, cancel_futures=True)
        held.close()
        stop.close()


def _handed_out(
    pool: ProcessPoolExecutor, left: deque[T], jobs: int
) -> Generator[Done, None, bool]:
    """Hand out tasks, a few ahead, and yield what becomes of them; say if no process ended."""
    pending: dict[Future[Done], T] = {}
    most = AHEAD * jobs if jobs > 1 else 1
    while left or pending:
        try:
            while left and len(pending) < most:
                pending[pool.submit(_do, left[0])] = left[0]
                left.popleft()
        except BrokenProcessPool:
            if not pending:
                return False  # its worker ended between two tasks
        ended, _ = wait(pending, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in ended):
            yield from _after_a_death(pending)
            return False
        for future in ended:
            del pending[future]
            yield future.result()
    return True


def _after_a_death(pending: dict[Future[Any], T]) -> Found:
    """Yield what became of the tasks that a broken pool held."""
    for future, task in pending.items():
        if isinstance(future.exception(), BrokenProcessPool):
            yield Done(task.id, None, _DIED, died=True)
        else:
            yield future.result()


def _check_start(pool: ProcessPoolExecutor) -> None:
    """See that a process starts: one that cannot would take every task with it."""
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise MissingError(
            "worker processes end as soon as they are started; is there memory for one? A script "
            "that starts them needs its own code below if __name__ == '__main__':"
        ) from None


_worker: list[Worker[Any]] = []
"""The one of this process."""


def _start(stop: Connection, pickled: bytes) -> None:
    """Begin as a worker.

    The terminal sends Ctrl-C to all processes; the parent alone answers it. When the parent ends,
    however it does, its end of the pipe closes: a worker would otherwise wait for tasks for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(stop,), daemon=True).start()
    _worker[:] = [Worker(pickled)]


def _end_with(stop: Connection) -> None:
    """End this process when the other end of a pipe is closed."""
    try:
        stop.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _do(task: Task) -> Done:
    """Do one task in a worker."""
    return _worker[0].do(task)
