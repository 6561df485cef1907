"""Models of the hub, fetched from a real server on this machine that speaks its protocol."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("huggingface_hub", reason="the extra 'hub' is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(sys.executable).with_name("rightrig")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
}  # fmt: skip
INDEX = {
    "metadata": {"total_size": 2_500_000},
    "weight_map": {"lm_head.weight": "model-00001-of-00001.safetensors"},
}
MODELS: dict[str, dict[str, bytes]] = {
    "tiny/llama": {
        "config.json": json.dumps(TINY).encode(),
        "model.safetensors.index.json": json.dumps(INDEX).encode(),
        "model-00001-of-00001.safetensors": b"weights that nobody asks for",
    },
    "tiny/weights-only": {"model.gguf": b"GGUF"},
    "tiny/huge": {"config.json": b" " * 16_000_001},
}


class Hub(BaseHTTPRequestHandler):
    """Answers ``/owner/name/resolve/main/file`` as the hub does."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        content = self._answer()
        self.wfile.write(content)

    def _answer(self) -> bytes:
        parts = self.path.split("?")[0].strip("/").split("/")
        model, name = "/".join(parts[:2]), "/".join(parts[4:])
        self.asked.append(name)
        if model == "gated/model":
            return self._refuse(403, "GatedRepo")
        if model not in MODELS:
            return self._refuse(401, "RepoNotFound")
        content = MODELS[model].get(name)
        if content is None:
            return self._refuse(404, "EntryNotFound")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        return content

    def _refuse(self, status: int, code: str) -> bytes:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return b""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("OneHub", (Hub,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def rightrig(
    endpoint: str, home: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    environment = {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), **more}
    return subprocess.run(
        [str(SCRIPT), *arguments], capture_output=True, text=True, check=False, env=environment,
        timeout=60,
    )  # fmt: skip


def show(endpoint: str, home: Path, model: str, **more: str) -> subprocess.CompletedProcess[str]:
    return rightrig(endpoint, home, "models", "show", model, "--json", **more)


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_model_is_fetched_without_its_weights(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    endpoint, asked = hub
    done = show(endpoint, tmp_path, "tiny/llama")
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["name"] == "tiny/llama"
    assert shown["checkpoint"]["file_bytes"] == 2_500_000
    assert {name for name in asked if name} == {
        "config.json",
        "hf_quant_config.json",
        "model.safetensors.index.json",
    }


def test_what_was_fetched_serves_without_a_network(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    endpoint, asked = hub
    first = show(endpoint, tmp_path, "tiny/llama")
    asked.clear()
    offline = show(endpoint, tmp_path, "tiny/llama", HF_HUB_OFFLINE="1")
    unreachable = show(nobody(), tmp_path, "tiny/llama")
    assert first.stdout == offline.stdout == unreachable.stdout
    assert (offline.returncode, unreachable.returncode, asked) == (0, 0, [])
    fit = rightrig(nobody(), tmp_path, "fit", "tiny/llama", "--on", "1xrtx-4090")
    assert fit.returncode == 0


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        ("gated/model", 3, "is gated: accept its terms"),
        ("nobody/nothing", 2, "neither in the catalogue nor on"),
        ("tiny/weights-only", 2, "has no config.json"),
        ("tiny/huge", 2, "has 16,000,001 bytes, more than the 16,000,000 of any real one"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    hub: tuple[str, list[str]], tmp_path: Path, model: str, code: int, says: str
) -> None:
    done = show(hub[0], tmp_path, model)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert done.stderr.startswith("rightrig: ")
    assert done.stderr.count("\n") == 1


def test_an_unreachable_hub_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    done = show(nobody(), tmp_path, "tiny/llama")
    assert (done.returncode, done.stdout) == (3, "")
    assert "run 'hf download tiny/llama config.json'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_hub_that_breaks_off_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        threading.Thread(target=_hang_up, args=(silent,), daemon=True).start()
        done = show(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, "tiny/llama")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("rightrig: tiny/llama is not in the catalogue")


def _hang_up(server: socket.socket) -> None:
    """Accept and close at once."""
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return
