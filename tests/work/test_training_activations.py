"""Activations of training: published counts of a layer, and what choices do to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.facts.llm import Attention, Block, Ffn
from rightrig.work.training_activations import (
    Kept,
    Share,
    checkpoint_bytes,
    layer_activation_bytes,
)

HIDDEN: Final = 12_288
GPT: Final = Block(
    attention=Attention(kind="full", head_count=96, kv_head_count=96, head_dim=128),
    ffn=Ffn(inner_size=4 * HIDDEN, gated=False),
    norm_params=4 * HIDDEN,
)
"""The layer of Korthikanti et al. 2022: 12,288 wide, 96 heads; 2,048 tokens, 4 sequences."""
SCORES_KEPT: Final = Kept(has_flash_attention=False, has_dropout=True)


@pytest.mark.parametrize(
    ("share", "kept", "expected_bytes"),
    [
        (Share(4 * 2048, 2048), SCORES_KEPT, 11_475_615_740),
        (Share(4 * 2048, 2048, 8, has_sequence_parallel=False), SCORES_KEPT, 2_315_255_808),
        (Share(4 * 2048, 2048, 8), SCORES_KEPT, 1_434_451_968),
        (Share(4 * 2048, 2048, 8), replace(SCORES_KEPT, is_selective=True), 427_819_008),
    ],
    ids=["W038 alone", "W039 tp 8", "W040 tp 8 and sequences", "W041 selective"],
)
def test_a_gpt_layer_keeps_what_its_paper_counts(
    share: Share, kept: Kept, expected_bytes: float
) -> None:
    assert layer_activation_bytes(GPT, HIDDEN, share, kept) == pytest.approx(
        expected_bytes, rel=1e-8
    )


def test_a_llama_layer_under_flash_attention_keeps_630_mb() -> None:
    llama = shipped().llm("llama-2-7b")
    found = layer_activation_bytes(llama.blocks[0], llama.hidden_size, Share(4096, 4096), Kept())
    assert found == 629_669_888, "W042"


def test_grouped_heads_keep_fewer_keys_and_values() -> None:
    llama = shipped().llm("llama-3.1-8b")
    block = llama.blocks[0]
    assert block.attention is not None
    whole = block.model_copy(
        update={"attention": block.attention.model_copy(update={"kv_head_count": 32})}
    )
    share = Share(1000, 1000)
    saved = layer_activation_bytes(whole, 4096, share, Kept()) - layer_activation_bytes(
        block, 4096, share, Kept()
    )
    assert saved == 1000 * 2 * 2 * 24 * 128, "24 of 32 heads of keys and values, 2 bytes each"


def test_frozen_matrices_keep_no_input() -> None:
    llama = shipped().llm("llama-2-7b")
    share = Share(100, 100)
    trained = layer_activation_bytes(llama.blocks[0], 4096, share, Kept())
    frozen = layer_activation_bytes(llama.blocks[0], 4096, share, Kept(ffn_inputs=False))
    assert trained - frozen == 100 * 2 * (4096 + 11_008), "the norm's output and the product"


def test_of_many_experts_only_the_visited_count() -> None:
    mixtral = shipped().llm("mixtral-8x7b-v0.1")
    ffn = mixtral.blocks[0].ffn
    assert ffn is not None
    more = mixtral.blocks[0].model_copy(
        update={"ffn": ffn.model_copy(update={"expert_count": 2 * ffn.expert_count})}
    )
    share = Share(10, 10)
    few = layer_activation_bytes(mixtral.blocks[0], mixtral.hidden_size, share, Kept())
    assert layer_activation_bytes(more, mixtral.hidden_size, share, Kept()) == pytest.approx(
        few + 10 * 8 * ffn.expert_count
    ), "the router's values of each new expert"


@given(
    slug=st.sampled_from(
        ["llama-2-7b", "llama-3.1-8b", "mixtral-8x7b-v0.1", "deepseek-v3", "qwen3-next-80b-a3b"]
    ),
    tokens=st.integers(1, 1 << 20),
    tp=st.sampled_from([1, 2, 4, 8]),
    flash=st.booleans(),
    drops=st.booleans(),
)
def test_less_is_kept_by_checkpoints_selection_ranks_and_shorter_batches(
    slug: str, tokens: int, tp: int, *, flash: bool, drops: bool
) -> None:
    llm = shipped().llm(slug)
    kept = Kept(has_flash_attention=flash, has_dropout=drops)
    for block in llm.blocks:
        share = Share(tokens, 4096, tp)
        whole = layer_activation_bytes(block, llm.hidden_size, share, kept)
        selected = layer_activation_bytes(
            block, llm.hidden_size, share, replace(kept, is_selective=True)
        )
        assert checkpoint_bytes(llm.hidden_size, share) < selected <= whole
        alone = layer_activation_bytes(block, llm.hidden_size, replace(share, tp=1), kept)
        assert whole == pytest.approx(alone / tp), "all of it is split by tokens or width"
        twice = layer_activation_bytes(
            block, llm.hidden_size, replace(share, tokens=2 * tokens), kept
        )
        assert twice == pytest.approx(2.0 * whole)


def test_alternating_products_keep_query_value_attention_and_gate() -> None:
    llama = shipped().llm("llama-3.1-8b")
    share = Share(1000, 1000)
    found = layer_activation_bytes(llama.blocks[0], 4096, share, Kept(is_alternate=True))
    values = 4096 + 4096 + 1024 + 4096 + 14_336
    assert found == 1000 * (2 * values + 4 * 32), "input, query, value, attention, gate; log-sums"
    whole = layer_activation_bytes(llama.blocks[0], 4096, share, Kept())
    assert checkpoint_bytes(4096, share) < found < 0.4 * whole


@given(st.sampled_from(["llama-3.1-8b", "llama-2-7b", "mixtral-8x7b-v0.1"]), st.integers(1, 8))
def test_alternating_keeps_more_than_inputs_and_less_than_all(name: str, tp: int) -> None:
    llm = shipped().llm(name)
    share = Share(4096, 4096, tp)
    kept = [
        layer_activation_bytes(llm.blocks[0], llm.hidden_size, share, each)
        for each in (Kept(is_alternate=True), Kept())
    ]
    assert checkpoint_bytes(llm.hidden_size, share) < kept[0] < kept[1]
