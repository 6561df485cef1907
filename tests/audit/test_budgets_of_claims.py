"""Budgets of memory, as expressions of a claims table ask for them."""

from __future__ import annotations

import pytest
from audited_text import amount, found, in_unit

from rightrig.errors import InputError


@pytest.mark.parametrize(
    ("weights", "gigabytes"), [("fp16", 68.0), ("fp8", 34.0), ("q4_0", 19.125), ("awq", 17.664)]
)
def test_34_billion_weights_take_their_bits(weights: str, gigabytes: float) -> None:
    text = f'stored_bytes(34*Gparam, "{weights}")'
    assert in_unit(text, "GB") == pytest.approx(gigabytes, abs=5e-4)


def test_a_format_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="fp7"):
        found('stored_bytes(34*Gparam, "fp7")')


def test_an_rtx_4090_holds_12_6_billion_weights_of_16_bits_and_twice_as_many_of_8() -> None:
    wide = amount('most_params_count("rtx-4090", "fp16")').mid
    assert wide == pytest.approx(25_250_627_584 / 2)
    assert amount('most_params_count("rtx-4090", "fp8")').mid == pytest.approx(2.0 * wide)


def test_a_13b_of_16_bits_leaves_less_than_nothing_of_24_gib_and_59_gb_of_80_gib() -> None:
    left = in_unit('memory_left_bytes("llama-2-13b", "rtx-4090", "fp16")', "GB")
    assert left == pytest.approx(25.2506 - 26.0317, abs=1e-3)
    large = in_unit('memory_left_bytes("llama-2-13b", "a100-pcie-80gb", "fp16")', "GB")
    assert large == pytest.approx(59.4, abs=0.05)


def test_the_room_for_the_cache_is_what_all_sequences_that_fit_take() -> None:
    room = in_unit('cache_room_bytes("llama-2-7b", "1xrtx-4090", "fp16")', "B")
    one = in_unit('kv_bytes("llama-2-7b", 2048)', "B")
    most = amount('most_seqs_count("llama-2-7b", "1xrtx-4090", 2048, "fp16")').mid
    assert most * one <= room < (most + 1) * one


def test_what_does_not_fit_leaves_no_room_for_a_cache() -> None:
    assert in_unit('cache_room_bytes("llama-2-13b", "1xrtx-4090", "fp16")', "GB") < 0.0


def test_llama_cpp_leaves_more_of_an_instance_than_vllm() -> None:
    rig = "1xh100-sxm@mig=1g.10gb"
    light = in_unit(f'cache_room_bytes("llama-2-7b", "{rig}", "q4_0", "llama.cpp")', "GB")
    heavy = in_unit(f'cache_room_bytes("llama-2-7b", "{rig}", "awq", "vllm")', "GB")
    assert light == pytest.approx(6.2, abs=0.3)
    assert heavy < light


def test_11_gb_hold_6_whole_sequences_of_a_13b_and_13_of_8_bits() -> None:
    assert amount('seqs_in_budget_count("llama-2-13b", 11*GB, 2048)').mid == 6.0
    assert amount('seqs_in_budget_count("llama-2-13b", 11*GB, 2048, "fp8")').mid == 13.0


def test_a_70b_is_split_inside_its_layers_over_8_cards_of_24_gib_and_2_of_80() -> None:
    assert amount('least_tp_cards_count("llama-2-70b", "rtx-4090", 4096, 1, "fp16")').mid == 8.0
    assert amount('least_tp_cards_count("llama-2-70b", "h100-sxm", 4096, 1, "fp16")').mid == 2.0


def test_what_16_cards_do_not_hold_is_refused() -> None:
    with pytest.raises(InputError, match="16 cards of rtx-4090 do not hold"):
        found('least_tp_cards_count("deepseek-ai/deepseek-v3", "rtx-4090", 4096, 1, "bf16")')
