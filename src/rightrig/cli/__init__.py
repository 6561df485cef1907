"""The command line: arguments to demand, results to report. No formula lives here.

Nothing of weight is imported before a command runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; errors of input become one sentence and an exit code."""
    # One thread is enough, and starting more costs a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rightrig.cli.app import app
    from rightrig.errors import RightrigError

    try:
        app()
    except RightrigError as error:
        sys.stderr.write(f"rightrig: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away, as `head` does; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
