"""Ollama's rules on top of llama.cpp's."""

from __future__ import annotations

from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.quantities import GIB
from rightrig.work import ollama

CATALOG: Final = shipped()


@pytest.mark.parametrize(
    ("gib", "tokens"), [(8, 4096), (22.9, 4096), (23, 32768), (46.9, 32768), (47, 262_144)]
)
def test_the_default_context_grows_with_the_cards_memory(gib: float, tokens: int) -> None:
    assert ollama.default_context_tokens(gib * GIB) == tokens


def test_the_prediction_knows_no_windows() -> None:
    """Gemma-3-27B at 32 K: 62 layers · 16 heads · (5376 / 32) · 4 B a token."""
    llm = CATALOG.llm("gemma-3-27b-it")
    assert ollama.predicted_bytes(llm, 0.0, 32768) == 62 * 16 * 168 * 4 * 32768


@pytest.mark.parametrize(
    ("context", "predicted", "free", "batch"),
    [
        (4096, 20 * GIB, 24 * GIB, 512),
        (32768, 10 * GIB, 24 * GIB, 1024),
        (65536, 10 * GIB, 24 * GIB, 2048),
        (65536, 16 * GIB, 24 * GIB, 1024),
        (65536, 19 * GIB, 24 * GIB, 512),
    ],
)
def test_the_batch_follows_context_and_room(
    context: int, predicted: float, free: float, batch: int
) -> None:
    assert ollama.batch_tokens(context, predicted, free) == batch


def test_a_model_goes_to_the_freest_card_that_holds_it_whole() -> None:
    assert ollama.single_card(10 * GIB, (12 * GIB, 16 * GIB, 24 * GIB)) == 2
    assert ollama.single_card(20 * GIB, (24 * GIB, 24 * GIB)) is None


def test_the_context_is_multiplied_by_the_parallel_requests() -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    options = ollama.server_options(llm, 8192, 4, 512, "q8_0")
    assert (options.context_tokens, options.cells_count, options.streams_count) == (32768, 8192, 4)
    assert ollama.server_options(llm, 262_144, 1, 512).context_tokens == 131_072
