"""Recorded traffic: what a file holds is recognised by its content, never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.demand import trace_csv, trace_json
from rightrig.demand.text_files import checked_size_bytes, head_of
from rightrig.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.demand.requests import Requests

_HEAD_BYTES: Final = 2**20
_LARGEST_BYTES: Final = 2**40


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests that were recorded.

    Attributes:
        requests: The requests, from time 0 on.
        format: ``azure``, ``burstgpt``, ``csv``, ``mooncake``, ``aiperf``, ``vllm`` or
            ``guidellm``.
        dropped_count: Requests that failed and were left out.
        notes: What a reader should know.
    """

    requests: Requests
    format: str
    dropped_count: int = 0
    notes: tuple[str, ...] = ()


def read_trace(path: Path) -> Trace:
    """Read a trace or the result file of a load generator.

    Formats: Azure LLM inference 2023 and 2024, BurstGPT and a plain CSV (``trace_csv``);
    Mooncake and AIPerf JSONL, results of ``vllm bench serve`` and GuideLLM (``trace_json``).

    Raises:
        InputError: when the file is none of these or a line is wrong; it names file and line.
    """
    checked_size_bytes(path, limit_bytes=_LARGEST_BYTES)
    head = head_of(path, limit_bytes=_HEAD_BYTES).lstrip()
    if head.startswith(("{", "[")):
        return _read_json(path, head)
    header = head.split("\n", 1)[0]
    kind = trace_csv.format_of(header[: trace_csv.LINE_BYTES])
    if kind is None:
        raise InputError(
            f"{path} line 1 {header[:60].strip()!r} is no header of a trace that is known; begin a "
            "CSV with arrival_s,input_tokens,output_tokens"
        )
    table = trace_csv.read_table(path, kind)
    notes = (
        (f"{table.dropped_count:,} requests without an answer were dropped",)
        if table.dropped_count
        else ()
    )
    return Trace(trace_csv.requests_of_table(table), kind, table.dropped_count, notes)


def _read_json(path: Path, head: str) -> Trace:
    first = head.split("\n", 1)[0]
    # A line a request holds all its keys at once; a result file is one object over many lines,
    # or one long line whose first keys are others.
    if '"hash_ids"' in first or ('"input_length"' in first and '"timestamp"' in first):
        requests, found = trace_json.read_mooncake(path)
        kind = "mooncake"
    elif '"metadata"' in first and '"request_start_ns"' in first:
        requests, found = trace_json.read_aiperf(path)
        kind = "aiperf"
    else:
        kind, requests, found = trace_json.read_document(path)
    if found.dropped_count:
        found.notes.append(f"{found.dropped_count:,} requests that failed were dropped")
    return Trace(requests, kind, found.dropped_count, tuple(found.notes))
