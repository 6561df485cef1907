"""Which models fit a rig: each in the largest format that does."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.planning.fits import ModelFit, models_that_fit
from rightrig.prediction.memory_fit import fit

CATALOG = rightrig.shipped()
NAMES = (
    "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.3-70B-Instruct", "openai/gpt-oss-20b",
    "meta-llama/Llama-2-13b-hf", "Qwen/Qwen3-30B-A3B", "deepseek-ai/DeepSeek-V3",
)  # fmt: skip


def held(
    rig: str, context: int = 8192, concurrency: int = 1, choices: rightrig.Choices | None = None
) -> dict[str, ModelFit]:
    found = models_that_fit(
        CATALOG,
        rightrig.parse_rig(rig, CATALOG),
        context,
        concurrency,
        choices or rightrig.Choices(),
        [CATALOG.llm(name) for name in NAMES],
    )
    return {model.llm.name: model for model in found}


def weights_of(model: ModelFit) -> str:
    assert model.fit is not None
    return model.fit.deployment.precision.weights


def test_a_24_gb_card_holds_an_8b_in_16_bits_and_a_13b_only_in_8() -> None:
    models = held("1xrtx-4090")
    assert weights_of(models["meta-llama/Llama-3.1-8B"]) == "checkpoint"
    assert weights_of(models["meta-llama/Llama-2-13b-hf"]) == "fp8"
    assert models["meta-llama/Llama-3.3-70B-Instruct"].verdict == "no"
    assert models["deepseek-ai/DeepSeek-V3"].verdict == "no"


def test_llama_cpp_takes_the_largest_file_type_that_fits() -> None:
    models = held("1xrtx-4090", choices=rightrig.Choices(runtime="llama.cpp"))
    assert weights_of(models["meta-llama/Llama-3.1-8B"]) == "q8_0"
    assert weights_of(models["openai/gpt-oss-20b"]) == "checkpoint"
    assert weights_of(models["Qwen/Qwen3-30B-A3B"]) == "q5_k_m"


def test_a_fixed_format_is_the_only_one_tried() -> None:
    models = held("1xrtx-4090", choices=rightrig.Choices(weights="bf16"))
    assert models["meta-llama/Llama-2-13b-hf"].verdict == "no"
    assert weights_of(models["meta-llama/Llama-3.1-8B"]) == "bf16"


def test_the_list_starts_with_what_fits_and_the_largest_of_it() -> None:
    order = list(held("1xh100-sxm").values())
    ranks = [("fits", "tight", "offload", "no").index(model.verdict) for model in order]
    assert ranks == sorted(ranks)
    assert order[0].llm.name == "meta-llama/Llama-3.3-70B-Instruct"


@pytest.mark.parametrize("rig", ["1xrtx-4090", "2xrtx-3090", "1xm4-max", "8xh100-sxm"])
def test_a_verdict_is_the_one_that_fit_gives(rig: str) -> None:
    for model in held(rig, 4096, 2).values():
        if model.fit is not None:
            again = fit(model.fit.deployment, model.fit.context_tokens, 2)
            assert again.verdict == model.verdict


def test_more_traffic_never_lets_more_models_in() -> None:
    few, many = held("1xrtx-4090", 4096, 1), held("1xrtx-4090", 4096, 64)
    assert {n for n, m in many.items() if m.verdict != "no"} <= {
        n for n, m in few.items() if m.verdict != "no"
    }


def test_a_runtime_that_cannot_run_there_says_why() -> None:
    model = held("1xm4-max", choices=rightrig.Choices(runtime="vllm"))["openai/gpt-oss-20b"]
    assert model.fit is None
    assert "m4-max is Apple" in model.reason
