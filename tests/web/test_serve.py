"""``rightrig serve`` says where it is, what it lacks, and ends with everything it started."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from rightrig.web.serving import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from program import Program

SERVE: Final = (sys.executable, "-m", "rightrig", "serve")


@contextmanager
def started(*words: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a server as a process of its own, and its address."""
    server = subprocess.Popen(
        [*SERVE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **variables}, start_new_session=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://\S+/", line)
        assert found is not None, (line, server.stderr.read() if server.stderr else "")
        yield server, found[0]
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def group_ends(pid: int, within_s: float = 20.0) -> bool:
    """Whether no process of a group is left soon."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_an_interrupt_ends_the_server_and_its_workers() -> None:
    with started("--port", "0", "--workers", "1") as (server, url):
        found = httpx.get(f"{url}api/v1/risk/rig?on=1xl4", timeout=60.0)
        assert found.headers["rightrig-answer"] == "yes"
        server.send_signal(signal.SIGINT)
        out, told = server.communicate(timeout=30.0)
        assert server.returncode in {0, 130}
        assert (out, told) == ("", "")
        assert group_ends(server.pid)


def test_who_waits_when_the_server_ends_is_told() -> None:
    with started("--port", "0", "--workers", "1") as (server, url):
        host = url.removeprefix("http://").rstrip("/")
        name, _, port = host.partition(":")
        path = "/api/v1/simulate?model=qwen3-8b&on=1xl40s&rate=2/s&requests=1000000&output=500"
        with socket.create_connection((name, int(port)), timeout=30.0) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            time.sleep(0.5)
            server.send_signal(signal.SIGINT)
            _, told = server.communicate(timeout=30.0)
            assert client.recv(4096).startswith(b"HTTP/1.1 503 ")
        assert "Traceback" not in told
        assert group_ends(server.pid)


def test_several_processes_hear_at_one_address() -> None:
    token = "0123456789abcdef"  # noqa: S105 - of the tests
    words = ("--port", "0", "--processes", "2", "--workers", "1")
    with started(*words, RIGHTRIG_TOKEN=token) as (server, url):
        tags = {httpx.get(f"{url}api/v1/risk/presets", timeout=60.0).headers["etag"]
                for _ in range(8)}  # fmt: skip
        assert len(tags) == 1
        server.send_signal(signal.SIGINT)
        out, told = server.communicate(timeout=30.0)
        assert server.returncode in {0, 130}
        assert "rightrig answers" not in out
        assert token not in told
        assert group_ends(server.pid)


def test_a_busy_port_is_one_sentence(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = program.run("serve", "--port", port)
    assert code == 3
    assert err.count("\n") == 1
    assert "--port 0" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--port", "70000"), "--port is 70000"),
        (("--host", "no.such.host.invalid"), "no address of this machine"),
        (("--measured", __file__), "is no folder"),
        (("--token-file", "/nowhere/token"), "there is no such file"),
    ],
)
def test_wrong_words_are_one_sentence(
    words: tuple[str, ...], sentence: str, program: Program
) -> None:
    code, _, err = program.run("serve", *words)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_a_short_token_is_refused_and_not_shown(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret7\n", encoding="utf-8")
    code, out, err = program.run("serve", "--token-file", str(file))
    assert code == 2
    assert "secret7" not in err + out


def test_without_the_extra_one_sentence_says_how_to_add_it(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("rightrig.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, err = program.run("serve")
    assert code == 3
    assert "pip install 'rightrig[web]'" in err


def test_other_addresses_than_loopback_are_told() -> None:
    with started("--port", "0", "--host", "0.0.0.0", "--workers", "1") as (server, url):  # noqa: S104
        assert url.startswith("http://localhost:")
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=30.0)
        assert told.count("\n") == 1
        assert "everybody who reaches 0.0.0.0 may ask" in told
    assert not is_loopback("192.168.1.5")
    assert is_loopback("127.1.2.3")
