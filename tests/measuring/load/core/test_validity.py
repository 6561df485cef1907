from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rightrig.demand.objective import Slo
from rightrig.measuring.load.outcome import Client
from rightrig.measuring.load.validity import lag_limit_s, validity_of

GOOD = Client(lag_p99_s=0.001, loop_lag_p99_s=0.002, cpu_ratio=0.3, sent_ratio=1.0)


def test_a_client_that_keeps_up_is_valid() -> None:
    assert validity_of(GOOD, "open", 1000, 0.005).verdict == "VALID"
    assert validity_of(GOOD, "open", 9, 0.005).verdict == "TOO-FEW"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"sent_ratio": 0.98}, "98.0%"),
        ({"lag_p99_s": 0.006}, "sending was late"),
        ({"loop_lag_p99_s": 0.006}, "the client was late"),
        ({"cpu_ratio": 0.81}, "81%"),
    ],
)
def test_each_rule_alone_limits_a_client(change: dict[str, Any], word: str) -> None:
    found = validity_of(replace(GOOD, **change), "open", 1000, 0.005)
    assert found.verdict == "CLIENT-LIMITED"
    assert len(found.reasons) == 1
    assert word in found.reasons[0]


def test_lag_is_judged_beside_what_is_measured() -> None:
    assert lag_limit_s(Slo(), None) == 0.005
    assert lag_limit_s(Slo(), 0.01) == 0.005
    assert lag_limit_s(Slo(), 1.0) == pytest.approx(0.2)
    assert lag_limit_s(Slo(ttft_p99_s=2.0, ttft_p50_s=0.5, e2e_p99_s=9.0), 0.1) == pytest.approx(
        0.025
    )


def test_users_of_a_very_quick_server_are_not_held_against_the_client() -> None:
    quick = replace(GOOD, sent_ratio=0.5, lag_p99_s=0.0005)
    assert validity_of(quick, "closed", 1000, 0.005).verdict == "VALID"
    assert validity_of(quick, "open", 1000, 0.005).verdict == "CLIENT-LIMITED"


@pytest.mark.parametrize(("held_ratio", "verdict"), [(0.975, "VALID"), (0.965, "CLIENT-LIMITED")])
def test_users_between_two_requests_are_few(held_ratio: float, verdict: str) -> None:
    late = replace(GOOD, sent_ratio=held_ratio, lag_p99_s=0.002)
    assert validity_of(late, "closed", 1000, 0.005).verdict == verdict
    assert validity_of(late, "open", 1000, 0.005).verdict == "CLIENT-LIMITED"


def test_a_machine_without_connections_is_limited() -> None:
    found = validity_of(GOOD, "closed", 1000, 0.005, exhausted_count=3)
    assert found.verdict == "CLIENT-LIMITED"
    assert "ulimit" in found.reasons[0]
