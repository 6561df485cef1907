"""What is pinned: as packages publish it, for the cards that it runs on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from packaging.requirements import Requirement
from servings import serving
from typer.testing import CliRunner

from golden import golden
from rightrig.cli.app import app
from rightrig.facts.catalog import shipped
from rightrig.recipes.versions import card_note, least_driver, lock_file, stack_reason, version_rows

CATALOG = shipped()
RECIPES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "lmdeploy", "ollama")
STACKS = [
    (slug, stack) for slug in CATALOG.slugs("runtimes") for stack in CATALOG.runtime(slug).stacks
]


@pytest.mark.parametrize("slug", RECIPES)
def test_the_version_of_each_record_has_its_stack(slug: str) -> None:
    runtime = CATALOG.runtime(slug)
    assert [stack.version for stack in runtime.stacks] == [runtime.version]


@pytest.mark.parametrize(("slug", "stack"), STACKS, ids=[slug for slug, _ in STACKS])
def test_a_stack_says_where_and_when_it_was_read(slug: str, stack: object) -> None:
    found = CATALOG.runtime(slug).stacks[0]
    assert found == stack
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found.date)
    assert found.source
    assert ":latest" not in found.image
    if found.image:
        tag = found.image.rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d", tag), found.image
    if found.cuda:
        floor = {"12": "525", "13": "580"}[found.cuda.partition(".")[0]]
        assert found.least_driver == floor


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm", "lmdeploy"])
def test_every_pin_is_one_that_pip_reads(runtime: str) -> None:
    text = lock_file(serving("llama-3.1-8b", "1xh100-sxm", runtime=runtime)).text
    pins = [Requirement(line) for line in text.splitlines() if not line.startswith(("#", "--"))]
    names = {pin.name.replace("-", "_") for pin in pins}
    assert {"torch", runtime.replace("-", "_")} <= names
    assert all(pin.specifier for pin in pins)


def test_a_build_of_pytorch_that_the_usual_index_lacks_is_found() -> None:
    lines = lock_file(
        serving("llama-3.1-8b", "1xh100-sxm", runtime="tensorrt-llm")
    ).text.splitlines()
    assert "torch==2.9.1+cu130" in lines
    assert "--extra-index-url https://download.pytorch.org/whl/cu130" in lines
    plain = lock_file(serving("llama-3.1-8b", "1xh100-sxm", runtime="vllm")).text
    assert "--extra-index-url" not in plain


@pytest.mark.parametrize("runtime", RECIPES)
def test_the_file_names_driver_and_source(runtime: str) -> None:
    weights = "q4_k_m" if runtime in {"llama.cpp", "ollama"} else None
    found = serving("llama-3.1-8b", "1xh100-sxm", runtime=runtime, weights=weights)
    text = lock_file(found).text
    assert f"NVIDIA driver {found.stack.least_driver} or newer" in text
    assert found.stack.source.split(":")[0] in text
    if found.stack.image:
        assert "docker image inspect --format '{{index .RepoDigests 0}}'" in text


def test_pins_of_nvidia_are_not_given_to_amd() -> None:
    found = serving("llama-3.1-8b", "1xmi300x")
    text = lock_file(found).text
    assert [line for line in text.splitlines() if not line.startswith("#")] == []
    assert "for AMD take the build" in " ".join(text.split())
    assert dict(version_rows(found)).keys() == {"vLLM", "Python"}


def test_cuda_13_is_refused_below_7_5_with_what_runs() -> None:
    old = serving("llama-3.1-8b", "1xv100-sxm2-16gb", runtime="llama.cpp", weights="q4_k_m")
    assert stack_reason(old) is None
    assert "CUDA 12" in card_note(old)
    vllm = CATALOG.runtime("vllm")
    moved = replace(old, deployment=replace(old.deployment, runtime=vllm))
    reason = stack_reason(moved)
    assert reason is not None
    assert "7.0" in reason
    assert "--runtime llama.cpp" in reason
    assert (
        stack_reason(serving("llama-3.1-8b", "1xt4", runtime="llama.cpp", weights="q4_k_m")) is None
    )


def test_a_card_newer_than_the_build_is_told_and_raises_the_driver() -> None:
    words: dict[str, Any] = {"runtime": "llama.cpp", "weights": "q4_k_m"}
    new = serving("llama-3.1-8b", "1xb300-sxm", **words)
    assert "known to CUDA 12.9 and later" in card_note(new)
    assert least_driver(new) == "575.51.03"
    usual = serving("llama-3.1-8b", "1xh100-sxm", **words)
    assert (card_note(usual), least_driver(usual)) == ("", "525")


def test_a_version_that_was_not_read_has_no_pins() -> None:
    found = serving("llama-3.1-8b", "1xh100-sxm", runtime="vllm@0.19.0")
    text = lock_file(found).text
    assert "is not recorded" in text
    assert "driver" not in text
    assert [line for line in text.splitlines() if not line.startswith("#")] == []


def test_runtimes_show_has_the_stack() -> None:
    stack = CATALOG.runtime("vllm").stacks[0]
    told = CliRunner().invoke(app, ["runtimes", "show", "vllm"], prog_name="rightrig")
    assert f"Versions that work together, for {stack.version}" in told.stdout
    assert f"{stack.least_driver} or newer" in told.stdout
    told = CliRunner().invoke(app, ["runtimes", "show", "vllm", "--json"], prog_name="rightrig")
    assert json.loads(told.stdout)["stacks"] == [stack.model_dump(mode="json")]


def test_the_file_reads_like_this() -> None:
    golden("requirements-vllm.txt", lock_file(serving("llama-3.1-8b", "1xh100-sxm")).text)
