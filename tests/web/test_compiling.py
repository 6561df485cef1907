"""A server compiles the simulator while it starts, where nothing compiled is kept."""

from __future__ import annotations

import multiprocessing
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rightrig.simulation._jit import are_kernels_kept
from rightrig.verbs.progress import watched_by
from rightrig.web.compiling import compile_ahead, compiling_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Heard:
    """A watcher that counts how often a simulation comes next."""

    def __init__(self) -> None:
        self.count = 0

    def compiling(self) -> None:
        self.count += 1

    @contextmanager
    def shares(self) -> Iterator[None]:
        yield None

    @contextmanager
    def tasks(self, tasks_count: int) -> Iterator[None]:
        del tasks_count
        yield None

    @contextmanager
    def line(self) -> Iterator[None]:
        yield None


@pytest.mark.usefixtures("compiled")
def test_the_simulator_runs_once_where_nothing_compiled_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("rightrig.simulation._jit.KERNELS_FOLDER", str(tmp_path))
    assert not are_kernels_kept()
    heard = Heard()
    with watched_by(heard):  # type: ignore[arg-type] # nobody looks at its bars
        compile_ahead()
        assert heard.count == 1
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "run.nbi").touch()
        compile_ahead()
    assert are_kernels_kept()
    assert heard.count == 1


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rightrig.simulation._jit.KERNELS_FOLDER", "")
    assert not are_kernels_kept()


def test_the_process_that_compiles_holds_nobody_up(
    capfd: pytest.CaptureFixture[str],
) -> None:
    begin = time.monotonic()
    with compiling_ahead():
        started_s = time.monotonic() - begin
    assert started_s < 2.0
    assert time.monotonic() - begin < 5.0
    assert capfd.readouterr() == ("", "")


def test_the_process_ends_with_the_server_however_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It would wait for ever, and the server with it.
    monkeypatch.setattr("rightrig.web.compiling._compile_patiently", signal.pause)
    others = multiprocessing.active_children()
    with compiling_ahead():
        (process,) = (one for one in multiprocessing.active_children() if one not in others)
    assert process.exitcode == -signal.SIGKILL
