"""What a card is and holds, as expressions of a claims table ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from audited_text import amount, found, in_unit
from user_records import CARD

from rightrig.errors import InputError
from rightrig.facts.user_catalog import load_catalog

if TYPE_CHECKING:
    from pathlib import Path


def test_80_gb_are_sold_as_80_times_a_billion_bytes() -> None:
    assert in_unit('marketed_bytes("h100-sxm")', "GB") == pytest.approx(80.0)


def test_both_cards_read_their_whole_memory_in_about_24_ms() -> None:
    assert in_unit('sweep_s("h100-sxm")', "ms") == pytest.approx(23.88, abs=0.005)
    assert in_unit('1 / sweep_s("rtx-4090")', "GB/s/GB") == pytest.approx(42.0)


@pytest.mark.parametrize(
    ("card", "rate", "tflops"),
    [
        ("h100-sxm", "fp16", 989.43),
        ("rtx-4090", "fp16", 165.15),
        ("rtx-4090", "fp16_fp16_accumulate", 330.30),
        ("rtx-4090", "int8", 660.60),
    ],
)
def test_a_peak_is_sms_times_multiply_adds_times_two_times_clock(
    card: str, rate: str, tflops: float
) -> None:
    text = f'clocked_flop_per_s("{card}", "{rate}")'
    assert in_unit(text, "TFLOPS") == pytest.approx(tflops, abs=0.005)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('clocked_flop_per_s("h100-sxm", "fp16 dense")', "is no rate; write fp64,"),
        ('clocked_flop_per_s("h100-sxm", "fp4")', "lacks SMs, clock or multiply-adds of fp4"),
        ('has_format("h100-sxm", "fp3")', "is no number format; write fp64,"),
        ('mma_shape("rtx-4090", "wgmma")', "has no 16-bit instruction 'wgmma'"),
        ('mma_shape("h100-sxm", "wgmma", 129)', "multiples of 8 up to 256"),
        ('mma_shape("h100-sxm", "wgmma", 264)', "multiples of 8 up to 256"),
        ('can_train("llama-2-7b", "1xh100-sxm", "dora")', "is no method; write full, lora, qlora"),
        ('least_cards_count("llama-3.1-405b", "rtx-4090", 4096)', "do not hold"),
        ('weight_room_bits_per_weight("llama-2-70b", "1xh20", 4096, 0)', "seqs is 0"),
        ('can_train("llama-2-7b", "1xh100-sxm", "full", 0)', "seq_tokens is 0"),
        ("threads_count(0)", "warps is 0"),
        ('kv_bytes("llama-2-7b", 0)', "context_tokens is 0"),
        ('fits("llama-2-7b", "1xh100-sxm", 4096, 0 - 3)', "seqs is -3"),
    ],
)
def test_what_a_function_of_cards_cannot_answer_is_said(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        found(text)


def test_a_card_of_no_known_generation_has_no_formats(tmp_path: Path) -> None:
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "mine.toml").write_text(CARD.replace('"8.9"', '"99.0"'))
    with pytest.raises(InputError, match="no generation of mine is recorded"):
        found('has_format("mine", "fp8")', load_catalog((tmp_path,)))


def test_a_warp_group_of_four_warps_has_128_threads() -> None:
    assert amount("threads_count(4)").mid == 128.0


def test_hopper_multiplies_fp8_and_no_int4_and_ampere_no_fp8() -> None:
    assert found('has_format("h100-sxm", "fp8")') is True
    assert found('has_format("h100-sxm", "int4")') is False
    assert found('has_format("a100-sxm-80gb", "fp8")') is False


def test_tiles_of_16_bit_instructions_are_those_of_the_isa() -> None:
    assert found('mma_shape("h100-sxm", "wgmma", 128)') == "64x128x16"
    assert found('mma_shape("h100-sxm", "mma")') == "16x8x16"
    assert found('mma_shape("rtx-4090", "mma")') == "16x8x16"


def test_one_row_does_a_flop_a_byte_and_waits_for_memory() -> None:
    roof = in_unit('gemm_roof_flop_per_s("h100-sxm", 1, 14336, 4096)', "TFLOPS")
    assert roof == pytest.approx(3.35, rel=1e-3)
    assert found('gemm_limit("h100-sxm", 1, 14336, 4096)') == "memory bandwidth"


def test_many_rows_meet_the_peak_and_reach_three_quarters_of_it_on_an_h100() -> None:
    roof = 'gemm_roof_flop_per_s("h100-sxm", 8192, 8192, 8192)'
    assert in_unit(roof, "TFLOPS") == pytest.approx(989.4)
    share = amount(f'gemm_flop_per_s("h100-sxm", 8192, 8192, 8192) / {roof}').interval
    assert 0.6 < share.low < share.mid < share.high < 0.9
    assert found('gemm_limit("h100-sxm", 8192, 8192, 8192)') == "compute"


def test_a_matrix_of_4096_squared_stays_in_l2_and_a_wide_one_does_not() -> None:
    assert found('fits_l2("h100-sxm", 1, 4096, 4096)') is True
    assert found('fits_l2("rtx-4090", 1, 14336, 4096)') is False


def test_two_h100_and_seven_rtx_4090_hold_a_70b_at_16_bits() -> None:
    assert amount('least_cards_count("llama-2-70b", "h100-sxm", 4096)').mid == 2.0
    assert amount('least_cards_count("llama-2-70b", "rtx-4090", 4096)').mid == 7.0
    assert amount('least_cards_count("llama-2-70b", "h100-sxm", 4096, 1, "awq")').mid == 1.0


def test_a_70b_has_less_than_three_bits_a_weight_on_an_rtx_4090() -> None:
    one = in_unit('weight_room_bits_per_weight("llama-2-70b", "1xrtx-4090", 4096)', "bit")
    four = in_unit('weight_room_bits_per_weight("llama-2-70b", "1xrtx-4090", 4096, 4)', "bit")
    assert one == pytest.approx(2.33, abs=0.1)
    # Three more caches of 1.342 GB over 68.98 billion weights.
    assert one - four == pytest.approx(3 * 1.3422 * 8 / 68.977, rel=1e-3)


def test_qlora_of_a_70b_takes_several_rtx_4090() -> None:
    assert found('can_train("llama-2-70b", "4xrtx-4090", "qlora")') is True
    assert found('can_train("llama-2-70b", "1xrtx-4090", "qlora")') is False
    assert found('can_train("llama-2-70b", "8xrtx-4090", "full")') is False


def test_a_node_of_8_trains_a_70b_with_moments_of_8_bits_and_no_weights_of_32() -> None:
    node = 'can_train("llama-3.1-70b", "8xh100-sxm", "full", 2048'
    assert found(f'{node}, "adamw-8bit", keeps_fp32=False)') is True
    assert found(f'{node}, "adamw-8bit")') is False
    assert found(f'{node}, "adamw", keeps_fp32=False)') is False
    with pytest.raises(InputError, match="write adamw"):
        found(f'{node}, "lion")')
