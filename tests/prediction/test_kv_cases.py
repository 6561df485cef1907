"""Six known caches: ours agree with arithmetic, with llama.cpp, and with vLLM's rule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.prediction.kv_cases import KvCase, kv_cases, kv_tools
from rightrig.quantities import MIB

CASES: Final = kv_cases(shipped())
PAGE: Final = Path(__file__).parents[2] / "docs" / "methodology" / "accuracy.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_known_cache_is_as_large_as_arithmetic_says(case: KvCase) -> None:
    assert case.own_ideal_bytes == case.ideal_bytes
    assert case.own_vllm_bytes == case.vllm_bytes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_known_cache_is_what_llama_cpp_prints_in_whole_mib(case: KvCase) -> None:
    if case.llama_cpp_bytes is None:
        pytest.skip(f"llama.cpp was not asked for {case.model}")
    assert 0.0 <= case.own_llama_cpp_bytes - case.llama_cpp_bytes < MIB


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_the_arithmetic_of_a_case_gives_its_bytes(case: KvCase) -> None:
    words = re.sub(r"layers|layer|heads| B\b", "", case.derivation.replace(",", ""))
    assert eval(words.replace("·", "*")) == case.ideal_bytes  # noqa: S307 - our own record


def test_no_engine_stores_less_than_is_kept() -> None:
    for case in CASES:
        assert case.own_vllm_bytes >= case.own_ideal_bytes
        assert case.own_llama_cpp_bytes >= case.own_ideal_bytes


def test_every_tool_answers_for_each_case_or_has_a_dash_and_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for tool in kv_tools():
        assert len(tool.answers_ratio) == len(CASES)
        assert tool.known
        assert tool.name in text
