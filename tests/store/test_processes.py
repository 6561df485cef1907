"""A run whose process is gone has died; of other machines nobody here can tell."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time

import pytest

from rightrig.store.processes import Writing, is_gone, start_of, this_process


def test_this_process_is_not_gone() -> None:
    assert not is_gone(this_process())


def test_a_process_that_ended_is_gone_even_before_it_is_buried() -> None:
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        alive = seen_from(child.pid)
        assert not is_gone(alive)
        child.kill()
        end_s = time.monotonic() + 10.0
        while not is_gone(alive) and time.monotonic() < end_s:
            time.sleep(0.01)
        assert child.returncode is None, "nobody has waited for it"
        assert is_gone(alive)
    assert is_gone(alive)


def seen_from(pid: int) -> Writing:
    """Return a process as its own runs would describe it."""
    return dataclasses.replace(this_process(), pid=pid, process_started=start_of(pid) or "")


def test_another_process_with_the_same_number_is_not_the_one_that_is_gone() -> None:
    assert is_gone(dataclasses.replace(this_process(), process_started="1"))


def test_what_ran_before_the_machine_started_again_is_gone() -> None:
    who = this_process()
    if not who.boot.partition("/")[0]:
        pytest.skip("this system does not tell its starts apart")
    assert is_gone(dataclasses.replace(who, boot="other/" + who.boot.partition("/")[2]))


def test_of_another_machine_or_container_nothing_is_guessed() -> None:
    dead = dataclasses.replace(this_process(), process_started="1", pid=2**22 + os.getpid())
    assert is_gone(dead)
    assert not is_gone(dataclasses.replace(dead, host="elsewhere"))
    assert not is_gone(dataclasses.replace(dead, boot=dead.boot.partition("/")[0] + "/pid:[1]"))
    assert not is_gone(dataclasses.replace(dead, process_started=""))
