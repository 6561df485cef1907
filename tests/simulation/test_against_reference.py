"""The kernel, which jumps over steps, against the reference, which takes each of them."""

from __future__ import annotations

from functools import cache
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from against_reference import check_agreement, column, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from random_scenarios import on_ticks, random_scenario
from reference_simulator import EngineSpec, Report, Req, System, reference

from rightrig.demand.requests import Requests
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.prediction.drafting import timer_for
from rightrig.simulation.collecting import values_of_s
from rightrig.simulation.engines import lengths_of
from rightrig.simulation.gaps import gap_percentiles_s
from rightrig.simulation.layout import SERVED
from rightrig.simulation.simulate import Setting, simulate
from rightrig.work.operators import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.prediction.step_time import StepTimer
    from rightrig.simulation.outcome import Outcome

SEEDS: Final = range(20)
ALONE: Final = tuple(
    islice((seed for seed in count() if len(random_scenario(seed).system.engines) == 1), 20)
)
"""Seeds of scenarios with one replica: of several, ties are told apart by other rules."""
PERCENTILES: Final = np.array([50.0, 90.0, 99.0])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_request_sees_the_same_as_step_by_step(seed: int) -> None:
    check_agreement(random_scenario(seed))


@pytest.mark.parametrize("seed", ALONE)
def test_events_at_the_same_time_are_taken_in_the_same_order(seed: int) -> None:
    check_agreement(on_ticks(random_scenario(seed)))


@given(seed=st.integers(10_000, 10_000_000))
@settings(max_examples=12, deadline=None)
def test_whatever_the_seed(seed: int) -> None:
    check_agreement(random_scenario(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_percentiles_of_gaps_are_within_half_a_percent(seed: int) -> None:
    """The histogram's percentile lies where the exact list has it, give or take 0.5 %."""
    scenario = random_scenario(seed)
    exact = np.sort(reference(scenario.requests, scenario.system).gaps)
    _, whole = simulated(scenario)
    found = gap_percentiles_s(whole.gaps.sum(axis=0), PERCENTILES)
    for percentile, gap_s in zip(PERCENTILES, found, strict=True):
        rank = percentile / 100.0 * len(exact)
        # Between two gaps that are far apart any value is that percentile.
        assert np.searchsorted(exact, gap_s / 1.005) <= rank + 1.0
        assert np.searchsorted(exact, gap_s * 1.005, side="right") >= rank - 1.0


def served_times(report: Report, scenario_outputs: list[int]) -> dict[str, NDArray[np.float64]]:
    """Return TTFT, TPOT and end-to-end time of what the reference served."""
    served = np.array([result.status == "served" for result in report.results])
    outputs = np.array(scenario_outputs)
    arrival, first, finish = (column(report, name) for name in ("arrival", "first", "finish"))
    several = served & (outputs > 1)
    return {
        "ttft": (first - arrival)[served],
        "tpot": ((finish - first) / np.maximum(outputs - 1, 1))[several],
        "e2e": (finish - arrival)[served],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_percentiles_of_latencies_are_exact(seed: int) -> None:
    scenario = random_scenario(seed)
    report = reference(scenario.requests, scenario.system)
    records, _ = simulated(scenario)
    served = records[records["status"] == SERVED]
    exact = served_times(report, [req.output for req in scenario.requests])
    for metric, values in exact.items():
        found = np.percentile(values_of_s(metric, served), PERCENTILES)
        np.testing.assert_allclose(found, np.percentile(values, PERCENTILES), rtol=1e-6, atol=1e-9)


# Times of a real deployment are no straight lines: the table has knots, the timer is asked anew.


class TimerCost:
    """Asks the operators at every step."""

    def __init__(self, timer: StepTimer) -> None:
        self.timer = timer

    def decode_s(self, seqs: int, context: float) -> float:
        return float(self.timer.step_s(Step(seqs, context, 0.0, 0.0, seqs)))

    def mixed_s(self, seqs: int, context: float, prompt_tokens: int, attended: float) -> float:
        step = Step(seqs, context, prompt_tokens, attended, seqs + 1.0)
        return float(self.timer.step_s(step))


@cache
def real() -> tuple[Outcome, Report, list[int]]:
    """Return 150 requests on Llama-3.1-8B on one H100, by the table and by the operators."""
    random = np.random.default_rng(5)
    size = 150
    requests = Requests(
        arrival_s=np.cumsum(random.exponential(1.0 / 20.0, size)),
        input_tokens=np.clip(random.lognormal(6.6, 0.9, size), 16, 8000).astype(int),
        output_tokens=np.clip(random.lognormal(4.6, 0.6, size), 1, 800).astype(int),
    )
    catalog = shipped()
    rig = parse_rig("1xh100-sxm", catalog)
    deployment = propose(catalog, catalog.llm("llama-3.1-8b"), rig)
    found = simulate(deployment, requests, setting=Setting(model_interval=False))
    traits = found.cluster.engines[0].traits
    lengths = lengths_of(
        float(requests.input_tokens.mean()), float(requests.output_tokens.mean()), None
    )
    engine = EngineSpec(
        order="chunked",
        max_seqs=traits.max_seqs,
        budget=traits.max_batched_tokens,
        blocks=traits.blocks_count,
        block=traits.block_tokens,
        request_s=found.cluster.request_s,
    )
    columns: Any = zip(
        requests.arrival_s, requests.input_tokens, requests.output_tokens, strict=True
    )
    asked = [Req(index, float(a), int(i), int(o)) for index, (a, i, o) in enumerate(columns)]
    cost = TimerCost(timer_for(deployment, lengths))
    return found, reference(asked, System([engine], [cost])), [req.output for req in asked]


@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e"])
def test_a_table_of_step_times_is_as_good_as_asking_the_operators(metric: str) -> None:
    found, report, outputs = real()
    assert found.served_count == len(outputs)
    exact = np.percentile(served_times(report, outputs)[metric], PERCENTILES)
    latency = found.latencies[metric]
    by_table = [latency[name].mid for name in ("p50", "p90", "p99")]
    # A step that ends just before an arrival, or just after, moves that request by a whole step.
    np.testing.assert_allclose(by_table, exact, rtol=0.02)
