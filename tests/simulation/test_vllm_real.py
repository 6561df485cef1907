"""Two measured runs of vLLM of which every request is known (benchmarks/vllm_runs.py)."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest
from scripts import load_script

RUNS: Final = load_script("benchmarks/vllm_runs.py")
WITHIN: Final = {"mean": 0.25, "p50": 0.25, "p99": 0.3}

pytestmark = pytest.mark.skipif(not RUNS.RUNS.exists(), reason="runs of vLLM are in shared/traces")


@cache
def errors_ratio(name: str) -> dict[tuple[str, str], float]:
    served = RUNS.SERVED[name]
    run = RUNS.read_run(served.folder)
    found = RUNS.simulated(served, run)
    assert found.served_count == len(run.requests) == 300
    errors: dict[tuple[str, str], float] = RUNS.errors_ratio(found, run)
    return errors


@pytest.mark.parametrize("name", RUNS.SERVED)
@pytest.mark.parametrize("metric", RUNS.METRICS)
@pytest.mark.parametrize("statistic", RUNS.STATISTICS)
def test_simulated_times_are_near_measured_ones(name: str, metric: str, statistic: str) -> None:
    assert abs(errors_ratio(name)[metric, statistic]) <= WITHIN[statistic]
