"""The simulator, compiled while a server starts: who asks first need not wait for it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENT: Final = 10
"""How far other processes go first."""


def compile_ahead() -> None:
    """Simulate one request where nothing compiled is kept (the main function of a process)."""
    from rightrig.facts.catalog import shipped  # noqa: PLC0415 - of the process alone
    from rightrig.simulation._jit import are_kernels_kept  # noqa: PLC0415 - numba
    from rightrig.verbs.simulate import simulate  # noqa: PLC0415 - numba

    if not are_kernels_kept():
        simulate(shipped(), "llama-3.2-1b", "1xl4", rate="1/s", requests=1).data()


def _compile_patiently() -> None:
    """Compile when nobody else needs the processor."""
    if hasattr(os, "nice"):
        os.nice(_PATIENT)
    compile_ahead()


@contextlib.contextmanager
def compiling_ahead() -> Iterator[None]:
    """Compile in a process of its own, which ends with the server at the latest."""
    process = multiprocessing.get_context("spawn").Process(target=_compile_patiently, daemon=True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the process inherits
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield
    finally:
        process.kill()
        process.join()
