"""serve.sh, run by a shell with a program in the engine's place that says what it was given."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from servings import serving
from shellcheck import assert_sound

from golden import golden
from rightrig.recipes.places.listening import EVERY_INTERFACE
from rightrig.recipes.writing import ENGINES, recipe_of

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.recipes.recipe import Recipe

SAYS = """\
#!/usr/bin/env python3
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "env": dict(os.environ)}))
"""
SPOKEN = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


def script_of(made: Recipe) -> str:
    (found,) = (file for file in made.files if file.path == "serve.sh")
    assert found.is_executable
    return found.text


def made_for(model: str, on: str, context: int = 8192, users: int = 8, **choices: Any) -> Recipe:
    return recipe_of(serving(model, on, context, users, **choices), None)


def started(made: Recipe, folder: Path, *words: str, **more: str) -> Any:
    """Return what the engine's program is given by the script."""
    program = folder / made.launch.entry[0]
    program.write_text(SAYS)
    program.chmod(0o755)
    (folder / "serve.sh").write_text(script_of(made))
    env = {k: v for k, v in os.environ.items() if k not in SPOKEN}
    env |= {"PATH": f"{folder}:{os.environ['PATH']}", **more}
    said = subprocess.run(
        ["/bin/sh", str(folder / "serve.sh"), *words],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(said.stdout)


def refused(made: Recipe, folder: Path, *words: str) -> str:
    (folder / "serve.sh").write_text(script_of(made))
    said = subprocess.run(
        ["/bin/sh", str(folder / "serve.sh"), *words], capture_output=True, text=True, check=False
    )
    assert said.returncode != 0
    return said.stderr


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llama.cpp", "lmdeploy"])
def test_the_program_is_given_the_words_of_the_launch(engine: str, tmp_path: Path) -> None:
    made = made_for("llama-3.1-8b", "1xh100-sxm", runtime=engine)
    said = started(made, tmp_path, "--more", "words that follow", LISTEN=EVERY_INTERFACE)
    own = [*made.launch.words[1:], "--more", "words that follow"]
    assert said["words"] == own
    for one in made.launch.environment:
        assert said["env"][one.name] == one.value


@pytest.mark.parametrize(
    ("engine", "flag"),
    [("vllm", "--host"), ("sglang", "--host"), ("lmdeploy", "--server-name"), ("ollama", "")],
)
def test_one_machine_listens_to_itself_unless_told_otherwise(
    engine: str, flag: str, tmp_path: Path
) -> None:
    made = made_for("llama-3.1-8b", "1xh100-sxm", runtime=engine)
    for more, address in (({}, "127.0.0.1"), ({"LISTEN": EVERY_INTERFACE}, EVERY_INTERFACE)):
        said = started(made, tmp_path, **more)
        if flag:
            words = said["words"]
            assert words[words.index(flag) + 1] == address
        else:
            assert said["env"]["OLLAMA_HOST"] == f"{address}:{made.launch.port}"


def test_an_engine_of_several_machines_is_heard_by_the_others(tmp_path: Path) -> None:
    made = made_for("llama-3.1-8b", "2n:8xh100-sxm", tp=8, pp=2)
    link = {"NCCL_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0"}
    words = started(made, tmp_path, "0", "10.0.0.1", **link)["words"]
    assert words[words.index("--host") + 1] == EVERY_INTERFACE
    assert "The engine asks for no" in script_of(made)


def test_each_replica_has_cards_and_a_port_of_its_own(tmp_path: Path) -> None:
    made = made_for("llama-3.3-70b", "8xh100-sxm", weights="fp8", tp=4, replicas=2)
    for engine, cards in (("0", "0,1,2,3"), ("1", "4,5,6,7")):
        said = started(made, tmp_path, engine)
        assert said["env"]["CUDA_VISIBLE_DEVICES"] == cards
        port = said["words"][said["words"].index("--port") + 1]
        assert int(port) == made.launch.port + int(engine)
    assert "which engine" in refused(made, tmp_path)
    assert "there are 0 to 1" in refused(made, tmp_path, "2")


def test_cards_of_amd_are_named_as_amd_does(tmp_path: Path) -> None:
    made = made_for("llama-3.1-8b", "2xmi300x", replicas=2)
    said = started(made, tmp_path, "1")
    assert said["env"]["HIP_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in said["env"]


def test_machines_of_one_engine_know_their_number_and_the_first(tmp_path: Path) -> None:
    made = made_for("llama-3.1-405b", "2n:8xh100-sxm", runtime="vllm", weights="bf16", tp=8, pp=2)
    assert made.serving.engine_nodes == 2
    link = {"NCCL_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0"}
    of = {n: started(made, tmp_path, str(n), "10.0.0.7", **link)["words"] for n in (0, 1)}
    for number, words in of.items():
        assert words[words.index("--node-rank") + 1] == str(number)
        assert words[words.index("--master-addr") + 1] == "10.0.0.7"
    assert "--headless" in of[1]
    assert "--headless" not in of[0]
    assert "NCCL_SOCKET_IFNAME" in refused(made, tmp_path, "1", "10.0.0.7")


def test_an_instance_of_a_card_is_named_by_its_uuid(tmp_path: Path) -> None:
    made = made_for("llama-3.2-1b", "1xh100-sxm@mig=1g.10gb", 2048, 1, runtime="vllm")
    said = started(made, tmp_path, MIG_0="MIG-8f1c")
    assert said["env"]["CUDA_VISIBLE_DEVICES"] == "MIG-8f1c"
    assert "UUID of instance 0" in refused(made, tmp_path)


def test_ollama_says_its_port_by_a_variable(tmp_path: Path) -> None:
    made = made_for("qwen3-8b", "2xrtx-4090", runtime="ollama", weights="q4_k_m", replicas=2)
    said = started(made, tmp_path, "1")
    assert said["env"]["OLLAMA_HOST"].endswith(f":{made.launch.port + 1}")


@pytest.mark.parametrize(
    ("model", "on", "choices"),
    [
        ("llama-3.1-8b", "1xh100-sxm", {}),
        ("llama-3.3-70b", "8xh100-sxm", {"weights": "fp8", "tp": 4, "replicas": 2}),
        ("llama-3.1-405b", "2n:8xh100-sxm", {"weights": "bf16", "tp": 8, "pp": 2}),
        ("llama-3.1-8b", "1xrtx-4090", {"runtime": "llama.cpp", "weights": "q4_k_m"}),
    ],
)
def test_a_script_is_sound_for_shellcheck(
    model: str, on: str, choices: dict[str, Any], tmp_path: Path
) -> None:
    assert_sound(script_of(made_for(model, on, **choices)), tmp_path)


def test_a_script_reads_as_a_person_would_write_it() -> None:
    made = made_for("llama-3.3-70b", "8xh100-sxm", weights="fp8", tp=4, replicas=2)
    golden("serve-two-engines.sh", script_of(made))


def test_every_engine_of_recipes_is_one_of_the_catalogue() -> None:
    assert {"vllm", "sglang", "tensorrt-llm", "llama.cpp"} <= set(ENGINES)
    for slug in ENGINES:
        assert made_for("qwen3-8b", "1xh100-sxm", 4096, 2, **_for(slug)).launch.engine == slug


def _for(slug: str) -> dict[str, str]:
    is_layered = slug in {"llama.cpp", "ollama"}
    return {"runtime": slug, **({"weights": "q4_k_m"} if is_layered else {})}
