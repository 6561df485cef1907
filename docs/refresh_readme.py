#!/usr/bin/env python3
"""Run the examples of the documentation again, and write what they print below them.

    .venv/bin/python docs/refresh_readme.py [FILE …]

Without a file, every Markdown file of the root and of ``docs`` is refreshed.

An example is a fenced ``console`` block whose first line starts with ``$ rightrig``; it may hold
several commands. What a command prints follows its line. ``tests/test_docs.py`` runs the same
examples and fails when one of them drifts. Lines with a stopwatch's figure or the age of a price
may differ; they alone never rewrite an example.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
PROMPT: Final = "$ "
_BLOCK: Final = re.compile(r"^```console\n(?P<body>\$ rightrig .*?)^```$", re.MULTILINE | re.DOTALL)
_VOLATILE: Final = re.compile(r"\d+\.\d+ s\.|\d+ days old")


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a block, as it is written, and the output that stands below it."""

    command: str
    output: str


def documents() -> tuple[Path, ...]:
    """Return every Markdown file of the project: those of the root and those of ``docs``."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


def blocks(text: str) -> Iterator[tuple[Example, ...]]:
    """Yield the examples of each block of a document."""
    for block in _BLOCK.finditer(text):
        yield tuple(_examples(block["body"]))


def _examples(body: str) -> Iterator[Example]:
    """Yield the commands of a block; a line that ends in a backslash goes on in the next."""
    lines = body.splitlines(keepends=True)
    while lines:
        command = [lines.pop(0)]
        while command[-1].endswith("\\\n"):
            command.append(lines.pop(0))
        output = []
        while lines and not lines[0].startswith(PROMPT):
            output.append(lines.pop(0))
        yield Example("".join(command).removeprefix(PROMPT), "".join(output))


def printed_by(command: str) -> str:
    """Return what a shell prints for a command, errors too, in a pipe 80 columns wide."""
    programs = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "COLUMNS": "80",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    found = subprocess.run(  # noqa: S603 - the examples are the project's own
        ["/bin/bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return found.stdout.decode("utf-8")


def comparable(output: str) -> list[str]:
    """Return the lines that must agree: those that change from run to run are blanked."""
    return [_VOLATILE.sub("~", line).rstrip() for line in output.rstrip().splitlines()]


def refreshed(text: str) -> str:
    """Return a document with what its examples print now."""
    return _BLOCK.sub(lambda block: f"```console\n{_run_again(block['body'])}```", text)


def _run_again(body: str) -> str:
    """Return a block with new outputs; an output that agrees stays as it is."""
    parts = []
    for example in _examples(body):
        now = printed_by(example.command)
        same = comparable(now) == comparable(example.output)
        parts.append(f"{PROMPT}{example.command}{example.output if same else now}")
    return "".join(parts)


def main() -> None:
    """Rewrite the documents whose examples drifted, and name them."""
    named = tuple(Path(argument).resolve() for argument in sys.argv[1:])
    for path in named or documents():
        text = path.read_text(encoding="utf-8")
        new = refreshed(text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"rewrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
