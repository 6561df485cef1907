"""Ollama: its environment and its Modelfile say what the fit counted."""

from __future__ import annotations

from typing import Any

import pytest
from launch_text import launch_text
from servings import serving

from golden import golden
from rightrig.recipes.engines import ollama
from rightrig.recipes.serving import Serving, Speculation

SMALL = "meta-llama/Llama-3.1-8B-Instruct"
HYBRID = "Qwen/Qwen3-Next-80B-A3B-Instruct"


def told(model: str = SMALL, on: str = "1xrtx-4090", slots: int = 4, **choices: Any) -> Serving:
    return serving(model, on, 8192, slots, runtime="ollama", **choices)


def variables(made: Serving) -> dict[str, str]:
    return {one.name: one.value for one in ollama.launch_of(made).environment}


def modelfile(made: Serving) -> dict[str, str]:
    """Return the instructions of the Modelfile; a parameter by its name."""
    (file,) = ollama.launch_of(made).files
    lines = [line.removeprefix("PARAMETER ").split(maxsplit=1) for line in file.text.splitlines()]
    return {name: value for name, value in lines if name != "#"}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("ollama-one-card", told()),
        ("ollama-two-cards-q8", told(on="2xrtx-4090@ram=64GiB", kv="q8_0")),
    ],
)
def test_the_whole_is_as_it_was_read(name: str, made: Serving) -> None:
    assert ollama.reason(made) is None
    golden(f"{name}.txt", launch_text(ollama.launch_of(made)))


def test_ollama_multiplies_the_context_by_itself() -> None:
    made = told()
    assert variables(made)["OLLAMA_CONTEXT_LENGTH"] == modelfile(made)["num_ctx"] == "8192"
    assert variables(made)["OLLAMA_NUM_PARALLEL"] == "4"


def test_all_layers_and_the_output_matrix_are_asked_for() -> None:
    made = told()
    assert modelfile(made)["num_gpu"] == str(made.deployment.llm.layer_count + 1)


def test_a_cache_of_fewer_bits_comes_with_flash_attention() -> None:
    found = variables(told(kv="q8_0"))
    assert (found["OLLAMA_KV_CACHE_TYPE"], found["OLLAMA_FLASH_ATTENTION"]) == ("q8_0", "1")


def test_several_cards_share_a_model_as_the_fit_deals_the_layers() -> None:
    found = variables(told(on="1xrtx-4090+1xrtx-3090", weights="q8_0"))
    assert found["OLLAMA_SCHED_SPREAD"] == "1"
    assert found["LLAMA_ARG_TENSOR_SPLIT"].count(",") == 1
    assert "OLLAMA_SCHED_SPREAD" not in variables(told())


@pytest.mark.parametrize(
    ("checkpoint", "source"),
    [
        ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M",
         "hf.co/bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M"),
        ("/srv/models/llama.gguf", "/srv/models/llama.gguf"),
        ("llama.gguf", "./llama.gguf"),
    ],
)  # fmt: skip
def test_weights_are_named_as_ollama_takes_them(checkpoint: str, source: str) -> None:
    assert modelfile(told(use={"checkpoint": checkpoint}))["FROM"] == source


def test_a_family_that_ollama_serves_one_by_one_is_refused_with_the_nearest() -> None:
    many = ollama.reason(told(HYBRID, "1xh100-sxm")) or ""
    assert "one request at a time" in many
    assert "--runtime llama.cpp" in many
    assert "--concurrency 1" in many
    assert ollama.reason(told(HYBRID, "1xh100-sxm", slots=1)) is None


def test_a_draft_is_refused_with_the_nearest() -> None:
    said = ollama.reason(told(use={"speculation": Speculation(4, "ngram")})) or ""
    assert "leave the draft out" in said
