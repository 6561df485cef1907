"""Results of ``vllm bench serve --save-result --save-detailed``."""

from __future__ import annotations

import math
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

_LISTS: Final = ("input_lens", "output_lens", "ttfts", "itls", "start_times")
_MAPPED: Final = (
    "vllm bench serve: TTFT counts to its first chunk with a choice, which may carry no token; "
    "TPOT and ITL are defined as here"
)
_FROM_SENDING: Final = (
    "the file has no queue_times: latencies count from sending, and time that requests waited in "
    "that client is in none of them"
)
_QUEUED: Final = "queue_times of the file are added: latencies count from when requests were due"


def read_vllm(path: Path, document: dict[str, Any]) -> tuple[Recorded, ...]:
    """Return the load of one file.

    As of vllm-project/vllm@009e6d4 ``vllm/benchmarks/serve.py``: lists a request of input_lens,
    output_lens, ttfts (s), itls (lists of s), latencies (s; newer files), start_times (s of a
    monotonic clock), queue_times (s from arrival to start; newer files) and errors.

    Raises:
        InputError: for a file without these lists, or with wrong ones.
    """
    count = _count(path, document)
    rate = _rate_requests_per_s(document.get("request_rate"))
    users = document.get("max_concurrency")
    is_open = rate is not None or not isinstance(users, int)
    queues = document.get("queue_times") if is_open else None
    rows = [_row(path, document, index, queues) for index in range(count)]
    notes = [_MAPPED]
    if is_open:
        notes.append(_QUEUED if queues is not None else _FROM_SENDING)
    duration_s = read_s(f"{path}", "duration", document.get("duration", 1.0))
    level = Level(
        "open" if is_open else "closed",
        concurrency=0 if is_open else int(users or 1),
        rate_requests_per_s=rate if is_open else None,
        requests_count=count,
        duration_s=max(duration_s, 1e-3),
        warmup_s=0.0,
    )
    samples = samples_of(f"{path}", rows, "tokenizer")
    name = document.get("model_id")
    return (Recorded("vllm", level, samples, tuple(notes), {}, str(name or "")[:200]),)


def _count(path: Path, document: dict[str, Any]) -> int:
    """Return how many requests the lists of a file hold."""
    lists = {name: document.get(name) for name in _LISTS}
    lacking = [name for name, one in lists.items() if not isinstance(one, list)]
    if lacking:
        raise InputError(
            f"{path} has no list {lacking[0]}; save it with --save-result --save-detailed"
        )
    optional = ("latencies", "queue_times", "errors")
    lists |= {name: one for name in optional if (one := document.get(name)) is not None}
    sizes = {len(one) if isinstance(one, list) else -1 for one in lists.values()}
    if len(sizes) != 1:
        raise InputError(f"{path}: {', '.join(lists)} differ in length; give the file as saved")
    return sizes.pop()


def _row(path: Path, document: dict[str, Any], index: int, queues: list[object] | None) -> Row:
    """Return one request; without tokens in its answer it failed."""
    where = f"{path} request {index}"
    sent_s = read_s(where, "start_times", document["start_times"][index])
    due_s = sent_s - (0.0 if queues is None else read_s(where, "queue_times", queues[index]))
    prompt = tokens(where, "input_lens", document["input_lens"][index])
    answer = tokens(where, "output_lens", document["output_lens"][index])
    error = str((document.get("errors") or [""] * (index + 1))[index] or "")
    if error or not answer:
        kind = kind_of_text(error) if error else "empty"
        return Row(due_s, sent_s, done_s=sent_s, input_tokens=prompt, kind=kind)
    first_s = sent_s + read_s(where, "ttfts", document["ttfts"][index])
    gaps = document["itls"][index]
    if not isinstance(gaps, list):
        raise InputError(f"{where}: itls is no list of numbers; give the file as saved")
    gaps_s = [read_s(where, "itls", gap) for gap in gaps]
    last_s = first_s + sum(gaps_s)
    if (latencies := document.get("latencies")) is not None:
        last_s = max(sent_s + read_s(where, "latencies", latencies[index]), first_s)
    return Row(due_s, sent_s, first_s, last_s, last_s, prompt, answer, gaps_s)


def _rate_requests_per_s(value: object) -> float | None:
    """Return the rate that was asked for; ``None`` where all came at once (``inf``)."""
    try:
        rate = float(str(value))
    except ValueError:
        return None
    return rate if math.isfinite(rate) and rate > 0.0 else None
