"""What happens inside a worker, whoever started it."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from typing import TYPE_CHECKING, Final, Generic

from platformdirs import user_cache_path

from rightrig.running.tasks import Done, T

try:
    import fcntl
except ImportError:  # Windows has none: there each worker prepares for itself.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rightrig.running.tasks import Work

_THREADS: Final = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
_LONGEST_ERROR: Final = 300


class Worker(Generic[T]):
    """A worker with its work; it gets ready when its first task comes.

    Args:
        pickled: The work. Libraries look at the number of threads when they are loaded, and
            unpickling loads them: there are as many workers as cores, so each takes one thread.
    """

    def __init__(self, pickled: bytes) -> None:
        """Take the work."""
        os.environ.update(dict.fromkeys(_THREADS, "1"))
        self._work: Work[T] = pickle.loads(pickled)  # noqa: S301 - from the parent of this process
        self._ready = False

    def do(self, task: T) -> Done:
        """Return what became of a task; what it raises is told, not raised."""
        if not self._ready:
            with _after_the_first(self._work.key):
                self._work.prepare()
            self._ready = True
        try:
            row = self._work(task)
            json.dumps(row, allow_nan=False)  # the journal could not hold it
            return Done(task.id, row)
        except MemoryError:
            return Done(task.id, None, "out of memory", died=True)
        except Exception as error:  # noqa: BLE001 - one task must not end the others
            told = " ".join(f"{type(error).__name__}: {error}".split())
            return Done(task.id, None, told[:_LONGEST_ERROR])


@contextlib.contextmanager
def _after_the_first(key: str) -> Iterator[None]:
    """Let one worker of a machine go first, then the others all at once.

    What the first prepares, such as compiled kernels, the others find in a cache.
    """
    path = _lock_path(key)
    if path is None or fcntl is None:
        yield
        return
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fcntl.flock(lock, fcntl.LOCK_SH)  # waits for the first
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield
            return
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def _lock_path(key: str) -> Path | None:
    """Return the file that workers of one key lock; ``None`` where nothing can be written."""
    folder = user_cache_path("rightrig", appauthor=False) / "locks"
    path = folder / f"{key}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError:
        return None
    return path
