"""Watts of a simulation: what its steps worked on, and what the cards draw for that."""

from __future__ import annotations

from typing import Final

import pytest
from small_clusters import cluster, drawn, engines, fixed

import rightrig
from rightrig.demand.workload import Workload
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.simulation.cluster import Autoscaling
from rightrig.simulation.simulate import Setting, simulate, simulate_cluster

CATALOG: Final = rightrig.shipped()
PROMPT, ANSWER = 1000, 300
AGREES_RATIO: Final = 0.03


def watts(
    model: str, rig: str, rate_per_s: float, choices: Choices | None = None
) -> tuple[float, float]:
    """Return the mean watts as simulated, and as predicted for as many users as were running."""
    deployment = propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    traffic = Workload(rate_requests_per_s=rate_per_s, input_tokens=PROMPT, output_tokens=ANSWER)
    seen = simulate(deployment, traffic, setting=Setting(2000, model_interval=False))
    users = round(seen.running_seqs * deployment.parallelism.replicas)
    expected = predict(deployment, Lengths(PROMPT, ANSWER), users)
    assert seen.used_ratio > 0.98
    assert seen.power_w is not None
    assert expected.power_w is not None
    return seen.power_w.mid, expected.power_w.mid


def test_steps_with_prompts_are_counted_apart() -> None:
    seen = simulate_cluster(cluster(engines()), fixed([0.0, 0.0], 1000, 11))
    decoding, reading = seen.loads
    # Both prompts in one step: 10 ms, and 50 µs a token.
    assert reading.time_s == pytest.approx(0.11)
    assert (reading.decode_seqs, reading.prompt_tokens) == (0.0, 2000.0)
    assert decoding.time_s == pytest.approx(10 * 0.0102, rel=1e-2)
    assert (decoding.decode_seqs, decoding.prompt_tokens) == (2.0, 0.0)


def test_a_long_step_counts_for_longer() -> None:
    # 2,048 tokens in 112.4 ms, then 952 in 57.6 ms; at first nobody decodes.
    seen = simulate_cluster(cluster(engines()), fixed([0.0], 3000, 2))
    _, reading = seen.loads
    mean = (2048 * 0.1124 + 952 * 0.0576) / 0.17
    assert reading.prompt_tokens == pytest.approx(mean, rel=1e-3)


@pytest.mark.parametrize("seed", range(30))
def test_loads_fill_the_busy_time_whatever_the_cluster(seed: int) -> None:
    case = drawn(seed)
    seen = simulate_cluster(case.cluster, case.requests)
    busy_s = sum(replica.busy_s for replica in seen.replicas)
    spent_s = sum(load.time_s for load in seen.loads)
    # Steps that only bring caches back to sequences decode nothing and read nothing.
    assert 0.9 * busy_s <= spent_s <= busy_s * (1 + 1e-9)
    seq_s = sum(load.time_s * load.decode_seqs for load in seen.loads)
    assert 0.0 < seq_s <= seen.running_seqs * busy_s * (1 + 1e-9)


@pytest.mark.parametrize(
    ("model", "rig", "rate_per_s", "choices"),
    [
        ("llama-3.1-8b", "1xh100-sxm", 2.0, None),
        ("llama-3.1-8b", "1xh100-sxm", 8.0, None),
        ("llama-3.1-8b", "1xrtx-4090", 3.0, None),
        ("llama-3.1-8b", "2xl40s", 6.0, Choices(tp=1, replicas=2)),
        ("llama-3.3-70b", "4xh100-sxm", 2.0, None),
        ("llama-3.3-70b", "4xh100-sxm", 2.0, Choices(tp=2, pp=2)),
    ],
)
def test_simulated_watts_are_the_predicted_ones(
    model: str, rig: str, rate_per_s: float, choices: Choices | None
) -> None:
    seen, expected = watts(model, rig, rate_per_s, choices)
    assert seen == pytest.approx(expected, rel=AGREES_RATIO)


def test_replicas_that_are_off_draw_nothing() -> None:
    traffic = Workload(rate_requests_per_s=1.0, input_tokens=PROMPT, output_tokens=ANSWER)
    found_w = []
    for replicas, scaling in ((1, None), (2, Autoscaling(1, target_count=1e6))):
        choices = Choices(tp=1, replicas=replicas)
        rig = parse_rig(f"{replicas}xl40s", CATALOG)
        deployment = propose(CATALOG, CATALOG.llm("llama-3.1-8b"), rig, choices)
        setting = Setting(500, autoscaling=scaling, model_interval=False)
        seen = simulate(deployment, traffic, setting=setting)
        assert len(seen.replicas) == replicas
        assert seen.power_w is not None
        found_w.append(seen.power_w.mid)
    assert found_w[1] == pytest.approx(found_w[0], rel=0.02)
