"""Whatever the cluster: requests end once, tokens and blocks are neither made nor lost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import replayed
from small_clusters import cluster, drawn, engines, fixed, poisson, traits, with_blocks

from rightrig.simulation.cluster import PrefixCache
from rightrig.simulation.layout import CANCELLED, SERVED, TIMED_OUT

if TYPE_CHECKING:
    from replaying import Replayed
    from small_clusters import Drawn

    from rightrig.demand.requests import Requests

SEEDS = range(60)


def check(case: Drawn) -> Replayed:
    found = replayed(case.cluster, case.requests)
    check_records(found.records, case)
    check_engines(found, case)
    return found


def check_records(records: Any, case: Drawn) -> None:
    asked = case.requests
    served = records["status"] == SERVED
    np.testing.assert_array_equal(records["input"], asked.input_tokens)
    np.testing.assert_array_equal(records["output"][served], asked.output_tokens[served])
    assert (records["output"] <= asked.output_tokens).all()
    assert (records["cached"] < records["input"]).all()
    whole = records[served & (records["retries"] == 0)]
    moments = [whole[name] for name in ("arrival_s", "scheduled_s", "first_s", "finish_s")]
    assert all((before <= after).all() for before, after in pairwise(moments))
    assert (whole["answer_s"] >= whole["first_s"]).all()
    open_rows = np.isfinite(asked.arrival_s)
    np.testing.assert_array_equal(records["arrival_s"][open_rows], asked.arrival_s[open_rows])
    late = records["finish_s"] - records["arrival_s"]
    assert (late <= case.cluster.timeout_s + 1e-9).all()
    for status, limits in (
        (CANCELLED, asked.patience_s),
        (TIMED_OUT, np.full(len(asked), case.cluster.timeout_s)),
    ):
        rows = records["status"] == status
        if rows.any():
            np.testing.assert_allclose(late[rows], limits[rows], atol=1e-9)


def check_engines(found: Replayed, case: Drawn) -> None:
    records, replicas = found.records, found.whole.replicas
    for empty in ("used", "seqs", "active", "outstanding", "waiting_count", "reading_count"):
        assert not replicas[empty].any(), empty
    assert not replicas["phases"].any()
    assert (replicas["idle_cached"] >= 0).all()
    kinds = [engine.traits for engine in case.cluster.engines for _ in range(engine.count)]
    room = np.array([own.blocks_count for own in kinds])
    assert (replicas["idle_cached"] <= room).all()
    assert (replicas["busy_s"] <= replicas["on_s"] + 1e-9).all()
    assert (replicas["on_s"] <= found.whole.end_s + 1e-9).all()
    assert replicas["served"].sum() == (records["status"] == SERVED).sum()
    assert found.whole.preemptions_count >= records["preemptions"].sum()
    assert found.whole.retries_count >= records["retries"].sum()
    got = replicas["decode_tokens"].sum()
    served = records[records["status"] == SERVED]
    assert got >= (served["output"] - 1).sum() - served["preemptions"].sum() - 1e-6
    if is_plain(found):
        # Each answer's first token comes with its prompt, each later one with a step.
        assert got == pytest.approx((records["output"][records["output"] > 0] - 1).sum())
        read = records[~np.isnan(records["first_s"])]
        assert replicas["prompt_tokens"].sum() == (read["input"] - read["cached"]).sum()
        if all(own.speculation is None for own in kinds):
            assert found.whole.gaps.sum() == pytest.approx(got)


def check_same(first: Any, second: Any) -> None:
    for name in first.dtype.names:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def is_plain(found: Replayed) -> bool:
    """Whether no work was cut short, repeated or left."""
    left = np.isin(found.records["status"], [CANCELLED, TIMED_OUT])
    again = found.whole.preemptions_count + found.whole.retries_count
    return bool(again == 0 and not left.any())


@pytest.mark.parametrize("seed", SEEDS)
def test_requests_end_once_and_blocks_come_back(seed: int) -> None:
    check(drawn(seed))


@given(seed=st.integers(1000, 10_000_000))
@settings(max_examples=30, deadline=None)
def test_whatever_the_cluster(seed: int) -> None:
    check(drawn(seed))


def test_the_drawn_clusters_do_what_they_are_drawn_for() -> None:
    found = [check(drawn(seed)) for seed in SEEDS]
    statuses = np.concatenate([each.records["status"] for each in found])
    assert (np.bincount(statuses, minlength=4) > 100).all()
    for what in ("preemptions_count", "retries_count"):
        assert sum(getattr(each.whole, what) > 0 for each in found) > 3
    assert sum(each.records["cached"].any() for each in found) > 5
    assert sum(is_plain(each) for each in found) > 5


@pytest.mark.parametrize("seed", range(12))
def test_the_same_seed_gives_the_same_records(seed: int) -> None:
    case = drawn(seed)
    first, second = (replayed(case.cluster, case.requests).records for _ in range(2))
    check_same(first, second)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("chunk", [1, 7, 150])
def test_records_do_not_depend_on_how_many_rows_are_read_at_once(
    seed: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = drawn(seed)
    whole = replayed(case.cluster, case.requests)
    monkeypatch.setattr("rightrig.simulation.replay.CHUNK", chunk)
    again = replayed(case.cluster, case.requests)
    check_same(again.records, whole.records)
    np.testing.assert_array_equal(again.whole.gaps, whole.whole.gaps)


def in_a_small_world(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return records of a cluster with room from the start, and of one that has to grow."""
    cache = PrefixCache(requests.block_tokens) if requests.block_tokens else None
    own = cluster(engines(2, own=traits(prefix_cache=cache)), router="round-robin")
    monkeypatch.setattr("rightrig.simulation.world._FIRST_SLOTS", 1 << 17)
    whole = replayed(own, requests).records
    monkeypatch.setattr("rightrig.simulation.world._FIRST_SLOTS", 4)
    monkeypatch.setattr("rightrig.simulation.world._FIRST_ENTRIES", 4096)
    return whole, replayed(own, requests).records


def test_thousands_may_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, grown = in_a_small_world(fixed([0.0] * 20_000, 100, 20), monkeypatch)
    check_same(whole, grown)
    assert (grown["status"] == SERVED).all()


def test_more_prefixes_may_be_known_than_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = poisson(50.0, 6000, (300.0, 10.0))
    owners = np.random.default_rng(1).integers(0, 3000, len(requests))
    whole, grown = in_a_small_world(with_blocks(requests, owners, 16), monkeypatch)
    check_same(whole, grown)
    assert grown["cached"].any()
