"""Traces as tables of comma-separated values: Azure, BurstGPT, and our own.

Columns are turned into arrays a few MiB of lines at a time; only when that fails is the line at
fault looked for.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests
from rightrig.demand.text_files import chunks_of_lines
from rightrig.demand.workload import MAX_REQUESTS, MAX_TOKENS
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LINE_BYTES: Final = 2**20
_TIMESTAMP: Final = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,9})?(?:\+00:00)?"
)
_LARGEST_S: Final = 1e12

FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "azure": ("timestamp", "contexttokens", "generatedtokens"),
    "burstgpt": ("timestamp", "request tokens", "response tokens"),
    "csv": ("arrival_s", "input_tokens", "output_tokens"),
}
"""Columns that a format needs, in small letters: arrival, prompt, answer."""


@dataclass(slots=True)
class Table:
    """What a file holds, before it becomes requests."""

    arrival_s: NDArray[np.float64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    names: dict[str, list[str]] = field(default_factory=dict)
    dropped_count: int = 0


def format_of(header: str) -> str | None:
    """Return the format that has most of its columns in a header line; ``None`` for none."""
    columns = columns_of(header)
    found = {name: len(set(needed) & set(columns)) for name, needed in FORMATS.items()}
    best = max(found, key=lambda name: found[name])
    return best if found[best] >= 2 else None  # noqa: PLR2004 - one column may be anything


def columns_of(header: str) -> list[str]:
    """Return the names in a header line, in small letters."""
    return [name.strip().strip('"').lower() for name in header.split(",")]


def read_table(path: Path, kind: str) -> Table:
    """Read a table of a format.

    ``azure``: TIMESTAMP, ContextTokens, GeneratedTokens as of
    https://github.com/Azure/AzurePublicDataset, 2023 (seven decimals, no zone) and 2024
    (``+00:00``). ``burstgpt``: Timestamp (seconds), Model, Request tokens, Response tokens, Total
    tokens, Log Type, with or without Session ID and Elapsed time, as of
    https://github.com/HPMLL/BurstGPT release 1.2; rows without an answer are failures and are
    dropped. ``csv``: arrival_s, input_tokens, output_tokens, and class and tenant if given.
    """
    reader = _Reader(path, kind)
    for first, lines in chunks_of_lines(path, line_bytes=LINE_BYTES):
        reader.add(first, lines)
    return reader.table()


class _Reader:
    """Collects columns chunk by chunk."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self.needed = FORMATS[kind]
        self.places: dict[str, int] = {}
        self.width = 0
        self.chunks: list[tuple[NDArray[np.float64], ...]] = []
        self.names: dict[str, list[str]] = {}
        self.last_s = -math.inf
        self.kept = self.dropped = 0

    def add(self, first: int, lines: list[str]) -> None:
        if first == 1:
            self._read_header(lines[0])
            first, lines = 2, lines[1:]
        rows, columns = self._columns(first, lines)
        if not rows:
            return
        arrival_s = self._arrivals_s(first, rows, columns[self.places[self.needed[0]]])
        tokens = [
            self._tokens(first, rows, columns[self.places[name]], name, low=low)
            for name, low in zip(self.needed[1:], (1, self.kind != "burstgpt"), strict=True)
        ]
        answered = tokens[1] > 0
        self.dropped += int((~answered).sum())
        self.kept += len(answered)
        if self.kept > MAX_REQUESTS:
            raise InputError(f"{self.path} has more than {MAX_REQUESTS:,} rows; cut it")
        self.chunks.append((arrival_s[answered], *(column[answered] for column in tokens)))
        for name in ("class", "tenant"):
            if name in self.places and self.kind == "csv":
                self.names.setdefault(name, []).extend(columns[self.places[name]])

    def table(self) -> Table:
        if not self.chunks or not any(len(chunk[0]) for chunk in self.chunks):
            raise InputError(
                f"{self.path} has no request below its header ({self.dropped} rows without an "
                "answer were dropped); give a trace with at least one"
            )
        arrival_s, prompts, answers = (
            np.concatenate(column) for column in zip(*self.chunks, strict=True)
        )
        return Table(
            arrival_s, prompts.astype(np.int64), answers.astype(np.int64), self.names, self.dropped
        )

    def _read_header(self, header: str) -> None:
        columns = columns_of(header)
        self.width = len(columns)
        self.places = {name: columns.index(name) for name in reversed(columns)}
        missing = [name for name in self.needed if name not in columns]
        if missing:
            raise InputError(
                f"{self.path} line 1 has no column {' or '.join(missing)}; a trace of this kind "
                f"has {', '.join(self.needed)}"
            )

    def _columns(
        self, first: int, lines: list[str]
    ) -> tuple[list[list[str]], list[tuple[str, ...]]]:
        """Return rows, blank ones among them, and their columns."""
        try:
            rows = list(csv.reader(lines))
        except csv.Error as error:
            raise InputError(f"{self.path} near line {first}: {error}; check quotes") from None
        filled = [row for row in rows if row]
        for index, row in enumerate(rows if {len(row) for row in filled} - {self.width} else ()):
            if row and len(row) != self.width:
                raise InputError(
                    f"{self.path} line {first + index} has {len(row)} fields where the header has "
                    f"{self.width}; complete or remove the line"
                )
        return (rows, list(zip_longest(*filled))) if filled else ([], [])

    def _arrivals_s(
        self, first: int, rows: list[list[str]], column: Sequence[str]
    ) -> NDArray[np.float64]:
        convert = _azure_times_s if self.kind == "azure" else _times_s
        name = self.needed[0]
        times = self._converted(first, rows, column, name, convert)
        wrong = ~((times > -_LARGEST_S) & (times < _LARGEST_S))
        if self.kind != "azure":
            wrong |= times < 0.0
        self._refuse(wrong, first, rows, name, "must be a time of at least 0 s; correct the line")
        goes_back = np.diff(times, prepend=self.last_s) < 0.0
        self._refuse(
            goes_back, first, rows, name, "is before the line above; sort the file by time"
        )
        self.last_s = float(times[-1])
        return times

    def _tokens(
        self, first: int, rows: list[list[str]], column: Sequence[str], name: str, *, low: int
    ) -> NDArray[np.float64]:
        tokens = self._converted(first, rows, column, name, _whole_tokens)
        must = f"must be a whole number of tokens from {int(low)} to {MAX_TOKENS:,}"
        wrong = ~((tokens >= low) & (tokens <= MAX_TOKENS))
        self._refuse(wrong, first, rows, name, f"{must}; correct or remove the line")
        return tokens

    def _converted(
        self,
        first: int,
        rows: list[list[str]],
        column: Sequence[str],
        name: str,
        convert: Callable[[Sequence[str]], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        try:
            return convert(column)
        except (ValueError, OverflowError):
            wrong = np.array([not _converts(convert, text) for text in column])
            self._refuse(wrong, first, rows, name, "is no number; correct or remove the line")
            raise

    def _refuse(
        self, wrong: NDArray[np.bool_], first: int, rows: list[list[str]], name: str, must: str
    ) -> None:
        if wrong.any():
            filled = [index for index, row in enumerate(rows) if row]
            at = filled[int(wrong.argmax())]
            text = rows[at][self.places[name]][:40]
            must = must.replace("is no number", "is no time") if name == "timestamp" else must
            raise InputError(f"{self.path} line {first + at}: {name} {text!r} {must}")


def _whole_tokens(column: Sequence[str]) -> NDArray[np.float64]:
    # As floats so that the numbers of all columns lie in one kind of array; exact to 2^53.
    try:
        return np.array(list(map(int, column)), np.float64)
    except ValueError:
        found = np.array(list(map(float, column)), np.float64)
        found[found != np.floor(found)] = math.nan
        return found


def _times_s(column: Sequence[str]) -> NDArray[np.float64]:
    return np.array(list(map(float, column)), np.float64)


def _azure_times_s(column: Sequence[str]) -> NDArray[np.float64]:
    """Return seconds since 2020; the digits of a second keep to 10⁻⁷."""
    # NumPy reads more than that: "now", zones, years that overflow.
    if not all(map(_TIMESTAMP.fullmatch, column)):
        raise ValueError("not a time")
    texts = [text.removesuffix("+00:00") for text in column]
    since = np.array(texts, "datetime64[ns]") - np.datetime64("2020-01-01", "ns")
    return np.asarray(since.astype(np.int64) * 1e-9, np.float64)


def _converts(convert: Callable[[Sequence[str]], NDArray[np.float64]], text: str) -> bool:
    try:
        convert([text])
    except (ValueError, OverflowError):
        return False
    return True


def requests_of_table(table: Table) -> Requests:
    """Return requests that begin at time 0, with the classes and tenants that were named."""
    nothing = np.empty(0, np.int64)
    class_names, class_index = _named(table.names.get("class"))
    tenant_names, tenant_index = _named(table.names.get("tenant"))
    counts = np.bincount(class_index, minlength=len(class_names))
    return Requests(
        table.arrival_s - table.arrival_s[0],
        table.input_tokens,
        table.output_tokens,
        class_index=class_index if class_names else nothing,
        tenant_index=tenant_index if tenant_names else nothing,
        classes=tuple(
            SloClass(name=name, share_ratio=float(count / len(class_index)))
            for name, count in zip(class_names, counts, strict=True)
        ),
        tenants=tenant_names,
    )


def _named(names: list[str] | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names that occur, sorted, and the place of each row's name among them."""
    if not names:
        return (), np.empty(0, np.int64)
    found, places = np.unique([name.strip() or "none" for name in names], return_inverse=True)
    return tuple(map(str, found)), places.astype(np.int64)
