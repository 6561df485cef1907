"""Engines over real HTTP: healthy ones, and servers that hang, drip, flood or lie."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme
from engine_metrics import (
    LLAMA_CPP,
    TENSORRT_ITERATIONS,
    TENSORRT_LLM,
    answering,
    served,
    vllm,
)

from rightrig.errors import InputError
from rightrig.watching.engines.scraping import MOST_BYTES, ask_all, check_engines, scrape

if TYPE_CHECKING:
    from collections.abc import Callable

OK = b"HTTP/1.1 200 OK\r\n"


def test_the_address_of_a_server_will_do() -> None:
    with served({"/metrics": vllm()}) as url:
        for given in (url, f"{url}/", f"{url}/v1", f"{url}/metrics"):
            found = scrape(given)
            assert (found.trouble, found.kind, found.url) == ("", "vllm", given)
            assert found.generation_tokens == 17_729.0


def test_a_server_below_a_path_is_read() -> None:
    with served({"/two/metrics": LLAMA_CPP}) as url:
        assert scrape(f"{url}/two").kind == "llama.cpp"
        assert scrape(f"{url}/two/v1").kind == "llama.cpp"


def test_tensorrt_llm_is_found_under_its_second_address() -> None:
    pages = {"/metrics": TENSORRT_ITERATIONS, "/prometheus/metrics": TENSORRT_LLM}
    with served(pages) as url:
        assert scrape(url).generation_tokens == 3_000.0
        assert scrape(f"{url}/prometheus/metrics").generation_tokens == 3_000.0


def test_its_list_of_iterations_serves_where_there_is_no_other() -> None:
    with served({"/metrics": TENSORRT_ITERATIONS}) as url:
        found = scrape(url)
    assert (found.trouble, found.kind, found.running_count) == ("", "tensorrt-llm", 4.0)


def test_a_server_without_metrics_says_so() -> None:
    with served({}) as url:
        assert scrape(url).trouble == "HTTP 404 at /metrics"
    with served({"/metrics": "<html>hello</html>"}) as url:
        assert "vLLM, SGLang, llama.cpp or TensorRT-LLM" in scrape(url).trouble


def test_nothing_that_listens_is_a_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert scrape(f"http://127.0.0.1:{port}").trouble == "nothing listens there"


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def drip_head(connection: socket.socket) -> None:
    connection.sendall(OK)
    for _ in range(100):
        connection.sendall(b"X-More: 1\r\n"[:1])
        time.sleep(0.05)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    for _ in range(100):
        connection.sendall(b"v")
        time.sleep(0.05)


def send_endless_head(connection: socket.socket) -> None:
    connection.sendall(OK)
    while True:
        connection.sendall(b"X-More: 1\r\n" * 100)


def send_endless_line(connection: socket.socket) -> None:
    connection.sendall(OK + b"X: ")
    while True:
        connection.sendall(b"y" * 65_536)


def flood(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    for _ in range(2 * MOST_BYTES // 65_536):
        connection.sendall(b"#" * 65_536)


def send_bomb(connection: socket.socket) -> None:
    body = gzip.compress(b"0" * 50_000_000)
    connection.sendall(OK + b"Content-Encoding: gzip\r\n\r\n" + body)


def stop_early(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\nvllm:")


def speak_something_else(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")


def say_nothing(connection: socket.socket) -> None:
    del connection


def send_wrong_chunks(connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n")


@pytest.mark.parametrize("answer", [hang, drip_head, drip_body])
def test_a_server_that_takes_its_time_is_left_in_time(
    answer: Callable[[socket.socket], None],
) -> None:
    with answering(answer) as url:
        began_s = time.monotonic()
        found = scrape(url, deadline_s=0.3)
        assert time.monotonic() - began_s < 1.5
    assert found.trouble == "no answer in time"
    assert found.running_count is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (send_endless_head, "headers"),
        (send_endless_line, "LineTooLong"),
        (flood, "longer than 8 MB"),
        (send_bomb, "packs its answer"),
        (stop_early, "ends early"),
        (speak_something_else, "BadStatusLine"),
        (say_nothing, "RemoteDisconnected"),
        (send_wrong_chunks, "IncompleteRead"),
    ],
)
def test_an_answer_that_is_none_is_a_trouble(
    answer: Callable[[socket.socket], None], why: str
) -> None:
    with answering(answer) as url:
        assert why in scrape(url).trouble


@pytest.mark.parametrize("answer", [hang, drip_body])
def test_no_thread_stays_behind(answer: Callable[[socket.socket], None]) -> None:
    with answering(answer) as url:
        scrape(url, deadline_s=0.1)
        end_s = time.monotonic() + 2.0
        while any(one.name == "rightrig-asking" for one in threading.enumerate()):
            assert time.monotonic() < end_s, "the thread of a hanging request goes on"
            time.sleep(0.01)


def test_a_redirect_leads_nowhere() -> None:
    asked: list[str] = []

    def page() -> str:
        asked.append("other")
        return vllm()

    with served({"/metrics": page}) as other:

        def redirect(connection: socket.socket) -> None:
            place = f"Location: {other}/metrics\r\n".encode()
            connection.sendall(b"HTTP/1.1 302 Found\r\n" + place + b"Content-Length: 0\r\n\r\n")

        with answering(redirect) as url:
            assert scrape(url).trouble.startswith(f"HTTP 302: it redirects to {other}")
    assert asked == []


def test_a_certificate_that_nobody_vouches_for_is_a_trouble() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(OSError):  # noqa: PT011 - the client goes away, somehow
            context.wrap_socket(connection, server_side=True).recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    found = scrape(f"https://localhost:{listener.getsockname()[1]}")
    thread.join()
    listener.close()
    assert "CERTIFICATE_VERIFY_FAILED" in found.trouble


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://a:b@host/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        scrape(url)


def test_a_key_in_an_address_is_sent_and_never_shown() -> None:
    with served({"/metrics?key=hidden": vllm()}) as url:
        found = scrape(f"{url}/metrics?key=hidden")
        assert (found.trouble, found.url) == ("", f"{url}/metrics")
        wrong = scrape(f"{url}/metrics?key=hiddentoo")
    assert "hidden" not in f"{wrong}"
    assert wrong.trouble == "HTTP 404 at /metrics"
    with pytest.raises(InputError, match="name or password: leave it out") as refused:
        scrape("http://me:hidden@127.0.0.1:9/metrics")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "other", ["http://h:8000/", "http://h:8000/v1", "http://H:8000/metrics?key=hidden"]
)
def test_an_engine_that_is_named_twice_is_refused(other: str) -> None:
    check_engines(["http://h:8000", "http://h:8001", "http://h:8000/b"])
    with pytest.raises(InputError, match=r"names http.* twice") as refused:
        check_engines(["http://h:8000", other])
    assert "hidden" not in str(refused.value)


def test_many_engines_are_asked_at_once() -> None:
    with answering(hang) as stuck, served({"/metrics": vllm()}) as url:
        began_s = time.monotonic()
        answers = ask_all([stuck, url, stuck], 0.5)
        assert answers[1].result().kind == "vllm"
        assert time.monotonic() - began_s < 0.5
        assert [one.result().trouble for one in answers] == [
            "no answer in time", "", "no answer in time",
        ]  # fmt: skip
        assert time.monotonic() - began_s < 1.5
    with pytest.raises(InputError):
        ask_all(["nowhere"])[0].result()


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, float("nan"), 1e9])
def test_a_deadline_that_is_none_is_refused(deadline_s: float) -> None:
    with pytest.raises(InputError, match="deadline"):
        scrape("http://127.0.0.1:9", deadline_s)
