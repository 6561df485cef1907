"""Availability of replicas and zones: closed forms, and the simulator with failures injected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import replayed
from small_clusters import cluster, engines, traits

from rightrig.demand.requests import Requests
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.reliability.availability import (
    Replicas,
    Zones,
    at_least_ratio,
    available_ratio,
    spares_for,
    spread,
    working_ratio,
)
from rightrig.reliability.rates import DAY_S, rate_of, stated_rate
from rightrig.reliability.serve_risk import serve_risk
from rightrig.reliability.spares import spares
from rightrig.simulation.cluster import Failures

MTBF_S, REPAIR_S = 20.0, 5.0


def injected(replicas: int, span_s: float, seed: int) -> Failures:
    """Return failures of replicas that work an exponential time and are then repaired."""
    random = np.random.default_rng(seed)
    found: list[tuple[float, int]] = []
    for replica in range(replicas):
        works = random.exponential(MTBF_S, int(2.0 * span_s / MTBF_S) + 50)
        at = np.cumsum(works) + REPAIR_S * np.arange(len(works))
        found += [(float(time), replica) for time in at[at < span_s]]
    return Failures(tuple(sorted(found)), REPAIR_S)


@pytest.mark.parametrize(("needed", "replicas"), [(1, 1), (2, 3), (3, 3)])
def test_the_share_of_time_with_enough_replicas_is_that_of_the_simulator(
    needed: int, replicas: int
) -> None:
    """Groups of requests arrive at random; one begins at once where enough replicas work.

    Each replica runs one request at a time, so that a group of k needs k of them.
    """
    span_s, groups = 60_000.0, 6000
    random = np.random.default_rng(needed)
    times = np.sort(random.uniform(0.0, span_s, groups))
    times = times[np.diff(times, prepend=-10.0) > 1.0]  # the last group has left
    arrivals = np.repeat(times, needed)
    ones = np.ones(len(arrivals), np.int64)
    own = engines(replicas, own=traits(max_seqs=1))
    found = replayed(
        cluster(own, failures=injected(replicas, span_s, 11)), Requests(arrivals, ones, ones)
    )
    at_once = found.records["scheduled_s"] - found.records["arrival_s"] < 1e-9
    whole = at_once.reshape(-1, needed).all(axis=1).astype(float)
    blocks = np.array([part.mean() for part in np.array_split(whole, 30)])
    error = blocks.std(ddof=1) / math.sqrt(len(blocks))
    expected = at_least_ratio(needed, replicas, available_ratio(MTBF_S, REPAIR_S))
    # 99.9 % of a normal law: a right formula fails once in a thousand choices of the seed.
    assert abs(whole.mean() - expected) < 3.29 * error
    assert error < 0.01


def test_a_replica_works_mtbf_of_mtbf_and_repair() -> None:
    assert available_ratio(99.0, 1.0) == 0.99
    assert at_least_ratio(2, 3, 0.9) == pytest.approx(0.972)
    assert at_least_ratio(0, 3, 0.9) == 1.0
    assert at_least_ratio(4, 3, 0.9) == 0.0


def test_ten_replicas_of_99_percent_take_two_spares_for_99_9() -> None:
    replicas = Replicas(10, 0.99)
    assert spares_for(replicas, 0.999) == 2
    assert replicas.carried_ratio(10) == pytest.approx(0.99**10)
    assert replicas.carried_ratio(11) < 0.999 < replicas.carried_ratio(12)


def test_zones_that_fail_as_a_whole_take_more_spares() -> None:
    alone = Replicas(10, 0.998)
    zoned = Replicas(10, 0.998, Zones(3, 0.9986))
    assert (spares_for(alone, 0.999), spares_for(zoned, 0.999)) == (1, 5)


def test_one_zone_that_is_broken_longer_than_the_target_has_no_answer() -> None:
    found = Replicas(10, 0.999, Zones(1, 0.99, 1.0))
    assert spares_for(found, 0.999) is None
    risk = serve_risk(found, (999.0, 1.0), 0.999)
    assert not risk.is_reached
    assert "No number of spares" in risk.explain().sentences[1]


def test_zones_agree_with_drawn_ones() -> None:
    """Three zones of three replicas, each broken 10 % of the time, losing 92 % when it is."""
    random = np.random.default_rng(2)
    draws = 200_000
    broken = random.random((draws, 3, 1)) < 0.1
    works = random.random((draws, 3, 3)) < np.where(broken, 0.95 * 0.08, 0.95)
    expected = Replicas(6, 0.95, Zones(3, 0.9)).carried_ratio(9)
    assert expected == pytest.approx((works.sum(axis=(1, 2)) >= 6).mean(), abs=0.004)


@settings(max_examples=50)
@given(
    count=st.integers(1, 60),
    up=st.floats(0.0, 1.0),
    zones=st.builds(Zones, st.integers(1, 5), st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
)
def test_chances_of_all_numbers_sum_to_one(count: int, up: float, zones: Zones) -> None:
    chances = working_ratio(count, up, zones)
    assert chances.sum() == pytest.approx(1.0)
    assert len(chances) == count + 1
    assert sum(spread(count, zones.count)) == count


@given(needed=st.integers(1, 50), up=st.floats(0.5, 0.9999), spare=st.integers(0, 20))
def test_a_spare_more_never_hurts(needed: int, up: float, spare: int) -> None:
    replicas = Replicas(needed, up)
    less, more = (replicas.carried_ratio(needed + n) for n in (spare, spare + 1))
    assert less <= more + 1e-12


def test_a_target_of_all_the_time_is_refused() -> None:
    with pytest.raises(InputError, match="no share of time"):
        spares_for(Replicas(1, 0.9), 1.0)


# Spare parts.


def test_twelve_spares_last_a_month_for_a_thousand_cards_of_9_percent() -> None:
    found = spares(stated_rate(0.09, "GPU"), 1000, 30.0 * DAY_S, 0.95)
    assert found.expected_count.mid == pytest.approx(7.392, abs=0.001)
    assert found.spares_count == 12
    assert found.chance_ratio == pytest.approx(0.9612, abs=0.0001)
    assert dict(found.by_spares)[11] < 0.95


def test_a_rate_of_few_events_asks_for_more_spares_than_a_sure_one() -> None:
    unsure = rate_of(shipped().failure_rate("llama-3"), "silent")
    sure = stated_rate(unsure.events_per_year.mid, "GPU")
    assert (
        spares(unsure, 50_000, 30.0 * DAY_S, 0.99).spares_count
        > spares(sure, 50_000, 30.0 * DAY_S, 0.99).spares_count
    )
