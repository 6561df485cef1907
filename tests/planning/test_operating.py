"""Watts at the asked rate: the search, the simulator and the prediction agree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import Question
from rightrig.planning.search import plan, space_of
from rightrig.planning.simulated import deployment_of
from rightrig.prediction.power import draw_of
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.planning.planned import PlannedRig

CATALOG: Final = rightrig.shipped()
PROMPT, ANSWER = 1000, 300


def traffic(rate_per_s: float) -> Workload:
    return Workload(rate_requests_per_s=rate_per_s, input_tokens=PROMPT, output_tokens=ANSWER)


def planned(model: str, gpu: str, runtime: str, rate_per_s: float) -> tuple[PlannedRig, Deployment]:
    """Return the first plan on a card and runtime, and its deployment."""
    question = Question(traffic(rate_per_s), Slo(), Limits(max_gpus_count=16))
    space = replace(
        space_of(CATALOG, question), gpus=(CATALOG.gpu(gpu),), runtimes=(CATALOG.runtime(runtime),)
    )
    first = plan(CATALOG.llm(model), question, space).plans[0]
    cards = {gpu.slug: gpu for gpu in space.gpus}
    runtimes = {runtime.slug: runtime for runtime in space.runtimes}
    return first, deployment_of(CATALOG.llm(model), cards, runtimes, first)


@pytest.mark.parametrize(
    ("model", "gpu", "runtime", "rate_per_s"),
    [
        ("llama-3.1-8b", "l40s", "vllm", 0.2),
        ("llama-3.1-8b", "l40s", "vllm", 1.0),
        ("llama-3.1-8b", "l40s", "vllm", 5.0),
        ("llama-3.3-70b", "a100-sxm-80gb", "vllm", 0.5),
        ("llama-3.1-8b", "rtx-3090", "llama.cpp", 0.5),
    ],
)
def test_planned_watts_are_the_simulated_ones(
    model: str, gpu: str, runtime: str, rate_per_s: float
) -> None:
    one, deployment = planned(model, gpu, runtime, rate_per_s)
    setting = Setting(3000, prefill_replicas_count=one.prefill_count, model_interval=False)
    seen = simulate(deployment, traffic(rate_per_s), setting=setting)
    assert seen.power_w is not None
    assert one.power_w == pytest.approx(seen.power_w.mid, rel=0.07)


def test_plan_simulator_and_prediction_agree_where_an_engine_is_always_busy() -> None:
    one, deployment = planned("llama-3.1-8b", "l40s", "vllm", 5.0)
    seen = simulate(deployment, traffic(5.0), setting=Setting(3000, model_interval=False))
    users = round(one.running_seqs)
    expected = predict(deployment, Lengths(float(PROMPT), float(ANSWER)), users)
    assert seen.power_w is not None
    assert expected.power_w is not None
    assert seen.power_w.mid == pytest.approx(expected.power_w.mid, rel=0.03)
    assert one.power_w == pytest.approx(expected.power_w.mid, rel=0.03)


def test_a_split_by_layers_lets_one_card_of_it_work_at_a_time() -> None:
    one, deployment = planned("llama-3.3-70b", "rtx-3090", "llama.cpp", 0.02)
    assert one.split.pp == one.cards_count == 2
    expected = predict(deployment, Lengths(float(PROMPT), float(ANSWER)), 1)
    assert expected.power_w is not None
    assert one.power_w is not None
    board_w = CATALOG.gpu("rtx-3090").board_power_w or 0.0
    idle_w = 2 * board_w * draw_of(CATALOG.gpu("rtx-3090")).idle_ratio
    # Between both cards idle and one of them always at work.
    assert idle_w < one.power_w < expected.power_w.mid
    busy_ratio = -math.expm1(-one.running_seqs)
    mean_w = idle_w + (expected.power_w.mid - idle_w) * busy_ratio
    assert one.power_w == pytest.approx(mean_w, rel=0.03)
