"""Continuous batching: steps, closed loops, random arrivals, and the bounds on percentiles."""

from __future__ import annotations

import numpy as np
import pytest

import rightrig
from rightrig.demand.objective import PERCENTILES, Metric
from rightrig.prediction.regimes import Lengths, own_moments
from rightrig.prediction.serving import (
    Z_99,
    Goal,
    at_rate,
    closed_loop,
    largest_load,
    largest_steady_seqs,
    open_loop,
    total_s,
    wait_tail_s,
)
from rightrig.prediction.step_time import StepTimer, account
from rightrig.prediction.timers import timer_of
from rightrig.work.operators import Step

LENGTHS = Lengths(1000.0, 300.0)


@pytest.fixture(scope="module")
def timer() -> StepTimer:
    catalog = rightrig.shipped()
    rig = rightrig.parse_rig("2xh100-sxm", catalog)
    llm = catalog.llm("meta-llama/Llama-3.3-70B-Instruct")
    return timer_of(rightrig.propose(catalog, llm, rig, rightrig.Choices(weights="fp8")))


@pytest.mark.parametrize("busy_ratio", [0.05, 0.3, 0.6, 0.9])
def test_the_bound_on_the_wait_lies_above_a_simulated_queue_and_within_40_percent(
    busy_ratio: float,
) -> None:
    random = np.random.default_rng(7)
    gaps = random.exponential(1.0 / busy_ratio, 300_000)
    # Lindley's recursion, written as a running maximum.
    walk = np.cumsum(1.0 - gaps)
    waits = walk - np.minimum.accumulate(np.minimum(walk, 0.0))
    measured = float(np.quantile(waits[30_000:], 0.99))
    bound = float(wait_tail_s(1.0, busy_ratio))
    assert measured <= bound * 1.02
    assert bound <= measured * 1.4


def test_nobody_waits_at_the_99th_percentile_of_an_idle_engine() -> None:
    assert float(wait_tail_s(1.0, 0.009)) == 0.0


def test_the_steady_load_leaves_room_for_its_own_99th_percentile() -> None:
    steady = float(largest_steady_seqs(256.0))
    assert steady + Z_99 * steady**0.5 == pytest.approx(256.0)


def test_a_rate_gives_back_the_running_sequences_of_littles_law(timer: StepTimer) -> None:
    point = at_rate(timer, LENGTHS, 4.0, 512.0)
    assert float(point.rate_requests_per_s) == pytest.approx(4.0, rel=1e-3)
    held = 4.0 * LENGTHS.output_tokens * float(point.tpot_mean_s)
    assert float(point.running_seqs) == pytest.approx(held, rel=1e-3)


def test_the_largest_load_just_keeps_the_objective_that_binds(timer: StepTimer) -> None:
    goals = (Goal("ttft", 99, 10.0), Goal("tpot", 99, 0.03))
    point = largest_load(timer, LENGTHS, np.array([512.0]), goals).point
    assert float(np.asarray(point.tpot_p99_s)[0]) == pytest.approx(0.03, rel=1e-3)
    assert float(np.asarray(point.ttft_p99_s)[0]) < 10.0


def test_a_tighter_objective_never_allows_more_load(timer: StepTimer) -> None:
    limits = np.array([0.02, 0.025, 0.03, 0.05, 0.1])
    goals = (Goal("ttft", 99, 2.0), Goal("tpot", 99, limits))
    point = largest_load(timer, LENGTHS, np.full(5, 512.0), goals)
    assert (np.diff(point.rate_requests_per_s) >= -1e-9).all()


@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e", "itl"])
def test_a_higher_percentile_is_never_lower(timer: StepTimer, metric: Metric) -> None:
    flow = at_rate(timer, LENGTHS, np.array([0.2, 2.0, 6.0]), 512.0)
    tails = np.stack([flow.tail_s(metric, p) for p in PERCENTILES])
    assert (np.diff(tails, axis=0) >= 0.0).all()
    assert np.all(flow.tail_s("e2e", 99) > flow.tail_s("ttft", 99))


def test_percentile_bounds_are_never_below_the_means(timer: StepTimer) -> None:
    point = open_loop(timer, np.array([0.5, 4.0, 32.0, 128.0]), LENGTHS)
    assert np.all(point.tpot_p99_s >= point.tpot_mean_s)
    assert np.all(point.ttft_p99_s >= point.ttft_mean_s)


def test_more_users_raise_throughput_and_latency(timer: StepTimer) -> None:
    point = closed_loop(timer, np.array([1.0, 4.0, 16.0, 64.0, 256.0]), LENGTHS)
    assert (np.diff(point.tpot_mean_s) > 0).all()
    assert (np.diff(point.ttft_mean_s) > 0).all()
    assert (np.diff(point.rate_requests_per_s) > 0).all()


def test_a_prompt_longer_than_a_chunk_takes_several_steps(timer: StepTimer) -> None:
    short = float(total_s(timer, own_moments(timer.pace, 1.0, Lengths(8192.0, 100.0))))
    long = float(total_s(timer, own_moments(timer.pace, 1.0, Lengths(4 * 8192.0, 100.0))))
    assert 4.0 * short < long < 6.0 * short


def test_the_account_of_a_step_adds_up_to_the_step(timer: StepTimer) -> None:
    step = Step(16.0, 2000.0, 0.0, 0.0, 16.0)
    parts = account(timer, step)
    assert sum(part.time_s for part in parts) == pytest.approx(float(timer.step_s(step)))
    assert [p.time_s for p in parts] == sorted((p.time_s for p in parts), reverse=True)


def test_a_70b_in_fp8_on_two_h100_decodes_as_nvidia_measured(timer: StepTimer) -> None:
    # NVIDIA NIM benchmark page v1.8.0: inter-token latency 18.6 ms, one user, 5000 in, 500 out.
    point = closed_loop(timer, 1.0, Lengths(5000.0, 500.0))
    assert float(point.tpot_mean_s) == pytest.approx(0.0186, rel=0.25)
