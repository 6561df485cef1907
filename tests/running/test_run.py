"""Runs: the same results for any number of workers, and after an end of any kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import toys
from toys import calls, ran

from rightrig.errors import InputError, MissingError
from rightrig.running.pool import on_this_machine
from rightrig.running.run import run

if TYPE_CHECKING:
    from rightrig.running.tasks import Row

COUNT: Final = 40
PROGRAM: Final = Path(toys.__file__)
FILES: Final = ("results.csv", "results.jsonl")


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The results of a run that nothing disturbed, by one worker."""
    folder = tmp_path_factory.mktemp("whole")
    ran(folder, toys.toys(COUNT), jobs=1)
    return contents(folder)


def begun(folder: Path, sleep_s: float = 0.03) -> subprocess.Popen[str]:
    """Start a run of its own, and wait until it has finished some tasks."""
    command = [sys.executable, str(PROGRAM), str(folder), str(COUNT), str(sleep_s)]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    journal = folder / "journal.jsonl"
    for _ in range(1000):
        if journal.exists() and journal.read_bytes().count(b"\n") > 5:
            return program
        time.sleep(0.02)
    program.kill()
    pytest.fail("the run finished nothing")


def test_results_are_the_same_for_any_number_of_workers(tmp_path: Path, whole: list[bytes]) -> None:
    ran(tmp_path, toys.toys(COUNT), jobs=3)
    assert contents(tmp_path) == whole
    header, *lines = (tmp_path / "results.csv").read_text().splitlines()
    assert header == "id,square,third"
    assert lines[7] == f"t7,49,{7 / 3!r}"
    assert json.loads((tmp_path / "results.jsonl").read_text().splitlines()[7])["third"] == 7 / 3


def test_after_a_kill_no_finished_work_is_done_again_and_the_results_are_the_same(
    tmp_path: Path, whole: list[bytes]
) -> None:
    program = begun(tmp_path)
    program.kill()
    program.communicate()
    time.sleep(0.3)  # a worker that lived on would finish its task
    before = (tmp_path / "journal.jsonl").read_bytes()
    finished = before.count(b"\n") - 1
    called = len(calls(tmp_path))
    assert not (tmp_path / "results.csv").exists()
    again = ran(tmp_path, toys.toys(COUNT))
    assert again.reused_count == finished
    assert again.computed_count == COUNT - finished > 0
    assert len(calls(tmp_path)) == called + COUNT - finished
    assert (tmp_path / "journal.jsonl").read_bytes().startswith(before)
    assert contents(tmp_path) == whole


def lives(group: int) -> bool:
    """Say whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    program = begun(tmp_path)
    group = os.getpgid(program.pid)
    program.kill()
    program.communicate()
    until_s = time.monotonic() + 20.0  # what it was waits for init to take it away
    while lives(group) and time.monotonic() < until_s:
        time.sleep(0.02)
    lived_on = lives(group)
    if lived_on:
        os.killpg(group, signal.SIGKILL)
    assert not lived_on


def test_ctrl_c_ends_at_once_without_a_trace_and_leaves_what_was_done(
    tmp_path: Path, whole: list[bytes]
) -> None:
    program = begun(tmp_path, 0.05)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to all processes
    _, err = program.communicate(timeout=10)
    assert (program.returncode, err) == (130, "")
    finished = (tmp_path / "journal.jsonl").read_bytes().count(b"\n") - 1
    assert 0 < finished < COUNT
    assert ran(tmp_path, toys.toys(COUNT)).reused_count == finished
    assert contents(tmp_path) == whole


def test_a_second_run_computes_nothing(tmp_path: Path, whole: list[bytes]) -> None:
    ran(tmp_path, toys.toys(COUNT))
    again = ran(tmp_path, toys.toys(COUNT))
    assert (again.reused_count, again.computed_count) == (COUNT, 0)
    assert len(calls(tmp_path)) == COUNT
    assert contents(tmp_path) == whole


def test_of_other_tasks_only_those_that_are_new_are_computed(tmp_path: Path) -> None:
    ran(tmp_path, toys.toys(5))
    more = ran(tmp_path, [*reversed(toys.toys(3)), toys.Toy("new", 9)])
    assert (more.reused_count, more.computed_count) == (3, 1)
    assert calls(tmp_path)[5:] == ["new"]
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "t2", "t1", "t0", "new"]
    assert ran(tmp_path, toys.toys(5)).computed_count == 0


def test_a_torn_last_line_is_done_again(tmp_path: Path) -> None:
    ran(tmp_path, toys.toys(4), jobs=1)
    before = contents(tmp_path)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    again = ran(tmp_path, toys.toys(4), jobs=1)
    assert (again.torn_count, again.reused_count, again.computed_count) == (1, 3, 1)
    assert contents(tmp_path) == before
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_task_that_raises_fails_alone_and_for_good(tmp_path: Path) -> None:
    tasks = toys.toys(6, t2="raises", t3="is no number")
    first, second = ran(tmp_path, tasks), ran(tmp_path, tasks)
    for found in (first, second):
        assert found.errors["t2"] == "ValueError: no such square"
        assert "JSON" in found.errors["t3"]
        assert set(found.rows) == {"t0", "t1", "t4", "t5"}
    assert second.computed_count == 0


def test_a_worker_that_is_killed_costs_its_task_alone_after_two_tries(tmp_path: Path) -> None:
    tasks = toys.toys(12, t1="dies")
    found = ran(tmp_path, tasks)
    assert set(found.errors) == {"t1"}
    assert "killed or ran out of memory" in found.errors["t1"]
    assert (found.died_count, found.computed_count) == (1, 12)
    assert Counter(calls(tmp_path))["t1"] == 2
    again = ran(tmp_path, tasks)
    assert (again.reused_count, again.computed_count, again.died_count) == (11, 1, 1)


def test_a_task_whose_worker_was_killed_is_tried_once_more(tmp_path: Path) -> None:
    found = ran(tmp_path, toys.toys(12, t4="dies once"))
    assert (found.errors, found.died_count) == ({}, 0)
    assert Counter(calls(tmp_path))["t4"] == 2


def test_a_worker_that_cannot_get_ready_ends_the_run(tmp_path: Path) -> None:
    work = toys.Squares(str(tmp_path), broken=True)
    with pytest.raises(InputError, match="this worker is another one"):
        run(work, toys.toys(3), tmp_path, on_this_machine, 2, lambda *_: None)
    assert calls(tmp_path) == []
    assert ran(tmp_path, toys.toys(3)).computed_count == 3


class Unreadable:
    """Work that no worker can read."""

    key = "unreadable"

    def prepare(self) -> None:
        raise NotImplementedError

    def __call__(self, task: toys.Toy, /) -> Row:
        raise NotImplementedError

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def test_workers_that_do_not_start_are_told_of_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingError, match="end as soon as they are started"):
        run(Unreadable(), toys.toys(3), tmp_path, on_this_machine, 2, lambda *_: None)
    assert "no number" in capfd.readouterr().err


def test_progress_begins_with_what_was_finished_and_ends_with_all(tmp_path: Path) -> None:
    ran(tmp_path, toys.toys(2))
    told: list[tuple[int, int]] = []
    work = toys.Squares(str(tmp_path))
    run(work, toys.toys(5), tmp_path, on_this_machine, 2, lambda *seen: told.append(seen))
    assert told == [(2, 2), (3, 2), (4, 2), (5, 2)]
