"""What is impossible is refused with the nearest that works."""

from __future__ import annotations

import pytest

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.recipes.making import Use
from rightrig.recipes.nearest import Wanted, nearest, system_reason


def wanted(model: str, on: str, choices: Choices, context: int = 8192, users: int = 1) -> Wanted:
    catalog = shipped()
    llm, rig = find_llm(model, catalog), parse_rig(on, catalog)
    use = Use(context_tokens=context, concurrency=users, input_tokens=1000, output_tokens=300)
    return Wanted(catalog, llm, rig, choices, lambda _deployment: use)


def refusal(asked: Wanted) -> str:
    with pytest.raises(InputError) as refused:
        propose(asked.catalog, asked.llm, asked.rig, asked.choices)
    return str(refused.value)


def test_six_ranks_of_sixty_four_heads_become_two_ranks_in_three_stages() -> None:
    asked = wanted("llama-3.3-70b", "6xh100-sxm", Choices(tp=6))
    assert "64 attention heads do not divide by tp=6" in refusal(asked)
    assert nearest(asked) == "--tp 2 --pp 3"


def test_fp8_on_a_v100_becomes_eight_bits_of_llama_cpp() -> None:
    asked = wanted("llama-3.1-8b", "1xv100-sxm-32gb", Choices("vllm", "fp8"))
    assert "v100-sxm-32gb has 7.0" in refusal(asked)
    assert nearest(asked) == "--runtime llama.cpp --weights q8_0"


def test_awq_in_llama_cpp_becomes_its_own_four_bits() -> None:
    asked = wanted("llama-3.1-8b", "1xrtx-4090", Choices("llama.cpp", "awq"))
    assert "llama.cpp does not load awq" in refusal(asked)
    assert nearest(asked) == "--weights q4_k_m"


def test_int8_on_blackwell_becomes_fp8_of_the_same_engine() -> None:
    asked = wanted("llama-3.1-8b", "1xb200-sxm", Choices(weights="int8"))
    assert "below compute capability 10.0 only" in refusal(asked)
    assert nearest(asked) == "--runtime vllm --weights fp8"


def test_tensorrt_llm_on_amd_becomes_another_engine() -> None:
    asked = wanted("llama-3.1-8b", "1xmi300x", Choices("tensorrt-llm"))
    assert "mi300x is AMD" in refusal(asked)
    assert nearest(asked) == "--runtime vllm"


def test_vllm_under_windows_is_no_build_of_its_own() -> None:
    choices = Choices("vllm", operating_system="windows")
    asked = wanted("llama-3.1-8b", "1xrtx-5090", choices)
    made = propose(asked.catalog, asked.llm, asked.rig, asked.choices)
    assert "WSL2" in (system_reason(made) or "")
    assert nearest(asked) == "--os linux"


def test_under_linux_and_without_a_system_nothing_is_against_it() -> None:
    for system in ("linux", None):
        asked = wanted("llama-3.1-8b", "1xh100-sxm", Choices("vllm", operating_system=system))
        made = propose(asked.catalog, asked.llm, asked.rig, asked.choices)
        assert system_reason(made) is None


def test_what_starts_but_does_not_fit_says_so() -> None:
    asked = wanted("llama-3.1-405b", "2xrtx-4090", Choices("vllm", tp=3), context=131_072)
    assert nearest(asked) == "--tp 2 (which does not fit yet)"


@pytest.mark.parametrize(
    ("model", "on", "choices"),
    [
        ("llama-3.3-70b", "6xh100-sxm", Choices(tp=6)),
        ("llama-3.1-8b", "1xv100-sxm-32gb", Choices("vllm", "fp8")),
        ("llama-3.1-8b", "1xb200-sxm", Choices(weights="int8")),
        ("qwen3-8b", "1xh100-sxm", Choices("vllm", kv="q4_0")),
    ],
)
def test_the_nearest_is_taken_where_the_asked_is_not(model: str, on: str, choices: Choices) -> None:
    asked = wanted(model, on, choices)
    refusal(asked)
    assert nearest(asked)


@pytest.mark.parametrize(
    ("model", "on", "choices", "said"),
    [
        # What the nearest changes beside the first option is said too.
        (
            "llama-3.1-8b",
            "1xrtx-5090",
            Choices("llama.cpp", "awq", "fp8"),
            "--weights q4_k_m without --kv",
        ),
        ("llama-3.1-8b", "2xh100-sxm", Choices(tp=8, replicas=2), "--tp 1"),
        ("qwen3-8b", "1xrtx-4090", Choices("llama.cpp", pp=2), "--pp 1"),
        ("llama-3.1-8b", "1xh100-sxm", Choices(replicas=2), "without --replicas"),
        ("llama-3.1-8b", "1xh100-sxm", Choices("sglang", gpu_layers=10), "without --gpu-layers"),
        ("qwen3-0.6b", "4n:3xl4", Choices("vllm"), "--pp 12"),
    ],
)
def test_it_names_all_that_it_changes(model: str, on: str, choices: Choices, said: str) -> None:
    asked = wanted(model, on, choices)
    refusal(asked)
    assert nearest(asked) == said


def test_what_an_engine_refuses_is_not_nearest() -> None:
    # One engine of llama.cpp is one program on one machine, and has 256 slots.
    asked = wanted("qwen3-30b-a3b", "3n:1xm3-ultra", Choices("sglang"))
    assert nearest(asked) == "--runtime llama.cpp --replicas 3"
    many = wanted("qwen3-0.6b", "1xv100-sxm-32gb", Choices("sglang"), 512, 5000)
    assert "llama.cpp" not in nearest(many)
