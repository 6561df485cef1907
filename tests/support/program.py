"""The program in this process: what it prints and how it leaves, as its users see it."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

import pytest

from rightrig.cli import main


class Program:
    """Runs commands.

    A command is a text of words as in a shell; more words may follow, which are taken as they are.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *first: str
    ) -> None:
        """Take what stands before every command, such as ``ask``."""
        self._monkeypatch, self._capsys, self._first = monkeypatch, capsys, first

    def run(self, command: str, *words: str) -> tuple[int, str, str]:
        """Return the exit code of a command, its output and its errors."""
        argv = ["rightrig", *self._first, *shlex.split(command), *words]
        self._monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as left:
            main()
        printed = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, printed.out, printed.err

    def said(self, command: str, *words: str) -> tuple[int, str]:
        """Return the exit code and the output of a command that has nothing to complain of."""
        code, out, err = self.run(command, *words)
        assert err == ""
        return code, out

    def lines(self, command: str, *words: str, leaves: int = 0) -> str:
        """Return what a command prints that leaves with a certain exit code."""
        code, out = self.said(command, *words)
        assert code == leaves
        return out

    def text(self, command: str, *words: str, leaves: int = 0) -> str:
        """Return the same on one line."""
        return " ".join(self.lines(command, *words, leaves=leaves).split())

    def json(self, command: str, *words: str, leaves: int = 0) -> Any:
        """Return the JSON of a command, which has no number that JSON does not know."""
        out = self.lines(command, "--json", *words, leaves=leaves)
        return json.loads(out, parse_constant=pytest.fail)

    def refusal(self, command: str, *words: str) -> list[str]:
        """Return the lines of standard error of a wrong command, which prints nothing else."""
        code, out, err = self.run(command, *words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        return err.splitlines()

    def sentence(self, command: str, *words: str) -> str:
        """Return the one sentence that answers a wrong command."""
        (line,) = self.refusal(command, *words)
        assert line.startswith("rightrig: ")
        return line
