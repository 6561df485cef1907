"""A server answers whom it should, reads what it may, and stays up whatever is sent to it."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from web_server import COLD, serving

import rightrig
from rightrig.facts.catalog import shipped
from rightrig.simulation._jit import KERNELS_FOLDER
from rightrig.verbs.table import VERBS
from rightrig.web import doors
from rightrig.web.answering import Failed, Question, answered
from rightrig.web.api.examples import EXAMPLES
from rightrig.web.api.fields import words_of
from rightrig.web.app import created
from rightrig.web.doors import BoundedProtocol
from rightrig.web.safety import CSP, HEADERS
from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN: Final = "a-token-of-the-tests-0123456789"  # noqa: S105 - of the tests
MOST_BYTES: Final = 300_000
TABLE: Final = """\
source,gpu,gpu_count,model,params_b,method,seq_len,batch,\
dtype,tok_s_per_gpu,mfu,tflops,peak_mem_gb,notes
here,h100-sxm,1,llama-3.1-8b,8.03,LoRA,2048,1,bf16,9000,,,20,
"""
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[httpx.Client]:
    settings = Settings(
        token=TOKEN, measured=folder, workers_count=1, most_body_bytes=MOST_BYTES,
        allowed_hosts=("Rig.Example",), warms=False,
    )  # fmt: skip
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60.0) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/", 200), ("GET", "/nothing", 404), ("DELETE", "/api/v1/fit", 405),
        ("POST", "/api/v1/fit", 422), ("GET", "/static/report.css", 200), ("GET", "/csp", 200),
        ("GET", "/static/../app.py", 404), ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/static/%00", 404), ("GET", "/static/..%2f..%2f..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/static//etc/passwd", 404), ("GET", "/static/" + "a/" * 500, 404),
    ],
)  # fmt: skip
def test_every_response_has_the_headers_of_safety(
    method: str, path: str, status: int, server: httpx.Client
) -> None:
    found = server.request(method, path)
    assert found.status_code == status
    for name, value in HEADERS:
        assert found.headers.get_list(name.decode()) == [value.decode()]
    assert "'unsafe" not in CSP
    assert "server" not in found.headers


def test_a_head_is_that_of_the_answer(server: httpx.Client) -> None:
    for path in ("/gpus/l4", "/static/report.css", "/api/v1/risk/presets", "/nothing"):
        whole, head = server.get(path), server.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    "path", ["/plan?model=qwen3-8b&rate=5/s&simulate=10", "/rigs/7xrtx-4090+1xl4"]
)
def test_a_page_that_nobody_waits_for_is_not_made(path: str) -> None:
    app = created(shipped(), Settings(workers_count=1))
    workers = app.state.site.workers
    with serving(app=app) as url:
        host = urlsplit(url).netloc
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port))) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            time.sleep(0.2)
            assert len(workers.all_workers) == 1
        ends_s = time.monotonic() + 5.0
        # The process at work is ended; one that finished would stay for the next question.
        while workers.all_workers and time.monotonic() < ends_s:
            time.sleep(0.01)
        assert workers.all_workers == ()


def test_a_page_that_fails_is_a_problem_with_the_same_headers() -> None:
    app = created(shipped(), COLD)

    def broken() -> None:
        raise ZeroDivisionError

    app.add_api_route("/broken", broken)
    with serving(app=app) as url:
        found = httpx.get(f"{url}/broken", headers={"Accept": "text/html"})
        assert (found.status_code, found.headers["content-security-policy"]) == (500, CSP)
        assert "ZeroDivisionError" in found.text
        assert httpx.get(f"{url}/broken").json()["status"] == 500


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:9", 200), ("[::1]:8000", 200),
        ("rig.example", 200), ("rig.example.:80", 200), ("evil.example", 421), ("", 421),
        ("localhost.evil.example", 421), ("127.0.0.1.evil.example:80", 421), ("::1", 421),
        ("localhost:8000:evil", 421), ("169.254.169.254", 421),
    ],
)  # fmt: skip
def test_only_its_own_names_are_answered(host: str, status: int, server: httpx.Client) -> None:
    assert server.get("/api/v1/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
    ],
)
def test_a_page_of_somebody_else_cannot_post(
    headers: dict[str, str], status: int, server: httpx.Client
) -> None:
    found = server.post("/api/v1/risk/rig", json={"on": "1xl4"}, headers=headers)
    assert found.status_code == status
    own = f"http://{urlsplit(str(server.base_url)).netloc}"
    mine = server.post("/api/v1/risk/rig", json={"on": "1xl4"}, headers={"Origin": own})
    assert mine.status_code == 200


def test_a_body_is_read_up_to_the_limit(server: httpx.Client) -> None:
    large = b'{"model": "' + b"a" * MOST_BYTES + b'"}'
    kind = {"content-type": "application/json"}
    told = server.post("/api/v1/fit", content=large, headers=kind)
    assert told.status_code == 413
    assert f"{MOST_BYTES:,}" in told.json()["detail"]

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    # Without a length, the count is what ends it.
    assert server.post("/api/v1/fit", content=pieces(), headers=kind).status_code == 413


def test_reports_of_browsers_are_counted(server: httpx.Client) -> None:
    before = server.get("/csp").json()["count"]
    for _ in range(3):
        sent = server.post("/csp", content=b'{"csp-report": {"x": "\x1b[2J"}}' + b"x" * 5000)
        assert sent.status_code == 204
    told = server.get("/csp").json()
    assert told["count"] == before + 3
    assert "\x1b" not in told["last"][-1]
    assert len(told["last"][-1]) <= 1000


HOSTILE: Final = (
    "../../../../etc/passwd", "/etc/passwd", "./config.json", "~/.ssh/id_rsa", "/dev/zero",
    "/proc/self/environ", "a\0b", "x" * 2000, "http://169.254.169.254/latest", "file:///etc/passwd",
    "replay:path=/etc/passwd", "<script>alert(1)</script>", "evil/hub-model", "model.gguf",
    "/etc/passwd.gguf", "%2e%2e%2fetc", "10000xl4", "9" * 400, "1e400", "-1", "nan", "{{7*7}}",
    "lognormal:mean=1e300,p99=1e308", "\u202e\ud7ff", "$(id)", "1xl4@ram=1e30GiB",
    "~nobody-here/config.json", "/etc/x-00001-of-00002.gguf", "/etc",
)  # fmt: skip


def test_no_word_reads_a_file_of_the_server_or_breaks_it(tmp_path: Path) -> None:
    """In one process with an audit hook: which files are opened for which hostile words."""
    program = f"""
import json, sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from rightrig.facts.catalog import shipped
import rightrig.web.preloaded
from rightrig.web.answering import Question, answered
opened, folder = [], Path({str(tmp_path)!r}) / "of-one"
catalog = shipped(); catalog.prices()
answered(catalog, Question(("accuracy",), {{}}), folder, print)
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(str(arguments[0]))
    if event in ("socket.connect", "subprocess.Popen", "os.system", "socket.getaddrinfo"):
        opened.append(event)
sys.addaudithook(hook)
kinds = {{}}
for words, given in json.load(sys.stdin):
    told = answered(catalog, Question(tuple(words), given), folder, lambda _: None)
    kind = getattr(told, "kind", "done")
    kinds.setdefault(kind, []).append([words, given, getattr(told, "message", "")])
print(json.dumps([sorted(set(opened)), kinds]))
"""
    asked = []
    for verb in VERBS:
        texts = [w.name for w in words_of(verb) if w.takes != "file" and "str" in str(w.annotation)]
        for number, name in enumerate(texts[:: 1 + len(texts) // 4]):
            value: Any = HOSTILE[number % len(HOSTILE)]
            lists = isinstance(EXAMPLES[verb.words].get(name), list)
            asked.append((verb.words, {**EXAMPLES[verb.words], name: [value] if lists else value}))
    for value in HOSTILE:
        asked.append((("fit",), {"model": value, "on": "1xl4"}))
        asked.append((("fit",), {"model": "llama-3.1-8b", "on": value}))
        asked.append((("simulate",), {**EXAMPLES["simulate",], "arrivals": value, "requests": 9}))
    text = '[[demand]]\nname="a"\nmodel="qwen3-8b"\ntrace="../../../etc/passwd"\n'
    asked += [
        (("fleet",), {"file": {"name": "fleet.toml", "text": content}})
        for content in (text, text.replace("trace", "arrivals"), text.replace("model=", "x="),
                        text.replace('"qwen3-8b"', '"/etc/hosts"'), "[" * 5000, "a=" + "[" * 3000)
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(asked), capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    opened, kinds = json.loads(done.stdout.splitlines()[-1])
    # The package, Python, the folder of the request, and the compiled simulator's cache.
    places = (str(tmp_path), sys.prefix, sys.base_prefix, *rightrig.__path__, KERNELS_FOLDER)
    own = tuple(place for place in places if place)
    assert [path for path in opened if not path.startswith(own)] == []
    assert kinds.get("defect", []) == []
    assert all(str(tmp_path) not in message for _, _, message in kinds["input"])
    assert all("root:" not in message for _, _, message in kinds["input"])
    # Nor is it told what there is: folders, or which parts of a file.
    told = {given["model"]: message for words, given, message in kinds["input"] if words == ["fit"]}
    assert "config.json" not in told["/etc"]
    assert "missing" not in told["/etc/x-00001-of-00002.gguf"]


def test_a_rig_of_ten_thousand_cards_is_refused(server: httpx.Client) -> None:
    found = server.get("/api/v1/fit", params={"model": "llama-3.1-8b", "on": "10000xl4"})
    assert found.status_code == 422
    many = "+".join(["1xl4"] * 300)
    assert (
        server.get("/api/v1/fit", params={"model": "llama-3.1-8b", "on": many}).status_code == 422
    )


def test_a_bogus_configuration_is_one_sentence(server: httpx.Client, tmp_path: Path) -> None:
    bogus = {"hidden_size": 10**15, "layer_types": ["a"] * 20_000, "x": "y" * 100_000}
    found = server.post("/api/v1/fit", json={"model": {"config": bogus}, "on": "1xl4"})
    assert found.status_code == 422
    assert len(found.json()["detail"]) < 700
    deep: Any = 1
    for _ in range(400):
        deep = {"a": deep}
    told = answered(
        shipped(), Question(("fit",), {"model": {"config": deep}, "on": "1xl4"}),
        tmp_path / "x", lambda _: None,
    )  # fmt: skip
    assert isinstance(told, Failed)
    assert told.kind == "input"


def test_a_script_in_a_name_stays_text(server: httpx.Client) -> None:
    found = server.get("/nothing/<script>alert(1)</script>", headers={"Accept": "text/html"})
    assert found.status_code == 404
    assert "<script>alert" not in found.text


def test_a_table_is_stored_shown_and_removed_with_the_token(
    server: httpx.Client, folder: Path
) -> None:
    path = "/api/v1/measurements"
    sent = {"name": "mine.csv", "text": TABLE}
    assert server.post(path, json=sent).status_code == 401
    wrong = server.post(path, json=sent, headers={"Authorization": "Bearer no"})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
    basic = base64.b64encode(f"x:{TOKEN}".encode()).decode()
    assert (
        server.post(path, json=sent, headers={"Authorization": f"Basic {basic}"}).status_code == 401
    )
    assert list(folder.iterdir()) == []

    made = server.post(path, json=sent, headers=BEARER)
    assert (made.status_code, made.headers["location"]) == (201, f"{path}/mine.csv")
    assert made.json() == {"name": "mine.csv", "table": "training", "rows_count": 1}
    assert server.post(path, json=sent, headers=BEARER).status_code == 409
    assert server.get(path).json() == {
        "measurements": [{"name": "mine.csv", "size_bytes": len(TABLE)}]
    }
    assert server.get(f"{path}/mine.csv").text == TABLE
    assert server.delete(f"{path}/mine.csv").status_code == 401
    assert server.delete(f"{path}/mine.csv", headers=BEARER).status_code == 204
    assert server.delete(f"{path}/mine.csv", headers=BEARER).status_code == 404
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("../mine.csv", TABLE), (".csv", TABLE), ("mine.txt", TABLE), ("a" * 200 + ".csv", TABLE),
        ("mine.csv", "a,b\n1,2\n"), ("mine.csv", ""), ("mine.csv", "\0"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_not_stored(
    name: str, text: str, server: httpx.Client, folder: Path
) -> None:
    sent = {"name": name, "text": text}
    assert server.post("/api/v1/measurements", json=sent, headers=BEARER).status_code == 422
    assert list(folder.iterdir()) == []


def test_nothing_is_stored_without_a_token_on_the_server() -> None:
    with serving() as url:
        sent = {"name": "mine.csv", "text": TABLE}
        found = httpx.post(f"{url}/api/v1/measurements", json=sent, headers=BEARER)
        assert found.status_code == 403
        assert "--token-file" in found.json()["detail"]


def test_slow_clients_leave_room_for_others(
    server: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "MOST_CONNECTIONS_COUNT", 100)
    place = urlsplit(str(server.base_url))
    with ExitStack() as stack:
        for number in range(300):
            slow = socket.create_connection((place.hostname or "", place.port or 0), 10.0)
            stack.enter_context(closing(slow))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: lo" if number % 2 else _STARTED_BODY)
        begun_s = time.monotonic()
        assert httpx.get(f"{server.base_url}/api/v1/").status_code == 200
        assert time.monotonic() - begun_s < 5.0
        # Those that waited the longest went.
        assert len(BoundedProtocol.unfinished) <= 100


_STARTED_BODY: Final = (
    b"POST /api/v1/fit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)


def test_a_head_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "LONGEST_HEAD_WAIT_S", 0.2)
    with serving() as url:
        place = urlsplit(url)
        with closing(socket.create_connection((place.hostname or "", place.port or 0), 10.0)) as it:
            it.sendall(b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n")
            assert _closed(it)


def _closed(connection: socket.socket) -> bool:
    """Whether the other side closes the connection without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_the_policy_allows_nothing_inline() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CSP.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert not re.search(r"unsafe|\*|https?:", CSP)
