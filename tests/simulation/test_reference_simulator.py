"""The slow simulator against cases worked by hand and against queues whose waits are known."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean
from typing import Any

import pytest
from random_scenarios import AffineCost, on_ticks, random_scenario
from reference_simulator import Cost, EngineSpec, Report, Req, System, reference

ONE_SECOND = AffineCost(fixed_s=1.0)
HALF_A_SECOND = AffineCost(fixed_s=0.5)


def engine(**changes: Any) -> EngineSpec:
    plain: dict[str, Any] = {
        "order": "chunked", "max_seqs": 8, "budget": 100, "blocks": 1000, "block": 1,
    }  # fmt: skip
    return EngineSpec(**plain | changes)


def run(
    requests: list[Req], *engines: EngineSpec, cost: Cost = ONE_SECOND, **system: Any
) -> Report:
    engines = engines or (engine(),)
    return reference(requests, System(engines, [cost] * len(engines), **system))


def req(index: int, arrival: float, tokens: tuple[int, int], **more: Any) -> Req:
    return Req(index, arrival, *tokens, **more)


def column(report: Report, name: str) -> list[Any]:
    return [getattr(result, name) for result in report.results]


# The three orders.


def test_a_prompt_yields_the_first_token_and_each_decode_step_one_more() -> None:
    report = run([req(0, 0.25, (10, 3))])
    result = report.results[0]
    assert (result.scheduled, result.first, result.finish) == (0.25, 1.25, 3.25)
    assert (result.status, result.tokens) == ("served", 3)
    assert report.gaps == [1.0, 1.0]
    assert (report.busy_s, report.steps) == ([3.0], 3)


def test_who_comes_during_a_step_waits_for_its_end_and_then_shares_steps() -> None:
    report = run([req(0, 0.0, (10, 3)), req(1, 0.5, (10, 2))])
    assert column(report, "scheduled") == [0.0, 1.0]
    assert column(report, "first") == [1.0, 2.0]
    assert column(report, "finish") == [3.0, 3.0]


def test_an_arrival_at_the_end_of_a_step_is_in_the_next_plan() -> None:
    report = run([req(0, 0.0, (10, 3)), req(1, 1.0, (10, 2))])
    assert column(report, "scheduled") == [0.0, 1.0]


def test_a_decode_step_costs_its_stored_tokens() -> None:
    report = run([req(0, 0.0, (10, 3))], cost=AffineCost(1.0, per_context_token_s=1.0))
    assert report.results[0].finish == 1.0 + (1.0 + 10.0) + (1.0 + 11.0)


def test_chunks_attend_to_what_was_read_before_and_to_half_of_themselves() -> None:
    cost = AffineCost(1.0, per_prefill_pair_s=1.0)
    report = run([req(0, 0.0, (10, 1))], engine(budget=4), cost=cost)
    assert report.results[0].finish == 3.0 + 10.0**2 / 2


def test_decoding_sequences_take_their_rows_from_the_chunks() -> None:
    requests = [req(0, 0.0, (4, 5)), req(1, 0.5, (4, 1))]
    assert run(requests, engine(budget=5)).results[1].first == 2.0
    assert run(requests, engine(budget=4)).results[1].first == 3.0
    assert run(requests, engine(budget=5, rows_per_seq=2)).results[1].first == 3.0


def test_prefill_first_lets_decoding_sequences_wait() -> None:
    requests = [req(0, 0.0, (2, 4)), req(1, 0.5, (8, 2))]
    report = run(requests, engine(order="prefill_first", budget=4))
    assert column(report, "first") == [1.0, 3.0]
    assert column(report, "finish") == [6.0, 4.0]
    assert sorted(report.gaps) == [1.0, 1.0, 1.0, 3.0]


def test_a_static_batch_is_delivered_as_one_and_pays_for_who_is_done() -> None:
    requests = [req(0, 0.0, (2, 2)), req(1, 0.0, (2, 4)), req(2, 0.5, (2, 1))]
    static = engine(order="static", reserve="whole", max_seqs=2, budget=2)
    report = run(requests, static)
    assert column(report, "first") == [1.0, 2.0, 6.0]
    assert column(report, "finish") == [5.0, 5.0, 6.0]
    report = run(requests, static, cost=AffineCost(1.0, per_context_token_s=1.0))
    assert report.results[0].finish == 2.0 + (1.0 + 4.0) + (1.0 + 6.0) + (1.0 + 8.0)


def test_the_answer_begins_after_the_reasoning() -> None:
    assert run([req(0, 0.0, (10, 5), reasoning=2)]).results[0].answer == 3.0


# Blocks.


def test_the_last_admitted_is_preempted_and_reads_its_tokens_again() -> None:
    report = run([req(0, 0.0, (2, 4)), req(1, 0.0, (2, 4))], engine(blocks=6))
    assert column(report, "finish") == [4.0, 6.0]
    assert column(report, "preemptions") == [0, 1]
    assert sorted(report.gaps) == [1.0] * 5 + [3.0]


def test_a_preempted_request_goes_to_the_head_of_its_queue() -> None:
    requests = [req(0, 0.0, (2, 4)), req(1, 0.0, (2, 4)), req(2, 0.5, (2, 4))]
    report = run(requests, engine(blocks=6))
    assert column(report, "scheduled") == [0.0, 0.0, 4.0]
    assert column(report, "preemptions") == [0, 1, 1]
    assert column(report, "finish") == [4.0, 6.0, 9.0]


def test_nobody_is_admitted_in_the_step_that_preempts() -> None:
    requests = [req(0, 0.0, (2, 4)), req(1, 0.0, (2, 4), klass=1), req(2, 1.5, (2, 4))]
    assert run(requests, engine(blocks=6)).results[2].scheduled == 4.0


def test_swapping_pays_the_way_out_and_the_way_in() -> None:
    requests = [req(0, 0.0, (2, 4)), req(1, 0.0, (2, 4))]
    report = run(requests, engine(blocks=6, preempt="swap", swap_s_per_token=0.5))
    assert column(report, "finish") == [5.5, 9.0]
    assert report.preemptions == 1


def test_the_lowest_class_is_preempted_though_admitted_first() -> None:
    requests = [req(0, 0.0, (2, 4), klass=1), req(1, 0.5, (2, 4))]
    report = run(requests, engine(blocks=6))
    assert column(report, "preemptions") == [1, 0]
    assert column(report, "finish") == [7.0, 5.0]


@pytest.mark.parametrize(("watermark", "scheduled"), [(2, 0.0), (3, 3.0)])
def test_the_watermark_is_asked_for_when_something_runs(watermark: int, scheduled: float) -> None:
    requests = [req(0, 0.0, (4, 3)), req(1, 0.0, (4, 1))]
    report = run(requests, engine(blocks=10, watermark=watermark))
    assert column(report, "scheduled") == [0.0, scheduled]


def test_the_watermark_is_not_asked_for_when_nothing_runs() -> None:
    report = run([req(0, 0.0, (4, 1))], engine(blocks=4, watermark=3))
    assert column(report, "status") == ["served"]


def test_a_whole_reservation_waits_and_never_preempts() -> None:
    report = run([req(i, 0.0, (2, 4)) for i in range(3)], engine(blocks=10, reserve="whole"))
    assert column(report, "scheduled") == [0.0, 0.0, 4.0]
    assert report.preemptions == 0


def test_a_request_that_never_fits_is_rejected_on_arrival() -> None:
    report = run([req(0, 0.5, (4, 4)), req(1, 0.5, (4, 3))], engine(blocks=6))
    assert column(report, "status") == ["rejected", "served"]
    assert report.results[0].finish == 0.5
    slots = engine(blocks=0, reserve="none", slot_tokens=7)
    report = run([req(0, 0.5, (4, 4)), req(1, 0.5, (4, 3))], slots)
    assert column(report, "status") == ["rejected", "served"]


# Queues and limits.


def test_a_higher_class_goes_before_an_earlier_arrival() -> None:
    requests = [req(0, 0.0, (2, 2)), req(1, 0.2, (2, 2), klass=1), req(2, 0.4, (2, 2))]
    assert column(run(requests, engine(max_seqs=1)), "scheduled") == [0.0, 4.0, 2.0]


def test_a_waiting_user_leaves_at_once_and_a_running_one_at_the_end_of_the_step() -> None:
    requests = [
        req(0, 0.0, (2, 9), patience=1.5),
        req(1, 0.0, (2, 9), patience=0.5),
        req(2, 0.0, (2, 1)),
    ]
    report = run(requests, engine(max_seqs=1))
    assert column(report, "status") == ["cancelled", "cancelled", "served"]
    assert column(report, "finish") == [1.5, 0.5, 3.0]
    assert column(report, "tokens") == [1, 0, 1]
    assert math.isnan(report.results[1].scheduled)


def test_patience_that_ends_with_the_last_token_ends_the_request() -> None:
    assert run([req(0, 0.0, (2, 2), patience=2.0)]).results[0].status == "cancelled"
    assert run([req(0, 0.0, (2, 2), patience=2.1)]).results[0].status == "served"


def test_the_operator_limits_the_time_from_arrival_to_end() -> None:
    report = run([req(0, 1.0, (2, 9))], engine(timeout_s=3.5))
    assert (report.results[0].status, report.results[0].finish) == ("timed_out", 4.5)
    assert report.results[0].tokens == 3


def test_the_fixed_time_of_a_request_passes_before_the_queue() -> None:
    result = run([req(0, 1.0, (2, 1))], engine(request_s=0.25)).results[0]
    assert (result.arrival, result.scheduled, result.first) == (1.0, 1.25, 2.25)


def test_a_full_queue_rejects() -> None:
    requests = [req(0, 0.0, (2, 2)), req(1, 0.1, (2, 2)), req(2, 0.2, (2, 2)), req(3, 2.1, (2, 2))]
    report = run(requests, engine(max_seqs=1, max_queue=1))
    assert column(report, "status") == ["served", "served", "rejected", "served"]


def test_a_full_queue_rejects_when_a_request_has_passed_the_front_end() -> None:
    requests = [req(0, 0.0, (2, 2)), req(1, 0.5, (2, 2)), req(2, 0.6, (2, 2))]
    report = run(requests, engine(max_seqs=1, max_queue=1, request_s=1.0))
    assert column(report, "status") == ["served", "served", "rejected"]
    assert column(report, "finish") == [3.0, 5.0, 1.6]


def test_a_retried_request_is_not_rejected_by_a_full_queue() -> None:
    requests = [req(i, 0.1 * i, (2, 3)) for i in range(3)]
    one_place = engine(max_seqs=1, max_queue=1)
    assert column(run(requests, one_place), "status") == ["served", "served", "rejected"]
    report = run(requests[:2], one_place, failures=[(1.5, 0)], repair_s=1.0)
    assert column(report, "status") == ["served", "served"]
    assert column(report, "retries") == [1, 1]


def test_who_waits_at_the_router_is_sent_by_class() -> None:
    requests = [req(0, 0.5, (2, 2), klass=1), req(1, 0.6, (2, 2), klass=1), req(2, 0.7, (2, 2))]
    report = run(requests, engine(max_seqs=1), failures=[(0.0, 0)], repair_s=1.0)
    assert column(report, "scheduled") == [3.0, 5.0, 1.0]


def test_a_tenant_is_limited_in_what_it_has_in_flight() -> None:
    requests = [req(i, at, (2, 2), tenant=5) for i, at in enumerate((0.0, 1.5, 2.5))]
    report = run([*requests, req(3, 0.1, (2, 2), tenant=6)], tenant_limits={5: 1})
    assert column(report, "status") == ["served", "rejected", "served", "served"]
    report = run(requests, engine(request_s=0.75), tenant_limits={5: 1})
    assert column(report, "status") == ["served", "rejected", "served"]
    report = run(requests[:2], engine(request_s=1.0), tenant_limits={5: 1}, cost=HALF_A_SECOND)
    assert column(report, "status") == ["served", "served"]


def test_a_follower_comes_when_its_user_has_thought() -> None:
    requests = [
        req(0, 0.0, (2, 2)),
        req(1, 0.0, (2, 9), follows=0, think=0.5, patience=1.25),
        req(2, 0.0, (2, 1), follows=1),
    ]
    report = run(requests)
    assert column(report, "arrival") == [0.0, 2.5, 3.75]
    assert column(report, "scheduled") == [0.0, 2.5, 4.5]


def test_a_follower_without_thought_is_in_the_next_plan() -> None:
    requests = [req(0, 0.0, (2, 2)), req(1, 0.0, (2, 4)), req(2, 0.0, (2, 1), follows=0)]
    assert run(requests).results[2].scheduled == 2.0


# The prefix cache, with known blocks of four tokens in blocks of two.


def cached(requests: list[Req], blocks: int = 100) -> list[Any]:
    report = run(requests, engine(blocks=blocks, block=2), prefix_block=4)
    return column(report, "cached")


def test_a_known_prefix_is_not_read_again_but_for_one_token() -> None:
    first = req(0, 0.0, (8, 2), blocks=(1, 2))
    assert cached([first, req(1, 9.0, (8, 1), blocks=(1, 2))]) == [0, 4]
    assert cached([first, req(1, 9.0, (9, 1), blocks=(1, 2))]) == [0, 8]
    assert cached([first, req(1, 9.0, (9, 1), blocks=(1, 7))]) == [0, 4]
    assert cached([first, req(1, 9.0, (9, 1), blocks=(7, 2))]) == [0, 0]
    assert cached([first, req(1, 0.5, (9, 1), blocks=(1, 2))]) == [0, 8]


def test_what_is_cached_costs_no_prompt_tokens() -> None:
    requests = [req(0, 0.0, (8, 2), blocks=(1, 2)), req(1, 20.0, (9, 1), blocks=(1, 2))]
    cost = AffineCost(1.0, per_prefill_token_s=1.0)
    report = run(requests, engine(block=2), cost=cost, prefix_block=4)
    assert column(report, "first") == [9.0, 22.0]


def test_the_answer_is_known_when_its_request_has_ended() -> None:
    first = req(0, 0.0, (6, 3), blocks=(1, 2))
    assert cached([first, req(1, 9.0, (9, 1), blocks=(1, 2))]) == [0, 8]
    assert cached([first, req(1, 2.5, (9, 1), blocks=(1, 2))]) == [0, 8]
    assert cached([first, req(1, 1.5, (9, 1), blocks=(1, 2))]) == [0, 4]


def test_of_a_request_the_last_blocks_are_evicted_first() -> None:
    first, other = req(0, 0.0, (8, 1), blocks=(1, 2)), req(1, 5.0, (3, 1))
    assert cached([first, other, req(2, 9.0, (7, 1), blocks=(1, 2))], blocks=4)[2] == 4
    larger = req(1, 5.0, (5, 1))
    assert cached([first, larger, req(2, 9.0, (7, 1), blocks=(1, 2))], blocks=4)[2] == 0


def test_two_that_read_the_same_prompt_at_once_keep_one_copy() -> None:
    requests = [req(i, 0.0, (8, 5), blocks=(1, 2)) for i in range(2)]
    requests.append(req(2, 0.5, (12, 1)))
    report = run(requests, engine(blocks=12, block=2), prefix_block=4)
    assert report.results[2].scheduled == 1.0
    assert run(requests, engine(blocks=12, block=2)).results[2].scheduled > 1.0


# Several replicas.


def test_round_robin_takes_turns() -> None:
    requests = [req(i, 0.0, (2, 2)) for i in range(3)]
    report = run(requests, *[engine(max_seqs=1)] * 2)
    assert column(report, "scheduled") == [0.0, 0.0, 2.0]
    assert report.busy_s == [4.0, 2.0]


def test_least_loaded_counts_requests_and_least_kv_their_blocks() -> None:
    requests = [req(0, 0.0, (8, 9)), req(1, 0.0, (2, 3)), req(2, 0.0, (2, 5)), req(3, 0.0, (2, 7))]
    engines = [engine(blocks=20)] * 2
    assert run(requests, *engines, router="least_loaded").busy_s == [9.0, 7.0]
    later = [req(0, 0.0, (8, 9)), req(1, 0.5, (2, 3))]
    assert run(later, *engines, router="least_loaded").busy_s == [9.0, 3.0]
    requests[0] = req(0, 0.0, (8, 2))
    assert run(requests, *engines, router="least_kv").busy_s == [2.0, 7.0]


def test_a_failure_starts_its_requests_again_but_seen_tokens_stay_seen() -> None:
    report = run([req(0, 0.0, (2, 4))], failures=[(2.5, 0)], repair_s=1.0)
    result = report.results[0]
    assert (result.first, result.finish, result.retries) == (1.0, 7.5, 1)
    assert report.gaps == [1.0, 2.5, 1.0, 1.0, 1.0]
    assert report.busy_s == [6.5]


def test_what_a_dead_replica_had_begun_does_not_end() -> None:
    report = run([req(0, 0.0, (2, 4))], failures=[(2.25, 0)], repair_s=0.5)
    assert report.results[0].finish == 6.75


def test_the_fixed_time_of_a_request_passes_once() -> None:
    slow = engine(request_s=2.0)
    report = run([req(0, 0.0, (2, 4))], slow, failures=[(0.5, 0)], repair_s=0.5)
    assert (report.results[0].scheduled, report.results[0].finish) == (2.0, 6.0)
    report = run([req(0, 0.0, (2, 4))], slow, failures=[(2.5, 0)], repair_s=0.5)
    assert (report.results[0].scheduled, report.results[0].finish) == (2.0, 7.0)


def test_a_failure_hands_its_requests_to_a_ready_replica() -> None:
    requests = [req(0, 0.0, (2, 4)), req(1, 0.0, (2, 1)), req(2, 0.0, (2, 9))]
    report = run(requests, engine(), engine(), failures=[(2.5, 0)], repair_s=9.0)
    assert column(report, "finish") == [6.5, 1.0, 11.5]
    assert column(report, "retries") == [1, 0, 1]


# Known queues, and whatever comes.


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_wait_is_that_of_pollaczek_and_khinchine(spread: float) -> None:
    """One server, Poisson arrivals: W = λ·E[S²] / (2·(1 − ρ)), fixed and exponential prompts."""
    random = Random(3)  # noqa: S311 - a sample
    arrival, requests = 0.0, []
    for index in range(20_000):
        arrival += random.expovariate(0.5)
        length = 1000 * ((1 - spread) + spread * random.expovariate(1.0))
        requests.append(req(index, arrival, (1 + int(length), 1)))
    server = engine(max_seqs=1, budget=10**9, blocks=0, reserve="none")
    report = run(requests, server, cost=AffineCost(0.0, per_prefill_token_s=1e-3))
    services = [one.finish - one.scheduled for one in report.results]
    rate = len(requests) / arrival
    moment = fmean(service**2 for service in services)
    expected = rate * moment / (2 * (1 - rate * fmean(services)))
    wait = fmean(one.scheduled - one.arrival for one in report.results)
    assert wait == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("seed", range(12))
def test_random_scenarios_keep_the_invariants(seed: int) -> None:
    """The invariants are asserted inside; the same seed gives the same outcome."""
    scenario = random_scenario(seed)
    report = reference(scenario.requests, scenario.system)
    assert report.blocks_in_use_at_end == 0
    assert random_scenario(seed) == scenario
    served = [one for one in report.results if one.status == "served" and not one.retries]
    assert all(one.arrival <= one.scheduled < one.first <= one.finish for one in served)
    ticks = on_ticks(scenario)
    assert reference(ticks.requests, ticks.system).blocks_in_use_at_end == 0
