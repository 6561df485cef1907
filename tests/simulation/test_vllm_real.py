"""Two measured runs of vLLM 0.19, request by request, with the constants that we ship.

Their project's runs are left out of the fit (``calibration``), so that nothing here was fitted on
them. Times are the engine's own: what passes before its queue is taken off ours.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pytest
from vllm_real import RUNS, RealRun, read_run

from rightrig.deployment.deployment import EngineLimits
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from rightrig.simulation.outcome import Outcome

pytestmark = pytest.mark.skipif(not RUNS.exists(), reason="runs of vLLM are in shared/traces")


class Served(NamedTuple):
    folder: str
    model: str
    rig: str
    tp: int
    max_seqs: int


RUN_OF: Final = {
    "8B on an RTX 4090": Served("RTX4090_Llama-3.1-8B", "llama-3.1-8b", "1xrtx-4090", 1, 256),
    # The two cards do not reach each other directly: transfers go through the host.
    "32B on two RTX PRO 6000": Served(
        "RTXPRO6000_Qwen3-32B", "qwen3-32b", "2xrtx-pro-6000-server@no-p2p", 2, 128
    ),
}


@cache
def both(name: str) -> tuple[Outcome, RealRun]:
    """Return what is simulated and what was measured."""
    served = RUN_OF[name]
    catalog = shipped()
    proposed = propose(
        catalog,
        catalog.llm(served.model),
        parse_rig(served.rig, catalog),
        Choices(tp=served.tp, runtime="vllm"),
    )
    deployment = replace(
        proposed, version="0.19.0", limits=EngineLimits(served.max_seqs, 2048, 0.9)
    )
    run = read_run(served.folder)
    return simulate(deployment, run.requests, setting=Setting(model_interval=False)), run


@pytest.mark.parametrize("name", RUN_OF)
@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e"])
@pytest.mark.parametrize(("statistic", "within"), [("mean", 0.2), ("p50", 0.2), ("p99", 0.3)])
def test_simulated_times_are_near_measured_ones(
    name: str, metric: str, statistic: str, within: float
) -> None:
    found, run = both(name)
    assert found.served_count == len(run.requests) == 300
    before_s = 0.0 if metric == "tpot" else found.cluster.request_s
    simulated_s = found.latencies[metric][statistic].mid - before_s
    values_s = getattr(run, f"{metric}_s")
    measured_s = (
        values_s.mean()
        if statistic == "mean"
        else np.percentile(values_s, float(statistic.removeprefix("p")))
    )
    assert simulated_s == pytest.approx(measured_s, rel=within)
