"""Gradient exchange: the figures of the worked examples, and what overlap and links change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import SHARINGS
from rightrig.prediction.gradient_sync import (
    FULL_STATE_BYTES_PER_WEIGHT,
    exposed_s,
    overhead_ratio,
    rig_sync_s,
    training_state_bytes,
    volume_ratio,
    weak_scaling_ratio,
)
from rightrig.prediction.network import ring_all_reduce_s

CATALOG = rightrig.shipped()
LLAMA_2_70B_PARAMS = 68_976_648_192
times = st.floats(1e-3, 1e3)


def test_states_of_a_70b_model_take_1104_gb_and_neither_two_nor_eight_80_gb_cards_hold_them() -> (
    None
):
    assert training_state_bytes(LLAMA_2_70B_PARAMS, 16.0, 1, "none") == pytest.approx(
        1104e9, rel=1e-3
    )
    for cards in (2, 8):
        least = training_state_bytes(LLAMA_2_70B_PARAMS, 16.0, cards, "zero-3")
        assert least > CATALOG.gpu("h100-sxm").memory_bytes.high
    held = training_state_bytes(LLAMA_2_70B_PARAMS, 16.0, 16, "zero-3")
    assert held < CATALOG.gpu("h100-sxm").memory_bytes.low


@pytest.mark.parametrize(
    ("sharing", "gigabytes"),
    [("none", 120.0), ("zero-1", 31.4), ("zero-2", 16.6), ("zero-3", 1.88)],
)
def test_sharing_of_states_gives_the_figures_of_the_zero_paper(
    sharing: str, gigabytes: float
) -> None:
    found = training_state_bytes(7.5e9, FULL_STATE_BYTES_PER_WEIGHT, 64, sharing)  # type: ignore[arg-type]
    assert found / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_two_a100_at_240_gb_per_s_exchange_70b_gradients_in_0_58_s_a_tenth_of_the_step() -> None:
    sync = ring_all_reduce_s(140e9, 2, 0.0, 240e9)
    assert sync == pytest.approx(0.583, abs=1e-3)
    assert overhead_ratio(5.0, sync) == pytest.approx(0.104, abs=1e-3)


def test_14_s_beside_5_s_are_73_7_percent_of_a_step_and_4_cards_do_1_05_times_the_work() -> None:
    assert overhead_ratio(5.0, 14.0) == pytest.approx(14 / 19)
    assert weak_scaling_ratio(4, 5.0, 19.0) == pytest.approx(4 * 5 / 19)


@given(times, times, st.floats(0.0, 1.0))
def test_overlap_hides_at_most_the_backward_pass(sync: float, compute: float, share: float) -> None:
    waited = exposed_s(sync, compute, share)
    assert 0.0 <= waited <= sync
    assert sync - waited <= share * compute * 2.0 / 3.0 + 1e-9


@given(st.sampled_from(SHARINGS), st.integers(1, 512), st.floats(4.0, 32.0))
def test_more_sharing_never_takes_more_memory(sharing: str, ranks: int, each: float) -> None:
    place = [*SHARINGS].index(sharing)  # type: ignore[arg-type]
    needs = [training_state_bytes(1e9, each, ranks, one) for one in SHARINGS[place:]]
    assert needs == sorted(needs, reverse=True)


def test_shared_weights_are_gathered_twice() -> None:
    assert volume_ratio("zero-3") == pytest.approx(1.5 * volume_ratio("zero-2"))


def test_nvlink_exchanges_gradients_ten_times_as_fast_as_pcie_through_the_host() -> None:
    nvlink = rig_sync_s(parse_rig("4xh100-sxm", CATALOG), 14e9, 4)
    staged = rig_sync_s(parse_rig("4xrtx-4090", CATALOG), 14e9, 4)
    assert nvlink.mid < 0.1 * staged.mid
    # No faster than the rated link: 1.5 × 14 GB at 450 GB/s.
    assert nvlink.low >= 1.5 * 14e9 / 450e9


def test_gradients_smaller_than_a_bucket_are_sent_at_once() -> None:
    rig = parse_rig("4xrtx-4090", CATALOG)
    assert rig_sync_s(rig, 1e6, 4).mid > 0.5 * rig_sync_s(rig, 2e6, 4).mid
