"""GuideLLM's ``benchmarks.json``: each of its benchmarks is a load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError
from rightrig.measuring.load.outcome import Level
from rightrig.measuring.load.readers_rows import (
    Recorded,
    Row,
    kind_of_text,
    read_s,
    samples_of,
    tokens,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.load.faults import Kind

_MAPPED: Final = (
    "GuideLLM: what it calls ITL, (last token - first) / (tokens - 1) a request, is TPOT here; its "
    "TPOT counts the first token too and is left aside; times of single gaps are not in the file"
)
_DUE: Final = "latencies count from targeted_start, when a request was due, not from its dispatch"
_STATUSES: Final[dict[str, Kind]] = {
    "successful": "ok", "errored": "told-error", "incomplete": "unfinished",
}  # fmt: skip


def read_guidellm(path: Path, document: dict[str, Any]) -> tuple[Recorded, ...]:
    """Return a load for each benchmark of a file.

    As of vllm-project/guidellm@ee7a774 (after 0.7.3): benchmarks[].requests by status, a record a
    request with prompt_tokens, output_tokens, request_start_time and request_end_time in seconds,
    and info.timings with targeted_start, first_token_iteration and last_token_iteration;
    benchmarks[].config.strategy with its type, streams or rate.

    Raises:
        InputError: for a file without requests, or with wrong ones.
    """
    benchmarks = document["benchmarks"]
    if not isinstance(benchmarks, list) or not benchmarks:
        raise InputError(f"{path}: benchmarks is no list of runs; give GuideLLM's benchmarks.json")
    version = _at(document, "metadata", "guidellm_version")
    versions = {"guidellm": str(version)[:40]} if version else {}
    return tuple(
        _recorded(f"{path} benchmark {number}", one, versions)
        for number, one in enumerate(benchmarks, start=1)
    )


def _recorded(where: str, benchmark: object, versions: dict[str, str]) -> Recorded:
    """Return one benchmark."""
    requests = _at(benchmark, "requests")
    if not isinstance(requests, dict) or not isinstance(requests.get("successful"), list):
        raise InputError(f"{where} has no requests.successful; let GuideLLM save all requests")
    strategy = _at(benchmark, "config", "strategy")
    level, is_open = _level(strategy if isinstance(strategy, dict) else {})
    rows = []
    for status, kind in _STATUSES.items():
        records = requests.get(status)
        for index, one in enumerate(records if isinstance(records, list) else []):
            row = _row(f"{where} {status} request {index}", one, kind, is_open=is_open)
            if row is not None:
                rows.append(row)
    notes = (_MAPPED, _DUE) if is_open else (_MAPPED,)
    return Recorded("guidellm", level(len(rows)), samples_of(where, rows), notes, versions)


def _level(strategy: dict[str, Any]) -> tuple[Any, bool]:
    """Return what makes the level of a strategy from its number of requests, and whether open."""
    streams, rate = strategy.get("streams"), strategy.get("rate")
    if strategy.get("type_") == "synchronous":
        streams = 1
    if isinstance(streams, int) and streams >= 1:
        return lambda count: Level("closed", streams, None, max(count, 1), warmup_s=0.0), False
    own = float(rate) if isinstance(rate, int | float) and rate > 0.0 else None
    return lambda count: Level("open", 0, own, max(count, 1), warmup_s=0.0), True


def _row(where: str, one: object, kind: Kind, *, is_open: bool) -> Row | None:
    """Return one request; ``None`` for one that never began."""
    if not isinstance(one, dict):
        raise InputError(f"{where} is no record; give GuideLLM's benchmarks.json")
    timings = _at(one, "info", "timings")
    timings = timings if isinstance(timings, dict) else {}
    start = one.get("request_start_time", timings.get("request_start"))
    if start is None and kind != "ok":
        return None
    sent_s = read_s(where, "request_start_time", start)
    target = timings.get("targeted_start")
    due_s = sent_s
    if is_open and target is not None:
        due_s = min(read_s(where, "targeted_start", target), sent_s)
    prompt = tokens(where, "prompt_tokens", one.get("prompt_tokens") or 0)
    if kind != "ok":
        said = str(_at(one, "info", "error") or "")
        told = kind_of_text(said) if said and kind == "told-error" else kind
        return Row(due_s, sent_s, done_s=sent_s, input_tokens=prompt, kind=told)
    answer = tokens(where, "output_tokens", one.get("output_tokens"))
    end_s = read_s(where, "request_end_time", one.get("request_end_time"))
    first_s, last_s = _tokens_s(where, one, timings, sent_s, end_s)
    return Row(due_s, sent_s, first_s, last_s, max(end_s, last_s), prompt, answer)


def _tokens_s(
    where: str, one: dict[str, Any], timings: dict[str, Any], sent_s: float, end_s: float
) -> tuple[float, float]:
    """Return when the first and the last token came; from latencies where times are not kept."""
    first, last = timings.get("first_token_iteration"), timings.get("last_token_iteration")
    if first is None:
        ttft = one.get("time_to_first_token_ms")
        first_s = sent_s + read_s(where, "time_to_first_token_ms", ttft) * 1e-3
    else:
        first_s = read_s(where, "first_token_iteration", first)
    last_s = end_s if last is None else read_s(where, "last_token_iteration", last)
    return first_s, max(last_s, first_s)


def _at(value: object, *names: str) -> object:
    """Return what lies below some names; ``None`` where one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
