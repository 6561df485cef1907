"""Latency objectives, classes and tenants."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rightrig.demand.objective import (
    LONGEST_S,
    METRICS,
    OBJECTIVES,
    PERCENTILES,
    Objective,
    Slo,
    SloClass,
    Tenant,
    slo_of,
)
from rightrig.errors import InputError


def test_objectives_are_listed_by_metric_and_then_by_percentile() -> None:
    slo = Slo(e2e_p95_s=20.0, ttft_p99_s=1.0, ttft_p50_s=0.3, tpot_p99_s=0.05)
    assert slo.objectives() == (
        Objective("ttft", 50, 0.3),
        Objective("ttft", 99, 1.0),
        Objective("tpot", 99, 0.05),
        Objective("e2e", 95, 20.0),
    )


def test_an_empty_slo_has_no_objectives() -> None:
    assert Slo().objectives() == ()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("percentile", PERCENTILES)
def test_every_metric_has_every_percentile(metric: str, percentile: int) -> None:
    slo = Slo.model_validate({f"{metric}_p{percentile}_s": 2.0})
    assert slo.objectives() == ((metric, percentile, 2.0),)


def test_an_objective_of_zero_is_refused() -> None:
    with pytest.raises(ValidationError):
        Slo(ttft_p90_s=0.0)


def test_a_class_has_no_promise_and_a_tenant_no_limit_unless_said() -> None:
    assert SloClass(name="batch").slo == Slo()
    assert Tenant(name="search").max_in_flight is None


def test_what_is_not_set_is_not_written_but_for_the_two_of_a_plan() -> None:
    assert Slo(e2e_p50_s=3.0).model_dump() == {
        "ttft_p99_s": None,
        "tpot_p99_s": None,
        "e2e_p50_s": 3.0,
    }
    assert Slo.model_validate_json(Slo(itl_p95_s=0.1).model_dump_json()) == Slo(itl_p95_s=0.1)


def test_words_become_objectives() -> None:
    assert slo_of({"ttft_p90": "500ms", "itl_p99": None}, str) == Slo(ttft_p90_s=0.5)
    assert list(OBJECTIVES)[:5] == ["ttft_p50", "ttft_p90", "ttft_p95", "ttft_p99", "tpot_p50"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_too_long_to_be_meant_is_refused(name: str) -> None:
    longest_s = LONGEST_S[OBJECTIVES[name]]
    assert slo_of({name: f"{longest_s}s"}, str).objectives()[0].limit_s == longest_s
    with pytest.raises(InputError, match=f"slo: {name}"):
        slo_of({name: f"{longest_s + 1}s"}, lambda name: f"slo: {name}")
