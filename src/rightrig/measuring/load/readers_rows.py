"""Requests of other load generators' result files, a row each, as samples of our own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rightrig.demand.workload import MAX_REQUESTS, MAX_TOKENS
from rightrig.errors import InputError
from rightrig.measuring.load.faults import KINDS
from rightrig.measuring.load.outcome import SOURCES, Samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.measuring.load.faults import Kind
    from rightrig.measuring.load.outcome import Level, TokensSource

_LATEST_S: Final = 1e30
"""No clock counts further, not even in nanoseconds."""
_NEVER_S: Final = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One load of a result file.

    Attributes:
        tool: ``vllm``, ``guidellm`` or ``aiperf``.
        level: The load, as far as the file says it.
        notes: How the tool's definitions were mapped to ours, and what the file lacks.
        versions: Software → version, where the file says it.
        name: What the server calls the model; empty where the file does not say.
    """

    tool: str
    level: Level
    samples: Samples
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One request, in seconds of the tool's clock; NaN for a time that the file does not have."""

    due_s: float
    sent_s: float
    first_token_s: float = _NEVER_S
    last_token_s: float = _NEVER_S
    done_s: float = _NEVER_S
    input_tokens: int = 0
    output_tokens: int = 0
    gaps_s: Sequence[float] = ()
    kind: Kind = "ok"
    status: int = 0


def samples_of(where: str, rows: Sequence[Row], source: TokensSource = "usage") -> Samples:
    """Return requests as samples, in the order in which they were sent, from time 0 on.

    Args:
        where: The file, for messages.
        rows: At least one, in any order.
        source: Where the tool's counts of tokens come from, of ``SOURCES``.

    Raises:
        InputError: when there are none, or too many.
    """
    import numpy as np  # noqa: PLC0415 - reading words of a command needs none

    if not rows:
        raise InputError(f"{where} holds no request; give a run with at least one")
    if len(rows) > MAX_REQUESTS:
        raise InputError(f"{where}: more than {MAX_REQUESTS:,} requests; cut the file")
    rows = sorted(rows, key=lambda row: row.sent_s)
    begin_s = min(rows[0].due_s, rows[0].sent_s)

    def times_s(name: str) -> Any:  # noqa: ANN401 - array
        return np.array([getattr(row, name) for row in rows], np.float64) - begin_s

    def whole(values: list[int]) -> Any:  # noqa: ANN401 - array
        return np.array(values, np.int64)

    gaps = [len(row.gaps_s) for row in rows]
    inputs = whole([row.input_tokens for row in rows])
    outputs = whole([row.output_tokens for row in rows])
    is_ok = np.array([row.kind == "ok" for row in rows])
    return Samples(
        row=np.arange(len(rows), dtype=np.int64),
        due_s=times_s("due_s"),
        sent_s=times_s("sent_s"),
        first_byte_s=times_s("first_token_s"),
        first_token_s=times_s("first_token_s"),
        last_token_s=times_s("last_token_s"),
        done_s=times_s("done_s"),
        input_tokens=np.where(is_ok, inputs, 0),
        output_tokens=np.where(is_ok, outputs, 0),
        asked_input_tokens=inputs,
        asked_output_tokens=outputs,
        chunks_count=np.where(is_ok, np.maximum(outputs, 1), 0),
        source_index=np.where(is_ok, SOURCES.index(source), 0),
        kind_index=whole([KINDS.index(row.kind) for row in rows]),
        status=whole([row.status or (200 if row.kind == "ok" else 0) for row in rows]),
        gap_offsets=np.concatenate(([0], np.cumsum(gaps))).astype(np.int64),
        gaps_s=np.array([gap for row in rows for gap in row.gaps_s], np.float64),
    )


def read_s(where: str, name: str, value: object) -> float:
    """Return a time that a file says in seconds.

    Raises:
        InputError: when it is no number.
    """
    # NaN fails the comparison.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) < _LATEST_S:  # type: ignore[arg-type] # checked before
        raise InputError(f"{where}: {name} is {str(value)[:40]!r}, no number; correct or remove it")
    return float(value)  # type: ignore[arg-type] # checked above


def tokens(where: str, name: str, value: object) -> int:
    """Return a number of tokens.

    Raises:
        InputError: when it is none.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        raise InputError(
            f"{where}: {name} is {str(value)[:40]!r}; it must be a whole number of tokens up to "
            f"{MAX_TOKENS:,}: correct or remove it"
        )
    return value


def kind_of_text(text: str) -> Kind:
    """Return the kind of a failure that a tool tells in words.

    >>> kind_of_text("HTTP 429 Too Many Requests"), kind_of_text("TimeoutError"), kind_of_text("?")
    ('rate-limited', 'timeout', 'told-error')
    """
    said = text.lower()
    named: dict[str, Kind] = {
        "429": "rate-limited", "too many requests": "rate-limited", "503": "overloaded",
        "unavailable": "overloaded", "timeout": "timeout", "timed out": "timeout",
        "refused": "refused", "cannot connect": "refused", "reset": "reset",
        "disconnected": "reset", "cancel": "unfinished", "not found": "client-error",
        "bad request": "client-error", "internal server": "server-error",
    }  # fmt: skip
    return next((kind for words, kind in named.items() if words in said), "told-error")
