"""Scaling of training: memory first, the exchange, and causes of a measured loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.rig import parse_rig
from rightrig.planning.questions.scaling import Job, Wire, cost_with_overhead_usd, scaling

CATALOG = rightrig.shipped()
JOB = Job(
    params_count=1e9,
    ranks_count=4,
    compute_s=2.0,
    gradient_bytes_per_weight=2.0,
    state_bytes_per_weight=16.0,
    overlap_ratio=0.75,
    accumulated_count=1,
)


def wire(rig: str) -> Wire:
    return Wire(parse_rig(rig, CATALOG))


def test_70b_at_10_gb_per_s_waits_14_s_beside_5_s_of_work() -> None:
    job = replace(JOB, params_count=70e9, ranks_count=2, compute_s=5.0)
    found = scaling(job, Wire(None, 10e9))
    assert found.sync_s is not None
    assert found.plain is not None
    assert found.sync_s.mid == pytest.approx(14.0)
    assert found.plain.overhead_ratio == pytest.approx(14 / 19)


@pytest.mark.parametrize("rig", ["2xh100-sxm", "8xh100-sxm", "8xa100-sxm-80gb"])
def test_full_training_of_70b_does_not_fit_cards_of_80_gb_so_that_no_time_is_told(rig: str) -> None:
    cards = int(rig[0])
    job = replace(JOB, params_count=68_976_648_192.0, ranks_count=cards)
    found = scaling(job, wire(rig), 1.5)
    assert found.whole_bytes == pytest.approx(1104e9, rel=1e-3)
    assert found.sharing is None
    assert (found.sync_s, found.plain, found.overlapped) == (None, None, None)
    assert found.causes == ()
    assert "at least 13 such cards" in found.explain().sentences[1]


def test_the_least_sharing_that_fits_is_taken_and_shared_weights_move_half_as_much_again() -> None:
    small = scaling(replace(JOB, params_count=1e9), wire("4xrtx-4090"))
    large = scaling(replace(JOB, params_count=5e9), wire("4xrtx-4090"))
    assert (small.sharing, large.sharing) == ("none", "zero-3")
    assert small.sync_s is not None
    assert large.sync_s is not None
    assert large.sync_s.mid == pytest.approx(1.5 * 5.0 * small.sync_s.mid, rel=1e-3)


def test_a_fifth_below_linear_on_4090s_is_explained_by_missing_overlap() -> None:
    found = scaling(JOB, wire("4xrtx-4090"), 3.2)
    first = found.causes[0]
    assert first.name == "gradients are not sent beside the backward pass"
    assert first.is_possible
    assert first.speedup_ratio is not None
    assert first.speedup_ratio.low <= 3.2 <= first.speedup_ratio.high
    assert "20% below linear" in found.explain().sentences[-1]


def test_a_fifth_below_linear_with_nvlink_is_explained_by_lost_peer_to_peer() -> None:
    job = replace(JOB, params_count=7e9, compute_s=5.0)
    names = [cause.name for cause in scaling(job, wire("4xa100-sxm-80gb"), 3.2).causes]
    assert names[0] == "PCIe without peer-to-peer"
    # Cards that exchange through the host already cannot lose it.
    assert "PCIe without peer-to-peer" not in {
        cause.name for cause in scaling(JOB, wire("4xrtx-4090"), 3.2).causes
    }


def test_a_fixed_time_a_step_is_what_the_predicted_exchange_leaves_over() -> None:
    found = scaling(JOB, wire("4xa100-sxm-80gb"), 3.2)
    fixed = next(c for c in found.causes if c.name.startswith("a fixed time"))
    # Nothing of 1 B gradients is seen over NVLink: 4 × 2 s / 3.2 − 2 s.
    assert fixed.finding == "500 ms a step beside the predicted exchange"
    assert fixed.lost_ratio == pytest.approx(1.0)


def test_causes_that_predict_the_figure_come_before_those_that_do_not() -> None:
    causes = scaling(JOB, wire("4xl40s"), 3.0).causes
    predicted = [cause.is_possible for cause in causes if cause.speedup_ratio is not None]
    assert predicted == sorted(predicted, reverse=True)
    assert [cause.speedup_ratio for cause in causes[-2:]] == [None, None]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 60.0), st.floats(0.0, 1.0), st.integers(1, 8))
def test_speed_up_lies_between_nothing_and_linear_and_overlap_never_hurts(
    compute: float, overlap: float, steps: int
) -> None:
    job = replace(JOB, compute_s=compute, overlap_ratio=overlap, accumulated_count=steps)
    found = scaling(job, wire("4xrtx-4090"))
    assert found.plain is not None
    assert found.overlapped is not None
    assert 0.0 < found.plain.speedup_ratio <= found.overlapped.speedup_ratio <= 4.0


@pytest.mark.parametrize(
    ("cost", "ratio", "expected"), [(136.0, 0.05, 143.16), (238.0, 0.02, 242.86)]
)
def test_waiting_raises_the_cost_of_a_job(cost: float, ratio: float, expected: float) -> None:
    assert cost_with_overhead_usd(cost, ratio) == pytest.approx(expected, abs=5e-3)
