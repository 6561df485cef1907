"""A PostgreSQL server of the tests' own, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY: Final = ("postgres", "nobody")
"""Users that a server may run as where the tests run as root, which it refuses."""
_PATIENCE_S: Final = 60


def programs_of_postgres() -> Path | None:
    """Return the folder of ``initdb`` and ``pg_ctl``; Debian keeps it off the path."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "pg_ctl").exists()), None)


@contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """Start a server, yield the URL of a database as ``RIGHTRIG_DB`` takes it, and stop it.

    It listens on a socket in a new folder only, and trusts whoever may enter that.
    """
    # A socket's path may have 107 bytes: not in the deep folders of pytest.
    with tempfile.TemporaryDirectory(prefix="rr-pg-") as name:
        folder = Path(name)
        user = _unprivileged()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        _run(user, programs / "initdb", "-D", data, "-A", "trust", "-U", "rr", "--no-sync",
             "-E", "UTF8", "--locale=C")  # fmt: skip
        options = f"-c listen_addresses='' -k {folder} -c max_connections=30"
        log = folder / "log"
        control = programs / "pg_ctl"
        _run(user, control, "-D", data, "-w", "-o", options, "-l", log, "start")
        try:
            yield f"postgresql://rr@/postgres?host={quote(str(folder))}"
        finally:
            _run(user, control, "-D", data, "-w", "-m", "immediate", "stop")


def _unprivileged() -> pwd.struct_passwd | None:
    """Return a user to become; ``None`` where the tests do not run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in _NOBODY if name in known)


def _run(user: pwd.struct_passwd | None, program: Path, *words: object) -> None:
    """Run a program of the server as a user who is not root."""
    done = subprocess.run(
        [str(program), *map(str, words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
        text=True, timeout=_PATIENCE_S, cwd="/",
        user=user.pw_uid if user else None, group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
