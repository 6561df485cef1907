#!/usr/bin/env python3
"""What a shell prints for an example of the documentation.

    .venv/bin/python docs/example_runs.py 'rightrig --version | head -n 1'

``rightrig`` itself runs in this process, which spares a second of start a command; what follows a
pipe, and a line that asks more of a shell than that, is run by bash.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
PROGRAM: Final = "rightrig"
TRACEBACK: Final = "Traceback (most recent call last)"
# No catalogue of the user is read, and the shipped prices count.
SETTINGS: Final = {"COLUMNS": "80", "RIGHTRIG_CATALOG": "", "RIGHTRIG_PRICES": "shipped"}
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"$`\\]*\"")
_OF_A_SHELL: Final = re.compile(r"[;&<>$`\\\"'*?]")


def printed_by(command: str) -> str:
    """Return what a shell prints for a command, errors too, in a pipe 80 columns wide.

    Raises:
        RuntimeError: for a program that crashed.
    """
    own, pipe, rest = parts(" ".join(command.replace("\\\n", " ").split("\n")))
    if own is None:
        text = _shell(command).decode("utf-8")
    else:
        answer, errors = _here(own)
        text = errors + (_shell(rest, answer) if pipe else answer).decode("utf-8")
    if TRACEBACK in text:
        raise RuntimeError(f"an example crashed, and is not written: {command}\n{text}")
    return text


def parts(line: str) -> tuple[list[str] | None, bool, str]:
    """Return the words of ``rightrig``, whether a pipe follows, and what that runs.

    There are no words where the line needs a shell before its first pipe.
    """
    bare = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    end = bare.find("|")
    own = bare if end < 0 else bare[:end]
    is_plain = own.split()[:1] == [PROGRAM] and not _OF_A_SHELL.search(own) and ";" not in bare
    words = shlex.split(line[: len(own)]) if is_plain else None
    return words, end >= 0, line[len(own) + 1 :]


def _here(words: list[str]) -> tuple[bytes, str]:
    """Return what the program writes for these words to its output, and to its errors."""
    from rightrig.cli import main  # noqa: PLC0415 - after the settings, as in a process of its own

    written, complained = io.BytesIO(), io.BytesIO()
    output, errors = (
        io.TextIOWrapper(one, encoding="utf-8", write_through=True) for one in (written, complained)
    )
    with _settings(words), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit:
            pass
        except Exception as error:
            raise RuntimeError(f"an example crashed, and is not written: {words}") from error
    return written.getvalue(), complained.getvalue().decode("utf-8")


@contextlib.contextmanager
def _settings(words: list[str]) -> Iterator[None]:
    """Set what a process of its own would be given, and set it back."""
    before, argv = dict(os.environ), sys.argv
    os.environ.update(SETTINGS)
    sys.argv = words
    try:
        with contextlib.chdir(ROOT):
            yield
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)


def _shell(line: str, given: bytes | None = None) -> bytes:
    """Return what bash prints for a line, errors too."""
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    found = subprocess.run(  # noqa: S603 - the examples are the project's own
        ["/bin/bash", "-c", line],
        cwd=ROOT,
        env={**os.environ, **SETTINGS, "PATH": path},
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return found.stdout


if __name__ == "__main__":
    sys.stdout.write(printed_by(" ".join(sys.argv[1:])))
