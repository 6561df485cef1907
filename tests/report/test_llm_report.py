"""``models show``: what lies beside the language model is printed, and its state."""

from __future__ import annotations

from typing import Final

from rightrig.facts.catalog import shipped
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
