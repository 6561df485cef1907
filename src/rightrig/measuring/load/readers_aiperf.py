"""AIPerf's records, ``profile_export.jsonl``: a line a request."""

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
    from collections.abc import Iterable

_MAPPED: Final = (
    "AIPerf: its inter_token_latency is a mean a request, which is TPOT here; its "
    "inter_chunk_latency is ITL"
)
_NO_LOAD: Final = (
    "the records do not say which rate or concurrency was asked for: the rate is what came, and "
    "latencies count from sending"
)
_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0}


def read_aiperf(path: str, records: Iterable[tuple[int, dict[str, Any]]]) -> tuple[Recorded, ...]:
    """Return the load of one file; requests of a warm-up are left out.

    As of ai-dynamo/aiperf@db4f639 ``docs/tutorials/working-with-profile-exports.md``:
    metadata.request_start_ns and request_end_ns, metrics by name with value and unit, error.

    Raises:
        InputError: naming the line that is wrong.
    """
    rows = [
        row for line, record in records if (row := _row(f"{path} line {line}", record)) is not None
    ]
    samples = samples_of(path, rows)
    level = Level("open", requests_count=len(rows), warmup_s=0.0)
    return (Recorded("aiperf", level, samples, (_MAPPED, _NO_LOAD)),)


def _row(where: str, record: dict[str, Any]) -> Row | None:
    """Return one request; ``None`` for one of a warm-up."""
    metadata, metrics = record.get("metadata"), record.get("metrics")
    if not isinstance(metadata, dict) or not isinstance(metrics, dict | None):
        raise InputError(f"{where} has no metadata and metrics; give AIPerf's profile_export.jsonl")
    if metadata.get("benchmark_phase", "profiling") != "profiling":
        return None
    metrics = metrics or {}
    sent_s = read_s(where, "request_start_ns", metadata.get("request_start_ns")) * 1e-9
    end_ns = metadata.get("request_end_ns")
    end_s = sent_s if end_ns is None else read_s(where, "request_end_ns", end_ns) * 1e-9
    error = record.get("error")
    if error or metadata.get("was_cancelled"):
        return _failed(sent_s, max(end_s, sent_s), error if isinstance(error, dict) else {})
    first_s = sent_s + _time_s(where, metrics, "time_to_first_token")
    last_s = sent_s + _time_s(where, metrics, "request_latency")
    gaps = metrics.get("inter_chunk_latency")
    gaps_s = _gaps_s(where, gaps) if isinstance(gaps, dict) else []
    prompt, answer = (
        tokens(where, name, _entry(metrics, name).get("value"))
        for name in ("input_sequence_length", "output_sequence_length")
    )
    last_s = max(last_s, first_s)
    return Row(sent_s, sent_s, first_s, last_s, max(end_s, last_s), prompt, answer, gaps_s)


def _failed(sent_s: float, end_s: float, error: dict[str, Any]) -> Row:
    """Return a request that failed."""
    code = error.get("code")
    said = f"{code} {error.get('type', '')} {error.get('message', '')}"
    kind = kind_of_text(said) if error else "unfinished"
    return Row(sent_s, sent_s, done_s=end_s, kind=kind, status=code if isinstance(code, int) else 0)


def _entry(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a metric; empty where it is missing."""
    entry = metrics.get(name)
    return entry if isinstance(entry, dict) else {}


def _time_s(where: str, metrics: dict[str, Any], name: str) -> float:
    """Return a time in seconds, whatever its unit."""
    entry = _entry(metrics, name)
    return read_s(where, name, entry.get("value")) * _unit_s(where, name, entry)


def _gaps_s(where: str, entry: dict[str, Any]) -> list[float]:
    """Return the times between chunks."""
    values = entry.get("value")
    unit_s = _unit_s(where, "inter_chunk_latency", entry)
    listed = values if isinstance(values, list) else []
    return [read_s(where, "inter_chunk_latency", one) * unit_s for one in listed]


def _unit_s(where: str, name: str, entry: dict[str, Any]) -> float:
    """Return the unit of a metric in seconds."""
    unit = entry.get("unit")
    if unit not in _UNITS_S:
        raise InputError(f"{where}: {name} has the unit {str(unit)[:20]!r}; AIPerf writes ms")
    return _UNITS_S[unit]
