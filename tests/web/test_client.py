"""The client answers the same here and through a server, and raises the same errors."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest
from web_server import serving

import rightrig
from rightrig.client import URL
from rightrig.errors import InputError, MissingError
from rightrig.verbs.compare import compare
from rightrig.verbs.fit import fit
from rightrig.verbs.fleet import fleet
from rightrig.verbs.plan import plan
from rightrig.verbs.risk_fleet import rig
from rightrig.web.api.examples import EXAMPLES
from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LLAMA: Final = "llama-3.1-8b"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Settings(workers_count=1)) as url:
        yield url


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)


def test_here_and_there_the_answer_is_the_same(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(EXAMPLES["fleet",]["file"]["text"], encoding="utf-8")

    def all_answers() -> list[Any]:
        return [
            rightrig.ask(fit, LLAMA, on="1xrtx-4090", context=4096),
            rightrig.ask(compare, ["rtx-4090", "h100-sxm"]),
            rightrig.ask(rig, "4xrtx-4090"),
            {**rightrig.ask(fleet, str(file)), "solver_s": 0.0},
        ]

    here = all_answers()
    monkeypatch.setenv(URL, server + "/")
    assert all_answers() == json.loads(json.dumps(here))


def test_a_configuration_of_this_machine_is_sent(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    monkeypatch.setenv(URL, server)
    there = rightrig.ask(fit, str(file), on="1xl4")
    assert there["cards"] == json.loads(json.dumps(here["cards"]))


@pytest.mark.parametrize("model", ["llama-3.1-8c", "/etc/passwd", ""])
def test_wrong_input_raises_the_same_error_here_and_there(
    model: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError):
        rightrig.ask(fit, model, on="1xl4")
    monkeypatch.setenv(URL, server)
    with pytest.raises(InputError):
        rightrig.ask(fit, model, on="1xl4")


def test_what_writes_on_a_machine_is_not_asked_of_a_server(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, server)
    with pytest.raises(InputError, match="sweep"):
        rightrig.ask(plan, sweep="many.toml")


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("http://127.0.0.1:1", MissingError, "rightrig serve"),
        ("ftp://localhost", InputError, "http://localhost:8000"),
        ("file:///etc/passwd", InputError, "http://localhost:8000"),
        ("localhost:8000", InputError, "http://localhost:8000"),
    ],
)
def test_an_address_where_no_server_is_gives_one_sentence(
    url: str, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, url)
    with pytest.raises(error, match=sentence):
        rightrig.ask(rig, "1xl4")


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
