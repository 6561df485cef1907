"""Both gateways before two real llama-servers, each started with the command of the recipe.

``make llama-server`` builds it; the model is a tiny one with random weights.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import tiny_gguf
from gateway_process import asked, litellm, litellm_text, next_text, nginx, streamed
from servings import serving

from rightrig.measuring.tune.engine import free_port, started
from rightrig.recipes.engines import llama_cpp
from rightrig.recipes.places.gateways import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = Path(__file__).parents[2] / ".cache" / "llama-server" / "bin" / "llama-server"
STARTS_S: Final = 60.0
CONTEXT: Final = 600

pytestmark = [
    pytest.mark.skipif(not SERVER.exists(), reason="no llama-server: make llama-server builds it"),
    pytest.mark.xdist_group("llama-server"),
]


@pytest.fixture(params=["nginx", "litellm"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of a gateway, and the processes of the engines behind it."""
    file = tiny_gguf.write(tmp_path / "tiny.gguf")
    told = serving(
        str(file), "2xrtx-4090", CONTEXT, 4, {"checkpoint": str(file)}, runtime="llama.cpp",
        replicas=2,
    )  # fmt: skip
    words = [str(SERVER), *llama_cpp.launch_of(told).words[1:]]
    ports, pids = [free_port(), free_port()], []
    with ExitStack() as stack:
        for port in ports:
            words[words.index("--port") + 1] = str(port)
            running = stack.enter_context(started(words, f"http://127.0.0.1:{port}", STARTS_S))
            pids.append(running.pid)
        addresses = [Address("127.0.0.1", port) for port in ports]
        proxy = (
            nginx(addresses)
            if request.param == "nginx"
            else litellm(litellm_text(addresses), tmp_path)
        )
        yield stack.enter_context(proxy), pids


def test_engines_answer_stream_refuse_and_one_may_die(gateway: tuple[str, list[int]]) -> None:
    url, pids = gateway
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: asked(url, max_tokens=8), range(8)))
    assert {status for status, _ in found} == {200}
    assert {answer["usage"]["completion_tokens"] for _, answer in found} == {8}
    with streamed(url, max_tokens=8) as answer:
        texts = [next_text(answer) for _ in range(3)]
        assert all(texts)
    status, refused = asked(url, prompt="word " * CONTEXT)
    assert (status, "context" in refused["error"]["message"]) == (400, True)
    os.killpg(pids[0], signal.SIGKILL)
    assert {asked(url, max_tokens=8)[0] for _ in range(6)} == {200}
