"""How many cards: the numbers of Llama 2 70B that are known, and what no split may do."""

from __future__ import annotations

import pytest
from hardware_questions import CATALOG, cards
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.planning.questions.gpu_count import Asked, CardCount, gpu_count

LLAMA_70B = CATALOG.llm("llama-2-70b")


def row(gpu: str, weights: str, most: int = 8, concurrency: int = 1) -> CardCount:
    table = Asked(cards(gpu), (weights,), 4096, concurrency, most)
    return gpu_count(CATALOG, LLAMA_70B, table).rows[0]


def test_seventy_billion_at_16_bits_takes_two_h100_and_is_tight() -> None:
    found = row("h100-sxm", "checkpoint")
    assert found.least_count == found.least_tensor_count == 2
    two = found.at(2)
    assert two is not None
    assert two.verdict == "tight"


def test_seventy_billion_at_16_bits_takes_seven_rtx_4090_in_a_pipeline_and_eight_by_tensors() -> (
    None
):
    found = row("rtx-4090", "checkpoint")
    assert found.least_count == 7
    assert found.least_tensor_count == 8
    assert [c.verdict for c in found.counts if c.cards_count in {1, 2, 4, 6}] == ["no"] * 4


def test_64_heads_forbid_tensor_parallelism_over_six_cards() -> None:
    found = gpu_count(CATALOG, LLAMA_70B, Asked(cards("rtx-4090"), ("fp8",), 4096, 1, 8))
    assert list(found.forbidden) == [3, 5, 6, 7]
    assert found.forbidden[6] == "64 attention heads do not divide by tp=6"
    six = found.rows[0].at(6)
    assert six is not None
    assert {(s.split.tp, s.split.pp) for s in six.splits} == {(2, 3), (1, 6)}
    assert (
        found.explain()
        .sentences[-1]
        .startswith("Tensor parallelism is impossible on 3, 5, 6, 7 cards")
    )


@pytest.mark.parametrize(
    ("weights", "least"), [("fp8", 4), ("awq", 2), ("q4_k_m", 2), ("iq2_xxs", 1)]
)
def test_smaller_formats_of_seventy_billion_take_fewer_rtx_4090(weights: str, least: int) -> None:
    assert row("rtx-4090", weights).least_count == least


def test_a_runtime_that_deals_out_layers_has_no_tensor_count_to_regret() -> None:
    found = gpu_count(CATALOG, LLAMA_70B, Asked(cards("rtx-4090"), ("q4_k_m",), 4096, 1, 8))
    assert found.rows[0].is_layered
    assert "tensor" not in found.explain().sentences[0]


def test_a_format_that_a_card_does_not_run_is_a_no_with_its_reason() -> None:
    found = gpu_count(CATALOG, LLAMA_70B, Asked(cards("mi300x"), ("awq", "nvfp4"), 4096, 1, 2))
    refused = [r for r in found.rows if not any(c.splits for c in r.counts)]
    assert all(r.counts[0].reason for r in refused)
    assert all(r.least_count is None for r in refused)


@settings(max_examples=8, deadline=None)
@given(concurrency=st.integers(1, 64), gpu=st.sampled_from(["l40s", "a100-sxm-80gb"]))
def test_more_sequences_never_take_fewer_cards(concurrency: int, gpu: str) -> None:
    one, many = row(gpu, "fp8"), row(gpu, "fp8", concurrency=concurrency)
    assert (many.least_count or 99) >= (one.least_count or 99)
    assert all(s.split.engine_cards == c.cards_count for c in many.counts for s in c.splits)
