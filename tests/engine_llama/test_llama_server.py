"""llama-server starts with the command of a recipe, and keeps what the fit promised.

``make llama-server`` builds it, for a processor: it takes ``--gpu-layers`` and what goes with it
and says that it has no card to use them on.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import tiny_gguf
from servings import serving

from rightrig.measuring.tune.engine import free_port, started
from rightrig.quantities import MIB
from rightrig.recipes.engines import llama_cpp
from rightrig.recipes.proving.parsers import parsed_by_llama_server
from rightrig.recipes.serving import Speculation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

SERVER: Final = Path(__file__).parents[2] / ".cache" / "llama-server" / "bin" / "llama-server"
STARTS_S: Final = 60.0
CONTEXT, SLOTS = 600, 3
# Sizes of buffers are among what it tells at this level.
MODELS: Final = (
    "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-20b", "google/gemma-3-27b-it",
    "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct", "deepseek-ai/DeepSeek-V3",
)  # fmt: skip
RIGS: Final = (
    "1xrtx-3060-12gb", "1xrtx-4090", "2xrtx-3090", "1xrtx-4090+1xa100-sxm-80gb", "4xp40",
    "8xh100-sxm", "1xrx-7900-xtx", "8xmi300x", "1xm3-ultra-512gb", "1xh100-sxm@mig=1g.10gb",
)  # fmt: skip
CACHES: Final = ("fp16", "q8_0")
SLOT_COUNTS: Final = (1, 16)
TALKS: Final = {"LLAMA_ARG_LOG_VERBOSITY": "4", "LLAMA_LOG_VERBOSITY": "4"}

pytestmark = [
    pytest.mark.skipif(not SERVER.exists(), reason="no llama-server: make llama-server builds it"),
    pytest.mark.xdist_group("llama-server"),
]


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers, and the serving whose command it was started by."""

    port: int
    promised: Serving
    log: Path

    def get(self, path: str) -> str:
        return self._ask("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self._ask("POST", path, json.dumps(body)))

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60.0)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == http.HTTPStatus.OK, text
        return text


def promised(file: Path, on: str = "1xrtx-4090", **choices: Any) -> Serving:
    use = {"checkpoint": str(file), **choices.pop("use", {})}
    return serving(str(file), on, CONTEXT, SLOTS, use=use, runtime="llama.cpp", **choices)


def words_of(told: Serving, port: int) -> list[str]:
    """Return the generated command; program and port are those of this machine."""
    launch = llama_cpp.launch_of(told)
    words = [str(SERVER) if word == "llama-server" else word for word in launch.words]
    words[words.index("--port") + 1] = str(port)
    return words


@contextmanager
def running(told: Serving, log: Path) -> Iterator[Server]:
    port = free_port()
    command = [*words_of(told, port), "--log-file", str(log)]
    with started(command, f"http://127.0.0.1:{port}", STARTS_S, env=TALKS):
        yield Server(port, told, log)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="module")
def server(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(promised(file), tmp_path_factory.mktemp("logs") / "server.log") as found:
        yield found


def test_it_is_healthy_where_the_recipe_says(server: Server) -> None:
    launch = llama_cpp.launch_of(server.promised)
    assert json.loads(server.get(launch.health)) == {"status": "ok"}


def test_it_answers_a_chat_request_by_the_name_of_the_model(server: Server) -> None:
    name = server.promised.name
    body = {"model": name, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}
    answer = server.post("/v1/chat/completions", body)
    assert answer["model"] == name
    assert answer["usage"]["completion_tokens"] == body["max_tokens"]
    assert answer["choices"][0]["message"]["content"]


def test_every_promised_sequence_has_a_slot_of_the_promised_context(server: Server) -> None:
    slots = json.loads(server.get("/slots"))
    assert len(slots) == SLOTS == json.loads(server.get("/props"))["total_slots"]
    assert all(slot["n_ctx"] >= CONTEXT for slot in slots)


def test_a_prompt_and_an_answer_of_the_whole_context_are_served(server: Server) -> None:
    prompt, answer = CONTEXT - 100, 100
    body = {"prompt": [5] * prompt, "n_predict": answer, "temperature": 0.0, "ignore_eos": True}
    found = server.post("/completion", body)
    assert (found["tokens_evaluated"], found["tokens_predicted"]) == (prompt, answer)
    assert not found["truncated"]


def test_its_cache_has_the_bytes_of_the_fit(server: Server) -> None:
    fit = server.promised.fit
    (kv,) = (part for part in fit.cards[0].components if part.name == "kv")
    assert _logged_mib(server.log, "KV buffer size") * MIB == pytest.approx(
        kv.size_bytes.mid, abs=0.01 * MIB
    )


def test_its_weights_have_the_bytes_of_the_fit(server: Server) -> None:
    fit = server.promised.fit
    logged = _logged_mib(server.log, "model buffer size") * MIB
    # Mapped from the file, whose tensors are 32 bytes apart.
    assert logged == pytest.approx(fit.weights_bytes, rel=0.01)


def test_its_metrics_hold_the_gauge_of_waiting_requests(server: Server) -> None:
    launch = llama_cpp.launch_of(server.promised)
    assert re.search(rf"^{launch.waiting_metric} ", server.get(launch.metrics), re.MULTILINE)


def _logged_mib(log: Path, what: str) -> float:
    """Return the sum of the buffers that the server tells of."""
    return sum(float(size) for size in re.findall(rf"{what} = +([\d.]+) MiB", log.read_text()))


@pytest.mark.parametrize(
    ("on", "choices"),
    [
        ("1xrtx-4090", {"kv": "q8_0"}),
        ("1xrtx-4090", {"kv": "fp32"}),
        ("1xrtx-4090", {"flash_attention": False}),
        ("1xrtx-4090", {"use": {"prefix_cache": False}}),
        ("1xrtx-4090", {"use": {"speculation": Speculation(8, "ngram")}}),
        ("1xrtx-4090@ram=64GiB", {"max_batched_tokens": 1024}),
        ("2xrtx-4090", {}),
        ("1xrtx-4090+1xa100-sxm-80gb", {}),
        ("1xrx-7900-xtx", {}),
    ],
    ids=str,
)
def test_it_refuses_nothing_of_a_recipe(
    file: Path, tmp_path: Path, on: str, choices: dict[str, Any]
) -> None:
    told = promised(file, on, **choices)
    assert llama_cpp.reason(told) is None
    with running(told, tmp_path / "server.log") as server:
        body = {"prompt": "hello", "n_predict": 4}
        assert server.post("/completion", body)["tokens_predicted"] == body["n_predict"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("--ctx-size", "--ctx-sizes"),
        ("--no-kv-unified", "--no-kv-unify"),
        ("f16", "f17"),
        ("--fit", "--fits"),
    ],
)
def test_it_ends_with_an_error_when_a_word_is_wrong(file: Path, right: str, wrong: str) -> None:
    words = words_of(promised(file), free_port())
    assert right in words
    command = [wrong if word == right else word for word in words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=STARTS_S)
    assert done.returncode != 0
    assert wrong in done.stdout + done.stderr


def test_it_refuses_blocks_that_do_not_divide_a_head_as_the_recipe_does(tmp_path: Path) -> None:
    told = promised(tiny_gguf.write(tmp_path / "narrow.gguf", hidden=96), kv="q8_0")
    assert "are 24 wide; use --kv fp16" in (llama_cpp.reason(told) or "")
    command = words_of(told, free_port())
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=STARTS_S)
    assert done.returncode != 0
    assert "does not divide n_embd_head_k=24" in done.stdout + done.stderr


def test_its_parser_takes_every_command_over_models_and_rigs() -> None:
    """Six models on ten rigs, with two formats of the cache, for one and for 16 sequences."""
    launches = [
        llama_cpp.launch_of(serving(model, on, 4096, count, runtime="llama.cpp", kv=kv))
        for model, on, kv, count in itertools.product(MODELS, RIGS, CACHES, SLOT_COUNTS)
    ]
    assert len(launches) >= 200
    proofs = [parsed_by_llama_server(SERVER, launch) for launch in launches]
    assert [proof.said for proof in proofs if proof.state != "pass"] == []
