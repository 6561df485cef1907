"""The client answers the same here and through a server, and raises the same errors."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest

import rightrig
from rightrig.client import URL
from rightrig.errors import InputError, MissingError
from rightrig.verbs.compare import compare
from rightrig.verbs.fit import fit
from rightrig.verbs.fleet import fleet
from rightrig.verbs.plan import plan
from rightrig.verbs.risk_fleet import rig
from rightrig.web.api.examples import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

LLAMA: Final = "llama-3.1-8b"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)


def test_here_and_there_the_answer_is_the_same(
    api_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "my fleet (2).toml"
    file.write_text(EXAMPLES["fleet",]["file"]["text"], encoding="utf-8")

    def all_answers() -> list[Any]:
        return [
            rightrig.ask(fit, LLAMA, on="1xrtx-4090", context=4096),
            rightrig.ask(compare, ["rtx-4090", "h100-sxm"]),
            rightrig.ask(rig, "4xrtx-4090"),
            {**rightrig.ask(fleet, str(file)), "solver_s": 0.0},
        ]

    here = all_answers()
    monkeypatch.setenv(URL, api_server + "/")
    assert all_answers() == json.loads(json.dumps(here))


def test_a_configuration_of_this_machine_is_sent(
    api_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"], "model_type": "llama",
                "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
                "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
                "max_position_embeddings": 8192,
            }
        )
    )  # fmt: skip
    here = rightrig.ask(fit, str(file), on="1xl4")
    monkeypatch.setenv(URL, api_server)
    there = rightrig.ask(fit, str(file), on="1xl4")
    assert there["cards"] == json.loads(json.dumps(here["cards"]))


@pytest.mark.parametrize("model", ["llama-3.1-8c", "/etc/passwd", ""])
def test_wrong_input_raises_the_same_error_here_and_there(
    model: str, api_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError):
        rightrig.ask(fit, model, on="1xl4")
    monkeypatch.setenv(URL, api_server)
    with pytest.raises(InputError):
        rightrig.ask(fit, model, on="1xl4")


def test_what_writes_on_a_machine_is_not_asked_of_a_server(
    api_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, api_server)
    with pytest.raises(InputError, match="sweep"):
        rightrig.ask(plan, sweep="many.toml")


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("http://127.0.0.1:1", MissingError, "rightrig serve"),
        ("ftp://localhost", InputError, "http://localhost:8000"),
        ("file:///etc/passwd", InputError, "http://localhost:8000"),
        ("localhost:8000", InputError, "http://localhost:8000"),
        ("http://[::1", InputError, "http://localhost:8000"),
        ("http://localhost:80a", MissingError, "rightrig serve"),
        ("http://local host", MissingError, "rightrig serve"),
    ],
)
def test_an_address_where_no_server_is_gives_one_sentence(
    url: str, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, url)
    with pytest.raises(error, match=sentence):
        rightrig.ask(rig, "1xl4")


def test_a_server_that_speaks_no_http_gives_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            with other.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(b"SSH-2.0-another\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv(URL, f"http://127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(MissingError, match="does not answer"):
            rightrig.ask(rig, "1xl4")
        thread.join()


def test_the_home_of_nobody_is_no_file(api_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        rightrig.ask(fit, "~nobody-here/config.json", on="1xl4")
    monkeypatch.setenv(URL, api_server)
    with pytest.raises(InputError, match="no such file"):
        rightrig.ask(fit, "~nobody-here/config.json", on="1xl4")


class _Other(BaseHTTPRequestHandler):
    """A server of something else."""

    def do_POST(self) -> None:
        """Answer what nobody asked for."""
        body = b"<html>hello</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the library
        """Say nothing."""


def test_a_server_of_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), _Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        monkeypatch.setenv(URL, f"http://127.0.0.1:{other.server_port}")
        with pytest.raises(InputError, match="is no JSON"):
            rightrig.ask(rig, "1xl4")
        other.shutdown()
