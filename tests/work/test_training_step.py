"""The work of training: flop by pass, against published counts and what every model obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.training import Adapter, Checkpointing
from rightrig.facts.llm import Attention, Llm
from rightrig.work.operators import Shard
from rightrig.work.training_flop import (
    flop_by_pass,
    hardware_flop_per_token,
    model_flop_per_token,
)
from rightrig.work.training_step import (
    MicroBatch,
    TrainingKernels,
    adapter_params_count,
    attended_tokens,
    forward_work,
    trained_params_count,
    training_work,
)
from rightrig.work.weights import matmul_params_count, total_params_count

CATALOG = rightrig.shipped()
LLAMA_2_7B = CATALOG.llm("meta-llama/Llama-2-7b-hf")
MODELS = tuple(
    CATALOG.llm(name)
    for name in (
        "meta-llama/Llama-2-7b-hf",
        "meta-llama/Llama-3.1-8B",
        "Qwen/Qwen2.5-1.5B-Instruct",
        "mistralai/Mixtral-8x7B-v0.1",
        "google/gemma-2-9b-it",
        "Qwen/Qwen3.5-4B",
    )
)
models = st.sampled_from(MODELS)


def test_w049_the_forward_pass_of_llama_2_7b_over_4096_tokens_takes_15_36_gflop_a_token() -> None:
    whole_square = model_flop_per_token(LLAMA_2_7B, 4096, convention="palm") / 3.0
    assert whole_square == pytest.approx(15_362_170_880, rel=1e-3)


def test_w092_frozen_weights_take_4n_a_token_where_trained_ones_take_6n() -> None:
    frozen = model_flop_per_token(LLAMA_2_7B, 1, "lora", Adapter(rank=1))
    trained = model_flop_per_token(LLAMA_2_7B, 1)
    params = matmul_params_count(LLAMA_2_7B)
    assert trained == pytest.approx(6.0 * params, rel=1e-3)
    assert frozen == pytest.approx(4.0 * params, rel=3e-3)
    # The row counts the embedding too, which is looked up: 26.95 against 26.43 GFLOP.
    assert frozen == pytest.approx(26_953_662_460, rel=0.025)


def test_w048_low_rank_matrices_of_rank_16_beside_all_of_llama_2_7b_are_40_million() -> None:
    adapter = Adapter(rank=16)
    assert adapter_params_count(LLAMA_2_7B, adapter) == 39_976_960
    assert trained_params_count(LLAMA_2_7B, "lora", adapter) == 39_976_960
    assert trained_params_count(LLAMA_2_7B, "full", adapter) == total_params_count(LLAMA_2_7B)


def test_adapters_on_queries_and_values_are_half_of_those_on_the_four_of_attention() -> None:
    few = adapter_params_count(LLAMA_2_7B, Adapter(8, "query-value"))
    more = adapter_params_count(LLAMA_2_7B, Adapter(8, "attention"))
    assert few == 32 * 2 * 8 * 2 * 4096
    assert more == 2 * few


def test_a_printed_mfu_counts_attention_over_the_whole_square() -> None:
    # llm-foundry: MPT-13B on 512 H100, 4,952 tokens/s a card at 41.12 % MFU and 54.83 % HFU.
    mpt = CATALOG.llm("llm-foundry/mpt-13b")
    model = model_flop_per_token(mpt, 2048, convention="palm")
    assert 4952.0 * model / 989.5e12 == pytest.approx(0.4112, rel=5e-3)
    again = hardware_flop_per_token(mpt, 2048) - hardware_flop_per_token(mpt, 2048, "full", "none")
    causal = model_flop_per_token(mpt, 2048)
    assert (causal + again) / causal == pytest.approx(54.83 / 41.12, rel=0.01)


def test_experts_that_rest_take_no_flop() -> None:
    mixtral = CATALOG.llm("mistralai/Mixtral-8x7B-v0.1")
    assert model_flop_per_token(mixtral, 1) == pytest.approx(6.0 * 12.75e9, rel=0.01)


@given(window=st.integers(1, 4096), seq=st.integers(1, 4096))
def test_a_window_attends_to_what_counting_every_query_gives(window: int, seq: int) -> None:
    attention = Attention(
        kind="sliding", head_count=1, kv_head_count=1, head_dim=64, window_tokens=window
    )
    counted = float(np.minimum(np.arange(seq) + 0.5, window).mean())
    assert attended_tokens(attention, seq) == pytest.approx(counted, abs=0.5)


def test_a_window_saves_flop_only_where_it_is_shorter_than_the_sequence() -> None:
    gemma = CATALOG.llm("google/gemma-2-9b-it")
    short, long = (model_flop_per_token(gemma, seq) for seq in (1024, 16384))
    layers = sum(count for block, count in gemma.block_counts if block.attention is not None)
    attention = next(b.attention for b, _ in gemma.block_counts if b.attention is not None)
    dims = attention.head_dim + attention.value_dim
    everywhere = 6.0 * layers * attention.head_count * dims * (16384 - 1024) / 2.0
    # Half of its layers reach 4096 tokens back: 3584 on average of 16384, not 8192.
    reached = (0.5 * (8192 - 512) + 0.5 * (3584 - 512)) / (8192 - 512)
    assert long - short == pytest.approx(reached * everywhere, rel=1e-6)


@given(llm=models, seq=st.sampled_from([128, 1024, 8192]))
@settings(max_examples=30, deadline=None)
def test_checkpointing_adds_the_forward_pass_of_the_layers_and_nothing_else(
    llm: Llm,
    seq: int,
) -> None:
    plain = flop_by_pass(llm, seq, "full", "none")
    full = flop_by_pass(llm, seq, "full", "full")
    assert plain["backward"] == pytest.approx(2.0 * plain["forward"])
    assert full["backward"] == plain["backward"]
    head = 2.0 * llm.vocab_size * llm.hidden_size
    assert full["recompute"] == pytest.approx(full["forward"] - head, rel=1e-6)


@given(llm=models, seq=st.sampled_from([128, 2048]), rank=st.integers(1, 256))
@settings(max_examples=30, deadline=None)
def test_training_low_rank_matrices_takes_less_than_training_all(
    llm: Llm,
    seq: int,
    rank: int,
) -> None:
    frozen = model_flop_per_token(llm, seq, "lora", Adapter(rank, "attention"))
    assert frozen < model_flop_per_token(llm, seq)
    assert frozen > model_flop_per_token(llm, seq) * 0.6


@given(llm=models, ranks=st.sampled_from([2, 4]))
@settings(max_examples=12, deadline=None)
def test_tensor_parallel_ranks_divide_the_products(
    llm: Llm,
    ranks: int,
) -> None:
    micro = MicroBatch(2.0, 1024.0, 1024.0)
    alone = sum(work.flop for work in forward_work(llm, micro))
    shared = sum(work.flop for work in forward_work(llm, micro, Shard(tp=ranks)))
    assert alone / ranks <= shared * (1.0 + 1e-9)
    assert shared < alone / ranks * 1.3


def test_stored_scores_move_bytes_and_selective_checkpointing_computes_them_again() -> None:
    micro = MicroBatch(1.0, 2048.0, 2048.0)
    stored = TrainingKernels(keeps_scores=True)
    plain = sum(work.moved_bytes for work in forward_work(LLAMA_2_7B, micro))
    kept = forward_work(LLAMA_2_7B, micro, kernels=stored)
    added = sum(work.moved_bytes for work in kept) - plain
    assert added == pytest.approx(32 * 32 * 2048**2 * 8.0)
    again = training_work(kept, "full", "selective", stored)
    assert any(w.phase == "recompute" and w.kind == "prefill" for w in again)
    flash = training_work(forward_work(LLAMA_2_7B, micro), "full", "selective")
    assert not any(w.phase == "recompute" and w.flop for w in flash)


def _again_ratio(checkpointing: Checkpointing, **said: Any) -> float:
    """Return recomputed over forward products of the layers of Llama 3.1 8B."""
    forward = forward_work(CATALOG.llm("llama-3.1-8b"), MicroBatch(1.0, 2048.0, 2048.0))
    products = [w for w in forward if w.is_in_block and w.kind == "gemm"]
    works = training_work(products, "full", checkpointing, **said)
    return sum(w.flop for w in works if w.phase == "recompute") / sum(w.flop for w in products)


def test_alternating_products_are_done_again_by_their_widths() -> None:
    again, all_widths = 1024 + 4096 + 14_336, 2 * (4096 + 1024) + 3 * 14_336
    assert _again_ratio("alternate") == pytest.approx(again / all_widths)
    forward = forward_work(CATALOG.llm("llama-3.1-8b"), MicroBatch(1.0, 2048.0, 2048.0))
    works = training_work(forward, "full", "alternate")
    assert not any(w.phase == "recompute" and w.kind == "prefill" for w in works)


def test_recomputation_may_stop_before_the_last_product() -> None:
    stops = TrainingKernels(repeats_last=False)
    assert _again_ratio("full") == pytest.approx(1.0)
    left = 14_336 / (2 * (4096 + 1024) + 3 * 14_336)
    assert _again_ratio("full", kernels=stops) == pytest.approx(1.0 - left)


@given(st.floats(0.0, 1.0))
def test_recomputation_of_some_layers_is_their_share(layers_ratio: float) -> None:
    assert _again_ratio("full", layers_ratio=layers_ratio) == pytest.approx(layers_ratio)


def test_of_experts_gate_and_down_are_kept() -> None:
    forward = forward_work(CATALOG.llm("mixtral-8x7b-v0.1"), MicroBatch(1.0, 512.0, 512.0))
    experts = [w for w in forward if w.kind == "experts"]
    works = training_work(experts, "full", "alternate")
    again = sum(w.flop for w in works if w.phase == "recompute")
    assert again == pytest.approx(sum(w.flop for w in experts) / 3.0)
