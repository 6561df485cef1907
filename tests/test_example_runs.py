"""Examples of the documentation run in this process as they would in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from scripts import ROOT, load_script

RUNS: Final = load_script("docs/example_runs.py")


def in_a_process_of_its_own(line: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **RUNS.SETTINGS, "PATH": programs}
    done = subprocess.run(
        ["/bin/bash", "-c", line], cwd=ROOT, env=environment, check=False, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "rightrig fit llama-3.1-8b --on 1xrtx-4090 \\\n  | grep -E 'fits|GiB' | head -n 3\n",
        "rightrig fit llama-3.1-8b --on 1xrtx-4090-super\n",
    ],
)
def test_it_prints_the_same(line: str) -> None:
    assert RUNS.printed_by(line) == in_a_process_of_its_own(line)


@pytest.mark.parametrize(
    ("line", "own", "rest"),
    [
        ("rightrig fit a --on b | head -n 3", ["rightrig", "fit", "a", "--on", "b"], " head -n 3"),
        ("rightrig fit 'a | b'", ["rightrig", "fit", "a | b"], ""),
        ("rightrig fit a; echo done", None, ""),
        ("rightrig fit a --save $HOME", None, ""),
        ("rightrig fit a > file", None, ""),
        ("X=1 rightrig fit a", None, ""),
        ("rightrig fit *.toml", None, ""),
    ],
)
def test_what_needs_a_shell_is_left_to_one(line: str, own: list[str] | None, rest: str) -> None:
    words, _, after = RUNS.parts(line)
    assert words == own
    assert own is None or after == rest


def test_nothing_of_a_run_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    before = (dict(os.environ), sys.argv, Path.cwd())
    assert RUNS.printed_by("rightrig --version").startswith("rightrig ")
    assert (dict(os.environ), sys.argv, Path.cwd()) == before


def test_a_crash_is_no_example(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashed() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rightrig.cli.main", crashed)
    with pytest.raises(RuntimeError, match="is not written"):
        RUNS.printed_by("rightrig --version")
