"""An event loop for work that is asked for where none runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_MOST_FILES: Final = 65_536


def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Do work on a loop of its own: uvloop's, if it is installed.

    Ctrl-C cancels the work, which may still return what it has.
    """
    _allow_connections()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the faster event loop; ``None`` for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


def _allow_connections() -> None:
    """Let this process hold as many connections as the machine lets it.

    Many systems allow 1,024 files at first, and any number up to their hard limit on demand.
    """
    try:
        import resource  # noqa: PLC0415 - of Unix
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
