"""Whole runs beside their predictions: values with intervals, reasons, rules, and the tables."""

from __future__ import annotations

import csv
import math
from statistics import median
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_runs import RUN_ROW, SHARED

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.prediction.accuracy import accuracy
from rightrig.prediction.accuracy_inference import judge_runs, predict_runs
from rightrig.prediction.accuracy_score import AXES, quantile
from rightrig.prediction.run_tables import planned, read_rows
from rightrig.prediction.speed_accuracy import coverage
from rightrig.prediction.speed_groups import TARGETS
from rightrig.report.accuracy import accuracy_document
from rightrig.report.terminal import plain_text

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.prediction.accuracy_score import Judged
    from rightrig.prediction.run_tables import PlannedRow, RunRow

CATALOG: Final = shipped()
RUN: Final = {**dict.fromkeys(TABLES["inference"], ""), **RUN_ROW}


def judged(**changes: str) -> Judged:
    """Judge a run that differs from a plain one."""
    (row,) = judge_runs([Measurement(1, RUN | changes)], CATALOG)
    return row


@pytest.mark.parametrize(
    ("metric", "value", "unit", "name"),
    [
        ("output_tok_s_total", "900", "tokens/s", "output tok/s"),
        ("tpot_ms", "9", "s", "TPOT"),
        ("ttft_ms", "60", "s", "TTFT"),
        ("total_tok_s", "4500", "tokens/s", "total tok/s"),
        ("req_s", "3.5", "requests/s", "requests/s"),
    ],
)
def test_a_run_is_predicted_with_an_interval_in_base_units(
    metric: str, value: str, unit: str, name: str
) -> None:
    row = judged(metric=metric, value=value)
    assert row.predicted is not None, row.reason
    assert 0.0 < row.predicted.low < row.predicted.mid < row.predicted.high < math.inf
    assert row.measured == pytest.approx(float(value) * (1e-3 if unit == "s" else 1.0))
    assert row.error_ratio == pytest.approx(0.0, abs=0.5)
    assert (row.unit, row.names["metric"]) == (unit, name)
    assert (row.names["gpu"], row.names["runtime"]) == ("h100-sxm", "vllm-1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "9000"}, "PLA-ROOFLINE: 9,000 output tokens/s is"),
        ({"gpu": "b9000-sxm"}, "b9000-sxm"),
        ({"gpu": "sn40l"}, "'sn40l' has no specification"),
        ({"model": "NoSuch-8B"}, "NoSuch-8B"),
        ({"value": "nan"}, "'nan' is no positive number"),
        ({"value": "-3"}, "is no positive number"),
        ({"value": "1e999"}, "is no positive number"),
        ({"value": ""}, "is no positive number"),
        ({"metric": "joules"}, "'joules' is not a measure that is predicted"),
        ({"isl": ""}, "the length of the prompts is not stated"),
        ({"osl": ""}, "the length of the answers is not stated"),
        ({"notes": "spec_decode=eagle"}, "speculative decoding"),
    ],
)
def test_a_run_that_is_not_predicted_says_why(changes: dict[str, str], words: str) -> None:
    row = judged(**changes)
    assert row.predicted is None
    assert words in row.reason


def test_a_value_above_the_roofline_is_refused_and_a_possible_one_is_not() -> None:
    rows = [judged(value=value) for value in ("500", "900", "1100", "5000", "50000")]
    assert [row.predicted is not None for row in rows] == [True, True, True, False, False]
    assert all("times better than" in row.reason for row in rows[3:])


CELL: Final = st.text(max_size=20) | st.sampled_from(
    ["0", "-1", "1e400", "nan", "inf", "99999999999999", "1e-300", "4/2", "a100", "FP8", "ttft_ms",
     "llama-3.1-405b", "TensorRT-LLM", "offline max-load", "llama-bench pp"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_text_in_any_cell_gives_a_value_or_a_reason(data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.sampled_from(TABLES["inference"]), max_size=4, unique=True))
    row = judged(**{column: data.draw(CELL) for column in columns})
    assert set(row.names) == set(AXES)
    assert row.predicted is not None or row.reason
    if row.predicted is not None:
        assert 0.0 < row.predicted.low <= row.predicted.mid <= row.predicted.high < math.inf


def test_rows_without_a_prediction_make_one_line_a_table_and_a_list_by_source(
    tmp_path: Path,
) -> None:
    path = tmp_path / "runs.csv"
    other = {"source": "github:other/runs", "gpu": "sn40l"}
    changes = [{}, {"value": "nan"}, other, *[{"notes": "spec_decode=eagle"}] * 9]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TABLES["inference"])
        writer.writeheader()
        writer.writerows(RUN | change for change in changes)
    found = accuracy(CATALOG, path)
    assert {row.names["metric"] for row in found.rows} == {"output tok/s"}
    assert [row.names["runtime"] for row in found.rows[:2]] == ["vllm-1", "vllm"]
    lines = plain_text(accuracy_document(found)).splitlines()
    assert sum(line.startswith("not predicted") for line in lines) == 3, "part, card, model"
    assert "  example/runs, 10 not predicted:" in lines
    assert "    4, 5, 6, 7, 8, 9 … (9 rows): speculative decoding with unknown acceptance" in lines
    assert "  other/runs, 1 not predicted:" in lines
    assert not any("sn40l" in line for line in lines if "%" in line)


@pytest.fixture(scope="module")
def shared_rows() -> tuple[RunRow, ...]:
    paths = [SHARED / "measurements" / f"{name}.csv" for name in ("serving", "inference")]
    if not all(path.exists() for path in paths):
        pytest.skip(f"no measurements in {SHARED}: set RIGHTRIG_SHARED")
    return read_rows(paths, CATALOG)


@pytest.mark.parametrize(
    ("group", "most_median"),
    [
        ("serving, TPOT", 0.12), ("serving, TTFT", 0.25), ("TensorRT-LLM maxima, dense", 0.10),
        ("TensorRT-LLM maxima, experts", 0.15), ("llama.cpp, decode", 0.06),
        ("llama.cpp, prompts", 0.12), ("MLPerf, offline", 0.12),
    ],
)  # fmt: skip
def test_published_runs_are_met_as_closely_as_the_page_says(
    shared_rows: tuple[RunRow, ...], group: str, most_median: float
) -> None:
    (target,) = (one for one in TARGETS if one.name == group)
    runs = [run for run in planned(shared_rows) if target.holds(run)]
    assert median(errors_of(runs)) <= most_median
    assert quantile(errors_of(runs), 0.9) <= 2.0 * (target.p90_ratio or 0.0)


def errors_of(runs: list[PlannedRow]) -> list[float]:
    """Return the sizes of the errors of some runs."""
    found = zip(predict_runs(runs), runs, strict=True)
    return [abs(interval.mid / run.plan.run.measured - 1.0) for interval, run in found]


def test_nine_of_ten_rows_of_public_cards_and_models_are_predicted(
    shared_rows: tuple[RunRow, ...],
) -> None:
    found = coverage(shared_rows)
    assert found.ratio >= 0.9
    assert sum(count for _, count, _ in found.reasons) == found.rows_count - found.predicted_count
    assert all(reason for reason, _, _ in found.reasons)
