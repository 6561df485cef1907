"""Containers of one machine, by Docker Compose."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from manifests import launch_of, started
from servings import serving

from golden import golden
from rightrig.recipes.launch import Flag, Launch, Variable
from rightrig.recipes.patience import file_bytes, startup_s
from rightrig.recipes.places import compose
from rightrig.recipes.places.containers import object_name
from rightrig.recipes.writing import recipe_of

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


def _compose(model: str, on: str, runtime: str, **choices: Any) -> dict[str, Any]:
    files = compose.files(*started(model, on, runtime, **choices))
    found: dict[str, Any] = yaml.safe_load(files[0].text)
    return found


def _engine(**choices: Any) -> dict[str, Any]:
    found: dict[str, Any] = _compose(LLAMA, "1xh100-sxm", "vllm", **choices)["services"]["engine-0"]
    return found


@pytest.mark.parametrize(
    ("name", "model", "rig", "runtime", "choices"),
    [
        ("one-card", LLAMA, "1xh100-sxm", "vllm", {}),
        ("two-engines", "llama-3.3-70b", "8xh100-sxm", "vllm", {"tp": 4}),
        ("extra-file", "llama-3.3-70b", "4xh100-sxm", "tensorrt-llm", {}),
        ("instances", "qwen3-8b", "2xa100-sxm-80gb@mig=2g.20gb", "llama.cpp", {}),
        ("amd", "qwen3-8b", "2xmi300x", "llama.cpp", {}),
        ("unequal-cards", "qwen3-8b", "1xrtx-4090+1xrtx-3090", "llama.cpp", {}),
    ],
)
def test_the_file_is_as_it_was_read(
    name: str, model: str, rig: str, runtime: str, choices: dict[str, Any]
) -> None:
    files = compose.files(*started(model, rig, runtime, **choices))
    golden(f"compose-{name}.yaml", files[0].text)


def test_each_engine_has_its_own_cards_and_port() -> None:
    services = _compose("llama-3.3-70b", "8xh100-sxm", "vllm", tp=4)["services"]
    devices = [
        services[name]["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for name in ("engine-0", "engine-1")
    ]
    assert devices == [["0", "1", "2", "3"], ["4", "5", "6", "7"]]
    assert services["engine-0"]["ports"] == ["127.0.0.1:8000:8000"]
    assert services["engine-1"]["ports"] == ["127.0.0.1:8001:8000"]


def test_cards_of_amd_are_devices_and_a_variable() -> None:
    services = _compose("qwen3-8b", "2xmi300x", "llama.cpp")["services"]
    assert services["engine-0"]["devices"] == ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
    assert services["engine-0"]["environment"]["HIP_VISIBLE_DEVICES"] == "0,1"
    assert "deploy" not in services["engine-0"]


def test_instances_are_named_by_uuids_that_the_reader_gives() -> None:
    services = _compose("qwen3-8b", "2xa100-sxm-80gb@mig=2g.20gb", "llama.cpp")["services"]
    (device,) = services["engine-1"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["device_ids"][0].startswith("${MIG_1:?UUID")


def test_several_engines_get_a_gateway_that_waits_for_all() -> None:
    made = compose.files(*started("llama-3.3-70b", "8xh100-sxm", "vllm", tp=4))
    services = yaml.safe_load(made[0].text)["services"]
    gateway = services["gateway"]
    assert gateway["volumes"] == [f"./{made[1].path}:/etc/nginx/nginx.conf:ro"]
    assert gateway["depends_on"] == {
        f"engine-{at}": {"condition": "service_healthy"} for at in range(2)
    }
    assert re.findall(r"server (engine-\d:\d+)", made[1].text) == ["engine-0:8000", "engine-1:8000"]


def test_one_engine_needs_no_gateway() -> None:
    assert len(compose.files(*started(LLAMA, "1xh100-sxm", "vllm"))) == 1


@pytest.mark.parametrize("runtime", ["vllm", "llama.cpp"])
def test_no_two_services_publish_one_port(runtime: str) -> None:
    services = _compose("qwen3-8b", "4xa100-sxm-80gb@mig=2g.20gb", runtime)["services"]
    published = [port.split(":")[1] for one in services.values() for port in one["ports"]]
    assert len(published) == 5
    assert len(set(published)) == 5


def test_every_port_is_on_the_loopback() -> None:
    services = _compose("llama-3.3-70b", "8xh100-sxm", "vllm", tp=4)["services"]
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one["ports"])


def test_nobody_is_root_where_the_image_allows() -> None:
    assert _engine()["user"] == "2000:0"
    services = _compose("qwen3-8b", "1xrtx-4090", "llama.cpp")["services"]
    assert services["engine-0"]["user"] == "1000:1000"
    assert services["engine-0"]["read_only"] is True


def test_an_older_image_of_vllm_knows_no_other_user() -> None:
    found = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    old = replace(launch_of(found), version="0.10.0", image="vllm/vllm-openai:v0.10.0")
    engine = yaml.safe_load(compose.files(found, old)[0].text)["services"]["engine-0"]
    assert "user" not in engine
    assert engine["volumes"] == ["cache:/root/.cache"]


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm", "lmdeploy"])
def test_no_container_has_capabilities_or_gains_them(runtime: str) -> None:
    engine = _compose("qwen3-8b", "1xh100-sxm", runtime)["services"]["engine-0"]
    assert engine["cap_drop"] == ["ALL"]
    assert engine["security_opt"] == ["no-new-privileges:true"]


def test_the_volume_is_in_a_folder_that_the_image_gives_to_its_user() -> None:
    assert _engine()["volumes"] == ["cache:/home/vllm/.cache"]


def test_a_crash_loop_ends() -> None:
    assert _engine()["restart"] == "on-failure:3"


def test_failures_do_not_count_while_a_model_of_its_size_loads() -> None:
    small = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    large = serving("llama-3.3-70b", "4xh100-sxm", runtime="vllm")
    assert startup_s(large) > startup_s(small) > file_bytes(small) / 1e8
    health = _engine()["healthcheck"]
    assert health["start_period"] == f"{startup_s(small)}s"
    assert "http://127.0.0.1:8000/health" in health["test"][-1]


def test_vllm_waits_for_its_engine_as_long_as_a_large_model_takes() -> None:
    small, large = (
        _environment(serving(model, "4xh100-sxm", runtime="vllm"))
        for model in ("qwen3-8b", "llama-3.3-70b")
    )
    found = serving("llama-3.3-70b", "4xh100-sxm", runtime="vllm")
    assert large["VLLM_ENGINE_READY_TIMEOUT_S"] == str(startup_s(found))
    assert "VLLM_ENGINE_READY_TIMEOUT_S" not in small


def _environment(found: Serving) -> Any:
    (file,) = (one for one in recipe_of(found, None).files if one.path == "compose.yaml")
    return yaml.safe_load(file.text)["services"]["engine-0"]["environment"]


def test_the_engine_is_told_what_its_image_does_not_say() -> None:
    found, launch = started(LLAMA, "1xh100-sxm", "sglang")
    engine = yaml.safe_load(compose.files(found, launch)[0].text)["services"]["engine-0"]
    assert "entrypoint" not in engine
    assert (*launch.image_entry, *engine["command"]) == launch.words


def test_files_of_weights_are_mounted_and_not_written() -> None:
    engine = _compose("qwen3-8b", "1xrtx-4090", "llama.cpp")["services"]["engine-0"]
    assert engine["volumes"] == ["./models:/models:ro"]
    assert engine["command"][:2] == ["--model", "/models/Qwen3-8B-Q4_K_M.gguf"]
    assert "HF_TOKEN" not in engine["environment"]


def test_a_folder_of_weights_is_mounted_by_its_name() -> None:
    found = serving("llama-3.3-70b", "4xrtx-4090", runtime="vllm", weights="awq")
    launch = replace(launch_of(found), positional=("/data/llama-awq",))
    given = replace(found, checkpoint="/data/llama-awq")
    engine = yaml.safe_load(compose.files(given, launch)[0].text)["services"]["engine-0"]
    assert engine["volumes"] == ["/data/llama-awq:/models/llama-awq:ro"]
    assert engine["command"][0] == "/models/llama-awq"


def test_files_that_a_flag_names_are_mounted() -> None:
    found, launch = started("llama-3.3-70b", "4xh100-sxm", "tensorrt-llm")
    engine = yaml.safe_load(compose.files(found, launch)[0].text)["services"]["engine-0"]
    (extra,) = launch.files
    assert f"./{extra.path}:/etc/rightrig/{extra.path}:ro" in engine["volumes"]
    assert f"/etc/rightrig/{extra.path}" in engine["command"]


def _plain(**changes: Any) -> Launch:
    flags = (Flag("--host", "127.0.0.1"), Flag("--extra", '{"a": "$b"}'))
    base = Launch("vllm", "0.33.0", ("vllm", "serve"), flags, 8000, "/health")
    return replace(base, image="vllm/vllm-openai:v0.33.0", **changes)


def test_a_container_listens_on_every_interface() -> None:
    found = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    engine = yaml.safe_load(compose.files(found, _plain())[0].text)["services"]["engine-0"]
    assert engine["command"][-4:-2] == ["--host", "0.0.0.0"]  # noqa: S104 - what is asserted


def test_compose_fills_in_only_what_is_meant_so() -> None:
    found = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    told = (
        Variable("A", "x$y", "a"),
        Variable("B", "${B:?the b}", "b"),
        Variable("HOME", "/", "c"),
    )
    engine = yaml.safe_load(compose.files(found, _plain(environment=told))[0].text)
    service = engine["services"]["engine-0"]
    assert service["command"][-1] == '{"a": "$$b"}'
    assert service["environment"]["A"] == "x$$y"
    assert service["environment"]["B"] == "${B:?the b}"
    assert service["environment"]["HOME"] == "/home/vllm"


@pytest.mark.parametrize(
    ("model", "rig", "runtime", "choices", "said"),
    [
        ("deepseek-v3", "2n:8xh200-sxm", "vllm", {"tp": 8, "pp": 2}, "one machine"),
        ("qwen3-8b", "1xh100-sxm", "ollama", {}, "--runtime llama.cpp"),
        ("qwen3-8b", "1xm3-max", "llama.cpp", {}, "no published image"),
    ],
)
def test_what_compose_cannot_start_is_refused_with_what_can(
    model: str, rig: str, runtime: str, choices: dict[str, Any], said: str
) -> None:
    found, launch = started(model, rig, runtime, **choices)
    assert said in (compose.reason(found, launch) or "")


def test_an_image_of_cuda_is_not_given_to_cards_of_amd() -> None:
    found = serving("qwen3-8b", "1xmi300x", runtime="vllm")
    assert "MI300X" in (compose.reason(found, _plain()) or "")
    rocm = _plain()
    rocm = replace(rocm, image="vllm/vllm-openai-rocm:v0.33.0")
    assert compose.reason(found, rocm) is None


@pytest.mark.parametrize(
    ("model", "name"), [("qwen3-8b", "qwen3-8b"), ("llama-3.1-405b", "llama-3-1-405b")]
)
def test_names_are_labels_of_dns(model: str, name: str) -> None:
    made = object_name(serving(model, "8xh200-sxm", runtime="vllm"))
    assert made.startswith(name)
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", made)
