"""Engines are real processes here: they start, answer, fail, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from rightrig.errors import InputError
from rightrig.measuring.tune.engine import EngineFailedError, free_port, session_pids, started

SLOTTED: Final = Path(__file__).parents[2] / "support" / "slotted_engine.py"
PATIENCE_S: Final = 20.0
LISTS_PROCESSES: Final = Path("/proc/self/stat").exists()


def command(port: int, *flags: str) -> list[str]:
    """Return the command of an engine."""
    return [sys.executable, str(SLOTTED), "--port", str(port), *flags]


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for is dead too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("flags", [(), ("--no-health",)])
def test_an_engine_is_ready_when_it_answers_and_gone_at_the_end(flags: tuple[str, ...]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(command(port, "--starts-s", "0.3", *flags), url, PATIENCE_S) as running:
        assert running.ready_s >= 0.3
        assert not is_free(port)
        assert running.log.lines == ("serving with 4 slots",)
        running.check()
        if LISTS_PROCESSES:
            assert running.resident_bytes is not None
            assert 1e6 < running.resident_bytes < 1e9
            pids = session_pids(running.pid)
            assert pids
    assert is_free(port)
    if LISTS_PROCESSES:
        assert not any(is_alive(pid) for pid in (*pids, running.pid))


def test_an_engine_that_ends_at_its_start_tells_why() -> None:
    port = free_port()
    with (
        pytest.raises(
            EngineFailedError, match="ended with exit code 1 before it answered"
        ) as found,
        started(command(port, "--slots", "0"), f"http://127.0.0.1:{port}", PATIENCE_S),
    ):
        pytest.fail("it answered")
    assert found.value.log == ("slotted_engine: --slots must be at least 1",)


def test_an_engine_that_does_not_answer_in_time_is_ended() -> None:
    port = free_port()
    begun_s = time.monotonic()
    with (
        pytest.raises(
            EngineFailedError, match=r"did not answer at http://127.0.0.1:\d+ within 1 s"
        ),
        started(command(port, "--starts-s", "60"), f"http://127.0.0.1:{port}", 0.7),
    ):
        pytest.fail("it answered")
    assert time.monotonic() - begun_s < 10.0
    assert is_free(port)


def test_a_program_that_cannot_be_started_is_a_result() -> None:
    port = free_port()
    with (
        pytest.raises(EngineFailedError, match="exit code 127") as found,
        started(["/nowhere/engine"], f"http://127.0.0.1:{port}", PATIENCE_S),
    ):
        pytest.fail("it answered")
    assert found.value.log == ("/nowhere/engine cannot be started: No such file or directory",)


def test_whoever_answers_there_already_is_not_measured_in_its_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(InputError, match=r"something answers at .* already"),
            started(command(port), f"http://127.0.0.1:{port}", PATIENCE_S),
        ):
            pytest.fail("it started")


def test_an_engine_that_ends_under_load_is_noticed() -> None:
    port = free_port()
    with started(command(port), f"http://127.0.0.1:{port}", PATIENCE_S) as running:
        running.check()
        for pid in session_pids(running.pid):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1.0)
        with pytest.raises(EngineFailedError, match="exit code 137"):
            running.check()


@pytest.mark.skipif(not LISTS_PROCESSES, reason="processes of a session are listed on Linux alone")
def test_an_engine_that_ignores_being_asked_and_its_children_are_killed(tmp_path: Path) -> None:
    # Its child leaves the group of processes, as workers of engines do.
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'], process_group=0)\n"
        f"sys.argv = [{str(SLOTTED)!r}, *sys.argv[1:]]\n"
        f"exec(compile(open({str(SLOTTED)!r}).read(), 'slotted', 'exec'))\n"
    )
    port = free_port()
    words = [sys.executable, str(script), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with started(words, url, PATIENCE_S, grace_s=0.5) as running:
        pids = session_pids(running.pid)
        assert len(pids) == 2
    assert is_free(port)
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.skipif(not LISTS_PROCESSES, reason="processes of a session are listed on Linux alone")
def test_an_engine_ends_when_the_measurement_is_killed() -> None:
    port = free_port()
    program = (
        "import sys\n"
        "from rightrig.measuring.tune.engine import session_pids, started\n"
        f"with started({command(port)!r}, 'http://127.0.0.1:{port}', 20.0) as running:\n"
        "    print(*session_pids(running.pid), running.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as measuring:
        assert measuring.stdout is not None
        pids = [int(word) for word in measuring.stdout.readline().split()]
        assert len(pids) == 2
        measuring.kill()
        measuring.wait()
    ends_s = time.monotonic() + 5.0
    while any(is_alive(pid) for pid in pids) and time.monotonic() < ends_s:
        time.sleep(0.02)
    assert not any(is_alive(pid) for pid in pids)
    assert is_free(port)


def test_the_log_keeps_its_end_and_is_bounded() -> None:
    port = free_port()
    noise = "import sys; sys.stdout.write(('x' * 999 + '\\n') * 5000); sys.exit('the end')"
    with (
        pytest.raises(EngineFailedError, match="exit code 1") as found,
        started([sys.executable, "-c", noise], f"http://127.0.0.1:{port}", PATIENCE_S),
    ):
        pytest.fail("it answered")
    assert found.value.log[-1] == "the end"
    assert len(found.value.log) <= 12
    assert max(map(len, found.value.log)) <= 300
