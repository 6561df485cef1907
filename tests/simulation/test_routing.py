"""Where requests go, and what they see there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from replaying import replayed
from small_clusters import COST, cluster, engines, fixed, poisson, traits, with_blocks

from rightrig.demand.requests import Requests
from rightrig.prediction.step_table import Coefficients
from rightrig.simulation.cluster import PrefixCache, Transfer

if TYPE_CHECKING:
    from replaying import Replayed

    from rightrig.simulation.cluster import Router


def through(router: Router, requests: Requests, *parts: Any, **more: Any) -> Replayed:
    return replayed(cluster(*parts, router=router, **more), requests)


def test_round_robin_gives_all_the_same_number() -> None:
    found = through("round-robin", poisson(100.0, 1000), engines(4))
    np.testing.assert_array_equal(found.records["replica"], np.arange(1000) % 4)


def test_least_loaded_takes_the_lowest_index_of_equals() -> None:
    found = through("least-loaded", fixed([0.0] * 8, 100, 50), engines(4))
    assert found.records["replica"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_least_kv_looks_at_memory_not_at_requests() -> None:
    """One long prompt weighs more than three short ones."""
    requests = replace(
        fixed([0.0, 1.0, 1.1, 1.2], 160, 500), input_tokens=np.array([16_000, 160, 160, 160])
    )
    found = through("least-kv", requests, engines(2))
    assert found.records["replica"].tolist() == [0, 1, 1, 1]


def unequal_services(count: int = 20_000) -> tuple[Requests, Any]:
    """Return requests that take very different times, and ten engines of one place each."""
    random = np.random.default_rng(1)
    prompts = random.choice([100, 4000], count, p=[0.9, 0.1])
    arrivals = np.cumsum(random.exponential(1.0 / 150.0, count))
    cost = Coefficients(0.0, per_prefill_token_s=1e-4)
    own = traits(max_seqs=1, max_batched_tokens=8192)
    return Requests(arrivals, prompts, np.ones(count, int)), engines(10, cost, own)


def test_the_better_of_two_beats_turns_and_the_best_of_all_beats_both() -> None:
    """Mitzenmacher 2001, under services that differ by a factor of forty."""
    requests, ten = unequal_services()
    waits: dict[str, float] = {}
    routers: tuple[Router, ...] = ("least-loaded", "power-of-two", "round-robin")
    for router in routers:
        waits[router] = float(np.percentile(through(router, requests, ten).wait_s, 99))
    assert waits["least-loaded"] < 0.9 * waits["power-of-two"]
    assert waits["power-of-two"] < 0.9 * waits["round-robin"]


def test_draws_follow_the_seed() -> None:
    requests, ten = unequal_services(2000)
    own = cluster(ten, router="power-of-two")
    first, again, other = (replayed(own, requests, seed).records for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["finish_s"], again["finish_s"])
    assert (first["replica"] != other["replica"]).any()
    assert np.bincount(first["replica"], minlength=10).min() > 100


def sessions() -> Requests:
    """Return forty conversations whose turns come mixed, each beginning with those before it."""
    random = np.random.default_rng(1)
    owners = random.integers(0, 40, 1200)
    turns = np.zeros(40, np.int64)
    prompts = np.empty(1200, np.int64)
    for place, owner in enumerate(owners):
        turns[owner] += 1
        prompts[place] = 512 + 128 * min(turns[owner], 30)
    requests = fixed(list(np.cumsum(random.exponential(0.1, 1200))), 1, 64)
    return with_blocks(replace(requests, input_tokens=prompts), owners, 64)


def test_the_prefix_router_sends_a_session_to_where_its_cache_is() -> None:
    own = traits(blocks_count=4000, prefix_cache=PrefixCache(64))
    found = {
        router: through(router, sessions(), engines(4, own=own))
        for router in ("prefix", "round-robin", "least-loaded")
    }
    assert found["prefix"].hit_ratio > 1.2 * found["round-robin"].hit_ratio
    assert found["prefix"].hit_ratio > 1.2 * found["least-loaded"].hit_ratio
    assert found["prefix"].ttft_s.mean() < found["round-robin"].ttft_s.mean()


def test_the_prefix_router_leaves_a_replica_that_is_overloaded() -> None:
    """All want the same prefix: at most 1.5 times the mean load and 4 more go to one place."""
    own = traits(prefix_cache=PrefixCache(64))
    # One has read it before the others come.
    times_s = [0.0, *np.linspace(5.0, 6.0, 200)]
    requests = with_blocks(fixed(times_s, 640, 400), np.zeros(201, int), 64)
    found = through("prefix", requests, engines(4, own=own)).records
    served = np.bincount(found["replica"], minlength=4)
    assert (found["replica"][:5] == 0).all()
    assert served.min() > 20
    assert served[0] == served.max()


def test_unequal_replicas_share_the_load_by_their_weights() -> None:
    fast = replace(COST, fixed_s=COST.fixed_s / 3, per_seq_s=0.0)
    slow = replace(COST, per_seq_s=0.0)
    requests = poisson(25.0, 4000, (200.0, 150.0))
    weighed = through(
        "least-loaded", requests, engines(1, fast, weight_ratio=3.0), engines(1, slow)
    )
    counts = np.bincount(weighed.records["replica"], minlength=2)
    # In the system they are as three to one; the fast one ends three times as many of them again.
    in_system = np.bincount(
        weighed.records["replica"],
        weighed.records["finish_s"] - weighed.records["arrival_s"],
        minlength=2,
    )
    assert in_system[0] / in_system[1] == pytest.approx(3.0, rel=0.15)
    assert counts[0] > 2.5 * counts[1]
    plain = through("least-loaded", requests, engines(1, fast), engines(1, slow))
    assert weighed.e2e_s.mean() < plain.e2e_s.mean()


def test_prefill_replicas_hand_over_and_decode_replicas_finish() -> None:
    own = traits(transfer=Transfer(1e-3, 0.0))
    parts = (engines(2, own=own, role="prefill"), engines(2, role="decode"))
    found = through("round-robin", poisson(20.0, 200), *parts)
    several = found.records["output"] > 1
    assert set(found.records["replica"][several]) == {2, 3}
    assert set(found.records["replica"][~several]) <= {0, 1}
    assert found.whole.replicas["prompt_tokens"][2:].sum() == 0
    assert found.whole.replicas["decode_tokens"][:2].sum() == 0
