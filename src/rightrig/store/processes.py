"""Which process wrote a run, and whether it is gone."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Writing:
    """A process, told apart from every other that ever was; texts are empty where unknown.

    Attributes:
        host: The machine it runs on.
        boot: The start of that machine, and the space that its process numbers count in.
        process_started: When the process started, as its system counts it.
    """

    host: str
    boot: str
    pid: int
    process_started: str


@cache
def this_host() -> str:
    """Return what tells this machine from others: its name, and its number where it has one."""
    number = _text("/etc/machine-id")
    return f"{platform.node()}/{number}" if number else platform.node()


@cache
def this_boot() -> str:
    """Return what tells this start of the machine, and this container, from others."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{_text('/proc/sys/kernel/random/boot_id')}/{space}"


def this_process() -> Writing:
    """Return the process that runs this."""
    pid = os.getpid()
    return Writing(this_host(), this_boot(), pid, start_of(pid) or "")


def is_gone(writing: Writing) -> bool:
    """Whether a process is known to be gone; of another machine or container it never is."""
    boot, _, space = writing.boot.partition("/")
    own_boot, _, own_space = this_boot().partition("/")
    if writing.host != this_host() or not writing.process_started:
        return False
    if boot != own_boot:
        return True
    return space == own_space and start_of(writing.pid) != writing.process_started


def start_of(pid: int) -> str | None:
    """Return when a process started; ``None`` when there is none, or it only waits to be buried.

    Linux tells it in clock ticks since the boot (proc(5): field 22 of ``stat``, counted after the
    name in brackets, which may hold anything); elsewhere ``ps`` tells it.
    """
    if Path("/proc/self/stat").exists():
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return fields[19] if fields and fields[0] not in {"Z", "X"} else None
    program = shutil.which("ps")
    if program is None:
        return "" if pid == os.getpid() else None
    done = subprocess.run(  # noqa: S603 - a number, and a program of the system
        [program, "-o", "lstart=", "-p", str(pid)],
        capture_output=True, text=True, check=False, timeout=_PATIENCE_S,
    )  # fmt: skip
    return done.stdout.strip() or None


def _text(path: str) -> str:
    """Return what a small file of the system says; nothing when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
