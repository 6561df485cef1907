"""The highest rate that keeps an objective, and what is simulated of a real deployment."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from replaying import replayed
from small_clusters import poisson

from rightrig.demand.objective import Slo
from rightrig.demand.workload import Workload
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.simulation.layout import SERVED
from rightrig.simulation.limit import find_limit
from rightrig.simulation.simulate import Setting, prepare, simulate

if TYPE_CHECKING:
    from rightrig.demand.requests import Requests
    from rightrig.deployment.deployment import Deployment
    from rightrig.simulation.limit import Limit

SLO: Final = Slo(ttft_p99_s=0.5, tpot_p99_s=0.03)
PLAIN: Final = Setting(model_interval=False)


@cache
def deployment(rig: str = "1xh100-sxm", **choices: Any) -> Deployment:
    catalog = shipped()
    llm = catalog.llm("llama-3.1-8b")
    return propose(catalog, llm, parse_rig(rig, catalog), Choices(**choices))


@cache
def requests() -> Requests:
    return poisson(5.0, 3000, (1000.0, 200.0))


@cache
def limit() -> Limit:
    return find_limit(deployment(), requests(), SLO, Setting())


def kept_at(rate: float) -> bool:
    found = simulate(deployment(), requests().at_rate(rate), slo=SLO, setting=PLAIN)
    return all(kept.verdict != "not" for kept in found.kept)


def test_the_rate_that_is_found_keeps_the_objectives_and_a_little_more_breaks_them() -> None:
    rate = limit().rate_requests_per_s.mid
    assert kept_at(rate)
    assert not kept_at(1.03 * rate)


def test_the_limit_names_what_breaks_and_what_was_seen() -> None:
    found = limit()
    assert found.binding is not None
    assert found.binding.objective.metric in {"ttft", "tpot"}
    assert found.binding.verdict == "not"
    assert all(kept.verdict != "not" for kept in found.outcome.kept)
    own = found.outcome.offered_requests_per_s
    assert own == pytest.approx(found.rate_requests_per_s.mid)
    assert found.tried_count < 60


def test_a_slower_engine_bears_less_and_a_faster_one_more() -> None:
    rate = limit().rate_requests_per_s
    assert rate.low < 0.95 * rate.mid
    assert rate.high > 1.05 * rate.mid


def test_a_stricter_objective_never_bears_more() -> None:
    rates = [
        find_limit(deployment(), requests(), Slo(tpot_p99_s=s), PLAIN).rate_requests_per_s.mid
        for s in (0.012, 0.02, 0.04)
    ]
    assert rates == sorted(rates)


def test_two_replicas_bear_about_twice_as_much() -> None:
    two = deployment("2xh100-sxm", tp=1, replicas=2)
    rate = find_limit(two, requests(), SLO, PLAIN).rate_requests_per_s.mid
    assert rate == pytest.approx(2.0 * limit().rate_requests_per_s.mid, rel=0.15)


def test_an_objective_that_even_an_idle_engine_misses_has_no_rate() -> None:
    found = find_limit(deployment(), requests(), Slo(tpot_p99_s=1e-4), PLAIN)
    assert found.rate_requests_per_s.mid == 0.0
    assert found.binding is not None


def test_a_limit_needs_an_objective_and_open_arrivals() -> None:
    with pytest.raises(InputError, match="objective"):
        find_limit(deployment(), requests(), Slo(), PLAIN)
    few = poisson(1.0, 4)
    closed = replace(
        few,
        arrival_s=np.array([0.0, 0.0, np.inf, np.inf]),
        next_index=np.array([2, 3, -1, -1]),
        think_s=np.zeros(4),
    )
    with pytest.raises(InputError, match="closed loop"):
        find_limit(deployment(), closed, SLO, PLAIN)


def test_the_model_interval_holds_the_middle() -> None:
    found = simulate(deployment(), requests(), slo=SLO)
    for latency in found.latencies.values():
        for quantity in latency.values():
            assert quantity.model is not None
            assert quantity.model.low <= quantity.mid <= quantity.model.high
            assert quantity.joined.low <= quantity.sampling.low + 1e-12
            assert quantity.joined.high >= quantity.sampling.high - 1e-12
    assert found.power_w is not None
    assert 100.0 < found.power_w.mid < 700.0
    assert found.sources


def test_a_workload_of_fixed_lengths_is_simulated_too() -> None:
    asked = Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=200)
    setting = replace(PLAIN, requests_count=500, price_usd_per_hour=3.0)
    found = simulate(deployment(), asked, setting=setting)
    assert found.served_count == found.requests_count == 500
    assert found.output_tokens == 500 * 200
    assert found.price_usd_per_hour == pytest.approx(3.0, rel=0.05)
    again = simulate(deployment(), asked, setting=setting)
    assert again.latencies == found.latencies


def test_longer_requests_than_the_model_was_made_for_are_refused() -> None:
    long = replace(requests(), input_tokens=np.full(len(requests()), 200_000))
    with pytest.raises(InputError, match="131,072"):
        simulate(deployment(), long)


def test_prefill_replicas_leave_some_to_decode() -> None:
    two = deployment("2xh100-sxm", tp=1, replicas=2)
    with pytest.raises(InputError, match="leave at least one"):
        simulate(two, requests(), setting=replace(PLAIN, prefill_replicas_count=2))
    found = simulate(two, requests(), setting=replace(PLAIN, prefill_replicas_count=1))
    assert [replica.role for replica in found.replicas] == ["prefill", "decode"]
    assert found.served_count == len(requests())


def test_llama_cpp_has_slots_and_rejects_what_is_longer() -> None:
    home = deployment("1xrtx-4090", runtime="llama.cpp", weights="Q4_K_M")
    short = poisson(0.5, 60, (200.0, 50.0))
    prepared = prepare(home, short, PLAIN)
    own = prepared.cluster.engines[0].traits
    assert own.reserve == "none"
    assert own.slot_tokens > 0
    found = replayed(prepared.cluster, short).records
    fits = short.input_tokens + short.output_tokens <= own.slot_tokens
    np.testing.assert_array_equal(found["status"] == SERVED, fits)
    assert found["preemptions"].sum() == 0
