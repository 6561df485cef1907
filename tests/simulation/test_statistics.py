"""From records to figures: intervals, batch means, histograms and sketches."""

from __future__ import annotations

import numpy as np
import pytest
from small_clusters import cluster, engines, poisson

from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.simulation.collecting import are_good, gap_latency, latency_of
from rightrig.simulation.gaps import bin_edges_s
from rightrig.simulation.layout import GAP_BATCHES, GAP_BINS
from rightrig.simulation.outcome import STATISTICS, Quantity
from rightrig.simulation.simulate import simulate_cluster


def test_two_kinds_of_uncertainty_add_in_quadrature_of_logarithms() -> None:
    sampling, model = Interval(0.9, 1.0, 1.1), Interval(0.8, 1.0, 1.3)
    joined = Quantity(1.0, sampling, model).joined
    down, up = np.hypot(np.log(0.9), np.log(0.8)), np.hypot(np.log(1.1), np.log(1.3))
    assert joined.low == pytest.approx(np.exp(-down))
    assert joined.high == pytest.approx(np.exp(up))
    assert joined.low < 0.8
    assert joined.high > 1.3


def test_without_a_model_only_the_sampling_counts() -> None:
    sampling = Interval(0.9, 1.0, 1.1)
    assert Quantity(1.0, sampling).joined == sampling
    certain = Interval(1.0, 1.0, 1.0)
    assert Quantity(1.0, sampling, certain).joined.low == pytest.approx(0.9)


def test_an_interval_that_touches_zero_is_the_wider_of_both() -> None:
    joined = Quantity(0.1, Interval(0.0, 0.1, 0.2), Interval(0.05, 0.1, 0.4)).joined
    assert joined == Interval(0.0, 0.1, 0.4)


def correlated(seed: int, count: int = 20_000) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return values around 100 that are alike over some ten of their neighbours."""
    noise = np.random.default_rng(seed).normal(size=count)
    kernel = 0.9 ** np.arange(200.0)
    return 100.0 + np.convolve(noise, kernel)[:count]


@pytest.mark.parametrize(("name", "z"), [("mean", 0.0), ("p50", 0.0), ("p90", 1.2816)])
def test_batch_means_cover_the_truth_four_times_of_five(name: str, z: float) -> None:
    """AR(1) with a coefficient of 0.9: a normal law of the variance 1/(1 − 0.81)."""
    truth = 100.0 + z / np.sqrt(1.0 - 0.81)
    intervals = [latency_of(correlated(seed)[400:])[name].sampling for seed in range(300)]
    covered = np.mean([each.low <= truth <= each.high for each in intervals])
    assert 0.7 <= covered <= 0.9


def test_statistics_are_those_of_all_values() -> None:
    values = np.random.default_rng(1).exponential(1.0, 5000)
    latency = latency_of(values)
    assert tuple(latency) == STATISTICS
    assert latency["mean"].mid == pytest.approx(values.mean())
    assert latency["p99.9"].mid == pytest.approx(np.percentile(values, 99.9))
    assert latency["p50"].mid == pytest.approx(np.log(2.0), rel=0.05)
    assert latency_of(np.array([])) == {}
    assert latency_of(np.array([2.0]))["p99"].sampling == Interval(2.0, 2.0, 2.0)


def test_gaps_are_found_again_in_their_histogram() -> None:
    values = np.random.default_rng(1).lognormal(-4.0, 0.5, 200_000)
    edges = bin_edges_s()
    rows = [np.histogram(part, edges)[0] for part in np.array_split(values, GAP_BATCHES)]
    latency = gap_latency(np.array(rows, float))
    assert latency["mean"].mid == pytest.approx(values.mean(), rel=0.002)
    for percentile in (50, 90, 99, 99.9):
        exact = np.percentile(values, percentile)
        assert latency[f"p{percentile:g}"].mid == pytest.approx(exact, rel=0.004)
    assert latency["p99"].sampling.low < exact
    assert gap_latency(np.zeros((GAP_BATCHES, GAP_BINS))) == {}


def test_a_bin_of_the_histogram_is_less_than_half_a_percent_wide() -> None:
    edges = bin_edges_s()
    assert (np.diff(edges) / edges[:-1]).max() <= 1.0 / 256.0
    assert edges[0] < 1e-7
    assert edges[-1] > 86_400.0


def test_sketches_are_within_a_percent_of_exact_percentiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, requests = cluster(engines(4)), poisson(60.0, 40_000)
    exact = simulate_cluster(own, requests)
    monkeypatch.setattr("rightrig.simulation.collecting.KEPT_REQUESTS", 1000)
    sketched = simulate_cluster(own, requests)
    assert exact.is_exact
    assert not sketched.is_exact
    assert sketched.records is None
    assert set(sketched.latencies) == set(exact.latencies)
    for metric, latency in exact.latencies.items():
        for name, quantity in latency.items():
            found = sketched.latencies[metric][name]
            assert found.mid == pytest.approx(quantity.mid, rel=0.01), (metric, name)
    for count in ("served_count", "input_tokens", "output_tokens", "goodput_requests_per_s"):
        assert getattr(sketched, count) == getattr(exact, count)


def test_a_request_is_good_when_it_keeps_every_limit() -> None:
    found = simulate_cluster(
        cluster(), poisson(12.0, 2000), slo=Slo(ttft_p99_s=0.1, tpot_p90_s=0.015)
    )
    records = found.records
    assert records is not None
    ttft_s = records["first_s"] - records["arrival_s"]
    tpot_s = (records["finish_s"] - records["first_s"]) / np.maximum(records["output"] - 1, 1)
    good = (ttft_s <= 0.1) & (tpot_s <= 0.015)
    np.testing.assert_array_equal(are_good(records, Slo(ttft_p99_s=0.1, tpot_p90_s=0.015)), good)
    assert found.good_ratio == pytest.approx(good.mean())
    assert found.goodput_requests_per_s == pytest.approx(good.sum() / found.duration_s)
    assert 0.05 < good.mean() < 0.95


@pytest.mark.parametrize("rate_per_s", [1e9, 10.0, 0.01])
def test_spans_of_time_hold_all_that_happened(rate_per_s: float) -> None:
    """Whether all come at once, steadily, or with long pauses between them."""
    own = cluster(engines(2))
    requests = poisson(rate_per_s, 400)
    found = simulate_cluster(own, requests)
    series = found.series
    assert series is not None
    assert len(series.time_s) <= 130
    assert series.arrivals_count.sum() == series.ended_count.sum() == 400
    busy_s = sum(replica.busy_s for replica in found.replicas)
    assert series.busy_ratio.sum() * series.span_s * 2 == pytest.approx(busy_s, rel=1e-6)
    decoded = sum(replica.output_tokens for replica in found.replicas)
    assert series.output_tokens_per_s.sum() * series.span_s == pytest.approx(decoded, rel=1e-6)
    assert found.used_ratio <= 1.0
    assert (series.busy_ratio <= 1.0 + 1e-9).all()
    records = found.records
    assert records is not None
    in_system_s = (records["finish_s"] - records["arrival_s"]).sum()
    mean = (series.running_seqs + series.waiting_seqs).sum() * series.span_s
    assert mean == pytest.approx(in_system_s, rel=0.25)
