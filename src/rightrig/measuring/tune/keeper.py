"""The keeper of an engine: a small program that ends it when nobody holds its input open.

Run as ``python keeper.py GRACE_S COMMAND …``. Its own parent keeps a pipe to its standard input;
when that closes, because the measurement is over or because its process was killed, the engine and
whatever it has started are ended, so that none holds a port or the memory of a card. It leaves with
the engine's exit code. It leads a session of its own, so that a Ctrl-C in the terminal reaches the
measurement alone, which ends us in order. It takes the standard library only, to start at once.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_LOOK_S = 0.1


def main(command: list[str], grace_s: float) -> int:
    """Keep an engine until its input closes, and return its exit code.

    Args:
        command: Of the engine.
        grace_s: How long it may take to end when it is asked to; then it is killed.
    """
    try:
        engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 - what the user named
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return 127
    try:
        while engine.poll() is None and not _is_closed():
            continue
    finally:
        _end(engine, grace_s)
    return engine.returncode if engine.returncode >= 0 else 128 - engine.returncode


def _is_closed() -> bool:
    """Wait a moment, and return whether nobody holds our input open."""
    ready, _, _ = select.select([0], [], [], _LOOK_S)
    return bool(ready) and not os.read(0, 4096)


def _end(engine: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ask the engine's processes to end, then kill those that are left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(engine.pid, number)
        for pid in _others():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        ends_s = time.monotonic() + grace_s
        while time.monotonic() < ends_s and (engine.poll() is None or _others()):
            time.sleep(_LOOK_S / 5.0)
        if engine.poll() is not None and not _others():
            return


def _others() -> list[int]:
    """Return the processes of our session, where the system lists them; zombies do not count."""
    own, found = os.getpid(), []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = entry.read_text("latin-1").rpartition(")")[2].split()
            if int(words[3]) == own and words[0] not in "ZX" and int(entry.parent.name) != own:
                found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], float(sys.argv[1])))
