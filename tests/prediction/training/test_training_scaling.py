"""Scaling of training over cards and links."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_jobs import CATALOG, small_ddp_job, training_job

from rightrig.deployment.rig import Rig, parse_rig
from rightrig.deployment.training import Batch, TrainingSplit
from rightrig.errors import InputError
from rightrig.prediction.gradient_sync import ring_bytes_per_s
from rightrig.prediction.training.scaling import over_links, scaling_curve


def rig(text: str) -> Rig:
    return parse_rig(text, CATALOG)


def test_weak_scaling_keeps_the_work_of_a_card_and_loses_to_the_exchange() -> None:
    found = scaling_curve(small_ddp_job("4xrtx-4090"), [1, 2, 4])
    assert [point.cards_count for point in found.points] == [1, 2, 4]
    assert found.points[0].efficiency_ratio == pytest.approx(1.0)
    assert found.points[0].communication_ratio == 0.0
    ratios = [point.efficiency_ratio for point in found.points]
    assert ratios == sorted(ratios, reverse=True)
    last = found.points[-1]
    assert last.time.job.step_tokens == 4 * found.points[0].time.job.step_tokens
    assert last.speedup_ratio == pytest.approx(4.0 * last.efficiency_ratio)
    assert "4 cards" in found.explain().sentences[-1]


def test_strong_scaling_keeps_the_batch_and_says_where_it_cannot_be_dealt() -> None:
    job = small_ddp_job("8xa100-sxm-80gb", 4)  # 64 sequences a step
    found = scaling_curve(job, [1, 4, 8, 24], "strong")
    assert {point.time.job.step_tokens for point in found.points} == {64 * 2048}
    assert [count for count, _ in found.refused] == [24]
    assert "64 sequences" in found.refused[0][1]


def test_numbers_that_do_not_fill_machines_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="do not fill machines of 8"):
        scaling_curve(small_ddp_job("8xa100-sxm-80gb"), [12])
    with pytest.raises(InputError, match="several kinds"):
        scaling_curve(small_ddp_job("1xrtx-4090+1xrtx-3090"), [1])


@given(accumulation=st.integers(1, 32), name=st.sampled_from(["8xa100-sxm-80gb", "8xh100-sxm"]))
@settings(max_examples=20, deadline=None)
def test_slower_links_wait_longer(accumulation: int, name: str) -> None:
    points = over_links(small_ddp_job(name, accumulation))
    assert points[0].name == "as it is"
    assert len(points) == 3
    rates = [point.bytes_per_s for point in points]
    waits = [point.time.communication_ratio for point in points]
    assert rates == sorted(rates, reverse=True)
    assert waits == sorted(waits)


def test_cards_without_peers_have_no_slower_link_to_compare() -> None:
    assert [point.name for point in over_links(small_ddp_job("4xrtx-4090"))] == ["as it is"]


def test_a_ring_is_as_fast_as_its_slowest_hop_and_shares_the_network() -> None:
    one = rig("8xh100-sxm")
    two = rig("2n:8xh100-sxm@net=50GB/s")
    assert ring_bytes_per_s(one, 1) == float("inf")
    inside = ring_bytes_per_s(one, 8)
    across = ring_bytes_per_s(two, 16)
    assert across < inside
    # Eight rings of two cards each, one card a node: each has an eighth of the network.
    assert ring_bytes_per_s(two, 2, 8) == pytest.approx(across / 8.0)
    # Ranks that lie within one node do not see the network.
    assert ring_bytes_per_s(two, 8) == inside


def test_sharing_over_one_machine_alone_spares_the_network() -> None:
    def waits(shard_cards: int) -> float:
        job = training_job(
            "meta-llama/Llama-3.1-8B", "4n:8xa100-sxm-80gb@net=25GB/s", batch=Batch(2048, 4, 8),
            split=TrainingSplit(sharing="zero-3", shard_cards=shard_cards),
        )  # fmt: skip
        return scaling_curve(job, [32]).points[0].communication_ratio

    assert waits(8) < 0.5 * waits(0)
