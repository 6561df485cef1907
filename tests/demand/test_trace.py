"""Traces as tables and lines: what is recognised, and what is refused by file and line."""

from __future__ import annotations

import gzip
import os
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_runs import SHARED

from rightrig.demand.requests import input_statistics, output_statistics
from rightrig.demand.trace import read_trace
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rightrig.demand.requests import Requests

    Write = Callable[[str | bytes], Path]

AZURE_2023 = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:15:46.6805900,374,44\r\n"
    "2023-11-16 18:15:50.9951690,396,109\r\n"
    "2023-11-16 18:15:51.2222220,879,55"
)
AZURE_2024 = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2024-05-12 23:59:59.500000+00:00,1452,3\n"
    "2024-05-13 00:00:00+00:00,584,3\n"
)
BURSTGPT = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45.5,ChatGPT,1087,0,1087,Conversation log\n"
    "118,GPT-4,417,276,693,API log\n"
)
BURSTGPT_3 = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5.0,abc,3.1,ChatGPT,472,18,490,Conversation log\n"
)
PLAIN = (
    "arrival_s,input_tokens,output_tokens,class,tenant\n"
    "0.5,10,20,chat,blue\n"
    "\n"
    "1.5,11,21,batch,red\n"
    "2.5,12,22,chat,red\n"
)
MOONCAKE = (
    '{"timestamp": 0, "input_length": 1030, "output_length": 500, "hash_ids": [0, 1, 2]}\n'
    '{"timestamp": 1500, "input_length": 1024, "output_length": 490, "hash_ids": [0, 14]}\n'
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "trace"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def shared(name: str) -> Path:
    path = SHARED / "traces" / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {SHARED}/traces: set RIGHTRIG_SHARED")
    return path


def test_azure_2023_is_read_to_a_tenth_of_a_microsecond(write: Write) -> None:
    trace = read_trace(write(AZURE_2023))
    assert trace.format == "azure"
    np.testing.assert_allclose(trace.requests.arrival_s, (0.0, 4.314579, 4.541632), atol=5e-8)
    assert trace.requests.input_tokens.tolist() == [374, 396, 879]
    assert trace.requests.output_tokens.tolist() == [44, 109, 55]


def test_azure_2024_has_zones_and_whole_seconds(write: Write) -> None:
    found = read_trace(write(AZURE_2024)).requests
    np.testing.assert_allclose(found.arrival_s, (0.0, 0.5), atol=1e-7)


def test_burstgpt_drops_failures_with_a_count(write: Write) -> None:
    trace = read_trace(write(BURSTGPT))
    assert (trace.format, trace.dropped_count) == ("burstgpt", 1)
    assert trace.notes == ("1 requests without an answer were dropped",)
    assert trace.requests.arrival_s.tolist() == [0.0, 113.0]
    assert trace.requests.output_tokens.tolist() == [18, 276]


def test_burstgpt_with_sessions_is_read_too(write: Write) -> None:
    assert read_trace(write(BURSTGPT_3)).requests.input_tokens.tolist() == [472]


def test_a_plain_table_has_classes_and_tenants(write: Write) -> None:
    found = read_trace(write(PLAIN)).requests
    assert found.arrival_s.tolist() == [0.0, 1.0, 2.0]
    assert [one.name for one in found.classes] == ["batch", "chat"]
    assert found.class_index.tolist() == [1, 0, 1]
    assert found.tenants == ("blue", "red")
    assert found.tenant_index.tolist() == [0, 1, 1]


def test_columns_may_come_in_any_order_and_case(write: Write) -> None:
    text = "Output_Tokens,note,ARRIVAL_S,input_tokens\n7,x,0,5\n8,y,1,6\n"
    found = read_trace(write(text)).requests
    assert found.output_tokens.tolist() == [7, 8]


def test_a_byte_order_mark_does_not_hide_the_header(write: Write) -> None:
    assert read_trace(write(b"\xef\xbb\xbf" + PLAIN.encode())).format == "csv"


def test_mooncake_has_full_blocks_of_512_tokens(write: Write) -> None:
    trace = read_trace(write(MOONCAKE))
    found = trace.requests
    assert trace.format == "mooncake"
    assert found.arrival_s.tolist() == [0.0, 1.5]
    assert found.block_tokens == 512
    assert found.block_offsets.tolist() == [0, 2, 4]
    assert found.block_ids.tolist() == [0, 1, 0, 14]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "no header of a trace"),
        ("hello\nworld\n", "line 1 'hello' is no header"),
        ("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46.68,3\n", "has no column generatedtokens"),
        ("arrival_s,input_tokens,output_tokens\n", "no request below its header"),
        (BURSTGPT.replace(",18,", ",0,").replace(",276,", ",0,"), "no request below its header"),
        (PLAIN.replace("1.5,11", "1.5,-11"), "line 4: input_tokens '-11' must be a whole number"),
        (PLAIN.replace("1.5,11", "1.5,0"), "line 4: input_tokens '0' must be a whole number"),
        (PLAIN.replace("1.5,11", "1.5,nan"), "line 4: input_tokens 'nan' must be a whole number"),
        (PLAIN.replace("1.5,11", "1.5,1.5"), "line 4: input_tokens '1.5' must be a whole number"),
        (PLAIN.replace("1.5,11", "1.5,many"), "line 4: input_tokens 'many' is no number"),
        (PLAIN.replace("1.5,11", "1.5,"), "line 4: input_tokens '' is no number"),
        (PLAIN.replace("1.5,11", f"1.5,{'9' * 400}"), "line 4: input_tokens '999"),
        (PLAIN.replace(",21,", ",0,"), "line 4: output_tokens '0' must be a whole number"),
        (PLAIN.replace("1.5,11", "0.25,11"), "line 4: arrival_s '0.25' is before the line above"),
        (PLAIN.replace("1.5,11", "nan,11"), "line 4: arrival_s 'nan' must be a time"),
        (PLAIN.replace("1.5,11", "inf,11"), "line 4: arrival_s 'inf' must be a time"),
        (PLAIN.replace("0.5,10", "-1,10"), "line 2: arrival_s '-1' must be a time"),
        (PLAIN.replace("1.5,11,21,batch,red", "1.5,11"), "line 4 has 2 fields"),
        (AZURE_2023.replace("50.9951690", "40.99"), "line 3: timestamp .* is before"),
        (AZURE_2023.replace("2023-11-16 18:15:50.9951690", "now"), "line 3: .*'now' is no time"),
        (AZURE_2023.replace("18:15:50", "18:75:50"), "line 3: timestamp .* is no time"),
        (AZURE_2024.replace("+00:00", "+02:00"), "line 2: timestamp .* is no time"),
        (PLAIN.encode().replace(b"batch", b"\xff\xfe"), "line 4 is no UTF-8 text"),
        (PLAIN.replace("batch", "b\0tch"), "line 4 holds a zero byte"),
        (PLAIN.encode("utf-16"), "line 1 is no UTF-8 text"),
        (gzip.compress(PLAIN.encode()), "is compressed; unpack it with gunzip"),
        (PLAIN + "3.5,1" + "0" * 2**21, "line 6 is longer than 1 MiB"),
        ("x" * 2**22, "is no header of a trace"),
        ('{"timestamp": 0, "input_length": 5, "hash_ids": []}', "line 1 has no output_length"),
        (MOONCAKE.replace("1500", "-1"), "line 2: timestamp -1 ms goes back"),
        (MOONCAKE.replace("1024", "0"), "line 2: prompt length is '0'"),
        (MOONCAKE.replace("1024", "NaN"), "line 2: prompt length is 'nan'"),
        (MOONCAKE.replace("1500", '"soon"'), "line 2: timestamp is 'soon'"),
        (MOONCAKE.replace("[0, 14]", '{"a": 1}'), "line 2: hash_ids is no list"),
        (MOONCAKE.replace("[0, 14]", "[0, 1.5]"), "line 2: hash_ids is no list"),
        (MOONCAKE.replace("490", "490,,"), "line 2 is no JSON"),
        (MOONCAKE + "[1]\n", "line 3 is no JSON object"),
        (MOONCAKE + "[" * 100_000, "line 3 is no JSON"),
    ],
)  # fmt: skip
def test_a_malformed_trace_is_one_sentence_with_path_and_line(
    write: Write, content: str | bytes, message: str
) -> None:
    path = write(content)
    with pytest.raises(InputError, match=message) as error:
        read_trace(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(path))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_trace(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_trace(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        read_trace(tmp_path / "pipe")


def test_a_huge_document_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b'{"a": "' + b"x" * 2**21)
        file.truncate(10 * 2**30)  # a sparse file: it takes no room
    start = time.process_time()
    with pytest.raises(InputError, match="the most that is read at once is 1,024 MiB"):
        read_trace(path)
    assert time.process_time() - start < 1.0


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from([AZURE_2023, AZURE_2024, BURSTGPT, PLAIN, MOONCAKE]),
    at=st.integers(0, 400),
    cut=st.integers(0, 20),
    junk=st.binary(max_size=12),
)
def test_damaged_traces_are_read_or_refused(
    write: Write, seed: str, at: int, cut: int, junk: bytes
) -> None:
    data = seed.encode()
    path = write(data[:at] + junk + data[at + cut :])
    found = read_or_refusal(path)
    if isinstance(found, str):
        assert found.startswith(str(path))
        assert "\n" not in found
        return
    assert len(found) >= 1
    assert (np.diff(found.arrival_s) >= 0.0).all()
    assert min(found.input_tokens.min(), found.output_tokens.min()) >= 1


def read_or_refusal(path: Path) -> Requests | str:
    try:
        return read_trace(path).requests
    except InputError as error:
        return str(error)


def test_azure_conversations_have_the_known_lengths() -> None:
    path = shared("AzureLLMInferenceTrace_conv.csv")
    start = time.process_time()
    found = read_trace(path).requests
    assert time.process_time() - start < 0.3
    prompts, answers = input_statistics(found), output_statistics(found)
    assert len(found) == 19_366
    assert prompts.mean_tokens == pytest.approx(1155.0, abs=0.5)
    assert (prompts.p50_tokens, prompts.p99_tokens, prompts.max_tokens) == (1020, 4142, 14_050)
    assert prompts.p90_tokens == pytest.approx(2735.0, abs=0.5)
    assert answers.mean_tokens == pytest.approx(211.0, abs=0.5)
    assert (answers.p50_tokens, answers.p90_tokens, answers.p99_tokens) == (129, 424, 601)
    assert answers.max_tokens == 1000


def test_mooncake_conversations_would_hit_an_infinite_cache_with_37_percent() -> None:
    found = read_trace(shared("mooncake_conversation_trace.jsonl")).requests
    seen = len(found.block_ids) - len(np.unique(found.block_ids))
    assert seen * 512 / found.input_tokens.sum() == pytest.approx(0.374, abs=0.002)
    assert len(found) == 12_031


def test_a_trace_of_a_day_is_made_of_an_hour() -> None:
    found = read_trace(shared("AzureLLMInferenceTrace_code.csv")).requests
    day = found.repeated(8 * len(found)).at_rate(10.0)
    assert len(day) == 8 * 8_819
    assert day.mean_rate_requests_per_s == pytest.approx(10.0)
