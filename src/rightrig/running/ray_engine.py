"""Workers on a Ray cluster: that of ``RAY_ADDRESS``, or one that is started on this machine.

Ray is an extra. Nodes need the same version of rightrig; what tasks share is sent to each worker.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import pickle
import sys
from collections import deque
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import MissingError
from rightrig.running.tasks import AHEAD, Done
from rightrig.running.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.running.tasks import Found, T, Task, Work

ADDRESS: Final = "RAY_ADDRESS"
_DIED: Final = "its Ray worker was killed, ran out of memory or lost its node"


def check_ray() -> None:
    """Refuse before the work what needs the extra.

    Raises:
        MissingError: without Ray; it names the command that adds it.
    """
    if find_spec("ray") is None:
        raise MissingError("--engine ray takes an extra: pip install 'rightrig[ray]'")


def on_ray(work: Work[T], tasks: Sequence[T], jobs: int) -> Found:
    """Yield what becomes of tasks on a Ray cluster, ``jobs`` at once; an ``Engine``.

    Raises:
        MissingError: without Ray, or when the cluster of ``RAY_ADDRESS`` does not answer.
    """
    check_ray()
    if not tasks:
        return
    # Ray reports how it is used to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = importlib.import_module("ray")
    is_ours = not ray.is_initialized()
    # Ray tells of dead workers on standard output, where the answer belongs.
    with contextlib.redirect_stdout(sys.stderr):
        if is_ours:
            _connect(ray, jobs)
        try:
            yield from _handed_out(ray, pickle.dumps(work), deque(tasks), jobs)
        finally:
            if is_ours:
                ray.shutdown()


def _connect(ray: Any, jobs: int) -> None:  # noqa: ANN401 - an optional module
    """Join the cluster that is named, or start one on this machine."""
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get(ADDRESS)
    if not address:
        ray.init(address="local", num_cpus=jobs, include_dashboard=False, **quiet)
        return
    try:
        ray.init(address=address, **quiet)
    except ConnectionError as error:
        told = " ".join(str(error).split())[:200]
        raise MissingError(f"{ADDRESS} is {address!r}, and no cluster answers: {told}") from None


def _handed_out(ray: Any, pickled: bytes, left: deque[T], jobs: int) -> Found:  # noqa: ANN401 - an optional module
    """Hand out tasks, a few ahead, and yield what becomes of them."""
    # Ray would start a task again for as long as its worker dies.
    remote = ray.remote(num_cpus=1, max_retries=0)(_do)
    shared = [ray.put(pickled)]  # within a list: a worker fetches it once, not for every task
    key = hashlib.sha256(pickled).hexdigest()
    pending: dict[Any, T] = {}
    most = AHEAD * jobs if jobs > 1 else 1
    try:
        while left or pending:
            while left and len(pending) < most:
                task = left.popleft()
                pending[remote.remote(shared, key, task)] = task
            ended, _ = ray.wait(list(pending), num_returns=1)
            for reference in ended:
                yield _found(ray, reference, pending.pop(reference))
    finally:
        for reference in pending:
            ray.cancel(reference, force=True)


def _found(ray: Any, reference: Any, task: Task) -> Done:  # noqa: ANN401 - an optional module
    """Return what became of a task."""
    try:
        found: Done = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # it could not get ready
    except ray.exceptions.RayError:
        return Done(task.id, None, _DIED, died=True)
    return found


_workers: dict[str, Worker[Any]] = {}
"""The workers of this process, by what they do."""


def _do(shared: list[Any], key: str, task: Task) -> Done:
    """Do one task in a process of Ray's."""
    if key not in _workers:
        ray: Any = importlib.import_module("ray")
        _workers[key] = Worker(ray.get(shared[0]))
    return _workers[key].do(task)
