"""Result files of load generators become requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rightrig.demand.trace import Trace, read_trace
from rightrig.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

VLLM: dict[str, Any] = {
    "date": "20260801-120000", "backend": "vllm", "request_rate": 5.0, "duration": 9.0,
    "completed": 3, "failed": 1, "input_lens": [100, 200, 300, 400], "output_lens": [10, 0, 30, 40],
    "start_times": [50.0, 51.0, 53.5, 52.0], "ttfts": [0.1, 0.0, 0.1, 0.1],
    "itls": [[0.01], [], [0.01], [0.02]], "errors": ["", "timeout", "", ""],
}  # fmt: skip


def guidellm_request(start: float, prompt: int, answer: int) -> dict[str, Any]:
    return {"request_start_time": start, "prompt_tokens": prompt, "output_tokens": answer}


GUIDELLM: dict[str, Any] = {
    "metadata": {"version": 2, "guidellm_version": "0.8.1"},
    "benchmarks": [
        {"requests": {"successful": [guidellm_request(5.0, 1, 1)], "errored": []}},
        {
            "requests": {
                "successful": [guidellm_request(12.5, 200, 20), guidellm_request(10.0, 100, 10)],
                "errored": [{"request_id": "x"}],
                "incomplete": [],
            }
        },
    ],
}  # fmt: skip


def aiperf_record(start_ns: int, prompt: int, answer: int, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "session_num": 0, "request_start_ns": start_ns, "benchmark_phase": "profiling",
            "was_cancelled": False,
        } | metadata,
        "metrics": {
            "input_sequence_length": {"value": prompt, "unit": "tokens"},
            "output_sequence_length": {"value": answer, "unit": "tokens"},
            "reasoning_token_count": {"value": answer // 2, "unit": "tokens"},
        },
        "error": None,
    }  # fmt: skip


AIPERF: tuple[dict[str, Any], ...] = (
    aiperf_record(1_759_813_209_000_000_000, 700, 9),
    aiperf_record(1_759_813_207_500_000_000, 550, 8),
    aiperf_record(1_759_813_208_000_000_000, 550, 9, was_cancelled=True),
    aiperf_record(1_759_813_206_000_000_000, 550, 9, benchmark_phase="warmup"),
    {"metadata": {"request_start_ns": 5}, "metrics": {}, "error": {"code": 499}},
)


def read(folder: Path, *records: dict[str, Any], indent: int | None = None) -> Trace:
    path = folder / "result.json"
    path.write_text("\n".join(json.dumps(record, indent=indent) for record in records))
    return read_trace(path)


@pytest.mark.parametrize("indent", [None, 2])
def test_vllm_results_are_sorted_and_failures_dropped(tmp_path: Path, indent: int | None) -> None:
    trace = read(tmp_path, VLLM, indent=indent)
    assert (trace.format, trace.dropped_count) == ("vllm", 1)
    assert trace.requests.arrival_s.tolist() == [0.0, 2.0, 3.5]
    assert trace.requests.input_tokens.tolist() == [100, 400, 300]
    assert trace.requests.output_tokens.tolist() == [10, 40, 30]


def test_vllm_results_without_start_times_are_even_over_their_duration(tmp_path: Path) -> None:
    old = {key: value for key, value in VLLM.items() if key != "start_times"}
    trace = read(tmp_path, old)
    assert trace.requests.arrival_s.tolist() == [0.0, 4.5, 6.75]
    assert "no start_times" in trace.notes[0]


@pytest.mark.parametrize("indent", [None, 2])
def test_of_guidellm_benchmarks_the_largest_is_read(tmp_path: Path, indent: int | None) -> None:
    trace = read(tmp_path, GUIDELLM, indent=indent)
    assert (trace.format, trace.dropped_count) == ("guidellm", 1)
    assert trace.requests.arrival_s.tolist() == [0.0, 2.5]
    assert trace.requests.input_tokens.tolist() == [100, 200]
    assert trace.notes[0] == "of 2 benchmarks number 2 is read: most requests"


def test_older_guidellm_files_say_start_time(tmp_path: Path) -> None:
    one = {"start_time": 3.0, "prompt_tokens": 7, "output_tokens": 8}
    trace = read(tmp_path, {"benchmarks": [{"requests": {"successful": [one]}}]})
    assert trace.requests.input_tokens.tolist() == [7]


def test_aiperf_records_are_sorted_and_keep_reasoning(tmp_path: Path) -> None:
    trace = read(tmp_path, *AIPERF)
    assert (trace.format, trace.dropped_count) == ("aiperf", 3)
    assert trace.requests.arrival_s.tolist() == pytest.approx([0.0, 1.5])
    assert trace.requests.input_tokens.tolist() == [550, 700]
    assert trace.requests.reasoning_tokens.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"hello": 1}, "neither input_lens"),
        (VLLM | {"output_lens": None}, "save it with --save-detailed"),
        (VLLM | {"output_lens": [1]}, "differ in length"),
        (VLLM | {"output_lens": [0, 0, 0, 0]}, "no request that ended well"),
        (VLLM | {"input_lens": [100, 200, -1, 400]}, "request 2: prompt length is '-1'"),
        (VLLM | {"start_times": [50.0, 51.0, None, 52.0]}, "request 2: arrival time is 'None'"),
        (VLLM | {"start_times": None, "duration": "long"}, "duration is 'long'"),
        ({"benchmarks": []}, "no list of runs"),
        ({"benchmarks": [{"requests": {}}]}, "benchmark 1 has no requests.successful"),
        ({"benchmarks": [3]}, "benchmark 1 has no requests.successful"),
        ({"benchmarks": [{"requests": {"successful": [4]}}]}, "request 0 is no record"),
        (
            {"benchmarks": [{"requests": {"successful": [{"prompt_tokens": 3}]}}]},
            "arrival time is 'None'",
        ),
        (AIPERF[0] | {"metrics": None}, "line 1 has no metadata and metrics"),
        (AIPERF[0] | {"metrics": {}}, "line 1: prompt length is 'None'"),
        (AIPERF[2], "no request that ended well"),
    ],
)
def test_a_wrong_result_file_is_refused(
    tmp_path: Path, record: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, record)


def test_several_runs_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Extra data"):
        read(tmp_path, VLLM, VLLM)
