"""The command line: arguments to demand, results to report. No formula lives here.

Nothing of weight is imported before a command runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from typing import Final

_COLLECT_AFTER: Final = 200_000
"""Objects made before rings among them are looked for (Python: 700)."""
_WRITE_FAILS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


def main() -> None:
    """Run the command line; errors of input become one sentence and an exit code."""
    # One thread is enough, and starting more costs a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A third less to compile (26 s, not 39 s) for a simulator as quick (ADR 16).
    os.environ.setdefault("NUMBA_OPT", "2")
    # A command makes many small values that it keeps: looking through them took 15 % of a matrix.
    gc.set_threshold(_COLLECT_AFTER)
    from rightrig.cli.app import app
    from rightrig.errors import RightrigError

    _prepare_output()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except RightrigError as error:
        sys.stderr.write(f"rightrig: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away, as `head` does; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno not in _WRITE_FAILS:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"rightrig: the answer cannot be written: {error.strerror}\n")
        sys.exit(3)


def _prepare_output() -> None:
    """Let any standard output take the answer: a closed one, one that knows few characters."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
