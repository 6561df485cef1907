"""LMDeploy: the command says what the fit counted."""

from __future__ import annotations

from typing import Any

import pytest
from launch_text import launch_text
from servings import serving

from golden import golden
from rightrig.recipes.engines import lmdeploy
from rightrig.recipes.serving import Serving, Speculation

SMALL = "meta-llama/Llama-3.1-8B-Instruct"


def told(on: str = "1xrtx-4090", users: int = 8, **choices: Any) -> Serving:
    return serving(SMALL, on, 4096, users, runtime="lmdeploy", **choices)


def value(made: Serving, name: str) -> str | None:
    (flag,) = (flag for flag in lmdeploy.launch_of(made).flags if flag.name == name)
    return flag.value


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("lmdeploy-awq", told(weights="awq")),
        ("lmdeploy-volta-int8-cache", told("2xv100-sxm2-32gb", kv="int8")),
    ],
)
def test_the_whole_is_as_it_was_read(name: str, made: Serving) -> None:
    assert lmdeploy.reason(made) is None
    golden(f"{name}.txt", launch_text(lmdeploy.launch_of(made)))


def test_the_limits_are_those_of_the_fit() -> None:
    made = told("1xh100-sxm", max_seqs=64, max_batched_tokens=4096, memory_ratio=0.7)
    assert value(made, "--session-len") == "4096"
    assert value(made, "--max-batch-size") == "64"
    assert value(made, "--max-prefill-token-num") == "4096"
    assert value(made, "--cache-max-entry-count") == "0.7"


@pytest.mark.parametrize(("kv", "policy"), [("fp16", "none"), ("bf16", "none"), ("int8", "int8")])
def test_the_cache_has_the_format_of_the_fit(kv: str, policy: str) -> None:
    assert value(told("1xh100-sxm", kv=kv), "--quant-policy") == policy


def test_without_a_prefix_cache_the_switch_is_left_out() -> None:
    launch = lmdeploy.launch_of(told(use={"prefix_cache": False}))
    assert "--enable-prefix-caching" not in launch.words


@pytest.mark.parametrize(
    ("choices", "instead"),
    [
        ({"use": {"speculation": Speculation(3, "ngram")}}, "--runtime vllm"),
        ({"loras": 2, "lora_rank": 8}, "--runtime vllm"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_nearest(
    choices: dict[str, Any], instead: str
) -> None:
    assert instead in (lmdeploy.reason(told(**choices)) or "")


def test_five_ranks_are_refused_with_the_nearest_power_of_two() -> None:
    made = serving("microsoft/phi-4", "5xrtx-4090", 4096, 4, runtime="lmdeploy", tp=5)
    assert "use --tp 4" in (lmdeploy.reason(made) or "")


def test_weights_that_its_second_engine_does_not_load_are_refused() -> None:
    experts = serving(
        "zai-org/GLM-4.5-Air", "4xh100-sxm", 4096, 4, runtime="lmdeploy", weights="awq"
    )
    assert "loads no experts in AWQ" in (lmdeploy.reason(experts) or "")
    four = serving(
        "zai-org/GLM-4.5-Air", "4xh100-sxm", 4096, 4, runtime="lmdeploy", weights="mxfp4"
    )
    assert "loads no experts in MXFP4" in (lmdeploy.reason(four) or "")
    mistral = "mistralai/Mistral-7B-Instruct-v0.3"
    gptq = serving(mistral, "1xh100-sxm", 4096, 4, runtime="lmdeploy", weights="gptq")
    assert "use --weights awq" in (lmdeploy.reason(gptq) or "")
    awq = serving(mistral, "1xh100-sxm", 4096, 4, runtime="lmdeploy", weights="awq")
    assert lmdeploy.reason(awq) is None
    mixtral = serving(
        "mixtral-8x22b-v0.1", "4xh100-sxm", 4096, 4, runtime="lmdeploy", weights="awq"
    )
    assert lmdeploy.reason(mixtral) is None


def test_a_family_without_code_is_refused() -> None:
    made = serving("ibm-granite/granite-3.1-2b-instruct", "1xh100-sxm", 4096, 4, runtime="lmdeploy")
    assert "the family granite" in (lmdeploy.reason(made) or "")
