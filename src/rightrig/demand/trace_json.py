"""Traces as JSON: a line a request (Mooncake, AIPerf), or the result file of a load generator."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.demand.requests import Requests
from rightrig.demand.rows import offsets_of
from rightrig.demand.text_files import checked_size_bytes, chunks_of_lines, text_of
from rightrig.demand.workload import MAX_REQUESTS, MAX_TOKENS
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINE_BYTES: Final = 16 * 2**20
DOCUMENT_BYTES: Final = 2**30
_MOONCAKE_BLOCK: Final = 512
_LARGEST_ID: Final = 2**62
_LATEST: Final = 10**30


@dataclass(slots=True)
class Found:
    """Requests of a JSON file as lists, a value a request."""

    arrivals_s: list[float] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    reasoning: list[int] = field(default_factory=list)
    blocks: list[list[int]] = field(default_factory=list)
    dropped_count: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, where: str, arrival_s: object, prompt: object, answer: object) -> None:
        """Check and keep one request; ``where`` begins the message."""
        self.arrivals_s.append(_number(where, "arrival time", arrival_s))
        self.prompts.append(_tokens(where, "prompt length", prompt))
        self.answers.append(_tokens(where, "answer length", answer))
        if len(self.prompts) > MAX_REQUESTS:
            raise InputError(f"{where}: more than {MAX_REQUESTS:,} requests; cut the file")

    def requests(self, path: Path) -> Requests:
        """Return the requests, sorted by arrival, from time 0 on."""
        if not self.prompts:
            raise InputError(
                f"{path} holds no request that ended well ({self.dropped_count} failed); give a "
                "run with at least one"
            )
        arrival_s = np.array(self.arrivals_s)
        order = np.argsort(arrival_s, kind="stable")
        reasoning = np.array(self.reasoning, np.int64)
        has_reasoning = len(reasoning) == len(order) and bool(reasoning.any())
        return Requests(
            arrival_s[order] - arrival_s[order[0]],
            np.array(self.prompts, np.int64)[order],
            np.array(self.answers, np.int64)[order],
            reasoning_tokens=reasoning[order] if has_reasoning else np.empty(0, np.int64),
        )


def read_mooncake(path: Path) -> tuple[Requests, Found]:
    """Read Mooncake's JSONL: timestamp (ms), input_length, output_length, hash_ids.

    As of https://github.com/kvcache-ai/Mooncake FAST25-release/traces. An id names 512 tokens and
    all before them; the last id of a prompt that ends within a block is left out, since an engine
    keeps full blocks only.
    """
    found, last = Found(), -math.inf
    for line, record in json_lines(path):
        where = f"{path} line {line}"
        for name in ("timestamp", "input_length", "output_length"):
            if name not in record:
                raise InputError(f"{where} has no {name}; a Mooncake line has it")
        arrival_s = _number(where, "timestamp", record["timestamp"]) / 1e3
        if not 0.0 <= arrival_s >= last:
            raise InputError(
                f"{where}: timestamp {arrival_s * 1e3:g} ms goes back; sort the file by time"
            )
        last = arrival_s
        found.add(where, arrival_s, record["input_length"], record["output_length"])
        found.blocks.append(_blocks(where, record.get("hash_ids", []), found.prompts[-1]))
    if not found.prompts:
        raise InputError(f"{path} holds no request; give a trace with at least one")
    offsets = offsets_of(np.array([len(blocks) for blocks in found.blocks]))
    requests = Requests(
        np.array(found.arrivals_s) - found.arrivals_s[0],
        np.array(found.prompts, np.int64),
        np.array(found.answers, np.int64),
        block_offsets=offsets,
        block_ids=np.fromiter((i for row in found.blocks for i in row), np.int64, offsets[-1]),
        block_tokens=_MOONCAKE_BLOCK,
    )
    return requests, found


def _blocks(where: str, ids: object, prompt_tokens: int) -> list[int]:
    if not isinstance(ids, list) or not all(
        type(one) is int and abs(one) < _LARGEST_ID for one in ids
    ):
        raise InputError(f"{where}: hash_ids is no list of whole numbers; give Mooncake's ids")
    return ids[: prompt_tokens // _MOONCAKE_BLOCK]


def read_aiperf(path: Path) -> tuple[Requests, Found]:
    """Read AIPerf's ``profile_export.jsonl``.

    As of ai-dynamo/aiperf@db4f639 and the guide of 0.13. A line has metadata.request_start_ns and
    metrics.input_sequence_length.value, output_sequence_length.value,
    reasoning_token_count.value. Requests that failed or were cancelled, and those of a warm-up,
    are dropped; turns of a session come at the times of the run.
    """
    found = Found()
    for line, record in json_lines(path):
        metadata, metrics = record.get("metadata"), record.get("metrics")
        where = f"{path} line {line}"
        if not isinstance(metadata, dict) or not isinstance(metrics, dict):
            raise InputError(f"{where} has no metadata and metrics; give AIPerf's records")
        phase = metadata.get("benchmark_phase", "profiling")
        if record.get("error") or metadata.get("was_cancelled") or phase != "profiling":
            found.dropped_count += 1
            continue
        start_ns = _number(where, "request_start_ns", metadata.get("request_start_ns"))
        prompt, answer = (
            _value(metrics, f"{side}_sequence_length") for side in ("input", "output")
        )
        found.add(where, start_ns * 1e-9, prompt, answer)
        thought = _value(metrics, "reasoning_token_count")
        thought = thought if isinstance(thought, int) and thought >= 0 else 0
        found.reasoning.append(min(thought, found.answers[-1] - 1))
    return found.requests(path), found


def _value(metrics: dict[str, Any], name: str) -> object:
    entry = metrics.get(name)
    return entry.get("value") if isinstance(entry, dict) else None


def read_document(path: Path) -> tuple[str, Requests, Found]:
    """Read a result file of vLLM or GuideLLM; return its format too."""
    checked_size_bytes(path, limit_bytes=DOCUMENT_BYTES)
    document = json_object(f"{path}", text_of(path))
    readers: dict[str, tuple[str, Callable[[Path, dict[str, Any], Found], None]]] = {
        "input_lens": ("vllm", _read_vllm),
        "benchmarks": ("guidellm", _read_guidellm),
    }
    for key, (kind, reader) in readers.items():
        if key in document:
            found = Found()
            reader(path, document, found)
            return kind, found.requests(path), found
    raise InputError(
        f"{path} has neither input_lens (vllm bench serve --save-result --save-detailed) nor "
        "benchmarks (GuideLLM); give such a file, or a trace as CSV or JSONL"
    )


def _read_vllm(path: Path, document: dict[str, Any], found: Found) -> None:
    """Read what ``vllm bench serve --save-result --save-detailed`` writes.

    As of vllm-project/vllm@009e6d4 ``vllm/benchmarks/serve.py``: lists input_lens, output_lens and
    start_times, the seconds of a monotonic clock at which requests were sent. A request without an
    answer failed. Older files have no start_times: arrivals are then even over ``duration``.
    """
    prompts, answers = document["input_lens"], document.get("output_lens")
    starts = document.get("start_times")
    lists = [one for one in (prompts, answers, starts) if one is not None]
    if answers is None or not all(isinstance(one, list) for one in lists):
        raise InputError(f"{path} has no list output_lens; save it with --save-detailed")
    if len({len(one) for one in lists}) != 1:
        raise InputError(f"{path}: input_lens, output_lens and start_times differ in length")
    if starts is None:
        duration_s = _number(f"{path}", "duration", document.get("duration"))
        starts = np.linspace(0.0, duration_s, len(prompts), endpoint=False).tolist()
        found.notes.append("the file has no start_times: arrivals are even over its duration")
    for row, (start, prompt, answer) in enumerate(zip(starts, prompts, answers, strict=True)):
        if answer == 0:
            found.dropped_count += 1
        else:
            found.add(f"{path} request {row}", start, prompt, answer)


def _read_guidellm(path: Path, document: dict[str, Any], found: Found) -> None:
    """Read GuideLLM's ``benchmarks.json``.

    As of vllm-project/guidellm@ee7a774 (after 0.7.3): benchmarks[].requests.successful[] with
    prompt_tokens, output_tokens and request_start_time in seconds; ``start_time`` is taken too,
    for older files. Of several benchmarks the one with most requests is read.
    """
    benchmarks = document["benchmarks"]
    if not isinstance(benchmarks, list) or not benchmarks:
        raise InputError(f"{path}: benchmarks is no list of runs; give GuideLLM's benchmarks.json")
    runs = [_statuses(path, index, one) for index, one in enumerate(benchmarks)]
    best = max(range(len(runs)), key=lambda index: len(runs[index]["successful"]))
    if len(runs) > 1:
        found.notes.append(f"of {len(runs)} benchmarks number {best + 1} is read: most requests")
    found.dropped_count = sum(len(runs[best][kind]) for kind in ("errored", "incomplete"))
    for row, one in enumerate(runs[best]["successful"]):
        where = f"{path} benchmark {best + 1} request {row}"
        if not isinstance(one, dict):
            raise InputError(f"{where} is no record; give GuideLLM's benchmarks.json")
        start = one.get("request_start_time", one.get("start_time"))
        found.add(where, start, one.get("prompt_tokens"), one.get("output_tokens"))


def _statuses(path: Path, index: int, benchmark: object) -> dict[str, list[Any]]:
    requests = benchmark.get("requests") if isinstance(benchmark, dict) else None
    if not isinstance(requests, dict) or not isinstance(requests.get("successful"), list):
        raise InputError(
            f"{path}: benchmark {index + 1} has no requests.successful; let GuideLLM save "
            "all requests"
        )
    return {
        kind: one if isinstance(one := requests.get(kind), list) else []
        for kind in ("successful", "errored", "incomplete")
    }


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line that is not empty.

    Raises:
        InputError: for a line that is too long, or no JSON object.
    """
    for first, lines in chunks_of_lines(path, line_bytes=LINE_BYTES):
        for line, text in enumerate(lines, start=first):
            if text.strip():
                yield line, json_object(f"{path} line {line}", text)


def json_object(where: str, text: str) -> dict[str, Any]:
    """Return the JSON object that a text is.

    Raises:
        InputError: when it is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "it is nested too deep or has too large a number")
        at = f" at line {line}" if (line := getattr(error, "lineno", 1)) > 1 else ""
        raise InputError(f"{where} is no JSON{at} ({reason}); correct or remove it") from None
    if not isinstance(found, dict):
        raise InputError(f"{where} is no JSON object in braces; correct or remove it")
    return found


def _number(where: str, name: str, value: object) -> float:
    # No clock counts further; NaN fails the comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LATEST:
        raise InputError(f"{where}: {name} is {str(value)[:40]!r}, no number; correct or remove it")
    return float(value)


def _tokens(where: str, name: str, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 1 <= value <= MAX_TOKENS:
        raise InputError(
            f"{where}: {name} is {str(value)[:40]!r}; it must be a whole number of tokens from 1 "
            f"to {MAX_TOKENS:,}: correct or remove it"
        )
    return value
