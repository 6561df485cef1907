"""What a bench finds, as values: quantiles, keys, what a store keeps, what is compared."""

from __future__ import annotations

import numpy as np
import pytest
from bench_runs import figure
from hypothesis import given
from hypothesis import strategies as st

from rightrig.measuring.bench.keeping import earlier_medians, samples_of, values_of
from rightrig.measuring.bench.sustained import drop_ratio
from rightrig.measuring.bench.values import Timing, key_of
from rightrig.prediction.accuracy_score import quantile
from rightrig.store.records import NewRun, Run, Value

TIMES = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=30).map(tuple)


@given(TIMES, st.floats(0.0, 1.0))
def test_quantiles_are_those_of_numpy(samples_s: tuple[float, ...], share: float) -> None:
    assert quantile(samples_s, share) == pytest.approx(np.quantile(samples_s, share), rel=1e-9)


@given(TIMES)
def test_a_median_lies_between_the_ends_of_its_spread(samples_s: tuple[float, ...]) -> None:
    timing = Timing(samples_s)
    assert timing.quickest_s <= timing.median_s * (1 + 1e-12)
    assert timing.median_s <= timing.slowest_s * (1 + 1e-12)


def test_a_key_is_the_same_whether_a_store_gives_back_8_or_8_0() -> None:
    assert key_of("gemm", {"m": 8, "n": 128256}) == key_of("gemm", {"n": 128256.0, "m": 8.0})
    assert key_of("copy", {"size_bytes": 2.0**33}) == "copy size_bytes=8589934592"


def test_what_is_kept_of_a_rate_has_its_high_end_from_the_short_times() -> None:
    one = figure("copy", "copy", "bytes", (1.0, 2.0, 4.0), moved_bytes=8.0)
    kept = {v.labels["statistic"]: v.value for v in values_of(one, "cpu x")}
    assert {v.name for v in values_of(one, "cpu x")} == {"copy_bytes_per_s"}
    assert kept["p50"] == 4.0
    assert kept["p10"] == pytest.approx(8.0 / 3.6)
    assert kept["p90"] == pytest.approx(8.0 / 1.2)


def test_a_figure_that_was_kept_is_found_again_by_its_key() -> None:
    one = figure(
        "gemm", "gemm", "flop", (0.5,), flop=3.0, labels={"type": "int8", "m": 4, "size_bytes": 8.0}
    )
    runs = [_run(values_of(one, "cpu x"))]
    assert earlier_medians(runs, "cpu x") == {one.key: 6.0}
    assert earlier_medians(runs, "cuda:0 y") == {}


def test_only_runs_that_ended_are_compared_with_and_their_median_counts() -> None:
    kept = [
        _run(values_of(figure("launch", "launch", "s", (time_s,)), "cpu"), status)
        for time_s, status in ((1.0, "running"), (2.0, "finished"), (9.0, "died"),
                               (4.0, "interrupted"), (3.0, "finished"), (7.0, "failed"))
    ]  # fmt: skip
    assert earlier_medians(kept, "cpu") == {"launch ": 3.0}


def test_samples_are_columns_of_one_length_with_unknown_clocks_as_nan() -> None:
    first = figure("copy", "copy", "bytes", (1.0, 2.0), moved_bytes=1.0)
    columns = samples_of([first, figure("read", "read", "bytes", (3.0,), moved_bytes=1.0)])
    assert columns["figure"].tolist() == ["copy ", "copy ", "read "]
    assert columns["time_s"].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(columns["clock_hz"].astype(float)).all()


def test_a_load_that_slows_down_drops_by_its_last_fifth_against_its_first() -> None:
    assert drop_ratio(Timing((1.0,) * 5 + (1.5,) * 15)) == pytest.approx(0.5)
    assert drop_ratio(Timing((1.0, 1.0))) == 0.0


def test_a_nan_is_a_wrong_result() -> None:
    assert figure("copy", "copy", "bytes", (1.0,), error_ratio=float("nan")).is_wrong
    assert not figure("copy", "copy", "bytes", (1.0,), error_ratio=0.0).is_wrong


def _run(values: list[Value], status: str = "finished") -> Run:
    new = NewRun("bench", "here", ("rightrig", "bench"))
    return Run(1, new, status, "", "", tuple(values))  # type: ignore[arg-type]
