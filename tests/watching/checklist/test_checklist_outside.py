"""Reading from outside: whatever a server does, an answer comes in time and from nowhere else."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.watching import asking
from rightrig.watching.checklist import names, outside, prometheus
from rightrig.watching.checklist.exporter import read_exporter, seen_of
from rightrig.watching.checklist.outside import address_of, read
from rightrig.watching.checklist.rules_file import read_rules_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rightrig.measuring.addresses import Address


def text(body: str, status: int = 200, **headers: str) -> Callable[..., None]:
    """Return what answers with a text."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


@contextmanager
def server(answers: Mapping[str, Callable[..., None]]) -> Iterator[str]:
    """Yield the address of a server; ``asked`` of an answer by the path without its query."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.get(self.path.partition("?")[0], text("none", 404))(self)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    served.block_on_close = False
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()
        served.server_close()


def at(url: str) -> Address:
    return address_of("--prometheus", url)


def test_a_path_lies_below_that_of_the_address() -> None:
    with server({"/prom/-/ready": text("yes")}) as url:
        assert read(at(f"{url}/prom/"), "/-/ready").text == "yes"
        reply = read(at(url), "/-/ready")
        assert (reply.status, reply.trouble) == (404, "HTTP 404 at /-/ready")


def test_a_redirection_is_told_and_not_followed() -> None:
    asked: list[str] = []

    def elsewhere(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        text("secret")(request)

    with server({"/secret": elsewhere, "/a": text("", 302, Location="/secret")}) as url:
        reply = read(at(url), "/a")
    assert (reply.text, asked) == ("", [])
    assert "redirects to /secret" in reply.trouble


def drip(request: http.server.BaseHTTPRequestHandler) -> None:
    """Send a byte of a header now and then, for ever."""
    try:
        while True:
            request.wfile.write(b"H")
            request.wfile.flush()
            time.sleep(0.02)
    except OSError:
        return


def stay_silent(request: http.server.BaseHTTPRequestHandler) -> None:
    """Wait until the other side goes away."""
    request.connection.settimeout(30.0)
    request.rfile.read(1)


def never_end(request: http.server.BaseHTTPRequestHandler) -> None:
    """Send without end."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b"x" * 65_536)
    except OSError:
        return


@pytest.mark.parametrize("bad", [drip, stay_silent])
def test_a_server_that_hangs_or_drips_is_left_in_time(bad: Callable[..., None]) -> None:
    begun_s = time.monotonic()
    with server({"/": bad}) as url:
        assert read(at(url), "/", deadline_s=0.3).trouble == asking.LATE
    assert time.monotonic() - begun_s < 5.0


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "MOST_BYTES", 1_000_000)
    with server({"/": never_end}) as url:
        assert read(at(url), "/").trouble == "its answer is longer than 1 MB"


def test_where_nothing_listens_that_is_said() -> None:
    with server({}) as url:
        pass
    assert read(at(url), "/").trouble == "nothing listens there"
    assert read(at("http://no-such-host.invalid"), "/").trouble in {asking.ABSENT, asking.LATE}


def test_nonsense_in_place_of_http_is_a_trouble() -> None:
    def nonsense(request: http.server.BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"\x00\xff\x00 what\r\n\r\n")

    with server({"/": nonsense}) as url:
        assert "BadStatusLine" in read(at(url), "/").trouble


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9090", "ftp://host", "http://", "http://a b", "http://user:secret@host",
        "http://host:99999", "http://host/?a=b", "http://host/#x", "http://hö", "file:///etc/passwd",
        "http://host\r\nX: y", "http://" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_option(url: str) -> None:
    with pytest.raises(InputError, match="--prometheus") as refused:
        at(url)
    assert "secret" not in str(refused.value)


# Prometheus


def api(data: object) -> Callable[..., None]:
    return text(json.dumps({"status": "success", "data": data}))


WRONG: Final = [
    text("<html>"), text("[]"), text('{"status": "error", "error": "x"}'), text("[" * 100_000),
    text("down", 503),
]  # fmt: skip


@pytest.mark.parametrize("answer", WRONG)
def test_what_is_no_prometheus_is_a_trouble_of_everything(answer: Callable[..., None]) -> None:
    paths = ("/api/v1/query", "/api/v1/rules", "/api/v1/alertmanagers")
    with server(dict.fromkeys(paths, answer)) as url:
        assert prometheus.read_metrics(at(url)).trouble
        assert prometheus.read_rules(at(url)).trouble
        assert prometheus.read_alertmanagers(at(url)).trouble


ODD: Final[list[object]] = [
    None, [], {}, {"result": None}, {"result": [None, 3, {"metric": 1, "values": []}]},
    {"groups": [None, {"rules": None}, {"rules": [None, {"type": "recording"}]}]},
    {"activeAlertmanagers": [None, {"url": 3}]},
]  # fmt: skip


@pytest.mark.parametrize("data", ODD)
def test_odd_answers_of_a_prometheus_are_nothing(data: object) -> None:
    paths = ("/api/v1/query", "/api/v1/rules", "/api/v1/alertmanagers")
    with server(dict.fromkeys(paths, api(data))) as url:
        assert prometheus.read_metrics(at(url)).samples == ()
        assert prometheus.read_rules(at(url)).alerts == ()
        assert prometheus.read_alertmanagers(at(url)).ready == ()


def test_an_alertmanager_that_answers_otherwise_is_not_ready() -> None:
    with server({"/am/-/ready": text("starting", 503)}) as manager:
        found = {"activeAlertmanagers": [{"url": f"{manager}/am/api/v2/alerts"}]}
        with server({"/api/v1/alertmanagers": api(found)}) as url:
            seen = prometheus.read_alertmanagers(at(url))
    assert (seen.ready, dict(seen.silent)) == ((), {})
    assert list(seen.refused.values()) == ["HTTP 503 at /am/-/ready"]


# An exporter

PAGE: Final = f"""# HELP {names.GPU[0]} x
# TYPE {names.GPU[0]} gauge
{names.GPU[0]}{{gpu="0",UUID="GPU-0"}} 0.5
# TYPE {names.MEMORY[0]} gauge
{names.MEMORY[0]}{{gpu="0",UUID="GPU-0"}} NaN
# TYPE {names.AGE} gauge
{names.AGE}{{Hostname="h"}} 7.5
other_metric 1
"""


def test_an_exporter_tells_what_it_last_read_and_how_old_that_is() -> None:
    with server({"/metrics": text(PAGE)}) as url:
        for address in (url, f"{url}/metrics"):
            seen = read_exporter(address_of("--exporter", address))
            (sample,) = seen.samples
            assert (sample.name, sample.value, sample.age_s) == (names.GPU[0], 0.5, 7.5)


@pytest.mark.parametrize("page", ["{", "a{b=c} 1", 'a{b="c"', "a b c d", "a one"])
def test_what_is_no_page_of_metrics_is_a_trouble_or_nothing(page: str) -> None:
    seen = seen_of("http://e", page)
    assert seen.samples == ()


PIECES: Final = ('x{a="b"} 1\n', "# TYPE x counter\n", "{", "}", '"', "x", " ", "1e999", "\\")


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text(max_size=200))
def test_a_page_of_garbage_is_a_trouble_or_has_no_sample(text: str) -> None:
    seen = seen_of("http://e", text)
    assert seen.samples == ()


def test_an_exporter_that_is_down_is_a_trouble() -> None:
    with server({}) as url:
        assert read_exporter(at(url)).trouble == "HTTP 404 at /metrics"


# A file of rules


def test_a_file_of_rules_gives_its_alerts(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(
        "groups:\n- name: a\n  rules:\n  - record: x\n    expr: 1\n"
        "  - alert: Hot\n    expr: 1\n    annotations: {runbook_url: http://x/thermal}\n"
        "  - alert: Bare\n    expr: 1\n",
        encoding="utf-8",
    )
    seen = read_rules_file(str(path))
    assert [(one.name, one.runbook_url) for one in seen.alerts] == [
        ("Hot", "http://x/thermal"), ("Bare", ""),
    ]  # fmt: skip
    assert not seen.is_loaded


@pytest.mark.parametrize(
    "content", ["", "a: [", "- 1", "groups: 3", "a: &a [*a]", "!!python/object/apply:os.abort []"]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"rules\.yml"):
        read_rules_file(str(path))
    with pytest.raises(InputError, match=r"nothing\.yml"):
        read_rules_file(str(tmp_path / "nothing.yml"))
