"""A real engine on the CPU: ``transformers serve`` with continuous batching, on a tiny model.

``make engines`` installs it; where it is not, tests that ask for it skip. Nothing is downloaded:
the model is made on the spot, and the engine is told to stay off the hub.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from rightrig.measuring.tune.engine import free_port, started

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
ENGINES: Final = ROOT / ".cache" / "engines"
SERVE: Final = ENGINES / "bin" / "transformers"
_RECIPE: Final = Path(__file__).with_name("tiny_llama.py")
_USUAL: Final = {"num_blocks": "256", "block_size": "32", "max_batch_tokens": "512"}
STARTS_S: Final = 90.0
"""Twelve seconds on two quiet cores; tests share them."""
OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    # Its own threads would wait for one another on cores that tests share.
    "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RealEngine:
    """An engine that answers.

    Attributes:
        url: Without a slash at its end.
        model: The name by which requests ask for it: the folder of the model.
        pid: Of the process whose session is the engine's.
        start_s: Time from its start to its first answer.
    """

    url: str
    model: str
    pid: int
    start_s: float

    @property
    def tokenizer(self) -> Path:
        """The file of its tokenizer."""
        return Path(self.model) / "tokenizer.json"


def require_engine() -> None:
    """Skip the test where the engine is not installed."""
    if not SERVE.exists():
        pytest.skip("no engine here: make engines")


def tiny_llama(size: str = "tiny") -> Path:
    """Return the folder of a model of ``tiny_llama.SIZES``, made once for each recipe of it."""
    require_engine()
    recipe = hashlib.sha256(_RECIPE.read_bytes()).hexdigest()[:12]
    folder = ENGINES / f"{size}-llama-{recipe}"
    if not folder.exists():
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        subprocess.run(
            [str(ENGINES / "bin" / "python"), str(_RECIPE), str(making), size],
            check=True, capture_output=True, env={**os.environ, **OFFLINE}, timeout=STARTS_S,
        )  # fmt: skip
        try:
            making.rename(folder)
        except OSError:  # another process was quicker, and made the same
            assert folder.exists()
    return folder


def environment() -> dict[str, str]:
    """Return what keeps the engine from any network."""
    # Without a folder for its cache, the engine answers 500 when it is asked for its models.
    cache = ENGINES / "hub"
    cache.mkdir(exist_ok=True)
    return {**OFFLINE, "HF_HUB_CACHE": str(cache), "HF_HOME": str(cache)}


def template(size: str = "tiny", **options: str) -> str:
    """Return the command with ``{port}`` in it.

    Args:
        size: Of the model.
        options: Of ``--cb-…``, such as ``max_batch_tokens="{max_batched_tokens}"``.
    """
    words = [str(SERVE), "serve", "--host", "127.0.0.1", "--port", "{port}", "--device", "cpu",
             "--dtype", "float32", "--continuous-batching"]  # fmt: skip
    for name, value in {**_USUAL, **options}.items():
        words += [f"--cb-{name.replace('_', '-')}", value]
    return " ".join(
        word if "{" in word else shlex.quote(word) for word in (*words, str(tiny_llama(size)))
    )


def asked(engine: RealEngine, text: str, tokens: int) -> Any:
    """Return the answer of the engine to one question, without any of our client."""
    body = {
        "model": engine.model, "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens, "temperature": 0.0,
    }  # fmt: skip
    request = urllib.request.Request(  # noqa: S310 - of a test
        f"{engine.url}/v1/chat/completions", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


@contextmanager
def real_engine(size: str = "tiny", **options: str) -> Iterator[RealEngine]:
    """Start an engine on a free port, and end it with all of its processes.

    Args:
        size: Of the model.
        options: Of ``--cb-…``, such as ``max_batch_tokens="16"``.
    """
    require_engine()
    port = free_port()
    command = shlex.split(template(size, **options).replace("{port}", str(port)))
    url = f"http://127.0.0.1:{port}"
    with started(command, url, STARTS_S, environment()) as running:
        yield RealEngine(url, str(tiny_llama(size)), running.pid, running.ready_s)
