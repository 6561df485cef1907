"""Every request of a load test, a line each."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.load.faults import KINDS
from rightrig.measuring.load.level_outcome import request_metrics_s
from rightrig.measuring.load.outcome import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rightrig.measuring.load.level_outcome import Column
    from rightrig.measuring.load.outcome import LevelOutcome

_HEADER: Final = (
    "level", "kind", "concurrency", "rate_requests_per_s", "is_counted", "request", "outcome",
    "status", "due_s", "sent_s", "first_token_s", "last_token_s", "done_s", "ttft_s",
    "ttft_sent_s", "tpot_s", "e2e_s", "input_tokens", "output_tokens", "asked_input_tokens",
    "asked_output_tokens", "chunks", "tokens_source",
)  # fmt: skip
_METRICS: Final = ("ttft", "ttft_sent", "tpot", "e2e")


def request_lines(outcomes: Sequence[LevelOutcome]) -> Iterator[str]:
    """Yield the requests of all levels as lines of CSV; an empty cell did not come.

    Times are seconds from the begin of the level.
    """
    yield _line(_HEADER)
    for number, outcome in enumerate(outcomes, start=1):
        level = outcome.level
        load = (
            number, level.kind, level.concurrency or "", level.rate_requests_per_s or "",
        )  # fmt: skip
        metrics_s = request_metrics_s(outcome.samples)
        for index in range(len(outcome.samples)):
            yield _line((*load, *_cells(outcome, metrics_s, index)))


def _cells(
    outcome: LevelOutcome, metrics_s: Mapping[str, Column], index: int
) -> tuple[object, ...]:
    """Return the cells of one request."""
    s = outcome.samples
    due_s = float(s.due_s[index])
    times = (s.due_s, s.sent_s, s.first_token_s, s.last_token_s, s.done_s)
    is_ok = bool(s.is_ok[index])
    latencies = (metrics_s[name][index] if is_ok else math.nan for name in _METRICS)
    whole: tuple[Any, ...] = (
        s.input_tokens, s.output_tokens, s.asked_input_tokens, s.asked_output_tokens,
        s.chunks_count,
    )  # fmt: skip
    return (
        int(outcome.window.start_s <= due_s <= outcome.window.end_s),
        int(s.row[index]),
        KINDS[int(s.kind_index[index])],
        int(s.status[index]) or "",
        *(_number(float(column[index])) for column in times),
        *(_number(float(value)) for value in latencies),
        *(int(column[index]) for column in whole),
        SOURCES[int(s.source_index[index])],
    )


def _number(value_s: float) -> str:
    """Return a time to the microsecond; empty for none."""
    return "" if math.isnan(value_s) else f"{value_s:.6f}"


def _line(cells: Sequence[object]) -> str:
    """Return one line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
