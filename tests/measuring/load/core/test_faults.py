"""Every way in which a server fails is counted by its kind, and none becomes a latency."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trustme
from mock_llm_process import MockLlm, mock_llm

from rightrig.demand.lengths import Fixed
from rightrig.demand.objective import Slo
from rightrig.demand.scenario import Scenario, sample
from rightrig.errors import MissingError
from rightrig.measuring.load.level import measure_level
from rightrig.measuring.load.outcome import Level, LevelOutcome
from rightrig.measuring.load.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.faults import Kind

FAULTS: dict[str, Kind] = {
    "429": "rate-limited",
    "503": "overloaded",
    "404": "client-error",
    "500": "server-error",
    "redirect": "redirect",
    "reset": "reset",
    "closed": "reset",
    "truncated": "truncated",
    "unended": "truncated",
    "malformed": "malformed",
    "lines": "malformed",
    "no-http": "malformed",
    "bad-chunk": "malformed",
    "hang": "timeout",
    "hang-midway": "timeout",
    "empty": "empty",
    "no-body": "empty",
    "json": "not-stream",
    "told": "told-error",
    "gzip": "encoded",
    "long-line": "too-long",
}


def few(count: int = 8) -> Requests:
    return sample(Scenario(input=Fixed(tokens=16), output=Fixed(tokens=8)), count)


def loaded(url: str, level: Level, *, timeout_s: float = 0.6, **mock: object) -> LevelOutcome:
    target = Target(url, "mock", extra_body={"mock": mock}, timeout_s=timeout_s)
    return measure_level(target, few(level.requests_count), level, Slo(ttft_p99_s=1.0))


def closed(count: int = 8) -> Level:
    return Level(
        "closed", concurrency=4, requests_count=count, duration_s=8.0, drain_s=2.0, warmup_s=0.0
    )


@pytest.fixture(scope="module")
def server() -> Iterator[MockLlm]:
    with mock_llm(first_s=0.01, gap_s=0.002) as found:
        yield found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_counted_by_its_kind_and_has_no_latency(server: MockLlm, fault: str) -> None:
    timeout_s = 0.3 if FAULTS[fault] == "timeout" else 20.0
    found = loaded(server.url, closed(), timeout_s=timeout_s, fault=fault)
    assert found.faults == {FAULTS[fault]: 8}
    assert found.ok_count == 0
    assert found.error_ratio == 1.0
    assert found.good_ratio == 0.0
    assert set(found.latencies) <= {"lag"}
    assert found.output_tokens_per_s == 0.0
    assert not found.kept[0].is_kept


def test_what_the_server_says_is_told(server: MockLlm) -> None:
    found = loaded(server.url, closed(), fault="404")
    assert found.details == {"client-error": 'status 404: {"error": "no such model"}'}


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_good_answers_beside_bad_ones_are_measured_as_ever(server: MockLlm, fault: str) -> None:
    found = loaded(server.url, closed(60), fault=fault, fault_share_ratio=0.25)
    assert found.faults == {FAULTS[fault]: 15}
    assert found.ok_count == 45
    assert found.good_ratio == pytest.approx(0.75)
    ttft = found.latencies["ttft_sent"]
    assert ttft.count == 45
    assert ttft.min_s >= 0.009  # timers of the server ring on whole milliseconds
    assert np.isfinite(found.samples.gaps_s).all()
    assert (found.samples.output_tokens[~found.samples.is_ok] == 0).all()


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert loaded(f"http://127.0.0.1:{port}", closed()).faults == {"refused": 8}


def test_a_name_that_is_not_known() -> None:
    assert loaded("http://no-such-host.invalid", closed()).faults == {"unresolved": 8}


@contextlib.contextmanager
def never_accepting() -> Iterator[str]:
    """Yield a server that accepts no connection: two fill the line of those that wait for it."""
    with socket.socket() as full, contextlib.ExitStack() as held:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            one = held.enter_context(socket.socket())
            one.setblocking(False)  # noqa: FBT003 - socket's own
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


def test_a_host_that_never_accepts_is_given_up() -> None:
    with never_accepting() as url:
        target = Target(url, "mock", timeout_s=0.5, connect_timeout_s=0.3)
        found = measure_level(target, few(2), Level("closed", concurrency=2, requests_count=2))
    assert found.faults == {"timeout": 2}
    assert found.duration_s < 3.0


def test_what_still_connects_when_the_time_is_over_is_unfinished() -> None:
    level = Level("closed", concurrency=2, requests_count=2, duration_s=0.3, drain_s=0.1)
    with never_accepting() as url:
        found = measure_level(Target(url, "mock"), few(2), level)
    assert found.faults == {"unfinished": 2}
    assert found.duration_s < 2.0


def test_tls_that_is_not_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    path = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with mock_llm_over_tls(path) as url:
        assert loaded(url, closed()).faults == {"tls": 8}
        trusting = Target(url, "mock", ca_file=tmp_path / "authority.pem")
        found = measure_level(trusting, few(), closed())
        assert (found.ok_count, found.faults) == (8, {})


@contextlib.contextmanager
def mock_llm_over_tls(path: Path) -> Iterator[str]:
    with mock_llm(certificate=str(path)) as found:
        yield found.url


def test_tls_where_there_is_none(server: MockLlm) -> None:
    found = loaded(server.url.replace("http:", "https:"), closed())
    assert set(found.faults) <= {"tls", "reset", "timeout"}
    assert sum(found.faults.values()) == 8


def test_no_tls_where_there_is_some(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    with mock_llm_over_tls(path) as url:
        found = loaded(url.replace("https:", "http:"), closed())
    assert set(found.faults) <= {"malformed", "reset"}
    assert sum(found.faults.values()) == 8


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    target = Target("https://127.0.0.1:1", "mock", ca_file=tmp_path / "none.pem")
    with pytest.raises(MissingError, match=r"none\.pem"):
        measure_level(target, few(), closed())


def test_a_line_of_100_megabytes_is_not_kept(server: MockLlm) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert loaded(server.url, closed(), fault="long-line", timeout_s=5.0).faults == {"too-long": 8}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000


def test_a_bomb_is_not_unpacked(server: MockLlm) -> None:
    begun_s = time.process_time()
    assert loaded(server.url, closed(), timeout_s=20.0, fault="gzip").faults == {"encoded": 8}
    assert time.process_time() - begun_s < 2.0


def test_a_redirect_is_not_followed(server: MockLlm) -> None:
    server.reset()
    loaded(server.url, closed(), fault="redirect")
    assert server.stats()["requests_count"] == 8


def test_users_rest_as_long_as_the_server_says(server: MockLlm) -> None:
    found = loaded(server.url, closed(), fault="429", retry_after="0.5")
    # Four users, two requests each: one pause between them, and one after the last.
    assert 0.5 <= found.duration_s < 3.0
    gaps = np.diff(np.sort(found.samples.sent_s))
    assert gaps.max() >= 0.45


def test_a_rate_does_not_wait_for_the_server(server: MockLlm) -> None:
    level = Level("open", rate_requests_per_s=50.0, requests_count=40, duration_s=8.0)
    found = loaded(server.url, level, fault="503", retry_after="5")
    assert found.faults == {"overloaded": found.requests_count}
    assert found.duration_s < 4.0


def test_done_is_done_though_the_connection_stays(server: MockLlm) -> None:
    found = loaded(server.url, closed(), fault="open-after-done", timeout_s=30.0)
    assert (found.ok_count, found.faults) == (8, {})
    assert found.duration_s < 6.0


def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    with closing_after_each() as url:
        found = measure_level(
            Target(url, "mock"), few(6), Level("closed", concurrency=1, requests_count=6)
        )
    assert (found.ok_count, found.faults) == (6, {})
    assert found.client.reconnects_count >= 1


@contextlib.contextmanager
def closing_after_each() -> Iterator[str]:
    """Yield a server that promises to keep a connection, and closes it when it is used again."""
    body = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer:
                if peer.recv(65_536):
                    peer.sendall(head % len(body) + body)
                    peer.recv(65_536)  # the next request, which is not answered

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


@pytest.mark.parametrize(("usage", "word"), [("low", "fewer tokens"), ("high", "more tokens")])
def test_a_server_that_counts_wrong_is_reported(server: MockLlm, usage: str, word: str) -> None:
    found = loaded(server.url, closed(), usage=usage)
    assert (found.ok_count, found.usage.wrong_count) == (8, 8)
    assert word in found.usage.notes[0]


def test_without_usage_chunks_are_counted_and_it_is_said(server: MockLlm) -> None:
    found = loaded(server.url, closed(), usage="none")
    assert found.usage.source == "chunks"
    assert "chunks" in found.usage.notes[0]
    assert (found.samples.output_tokens == 8).all()


def test_chunks_of_several_tokens_are_counted_by_the_server(server: MockLlm) -> None:
    found = loaded(server.url, closed(), per_chunk_tokens=4)
    assert found.usage.source == "usage"
    assert found.usage.wrong_count == 0
    assert (found.samples.output_tokens == 8).all()
    assert (found.samples.chunks_count == 2).all()


@pytest.mark.parametrize("member", ["stream_options", "ignore_eos", "min_tokens"])
def test_what_a_server_refuses_to_know_is_left_out(server: MockLlm, member: str) -> None:
    server.reset()
    found = loaded(server.url, closed(), refuses=[member])
    assert (found.ok_count, found.faults) == (8, {})
    assert any("refuses" in note for note in found.notes)
    # The time that a refusal took is counted nowhere.
    assert found.latencies["lag"].max_s < 0.02
    # The four that were under way at first were asked twice.
    assert server.stats()["requests_count"] == 12
    assert member not in server.bodies()[-1]


FEW_FILES = """
import resource, sys
from rightrig.demand.lengths import Fixed
from rightrig.demand.scenario import Scenario, sample
from rightrig.measuring.load.level import measure_level
from rightrig.measuring.load.outcome import Level
from rightrig.measuring.load.target import Target

requests = sample(Scenario(input=Fixed(tokens=8), output=Fixed(tokens=20)), 64)
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
level = Level("closed", concurrency=64, requests_count=64, duration_s=5.0)
found = measure_level(Target(sys.argv[1], "mock"), requests, level)
print(found.validity.verdict, sorted(found.faults), found.ok_count > 0)
"""


def test_a_machine_that_has_no_more_connections_blames_itself(server: MockLlm) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, server.url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "CLIENT-LIMITED ['exhausted'] True\n"
    assert done.stderr == ""
