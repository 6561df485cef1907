"""The report of a simulation: what is said of limits, objectives, prices; charts as they are."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from rightrig import Choices, Interval, Slo, parse_rig, propose, shipped
from rightrig.demand.lengths import Fixed
from rightrig.demand.objective import Objective
from rightrig.demand.scenario import Scenario, sample
from rightrig.report.charts import latency_chart, timeline_chart
from rightrig.report.simulate import simulate_document
from rightrig.report.simulate_files import request_columns, series_lines
from rightrig.report.simulate_json import simulate_json
from rightrig.report.simulated import Rent, Simulated, Traffic, is_thin
from rightrig.report.terminal import plain_text
from rightrig.simulation.limit import Limit
from rightrig.simulation.outcome import ClassOutcome, Kept, Quantity
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from rightrig.report.document import Document

EXACT: Final = Interval(0.6, 0.6, 0.6)
TTFT: Final = Objective("ttft", 99, 0.5)
BROKEN: Final = Kept(TTFT, Quantity(0.6, EXACT), "not")


@pytest.fixture(scope="module")
def seen() -> Simulated:
    catalog = shipped()
    rig = parse_rig("1xh100-sxm", catalog)
    deployment = propose(catalog, catalog.llm("llama-3.1-8b"), rig, Choices())
    scenario = Scenario(input=Fixed(tokens=500), output=Fixed(tokens=100)).at_rate(5.0)
    requests = sample(scenario, 1200, 1)
    outcome = simulate(deployment, requests, slo=Slo(ttft_p99_s=0.5), setting=Setting())
    traffic = Traffic(requests, "lengths", "", "Poisson arrivals at 5 requests/s")
    return Simulated(outcome, traffic, "least-loaded", "fits")


def said(document: Document) -> str:
    """Return a document on one line."""
    return " ".join(plain_text(document).split())


def limited(seen: Simulated, rate: Interval, binding: Kept | None) -> str:
    return said(simulate_document(replace(seen, limit=Limit(rate, binding, seen.outcome, 20))))


def test_lines_fit_a_terminal_of_100_columns(seen: Simulated) -> None:
    lines = plain_text(simulate_document(seen)).splitlines()
    assert max(len(line) for line in lines) <= 100


def test_a_limit_is_told_with_its_interval_and_what_breaks(seen: Simulated) -> None:
    text = limited(seen, Interval(8.0, 10.0, 13.0), BROKEN)
    assert "LIMIT: 10 requests/s keep every objective" in text
    assert "8 … 13" in text
    assert "TTFT p99 breaks first: 600 ms instead of at most 500 ms" in text


def test_a_limit_that_requests_do_not_survive_has_no_infinite_time(seen: Simulated) -> None:
    never = Quantity(math.inf, Interval(math.inf, math.inf, math.inf))
    text = limited(seen, Interval(8.0, 10.0, 13.0), Kept(TTFT, never, "not"))
    assert "too many requests are not served" in text


def test_no_rate_and_no_limit_are_told_apart(seen: Simulated) -> None:
    assert "NO RATE keeps every objective" in limited(seen, Interval(0.0, 0.0, 0.0), BROKEN)
    assert "NO LIMIT: " in limited(seen, Interval(1e6, 1e6, 1e6), None)


def test_a_percentile_is_thin_below_ten_requests_above_it(seen: Simulated) -> None:
    outcome = replace(seen.outcome, served_count=1000, output_tokens=100_000)
    assert not is_thin(outcome, "ttft", "p99")
    assert is_thin(replace(outcome, served_count=999), "ttft", "p99")
    assert not is_thin(replace(outcome, served_count=10_000), "ttft", "p99.9")
    assert not is_thin(outcome, "itl", "p99.9")  # a value a pair of tokens
    assert not is_thin(replace(outcome, served_count=1), "ttft", "mean")


def test_what_was_not_served_is_counted_by_its_end(seen: Simulated) -> None:
    outcome = replace(seen.outcome, rejected_count=3, timed_out_count=1)
    assert "3 rejected, 1 timed out" in said(simulate_document(replace(seen, outcome=outcome)))


def test_without_a_price_no_money_is_mentioned(seen: Simulated) -> None:
    assert "$" not in said(simulate_document(seen))
    outcome = replace(seen.outcome, price_usd_per_hour=3.6)
    text = said(simulate_document(replace(seen, outcome=outcome, rent=Rent(3.6))))
    assert "$3.60/h (as you say)" in text
    assert "a million good output tokens" in text


def test_tokens_of_which_none_is_good_have_no_price(seen: Simulated) -> None:
    outcome = replace(seen.outcome, price_usd_per_hour=3.6, good_ratio=0.0)
    bad = replace(seen, outcome=outcome, rent=Rent(3.6))
    assert "a million good output tokens ∞" in said(simulate_document(bad))
    assert simulate_json(bad)["cost_usd_per_million_good_tokens"] is None


def test_classes_are_told_apart(seen: Simulated) -> None:
    own = ClassOutcome("interactive", 10, 9, seen.outcome.latencies)
    none = ClassOutcome("bulk", 5, 0, {"ttft": {}, "tpot": {}, "e2e": {}})
    outcome = replace(seen.outcome, classes=(own, none))
    text = said(simulate_document(replace(seen, outcome=outcome)))
    assert "interactive 10 9" in text
    assert "bulk 5 0 – – –" in text


def test_a_long_run_says_that_its_percentiles_are_of_sketches(seen: Simulated) -> None:
    outcome = replace(seen.outcome, is_exact=False, records=None)
    assert "of sketches" in said(simulate_document(replace(seen, outcome=outcome)))
    chart = layers(latency_chart(replace(seen, outcome=outcome)))
    assert len(chart[1]["data"]["values"]) == 3 * 5  # the named percentiles of three metrics


def layers(chart: Any) -> Any:
    return chart["layer"]


def test_the_chart_of_latency_goes_through_the_percentiles_of_the_answer(seen: Simulated) -> None:
    drawn = layers(latency_chart(seen))[1]["data"]["values"]
    ttft = [(row["rarity"], row["value_s"]) for row in drawn if row["metric"] == "TTFT"]
    at_p99 = np.interp(100.0, *np.array(ttft).T)
    assert at_p99 == pytest.approx(seen.outcome.latencies["ttft"]["p99"].mid, rel=0.02)


def test_the_chart_of_latency_marks_the_objectives(seen: Simulated) -> None:
    marks = [layer["data"]["values"] for layer in layers(latency_chart(seen))[2:]]
    assert marks[0][0]["limit_s"] == 0.5
    assert marks[0][0]["rarity"] == pytest.approx(100.0)


def test_the_axis_of_latency_spans_what_is_drawn(seen: Simulated) -> None:
    first, *others = layers(latency_chart(seen))
    low, high = first["encoding"]["y"]["scale"]["domain"]
    values = [row["value_s"] for row in others[0]["data"]["values"]]
    assert low <= min(values)
    assert high >= max(values)


def test_a_panel_without_a_value_is_left_out(seen: Simulated) -> None:
    series = seen.outcome.series
    assert series is not None
    unknown = np.full(len(series.time_s), np.nan)
    bare = replace(series, busy_ratio=unknown, kv_used_ratio=unknown, ttft_p99_s=unknown)
    whole: Any = timeline_chart(seen, series)
    less: Any = timeline_chart(seen, bare)
    assert (len(whole["vconcat"]), len(less["vconcat"])) == (4, 2)
    assert "time (s)" in str(less["vconcat"][-1]["encoding"]["x"]["axis"])


def test_a_span_of_which_nothing_is_known_has_an_empty_cell(seen: Simulated) -> None:
    series = seen.outcome.series
    assert series is not None
    bare = replace(series, kv_used_ratio=np.full(len(series.time_s), np.nan))
    rows = list(csv.DictReader(series_lines(bare)))
    assert {row["kv_used_ratio"] for row in rows} == {""}
    assert all(float(row["running_seqs"]) >= 0.0 for row in rows)


def test_latencies_of_the_table_are_those_of_the_answer(seen: Simulated) -> None:
    columns = request_columns(seen.outcome, seen.traffic)
    for metric in ("ttft", "tpot", "e2e", "wait"):
        mean_s = float(np.nanmean(columns[f"{metric}_s"]))
        assert mean_s == pytest.approx(seen.outcome.latencies[metric]["mean"].mid)
