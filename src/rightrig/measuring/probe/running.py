"""Run a program for its output: without a shell, for a bounded time, with bounded output."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_OUTPUT_BYTES: Final = 8_000_000
"""Of one program; ``nvidia-smi -q -x`` prints 130 kB a card."""
_LAST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed, and how it ended.

    Attributes:
        text: Of its standard output, the first 8 MB.
        problem: Why it is not all, or empty: not there, too slow, failed.
        is_missing: Whether there is no such program.
    """

    text: str = ""
    problem: str = ""
    is_missing: bool = False


def run(command: Sequence[str], limit_s: float, *, errors_too: bool = False) -> Output:
    """Run a program and return what it printed, whatever happens.

    A program that does not end within ``limit_s`` is killed, and what it had printed counts.

    Args:
        command: Its name, looked up on the path, and its words.
        limit_s: How long it may take, in seconds.
        errors_too: Whether what it prints to standard error belongs to the output.
    """
    program = shutil.which(command[0])
    if program is None:
        return Output(problem=f"there is no {command[0]}", is_missing=True)
    # A file rather than a pipe: output beyond the bound stays on the disk, unread.
    with tempfile.TemporaryFile() as out:
        problem = _ended([program, *command[1:]], limit_s, out, errors_too=errors_too)
        out.seek(0)
        content = out.read(MOST_OUTPUT_BYTES)
    return Output(content.decode("utf-8", "replace"), problem)


def _ended(command: list[str], limit_s: float, out: IO[bytes], *, errors_too: bool) -> str:
    """Run a program into a file; return what went wrong, or nothing."""
    name = command[0].rpartition("/")[2]
    try:
        process = subprocess.Popen(  # noqa: S603 - the programs are named here, none by a user
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT if errors_too else subprocess.DEVNULL,
        )
    except OSError as error:
        return f"{name} cannot be started: {error.strerror}"
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        # A call that hangs inside the kernel survives even that: it is not waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_S)
        return f"{name} did not answer within {limit_s:g} s"
    return f"{name} ended with exit code {code}" if code else ""
