"""Licences: what passes a limit, and why the rest does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.licence import LIMITS, licence_of, licence_reason
from rightrig.facts.terms import Licence
from rightrig.facts.user_catalog import load_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.llm import Llm

CATALOG: Final = shipped()
LLMS: Final = tuple(CATALOG.llm(slug) for slug in CATALOG.slugs("llms"))


def reason(name: str, allowed: str) -> str | None:
    return licence_reason(CATALOG.llm(name), allowed)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "apache-2.0"),
        ("Qwen/Qwen2.5-3B-Instruct", "qwen-research"),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen"),
        ("Qwen/Qwen-1_8B", "tongyi-qianwen-research"),
        ("google/gemma-3-27b-it", "gemma"),
        ("google/gemma-4-31B-it", "apache-2.0"),
        ("mistralai/Mistral-Large-Instruct-2407", "mistral-research"),
        ("mistralai/Mixtral-8x7B-v0.1", "apache-2.0"),
        ("CohereLabs/c4ai-command-r-plus", "cc-by-nc-4.0"),
        ("deepseek-ai/DeepSeek-R1", "mit"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-model"),
        ("MiniMaxAI/MiniMax-M2.7", "minimax-non-commercial"),
        ("moonshotai/Kimi-K3", "kimi-k3"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-community"),
    ],
)
def test_sizes_and_releases_of_one_family_differ(name: str, slug: str) -> None:
    assert CATALOG.llm(name).licence == slug


def test_an_approved_licence_passes_every_limit() -> None:
    for limit in (*LIMITS, "mit", "MIT License"):
        assert reason("deepseek-ai/DeepSeek-R1", limit) is None


def test_a_community_licence_is_commercial_and_not_open() -> None:
    assert reason("meta-llama/Llama-3.3-70B-Instruct", "commercial") is None
    assert reason("meta-llama/Llama-3.3-70B-Instruct", "open") == (
        "meta-llama/Llama-3.3-70B-Instruct is under the Llama 3.3 Community License, which the "
        "Open Source Initiative is not known to have approved."
    )


def test_a_licence_for_research_says_what_it_forbids() -> None:
    assert reason("Qwen/Qwen2.5-3B-Instruct", "commercial") == (
        "Qwen/Qwen2.5-3B-Instruct is under the Qwen Research License Agreement, without "
        "commercial use: Research and evaluation alone are allowed; commercial use needs a "
        "licence from Alibaba Cloud."
    )


def test_another_licence_than_the_one_asked_for_does_not_pass() -> None:
    assert reason("deepseek-ai/DeepSeek-R1", "apache-2.0") == (
        "deepseek-ai/DeepSeek-R1 is under the MIT License, and only the Apache License 2.0 is "
        "allowed."
    )


@pytest.mark.parametrize("limit", ["open", "commercial", "mit"])
def test_an_unknown_licence_passes_no_limit_but_any(limit: str) -> None:
    assert reason("mosaicml/mpt-7b", limit) == "The licence of mosaicml/mpt-7b is not known."
    assert reason("mosaicml/mpt-7b", "any") is None


def test_a_limit_that_is_no_licence_is_named() -> None:
    with pytest.raises(InputError, match="no licence is called 'apache-3'; did you mean apache-2"):
        reason("deepseek-ai/DeepSeek-R1", "apache-3")


@given(st.sampled_from(LLMS))
def test_what_is_open_is_commercial_and_what_is_commercial_is_known(model: Llm) -> None:
    passed = {limit: licence_reason(model, limit) is None for limit in LIMITS}
    assert passed["open"] <= passed["commercial"] <= passed["any"]
    licence = licence_of(model)
    assert passed["commercial"] == (licence is not None and licence.commercial != "no")


def test_every_licence_of_a_model_has_a_record_and_a_source_of_its_own() -> None:
    known = [llm for llm in LLMS if llm.licence]
    assert len(known) >= 190
    for llm in known:
        assert llm.licence in CATALOG.slugs("licences"), llm.name
        assert [s for s in llm.sources if s.fields == ("licence",)], llm.name


@pytest.mark.parametrize("slug", CATALOG.slugs("licences"))
def test_every_licence_is_that_of_some_model(slug: str) -> None:
    assert any(llm.licence == slug for llm in LLMS)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"commercial": "no"}, "state the limit"),
        ({"commercial": "yes", "limit": "Ask."}, "state the limit"),
        ({"commercial": "no", "limit": "Never.", "osi_approved": True}, "allows every use"),
    ],
)
def test_terms_that_contradict_each_other_are_refused(fields: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Licence.model_validate({"slug": "x", "name": "X", **fields})


def test_a_user_states_a_licence_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    text = 'name = "Ours"\ncommercial = "yes-with-limit"\nlimit = "Ask Ada first."\n'
    (folder / "ours.toml").write_text(text, encoding="utf-8")
    catalog = load_catalog([tmp_path])
    model = CATALOG.llm("gpt-oss-20b").model_copy(update={"licence": "ours"})
    assert licence_reason(model, "commercial", catalog) is None
    assert licence_reason(model, "Ours", catalog) is None
    assert licence_reason(model, "commercial") == (
        "openai/gpt-oss-20b is under 'ours', and no record says what that allows."
    )
