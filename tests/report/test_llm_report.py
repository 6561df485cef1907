"""``models show``: what lies beside the language model is printed, and its state."""

from __future__ import annotations

from typing import Final

from rightrig.facts.catalog import shipped
from rightrig.facts.licence import licence_of
from rightrig.report.llm import model_document, model_json
from rightrig.report.terminal import plain_text

CATALOG: Final = shipped()


def shown(name: str) -> str:
    return " ".join(plain_text(model_document(CATALOG.llm(name))).split())


def test_a_recurrent_model_shows_its_state_its_tower_and_its_layer_ahead() -> None:
    text = shown("Qwen/Qwen3.5-397B-A17B")
    assert "Recurrent state of a sequence: 0.192 GB (0.179 GiB)." in text
    assert "a tower for vision of 456,010,480 parameters." in text
    assert "parameters for multi-token prediction, in 1 layer." in text
    assert "gated-delta 64 × 128 × 128 state" in text
    assert "Not counted" not in text
    assert model_json(CATALOG.llm("Qwen/Qwen3.5-397B-A17B"))["recurrent_state_bytes"] == 192_061_440


def test_a_plain_model_shows_nothing_beside_itself() -> None:
    text = shown("meta-llama/Llama-3.1-8B")
    assert "Beside it" not in text
    assert "Recurrent state" not in text


def test_a_model_shows_its_licence_with_the_limit_and_the_text() -> None:
    llm = CATALOG.llm("meta-llama/Llama-3.1-8B")
    text = " ".join(plain_text(model_document(llm, licence_of(llm))).split())
    assert (
        "Licence: Llama 3.1 Community License (llama-3.1-community); commercial use is allowed "
        "within a limit. A company whose products had more than 700 million monthly users"
    ) in text
    assert "Text: github:meta-llama/llama-models@a9c89c4:models/llama3_1/LICENSE" in text
    terms = model_json(llm, licence_of(llm))["licence_terms"]
    assert isinstance(terms, dict)
    assert terms["commercial"] == "yes-with-limit"


def test_a_model_whose_licence_is_not_known_says_so() -> None:
    assert "Licence: not known." in shown("mosaicml/mpt-7b")
    assert model_json(CATALOG.llm("mosaicml/mpt-7b"))["licence_terms"] is None
