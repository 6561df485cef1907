"""A recipe of a real engine on the processor: its script starts it, and it keeps its promise."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from real_engine import (
    ENGINES,
    STARTS_S,
    RealEngine,
    asked,
    environment,
    require_engine,
    tiny_llama,
)

from rightrig.measuring.tune.engine import free_port

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from program import Program

USERS = 6
CONTEXT = 256


def recipe(program: Program, model: Path, folder: Path) -> Any:
    path = shlex.quote(str(model))
    return program.json(
        f"recipe {path} --checkpoint {path} --on this --runtime transformers --weights bf16 "
        f"--context {CONTEXT} --concurrency {USERS} --input 32 --output 16 "
        f"--max-batched-tokens 512 --save {shlex.quote(str(folder))}"
    )


def await_health(url: str, engine: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + STARTS_S
    while time.monotonic() < until_s:
        assert engine.poll() is None, "the engine ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of this test
                assert answer.status == 200
                return
        except URLError:
            time.sleep(0.5)
    raise AssertionError("the engine did not get ready")


def test_the_script_of_a_recipe_starts_an_engine_that_serves_what_is_promised(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require_engine()
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(tmp_path / "machine.json"))
    program.json("probe")
    model = tiny_llama("tiny")
    made = recipe(program, model, tmp_path / "out")
    assert made["verdict"] == "fits"
    env = {**os.environ, **environment(), "PATH": f"{ENGINES / 'bin'}:{os.environ['PATH']}"}
    port = free_port()
    engine = subprocess.Popen(
        ["/bin/sh", str(tmp_path / "out" / "serve.sh"), "--port", str(port)],
        env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await_health(f"{url}{made['health']}", engine)
        one = RealEngine(url, str(model), engine.pid, 0.0)
        with ThreadPoolExecutor(USERS) as users:
            answers = list(users.map(lambda n: asked(one, f"question {n}", 16), range(USERS)))
        assert [answer["usage"]["completion_tokens"] for answer in answers] == [16] * USERS
        # The longest sequence that is promised: a prompt that leaves room for the answer.
        long = asked(one, "a " * (CONTEXT // 3), 16)
        assert long["usage"]["completion_tokens"] == 16
    finally:
        engine.terminate()
        engine.wait(timeout=30)
