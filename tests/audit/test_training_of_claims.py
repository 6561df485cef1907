"""What training keeps and sends, as expressions ask for it."""

from __future__ import annotations

import datetime

import pytest

from rightrig.audit.functions.training import (
    decode_sync_s,
    gradient_bytes,
    gradient_sync_s,
    training_state_bytes,
)
from rightrig.audit.naming import Setting
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

SETTING = Setting(shipped(), datetime.date(2026, 11, 22), {})


def test_states_of_llama_2_70b_take_1104_gb_with_adam() -> None:
    found = training_state_bytes(SETTING, "llama-2-70b", "2xa100-sxm-80gb")
    assert found == pytest.approx(16.0 * 68_976_648_192)


def test_states_are_counted_once_however_many_cards_share_them() -> None:
    one, eight = (
        training_state_bytes(SETTING, "llama-2-7b", rig) for rig in ("1xh100-sxm", "8xh100-sxm")
    )
    assert one == eight


def test_qlora_keeps_the_frozen_weights_at_four_bits() -> None:
    found = training_state_bytes(SETTING, "llama-2-70b", "1xrtx-4090", "qlora")
    # nf4 weights are 36.4 GB; the adapter of rank 16 and its states are about 3 GB.
    assert 36.4e9 < found < 42e9


def test_another_method_of_training_is_refused() -> None:
    with pytest.raises(InputError, match="full, lora, qlora"):
        training_state_bytes(SETTING, "llama-2-7b", "1xh100-sxm", "dora")


def test_gradients_are_two_bytes_a_weight() -> None:
    assert gradient_bytes(SETTING, "llama-2-70b") == pytest.approx(137.95e9, rel=1e-4)


def test_two_a100_add_up_gradients_of_70b_in_under_a_second_over_nvlink() -> None:
    found = gradient_sync_s(SETTING, "llama-2-70b", "2xa100-sxm-80gb")
    # Not below what 300 GB/s of one direction allow: each card sends every byte once.
    assert found.low > 137.95e9 / 300e9
    assert found.mid == pytest.approx(0.86, rel=0.2)


def test_four_rtx_4090_take_tens_of_seconds_for_the_same_gradients() -> None:
    found = gradient_sync_s(SETTING, "llama-2-70b", "4xrtx-4090")
    assert found.low > 1.5 * 137.95e9 / 31.5e9
    assert 20.0 < found.mid < 90.0


def test_a_token_of_70b_waits_a_few_milliseconds_on_four_rtx_4090() -> None:
    found = decode_sync_s(SETTING, "llama-2-70b", "4xrtx-4090")
    assert found.mid == pytest.approx(5.9e-3, rel=0.3)
    assert found.high < 50e-3


def test_one_card_exchanges_nothing() -> None:
    with pytest.raises(InputError, match="one card"):
        decode_sync_s(SETTING, "llama-2-7b", "1xh100-sxm")
