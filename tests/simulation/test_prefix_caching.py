"""Prefixes that engines keep: hits, room, and a tier in host memory."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from published_runs import SHARED
from replaying import replayed
from small_clusters import cluster, engines, fixed, traits, with_blocks

from rightrig.demand.trace import read_trace
from rightrig.simulation.cluster import PrefixCache, Traits

if TYPE_CHECKING:
    from replaying import Replayed

    from rightrig.demand.requests import Requests

UNIT = 64
MOONCAKE = SHARED / "traces" / "mooncake_conversation_trace.jsonl"


def documents(rounds: int, count: int, tokens: int) -> Requests:
    """Return questions about some documents, one after another, round after round."""
    total = rounds * count
    requests = fixed([2.0 * place for place in range(total)], tokens, 10)
    return with_blocks(requests, np.arange(total) % count, UNIT)


def asked(requests: Requests, pool_tokens: int, **cache_more: Any) -> Replayed:
    kept = PrefixCache(UNIT, **cache_more)
    own = traits(blocks_count=pool_tokens // 16, prefix_cache=kept)
    return replayed(cluster(engines(own=own)), requests)


def test_a_document_is_read_once_while_the_pool_holds_it() -> None:
    found = asked(documents(4, 10, 6400), 200_000)
    np.testing.assert_array_equal(found.records["cached"][:10], 0)
    # One token is always left to be read, so that the last block is read again.
    np.testing.assert_array_equal(found.records["cached"][10:], 6400 - UNIT)


def test_in_turn_the_least_recently_used_is_always_the_next_one() -> None:
    """A pool that holds 9 of 10 documents asked for in turn has lost each before its turn."""
    assert asked(documents(4, 10, 6400), 60_000).records["cached"].max() < 6400 - UNIT


def test_host_memory_brings_back_what_was_evicted() -> None:
    requests = documents(4, 10, 6400)
    large = asked(requests, 200_000)
    tiered = asked(requests, 20_000, cpu_tokens=200_000, cpu_s_per_token=1e-5)
    small = asked(requests, 20_000)
    np.testing.assert_array_equal(tiered.records["cached"], large.records["cached"])
    late = slice(10, None)
    assert tiered.ttft_s[late].mean() < 0.5 * small.ttft_s[late].mean()
    # What comes back takes its time on the host link: 6336 tokens at 10 µs.
    waited_s = tiered.ttft_s[late] - large.ttft_s[late]
    np.testing.assert_allclose(waited_s, (6400 - UNIT) * 1e-5, rtol=0.1)


def test_a_small_tier_forgets_too() -> None:
    requests = documents(4, 10, 6400)
    tiered = asked(requests, 20_000, cpu_tokens=20_000, cpu_s_per_token=1e-5)
    assert 0.0 <= tiered.hit_ratio < asked(requests, 20_000, cpu_tokens=200_000).hit_ratio


def test_hits_rise_with_the_pool() -> None:
    random = np.random.default_rng(1)
    requests = fixed(list(np.arange(600.0)), 3200, 10)
    requests = with_blocks(requests, random.zipf(1.3, 600) % 100, UNIT)
    hits = [asked(requests, tokens).hit_ratio for tokens in (4_000, 20_000, 80_000, 400_000)]
    assert hits == sorted(hits)
    assert hits[0] < 0.5 * hits[-1]


def test_what_is_shared_counts_once() -> None:
    """Fifty questions at once about a document that half of the pool holds."""
    requests = with_blocks(
        replace(fixed([0.0, *[5.0] * 50], 6410, 50)), np.zeros(51, np.int64), UNIT
    )
    found = asked(requests, 13_000)
    assert found.whole.preemptions_count == 0
    np.testing.assert_array_equal(found.records["cached"][1:], 6400)
    assert np.ptp(found.records["scheduled_s"][1:]) == 0.0


def test_a_session_finds_its_own_answers() -> None:
    requests = fixed([0.0, 100.0], 640, 640)
    requests = replace(requests, input_tokens=np.array([640, 1400]))
    found = asked(with_blocks(requests, np.zeros(2, np.int64), UNIT), 100_000)
    # Of 1279 tokens stored, 19 blocks are full.
    assert found.records["cached"].tolist() == [0, 19 * UNIT]


@pytest.mark.skipif(not MOONCAKE.exists(), reason="the trace is in shared/traces")
class TestMooncake:
    """Mooncake's conversations (Qin et al., FAST'25): 37.4 % of prompt tokens come again."""

    @staticmethod
    @cache
    def hit_ratio(pool_tokens: int) -> float:
        requests = read_trace(MOONCAKE).requests
        kept = PrefixCache(requests.block_tokens)
        own: Traits = traits(
            blocks_count=pool_tokens // 16, prefix_cache=kept, max_seqs=1024,
            max_batched_tokens=1 << 17,
        )  # fmt: skip
        # So slow that a prompt has been read before the next turn comes.
        found = replayed(cluster(engines(own=own)), requests.stretched(3.0))
        assert (found.records["status"] == 0).all()
        return found.hit_ratio

    def test_an_infinite_cache_hits_as_the_trace_says(self) -> None:
        assert self.hit_ratio(200_000_000) == pytest.approx(0.374, abs=0.01)

    def test_a_smaller_pool_hits_less(self) -> None:
        hits = [self.hit_ratio(tokens) for tokens in (1_000_000, 5_000_000, 20_000_000)]
        assert hits == sorted(hits)
        assert hits[0] < 0.1 < hits[1] < 0.3 < hits[2] <= self.hit_ratio(200_000_000)
