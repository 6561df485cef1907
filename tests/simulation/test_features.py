"""What engines and fleets can do: drafts, divided roles, scaling, failures, limits, priorities."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from replaying import Replayed, replayed
from small_clusters import COST, cluster, engines, fixed, poisson, traits

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests
from rightrig.prediction.step_table import Coefficients
from rightrig.simulation.cluster import Autoscaling, Failures, Speculation, Transfer
from rightrig.simulation.gaps import gap_percentiles_s
from rightrig.simulation.layout import CANCELLED, REJECTED, SERVED, TIMED_OUT

STEP_S = 0.01
STEADY = Coefficients(fixed_s=STEP_S)
"""Every step takes ten milliseconds."""


def p99(values_s: Any) -> float:
    return float(np.percentile(values_s, 99))


def gap_p99_s(found: Replayed) -> float:
    return float(gap_percentiles_s(found.whole.gaps.sum(axis=0), np.array([99.0]))[0])


# Drafted tokens.


@pytest.mark.parametrize(("drafted", "accepted"), [(1, 0.5), (4, 0.7), (3, 0.9), (2, 0.0)])
def test_a_step_with_drafts_yields_what_leviathan_says(drafted: int, accepted: float) -> None:
    """(1 − α^(γ+1))/(1 − α) tokens a step; the time of a token falls as much."""
    expected = (1.0 - accepted ** (drafted + 1)) / (1.0 - accepted)
    own = traits(
        speculation=Speculation(drafted, accepted), seq_rows_count=drafted + 1, reserve="none"
    )
    requests = fixed([0.0] * 40, 10, 4000)
    found = replayed(cluster(engines(1, STEADY, own)), requests)
    steps = (found.records["finish_s"] - found.records["first_s"]) / STEP_S
    assert 3999 * 40 / steps.sum() == pytest.approx(expected, rel=0.01)
    plain = replayed(cluster(engines(1, STEADY)), requests)
    assert plain.tpot_s.mean() / found.tpot_s.mean() == pytest.approx(expected, rel=0.01)


def test_drafted_tokens_take_their_rows_from_prompts() -> None:
    requests = replace(fixed([0.0, 1.0], 10, 400), input_tokens=np.array([10, 256]))
    for drafted, steps in ((0, 1), (31, 2)):
        own = traits(max_batched_tokens=256 + 1, seq_rows_count=drafted + 1)
        found = replayed(cluster(engines(1, STEADY, own)), requests)
        read_s = found.records["first_s"][1] - found.records["scheduled_s"][1]
        assert read_s == pytest.approx(steps * STEP_S)


# Prompts read by replicas of their own.


def divided(transfer: Transfer, requests: Requests, decoders: int = 1) -> Replayed:
    own = traits(transfer=transfer)
    parts = (engines(1, own=own, role="prefill"), engines(decoders, role="decode"))
    return replayed(cluster(*parts), requests)


def test_the_transfer_shows_in_the_second_token_alone() -> None:
    requests = fixed([0.0], 1000, 3)
    whole = replayed(cluster(), requests).records[0]
    found = divided(Transfer(0.002, 1e-5), requests).records[0]
    assert found["first_s"] == pytest.approx(whole["first_s"])
    assert found["finish_s"] - whole["finish_s"] == pytest.approx(0.002 + 1000 * 1e-5)


def test_caches_travel_one_after_another() -> None:
    found = divided(Transfer(0.0, 1e-3), fixed([0.0, 0.0], 1000, 2)).records
    assert found["first_s"].tolist() == [found["first_s"][0]] * 2
    assert found["finish_s"][1] - found["finish_s"][0] == pytest.approx(1.0, abs=0.02)


def test_decoding_is_not_disturbed_by_prompts_of_others() -> None:
    requests = poisson(4.0, 600, (3000.0, 200.0))
    apart = divided(Transfer(1e-3, 1e-7), requests)
    together = replayed(cluster(engines(2)), requests)
    assert gap_p99_s(apart) < 0.5 * gap_p99_s(together)
    assert p99(apart.tpot_s) < p99(together.tpot_s)


def test_reading_is_not_disturbed_by_decoding() -> None:
    """The first token depends on prompts alone: other answers change nothing."""
    short, long = (
        divided(Transfer(1e-3, 1e-7), replace(requests, output_tokens=requests.output_tokens * k))
        for k in (1, 10)
        for requests in (poisson(4.0, 300, (3000.0, 20.0)),)
    )
    np.testing.assert_allclose(short.ttft_s, long.ttft_s, rtol=1e-9)


def test_a_faster_link_is_never_worse() -> None:
    requests = poisson(4.0, 400, (3000.0, 100.0))
    means = [divided(Transfer(1e-3, s), requests).e2e_s.mean() for s in (1e-7, 1e-6, 1e-5, 1e-4)]
    assert means == sorted(means)


# Replicas come and go.


def scaling(**changes: Any) -> Autoscaling:
    plain: dict[str, Any] = {
        "fewest_count": 1, "target_count": 8.0, "interval_s": 5.0, "cold_start_s": 60.0,
        "cooldown_s": 30.0,
    }  # fmt: skip
    return Autoscaling(**plain | changes)


def test_a_replica_serves_after_its_cold_start() -> None:
    own = scaling(fewest_count=0)
    found = replayed(cluster(engines(2), autoscaling=own), fixed([0.0, 10.0], 100, 50))
    np.testing.assert_allclose(found.records["scheduled_s"], 60.0)
    warm = scaling(fewest_count=0, warm_count=1, warm_start_s=3.0)
    found = replayed(cluster(engines(2), autoscaling=warm), fixed([0.0, 10.0], 100, 50))
    np.testing.assert_allclose(found.records["scheduled_s"], [3.0, 10.0], atol=0.02)


def two_days() -> Requests:
    """Return requests whose rate swings from almost none to a lot, twice."""
    random = np.random.default_rng(1)
    times_s = np.sort(random.uniform(0.0, 7200.0, 60_000))
    keep = random.random(len(times_s)) < 0.5 - 0.5 * np.cos(2.0 * np.pi * times_s / 3600.0)
    count = int(keep.sum())
    return Requests(times_s[keep], np.full(count, 500), np.full(count, 200))


def test_scaling_with_the_day_costs_less_than_all_replicas_all_the_time() -> None:
    requests = two_days()
    always = replayed(cluster(engines(6)), requests)
    scaled = replayed(cluster(engines(6), autoscaling=scaling()), requests)
    assert (scaled.records["status"] == SERVED).all()
    always_s, scaled_s = (each.whole.replicas["on_s"].sum() for each in (always, scaled))
    assert always_s == pytest.approx(6 * always.whole.end_s)
    assert scaled_s < 0.8 * always_s
    assert scaled_s >= scaled.whole.replicas["busy_s"].sum()
    assert p99(scaled.ttft_s) >= p99(always.ttft_s)


def test_a_warm_pool_cuts_the_waits_of_a_burst() -> None:
    times_s = np.sort(np.random.default_rng(1).uniform(100.0, 160.0, 3000))
    requests = fixed([0.0, *times_s], 500, 200)
    cold, warm = (
        replayed(cluster(engines(6), autoscaling=scaling(warm_count=count)), requests)
        for count in (0, 5)
    )
    assert p99(warm.ttft_s) < 0.5 * p99(cold.ttft_s)


def test_what_a_replica_had_begun_ends_before_it_stops() -> None:
    own = scaling(fewest_count=1, cooldown_s=0.0, interval_s=1.0, cold_start_s=0.5)
    requests = fixed([0.0] * 16, 100, 3000)
    found = replayed(cluster(engines(4, own=traits(max_seqs=8)), autoscaling=own), requests)
    assert (found.records["status"] == SERVED).all()
    assert found.whole.retries_count == 0


# Failures.


def test_a_failure_loses_no_request_and_wastes_what_was_computed() -> None:
    requests = poisson(10.0, 1000, (300.0, 100.0))
    failures = Failures(tuple((10.0 * k, k % 2) for k in range(1, 9)), repair_s=5.0)
    found = replayed(cluster(engines(2), failures=failures), requests)
    whole = replayed(cluster(engines(2)), requests)
    assert (found.records["status"] == SERVED).all()
    assert found.whole.retries_count == found.records["retries"].sum() > 20
    decoded, needed = (each.whole.replicas["decode_tokens"].sum() for each in (found, whole))
    assert needed == (requests.output_tokens - 1).sum()
    assert decoded > needed + 20
    assert found.e2e_s.mean() > whole.e2e_s.mean()
    # What a user has seen stays seen: the first token is the first one's.
    again = found.records["retries"] > 0
    assert (found.records["first_s"] <= found.records["finish_s"])[again].all()


def test_a_request_that_comes_back_is_not_turned_away_by_a_full_queue() -> None:
    own = engines(own=traits(max_seqs=1, max_queue_count=1))
    requests = fixed([0.0, 0.1, 0.2], 10, 100)
    found = replayed(cluster(own, failures=Failures(((0.5, 0),), 1.0)), requests).records
    assert found["status"].tolist() == [SERVED, SERVED, REJECTED]
    assert found["retries"].tolist() == [1, 1, 0]


def test_without_any_replica_requests_wait_for_the_repair() -> None:
    found = replayed(cluster(failures=Failures(((0.5, 0),), 10.0)), fixed([1.0, 2.0], 100, 10))
    np.testing.assert_allclose(found.records["scheduled_s"], 10.5)


def test_a_link_is_free_again_after_the_failure_of_its_replica() -> None:
    """A transfer of a hundred seconds ends with the replica that was sending."""
    slow = traits(transfer=Transfer(0.0, 0.1))
    parts = (engines(1, own=slow, role="prefill"), engines(1, role="decode"))
    requests = replace(fixed([0.0, 2.0], 10, 2), input_tokens=np.array([1000, 10]))
    failures = Failures(((1.0, 0),), repair_s=0.5)
    found = replayed(cluster(*parts, failures=failures), requests).records
    assert found["retries"].tolist() == [1, 0]
    # The one that was lost is read and sent again first, then the other.
    assert found["finish_s"][0] == pytest.approx(101.5, abs=0.2)
    assert found["finish_s"][1] == pytest.approx(102.5, abs=0.2)


def test_a_replica_that_was_to_stop_takes_who_waits_when_it_is_wanted_again() -> None:
    """Of two, the second drains when the first dies: the next decision calls it back."""
    own = scaling(target_count=2.0, cold_start_s=0.1, cooldown_s=0.0, interval_s=1.0)
    # Five start the second replica, one goes on there for half a minute, four are lost with the
    # first.
    requests = replace(
        fixed([0.0] * 5 + [1.5] + [12.2] * 4, 100, 1),
        output_tokens=np.array([400] * 5 + [3000] + [200] * 4),
    )
    failures = Failures(((12.5, 0),), repair_s=500.0)
    found = replayed(cluster(engines(2), autoscaling=own, failures=failures), requests)
    assert found.records["retries"].tolist() == [0] * 6 + [1] * 4
    assert found.records["replica"].tolist() == [0] * 5 + [1] * 5
    assert found.records["finish_s"].max() < 100.0


# Limits.


def test_nobody_waits_longer_than_patience_or_the_operator_allow() -> None:
    count = 2000
    random = np.random.default_rng(1)
    requests = replace(
        poisson(40.0, count, (500.0, 300.0)), patience_s=random.exponential(8.0, count)
    )
    found = replayed(cluster(timeout_s=6.0), requests).records
    late_s = found["finish_s"] - found["arrival_s"]
    assert late_s.max() <= 6.0 + 1e-9
    cancelled, timed_out = found["status"] == CANCELLED, found["status"] == TIMED_OUT
    assert min(cancelled.sum(), timed_out.sum()) > 50
    np.testing.assert_allclose(late_s[cancelled], requests.patience_s[cancelled])
    np.testing.assert_allclose(late_s[timed_out], 6.0)


def test_a_short_queue_turns_away_and_keeps_waits_short() -> None:
    requests = poisson(40.0, 2000, (500.0, 300.0))
    endless = replayed(cluster(), requests)
    short = replayed(cluster(engines(own=traits(max_queue_count=8))), requests)
    rejected = short.records["status"] == REJECTED
    assert 0.1 < rejected.mean() < 0.9
    np.testing.assert_array_equal(
        short.records["finish_s"][rejected], short.records["arrival_s"][rejected]
    )
    assert p99(short.ttft_s) < 0.2 * p99(endless.ttft_s)


def test_a_tenant_never_has_more_in_flight_than_its_limit() -> None:
    count = 2000
    tenants = np.random.default_rng(1).integers(0, 2, count)
    requests = replace(
        poisson(20.0, count, (500.0, 200.0)), tenant_index=tenants, tenants=("small", "large")
    )
    found = replayed(cluster(tenant_limits={"small": 5}), requests).records
    small = found[(tenants == 0) & (found["status"] == SERVED)]
    changes = np.concatenate((small["arrival_s"], small["finish_s"]))
    # Of one moment the end comes first.
    order = np.lexsort((np.repeat([1, 0], len(small)), changes))
    in_flight = np.cumsum(np.repeat([1, -1], len(small))[order])
    assert in_flight.max() == 5
    assert (found["status"][tenants == 0] == REJECTED).any()
    assert (found["status"][tenants == 1] == SERVED).all()


def test_those_who_are_urgent_do_not_see_the_others() -> None:
    """Interactive requests beside batch work that would fill the engine twice over."""
    classes = tuple(SloClass(name=name, priority=k) for k, name in enumerate(("chat", "batch")))
    chat, batch = poisson(5.0, 1500, (300.0, 60.0)), poisson(60.0, 18_000, (300.0, 100.0))
    arrivals_s = np.concatenate((chat.arrival_s, batch.arrival_s))
    order = np.argsort(arrivals_s)
    is_batch = np.repeat([0, 1], [len(chat), len(batch)])[order]
    mixed = Requests(
        arrivals_s[order],
        np.concatenate((chat.input_tokens, batch.input_tokens))[order],
        np.concatenate((chat.output_tokens, batch.output_tokens))[order],
        class_index=is_batch,
        classes=classes,
    )
    own = cluster(engines(1, STEADY, traits(max_seqs=32)))
    alone_s = p99(replayed(own, chat).ttft_s)
    first, equal = (
        p99(found.ttft_s[is_batch == 0])
        for found in (
            replayed(own, mixed),
            replayed(own, replace(mixed, class_index=np.zeros(len(mixed), int))),
        )
    )
    # Places are not taken from those that run: the next one to end makes room.
    assert first < alone_s + 0.2
    assert equal > 50.0 * alone_s


# Orders of steps and slots.


def test_slots_hold_what_they_can_and_no_more() -> None:
    own = traits(reserve="none", blocks_count=0, slot_tokens=1000, max_seqs=4)
    requests = replace(fixed([0.0] * 12, 500, 400), input_tokens=np.array([500, 700] * 6))
    found = replayed(cluster(engines(1, STEADY, own)), requests).records
    assert found["status"].tolist() == [SERVED, REJECTED] * 6
    served = found[found["status"] == SERVED]
    assert (served["scheduled_s"][:4] == 0.0).all()
    assert (served["scheduled_s"][4:] >= served["finish_s"][:4].min()).all()
    assert found["preemptions"].sum() == 0


def test_a_static_batch_is_as_slow_as_its_longest_answer() -> None:
    own = traits(order="static", reserve="whole", max_seqs=8)
    requests = replace(fixed([0.0] * 16, 100, 1), output_tokens=np.arange(1, 17) * 10)
    found = replayed(cluster(engines(1, STEADY, own)), requests).records
    assert np.ptp(found["finish_s"][:8]) == np.ptp(found["finish_s"][8:]) == 0.0
    assert found["finish_s"][0] == pytest.approx(80 * STEP_S)
    assert (found["scheduled_s"][8:] == found["finish_s"][0]).all()
    chunked = replayed(cluster(engines(1, STEADY, traits(max_seqs=8))), requests)
    assert chunked.e2e_s.mean() < 0.7 * (found["finish_s"] - found["arrival_s"]).mean()


def test_reading_prompts_first_gives_first_tokens_sooner_and_longer_gaps() -> None:
    requests = poisson(3.0, 1000, (2000.0, 200.0))
    mixed, first = (
        replayed(cluster(engines(own=traits(order=order, max_batched_tokens=512))), requests)
        for order in ("chunked", "prefill-first")
    )
    assert first.ttft_s.mean() < mixed.ttft_s.mean()
    assert gap_p99_s(first) > gap_p99_s(mixed)


def test_memory_that_runs_out_costs_time_whichever_way() -> None:
    requests = poisson(12.0, 500, (300.0, 400.0))
    plenty = replayed(cluster(), requests)
    few = {
        how: replayed(
            cluster(engines(own=traits(blocks_count=900, preemption=how, swap_s_per_token=1e-6))),
            requests,
        )
        for how in ("recompute", "swap")
    }
    assert plenty.whole.preemptions_count == 0
    for found in few.values():
        assert found.whole.preemptions_count > 20
        assert (found.records["status"] == SERVED).all()
        assert found.e2e_s.mean() > plenty.e2e_s.mean()
    # 20,000 tokens a second are read anew, a million come back over the link.
    assert few["swap"].tpot_s.mean() < few["recompute"].tpot_s.mean()
    reserved = replayed(cluster(engines(own=traits(blocks_count=900, reserve="whole"))), requests)
    assert reserved.whole.preemptions_count == 0
    assert reserved.ttft_s.mean() > few["recompute"].ttft_s.mean()


def test_the_front_end_adds_its_time_to_the_first_token() -> None:
    requests = fixed([0.0, 5.0], 100, 10)
    plain, later = (replayed(cluster(request_s=s), requests) for s in (0.0, 0.25))
    np.testing.assert_allclose(later.ttft_s, plain.ttft_s + 0.25)
    np.testing.assert_allclose(later.tpot_s, plain.tpot_s)
    assert math.isclose(COST.fixed_s, STEP_S)
