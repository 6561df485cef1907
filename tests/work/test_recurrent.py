"""States of linear attention, Mamba and short convolutions, by hand."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.facts.llm import Block, Recurrent
from rightrig.work.kv_cache import kv_bytes_per_token, recurrent_state_bytes, sequence_kv_bytes
from rightrig.work.recurrent import recurrent_params, state_bytes, state_flop_per_token

CATALOG = rightrig.shipped()
GATED_DELTA = Recurrent(
    kind="gated-delta", head_count=64, key_dim=128, value_dim=128, conv_channels=12_288,
    conv_kernel=4, split_params=1000, whole_params=7,
)  # fmt: skip


def test_45_gated_delta_layers_keep_192_mb_a_sequence() -> None:
    # W022: 64 heads of 128 × 128 in FP32, 12,288 channels × 3 kept inputs in BF16.
    block = Block(recurrent=GATED_DELTA, norm_params=0)
    assert state_bytes(GATED_DELTA) == 64 * 128 * 128 * 4 + 12_288 * 3 * 2
    assert recurrent_state_bytes([(block, 45)]) == 192_061_440
    assert sequence_kv_bytes([(block, 45)], 1_000_000, 16.0) == 192_061_440
    assert kv_bytes_per_token([(block, 45)], 16.0) == 0.0


@pytest.mark.parametrize("ranks", [2, 4, 8, 16, 64])
def test_ranks_share_the_heads_of_a_state(ranks: int) -> None:
    assert state_bytes(GATED_DELTA, ranks) == state_bytes(GATED_DELTA) / ranks


def test_a_rank_keeps_one_head_at_least() -> None:
    assert state_bytes(GATED_DELTA, 128) == state_bytes(GATED_DELTA, 64)


def test_ranks_divide_split_parameters_and_hold_the_others_whole() -> None:
    assert recurrent_params(GATED_DELTA) == 1007
    assert recurrent_params(GATED_DELTA, 8) == 132


def test_a_mamba2_layer_keeps_heads_times_width_times_state() -> None:
    mamba = Recurrent(
        kind="mamba2", head_count=64, key_dim=128, value_dim=64, conv_channels=6144,
        conv_kernel=4, state_bits=16, split_params=1,
    )  # fmt: skip
    assert state_bytes(mamba) == 64 * 64 * 128 * 2 + 6144 * 3 * 2


def test_a_short_convolution_keeps_its_last_inputs_only() -> None:
    conv = Recurrent(
        kind="short-conv", head_count=2048, key_dim=0, value_dim=0, conv_channels=2048,
        conv_kernel=3, split_params=1,
    )  # fmt: skip
    assert state_bytes(conv) == 2048 * 2 * 2
    assert state_flop_per_token(conv) == 0.0


def test_qwen3_next_keeps_36_states_and_12_caches() -> None:
    llm = CATALOG.llm("qwen3-next-80b-a3b-instruct")
    # 32 heads of 128 × 128, and 8,192 channels of the convolution with 3 inputs each, in BF16.
    state = 36 * (32 * 128 * 128 + 8192 * 3) * 2
    assert recurrent_state_bytes(llm.block_counts) == state
    # 12 layers with 2 heads of 256.
    assert kv_bytes_per_token(llm.block_counts, 16.0) == 12 * 2 * 2 * 256 * 2
    assert sequence_kv_bytes(llm.block_counts, 8192, 16.0) == state + 8192 * 24_576


def test_a_token_multiplies_the_state_four_times() -> None:
    assert state_flop_per_token(GATED_DELTA) == 2 * 4 * 64 * 128 * 128
