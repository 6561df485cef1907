"""Pages of four engines under one set of names, and pages that are none."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from engine_metrics import (
    LLAMA_CPP,
    OLD_VLLM,
    SGLANG,
    TENSORRT_ITERATIONS,
    TENSORRT_LLM,
    vllm,
)
from hypothesis import given
from hypothesis import strategies as st

from rightrig.watching.engines.histograms import all_count, quantile_bounds_s, within_count
from rightrig.watching.engines.joining import joined
from rightrig.watching.engines.parsing import state_of_iterations, state_of_metrics
from rightrig.watching.exposition import UnreadableError
from rightrig.watching.states import EngineState, Histogram

URL = "http://127.0.0.1:8000"


def state(text: str) -> EngineState:
    return state_of_metrics(URL, 5.0, text)


def test_a_vllm_page_is_read() -> None:
    found = state(vllm())
    assert (found.kind, found.model, found.at_s, found.url) == ("vllm", "tiny", 5.0, URL)
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (3.0, 1.0, 0.25)
    assert (found.prompt_tokens, found.generation_tokens) == (62_860.0, 17_729.0)
    assert (found.preemptions_count, found.read_bytes) == (2.0, 0.0)
    assert (found.prefix_queries_count, found.prefix_hits_count) == (62_860.0, 60.0)
    assert found.finished == {"length": 1_084.0, "stop": 41.0, "error": 0.0, "rejected": 4.0}
    assert set(found.latencies) == {"ttft", "tpot", "itl", "e2e", "queue"}
    ttft = found.latencies["ttft"]
    assert ttft.bounds_s[-1] == math.inf
    assert ttft.observations_count == (0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0)
    assert ttft.total_s == pytest.approx(0.34)


def test_a_real_server_s_page_is_read() -> None:
    folder = os.environ.get("RIGHTRIG_SHARED")
    page = Path(folder or "/nowhere") / "tools" / "vllm_0.32_metrics_sample.txt"
    if not page.exists():
        pytest.skip("no recorded page of vLLM 0.32 here (RIGHTRIG_SHARED)")
    found = state(page.read_text(encoding="utf-8"))
    assert (found.kind, found.model, found.generation_tokens) == ("vllm", "tiny", 17_729.0)
    assert (found.finished["length"], found.finished["stop"]) == (1_084.0, 41.0)
    assert quantile_bounds_s(found.latencies["ttft"], 0.5) == (0.04, 0.06)
    assert within_count(found.latencies["ttft"], 0.2) == (1_094.0, 0.1)
    assert all_count(found.latencies["itl"]) == 16_604.0


def test_older_names_of_vllm_are_read() -> None:
    found = state(OLD_VLLM)
    assert found.kv_used_ratio == 0.5
    assert (found.prefix_queries_count, found.prefix_hits_count) == (30.0, 10.0)
    assert found.latencies == {"itl": Histogram((0.025, math.inf), (7.0, 8.0), 0.2)}


def test_the_newer_name_counts_where_both_are_there() -> None:
    both = OLD_VLLM + 'vllm:kv_cache_usage_perc{model_name="old"} 0.6\n'
    assert state(both).kv_used_ratio == 0.6


def test_ranks_and_models_are_added_and_the_fullest_cache_counts() -> None:
    other = vllm(kv_ratio=0.75, read_bytes=4.0).replace('engine="0"', 'engine="1"')
    found = state(vllm(read_bytes=2.0) + other.replace("tiny", "small"))
    assert found.running_count == 6.0
    assert found.generation_tokens == 2 * 17_729.0
    assert found.kv_used_ratio == 0.75
    assert found.read_bytes == 3.0
    assert found.model == "small, tiny"
    assert all_count(found.latencies["ttft"]) == 6.0


def test_an_sglang_page_is_read_and_ranks_of_one_engine_count_once() -> None:
    found = state(SGLANG)
    assert (found.kind, found.model) == ("sglang", "q")
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (5.0, 7.0, 0.31)
    assert (found.prompt_tokens, found.generation_tokens) == (1_000.0, 450.0)
    # Its estimate of bytes counts all weights once a token: no measure of a batch's bandwidth.
    assert (found.preemptions_count, found.read_bytes) == (3.0, None)
    assert (found.prefix_queries_count, found.prefix_hits_count) == (1_000.0, 120.0)
    assert found.finished == {"finished": 11.0, "abort": 2.0}
    assert found.latencies["ttft"] == Histogram((0.1, math.inf), (5.0, 6.0), 0.75)
    assert found.latencies["queue"] == Histogram((0.01, math.inf), (9.0, 11.0), 0.4)


def test_ranks_of_sglang_that_split_requests_are_added() -> None:
    """With attention split by requests each of its groups tells under a rank of its own."""
    found = state(
        "".join(
            f'sglang:{name}{{tp_rank="{rank}",pp_rank="0",dp_rank="{group}"}} {one}\n'
            for rank, group in ((8, 2), (9, 2), (10, 3), (11, 3), (0, 0), (1, 0))
            for name, one in (("num_running_reqs", 10 + group), ("token_usage", 0.1 * group))
        )
    )
    assert found.running_count == 12.0 + 13.0 + 10.0
    assert found.kv_used_ratio == pytest.approx(0.3)


def test_more_ways_to_end_than_any_engine_has_are_refused() -> None:
    ways = "".join(
        f'vllm:request_success_total{{model_name="m",finished_reason="r{n}"}} 1\n'
        for n in range(10_000)
    )
    with pytest.raises(UnreadableError, match="in 10000 ways"):
        state(ways)


def test_a_llama_cpp_page_is_read() -> None:
    found = state(LLAMA_CPP)
    assert (found.kind, found.model) == ("llama.cpp", "")
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (2.0, 1.0, 0.125)
    assert (found.prompt_tokens, found.generation_tokens) == (1_234.0, 5_678.0)
    assert found.preemptions_count is None
    assert found.latencies == {}
    assert found.finished == {}


def test_a_tensorrt_llm_page_is_read() -> None:
    found = state(TENSORRT_LLM)
    assert (found.kind, found.model) == ("tensorrt-llm", "n")
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (6.0, 2.0, 0.62)
    assert (found.prompt_tokens, found.generation_tokens) == (2_000.0, 3_000.0)
    assert found.prefix_hits_count == 500.0
    assert found.finished == {"stop": 12.0, "error": 1.0}
    assert found.latencies["ttft"] == Histogram((0.25, math.inf), (10.0, 12.0), 2.0)


def test_the_newest_iteration_of_tensorrt_llm_is_read() -> None:
    found = state_of_iterations(URL, 5.0, TENSORRT_ITERATIONS)
    assert found.kind == "tensorrt-llm"
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (4.0, 3.0, 0.25)
    assert found.generation_tokens is None
    assert state_of_iterations(URL, 5.0, "[]").running_count is None


@pytest.mark.parametrize("text", ["[", "{}", '"x"', "[" * 100_000])
def test_json_that_is_no_list_of_iterations_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        state_of_iterations(URL, 5.0, text)


@pytest.mark.parametrize(
    "member",
    ['"numActiveRequests": true', '"numActiveRequests": -1', f'"numActiveRequests": 1{"0" * 400}',
     '"numActiveRequests": "4"', '"kvCacheStats": [1]',
     '"kvCacheStats": {"usedNumBlocks": 3, "maxNumBlocks": 0}'],
)  # fmt: skip
def test_members_that_are_no_counts_are_left_out(member: str) -> None:
    found = state_of_iterations(URL, 5.0, f"[{{{member}}}]")
    assert found.running_count is None
    assert found.kv_used_ratio is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("NaN", None), ("+Inf", None), ("-1", None), ("1e308", 1e308), ("0", 0.0)],
)
def test_values_that_are_no_counts_are_left_out(value: str, expected: float | None) -> None:
    found = state(f'vllm:num_requests_running{{engine="0"}} {value}\n')
    assert found.running_count == expected


def test_a_sum_without_an_end_is_unknown() -> None:
    lines = "".join(f'vllm:prompt_tokens_total{{engine="{n}"}} 1.7e308\n' for n in range(2))
    assert state(lines).prompt_tokens is None


def test_a_share_above_one_is_none() -> None:
    assert state('vllm:kv_cache_usage_perc{engine="0"} 37.5\n').kv_used_ratio is None


def test_control_characters_of_labels_do_not_reach_a_terminal() -> None:
    found = state('vllm:num_requests_running{model_name="a\x1b[2Jb"} 1\n')
    assert found.model == "a\\x1b[2Jb"


@pytest.mark.parametrize(
    "text", ["", "hello", "node_load1 0.5\n", "# TYPE vllm:x gauge\n", "\0" * 50]
)
def test_a_page_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match="vLLM, SGLang"):
        state(text)


def test_a_page_that_is_longer_than_any_engine_s_is_refused() -> None:
    lines = "".join(
        f'vllm:num_requests_running{{engine="{n}",x="{"y" * 900}"}} 1\n' for n in range(2_000)
    )
    with pytest.raises(UnreadableError, match="longer"):
        state(lines)


pieces = st.sampled_from(
    ["vllm:num_requests_running", "sglang_token_usage", "llamacpp:requests_processing", "{", "}",
     '"', "=", ",", " ", "\n", "\\", "le", "engine", "1", "-", "NaN", "+Inf", "1e999", "#", "\t",
     "vllm:time_to_first_token_seconds_bucket", "\x00", "é", '{le="0.1"} 5\n', "}}", "{}"]
)  # fmt: skip


@given(st.lists(pieces, max_size=60).map("".join) | st.text(max_size=200))
def test_garbage_is_a_state_or_is_refused(text: str) -> None:
    for one in (text, vllm() + text, text + vllm()):
        try:
            found = state(one)
        except UnreadableError:
            continue
        numbers = (found.running_count, found.kv_used_ratio, *found.finished.values())
        assert all(number is None or 0.0 <= number < math.inf for number in numbers)


def test_replicas_are_joined_to_one() -> None:
    found = joined([state(vllm(kv_ratio=0.5, read_bytes=6.0)), state(vllm())])
    assert found is not None
    assert (found.running_count, found.waiting_count, found.kv_used_ratio) == (6.0, 2.0, 0.5)
    assert found.generation_tokens == 2 * 17_729.0
    assert found.read_bytes == 3.0
    assert found.finished["stop"] == 82.0
    assert all_count(found.latencies["ttft"]) == 6.0
    assert found.trouble == ""


def test_a_replica_that_is_down_is_the_trouble_of_all() -> None:
    down = EngineState("http://127.0.0.1:2", 6.0, trouble="nothing listens there")
    found = joined([state(vllm()), down])
    assert found is not None
    assert found.trouble == "http://127.0.0.1:2: nothing listens there"
    assert found.generation_tokens is None


def test_what_one_replica_does_not_tell_is_unknown_of_all() -> None:
    found = joined([state(vllm()), state(LLAMA_CPP)])
    assert found is not None
    assert found.preemptions_count is None
    assert found.generation_tokens == 17_729.0 + 5_678.0
    assert found.latencies == {}
    assert joined([]) is None
