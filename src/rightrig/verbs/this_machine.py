"""The machine that rightrig runs on, as its owner probed it."""

from __future__ import annotations

import functools
import os
import platform
from typing import TYPE_CHECKING

from rightrig import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.machine import Machine


def this_machine() -> Machine | None:
    """Return what the file of this machine says; ``None`` where there is none.

    Raises:
        InputError: for a file that is none of a machine.
    """
    from rightrig.facts.machine import machine_path

    path = machine_path()
    try:
        written = None if path is None else (path, os.stat(path).st_mtime_ns)  # noqa: PTH116 - never raises
    except OSError:
        written = None
    return None if written is None else _read(*written)


def machine_name() -> str:
    """Return what this machine is called: as it was probed, or as it calls itself."""
    machine = this_machine()
    return platform.node() or "this" if machine is None else machine.name


def own_versions() -> dict[str, str]:
    """Return what every run here is of: rightrig and its Python."""
    return {"rightrig": __version__, "python": platform.python_version()}


@functools.lru_cache(maxsize=1)
def _read(path: Path, written_ns: int) -> Machine:
    """Return the machine of a file as it was written at some time."""
    from rightrig.facts.machine import read_machine
    from rightrig.facts.reach import unconfined

    del written_ns
    with unconfined():
        return read_machine(path)
