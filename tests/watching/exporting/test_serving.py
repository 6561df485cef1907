"""The server of an exporter: its pages, its bounds, how it begins and how it ends."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from exporter_process import exporting, is_running, needs_nvml
from fake_nvml import build, write_state
from fake_nvml.scenarios import HEALTHY

from rightrig.errors import InputError
from rightrig.watching.exporting.asking import Asked
from rightrig.watching.exporting.exporter import Exporter
from rightrig.watching.exporting.server import MOST_CONNECTIONS, Server, wants_open
from rightrig.watching.runbooks import RUNBOOKS, runbook
from rightrig.watching.states import CardState, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SNAPSHOT = Snapshot(1.0, (CardState(0, "H100", "GPU-0"),), "550")


@contextmanager
def server() -> Iterator[Server]:
    """Yield a server in this process."""
    with Server(Exporter(lambda: SNAPSHOT, Asked, None), "127.0.0.1", 0) as found:
        found.start()
        yield found


def asked(found: Server, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Return the status, the type and the body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", found.server_address[1], timeout=5.0)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_each_runbook_is_a_page() -> None:
    with server() as found:
        for slug in RUNBOOKS:
            status, kind, body = asked(found, f"/runbooks/{slug}")
            assert (status, kind) == (200, "text/markdown; charset=utf-8")
            assert body.decode() == runbook(slug)


@pytest.mark.parametrize("path", ["/metric", "/runbooks/", "/runbooks/../ecc", "/runbooks/none"])
def test_what_is_no_page_says_which_there_are(path: str) -> None:
    with server() as found:
        status, _, body = asked(found, path)
    assert status == 404
    assert b"/metrics" in body


def test_small_pages_and_heads() -> None:
    with server() as found:
        assert asked(found, "/healthz")[::2] == (200, b"ok\n")
        assert asked(found, "/")[2].count(b"\n") == 1
        status, kind, body = asked(found, "/metrics?x=1", "HEAD")
        assert (status, body) == (200, b"")
        assert kind.startswith("text/plain; version=")
        assert asked(found, "/metrics", "POST")[0] == 501


def test_a_browser_gets_plain_text_and_prometheus_what_it_asks_for() -> None:
    assert not wants_open("text/html,*/*;q=0.8")
    prometheus = (
        "application/openmetrics-text;version=1.0.0;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3"
    )
    assert wants_open(prometheus)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text; version=2.0.0", "application/openmetrics-text; version=1."),
        ("application/openmetrics-text; version=abc", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4"),
        ("\x7f;;=;q=x" * 500, "text/plain; version=0.0.4"),
    ],
)
def test_whatever_is_asked_for_the_format_is_one_that_is_written(accept: str, kind: str) -> None:
    with server() as found:
        port = found.server_address[1]
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)) as connection:
            connection.request("GET", "/metrics", headers={"Accept": accept})
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith(kind)
            assert answer.read().endswith(b"# EOF\n") == ("openmetrics" in kind)


def test_scrapers_that_hang_keep_no_other_out() -> None:
    with server() as found, ExitStack() as stack:
        address = ("127.0.0.1", found.server_address[1])
        held = []
        for number in range(3 * MOST_CONNECTIONS):
            one = stack.enter_context(socket.create_connection(address, timeout=5.0))
            # Some never finish to ask, others never read what they get.
            one.sendall(b"GET /metrics HTTP/1.1\r\n" + (b"Host: x\r\n\r\n" if number % 2 else b""))
            held.append(one)
        began_s = time.monotonic()
        assert asked(found, "/metrics")[0] == 200
        assert time.monotonic() - began_s < 2.0
        held[0].settimeout(5.0)
        assert held[0].recv(1) == b""  # the oldest made room


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    exporter = Exporter(lambda: SNAPSHOT, Asked, None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is taken .*--port 0"):
            Server(exporter, "127.0.0.1", port)
    with pytest.raises(InputError, match="--port is 70000"):
        Server(exporter, "127.0.0.1", 70_000)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("", "--host is '': give an address"),  # else everybody could ask
        (" ", "--host is ' ': give an address"),
        ("h\udcff", "give an address"),
        ("no.such.host.invalid", r"is no address of this machine .*0\.0\.0\.0"),
        ("192.0.2.1", r"'192\.0\.2\.1' is no address of this machine \(.*127\.0\.0\.1"),
    ],
)
def test_a_host_that_is_none_of_this_machine_is_refused(host: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Server(Exporter(lambda: SNAPSHOT, Asked, None), host, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@needs_nvml
def test_it_ends_when_told_and_leaves_no_reader(tmp_path: Path, number: int) -> None:
    write_state(tmp_path / "state", HEALTHY)
    with exporting(build(tmp_path / "lib"), tmp_path / "state") as exported:
        (reader,) = exported.readers()
        began_s = time.monotonic()
        assert exported.end(number) == (130 if number == signal.SIGINT else 0)
        assert time.monotonic() - began_s < 3.0
        assert not is_running(reader)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--every", "0.5s"], "cards are read every 1 to 10 s"),
        (["--every", "11s"], "cards are read every 1 to 10 s"),
        (["--every", "soon"], "--every is 'soon'"),
        (["--engine", "nowhere"], "nowhere"),
        (["--deployment", "/no/such/file"], "/no/such/file"),
    ],
)
def test_a_wrong_word_is_one_sentence(words: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "rightrig", "watch", "export", "--port", "0", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60.0)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
