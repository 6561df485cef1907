"""Published measurements as tables: recognised by their header, read with bounds."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.reading import no_file, plain, read_bounded

if TYPE_CHECKING:
    from pathlib import Path

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "inference": (
        "source", "date", "version", "gpu", "gpu_count", "tp", "pp", "interconnect", "model",
        "params_b", "weight_dtype", "kv_dtype", "runtime", "isl", "osl", "concurrency_or_batch",
        "metric", "value", "notes",
    ),
    "kv_capacity": (
        "source", "gpu", "gpu_count", "model", "weight_dtype", "kv_dtype",
        "gpu_memory_utilization", "max_model_len", "reported_tokens_or_blocks", "block_size",
        "notes",
    ),
    "memory": (
        "engine", "version", "hardware", "model", "config", "component", "value", "unit", "source",
    ),
    "training": (
        "source", "gpu", "gpu_count", "model", "params_b", "method", "seq_len", "batch", "dtype",
        "tok_s_per_gpu", "mfu", "tflops", "peak_mem_gb", "notes",
    ),
}  # fmt: skip
"""Tables of measured runs and their columns."""
_KIND: Final = "table of measured runs"
_MOST_BYTES: Final = 64_000_000
_MOST_ROWS: Final = 200_000
_LONGEST_NUMBER: Final = 64


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of a table, as its source wrote it.

    Attributes:
        row: Its number among the rows, from 1.
        values: Column → text; empty where the row is short.
        fault: Why it cannot be read as a row of its table; empty when it can.
    """

    row: int
    values: dict[str, str]
    fault: str = ""

    def __getitem__(self, column: str) -> str:
        """Return the text of a column."""
        return self.values.get(column, "")


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """A table of measured runs.

    Attributes:
        name: A key of ``TABLES``.
    """

    name: str
    rows: tuple[Measurement, ...]


def read_table(path: Path) -> MeasuredTable:
    """Return the rows of a CSV file of measured runs (at most 64 MB and 200,000 rows).

    Raises:
        InputError: for no file, no CSV, a header of no known table, or no rows.
    """
    content = read_bounded(path, _KIND, _MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise no_file(path, _KIND, "it is not UTF-8 text") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Measurement] = []
    try:
        header = next(reader, [])
        name = _name_of(header, path)
        for cells in reader:
            if cells:
                rows.append(_row(len(rows) + 1, header, cells))
            if len(rows) > _MOST_ROWS:
                raise no_file(path, _KIND, f"it has more than {_MOST_ROWS:,} rows")
    except csv.Error as error:
        where = f"line {reader.line_num}: {plain(error)}"
        raise no_file(path, _KIND, f"it is broken CSV ({where})") from error
    if not rows:
        raise no_file(path, _KIND, "it has a header and no rows")
    return MeasuredTable(name, tuple(rows))


def _name_of(header: list[str], path: Path) -> str:
    """Return the table whose columns these are, in any order."""
    columns = [cell.strip() for cell in header]
    for name, known in TABLES.items():
        if sorted(columns) == sorted(known):
            return name
    near = max(TABLES, key=lambda name: len({*TABLES[name]} & {*columns}))
    hint = ""
    if {*TABLES[near]} & {*columns}:
        missing = [c for c in TABLES[near] if c not in columns]
        extra = [c for c in columns if c not in TABLES[near]]
        parts = [f"lacks {plain(', '.join(missing), 80)}"] if missing else []
        parts += [f"does not know {plain(', '.join(extra), 80)}"] if extra else []
        hint = f"; {near} {' and '.join(parts)}" if parts else f"; {near} names a column twice"
    reason = f"its header is that of none of {', '.join(TABLES)}{hint}"
    raise no_file(path, _KIND, reason)


def _row(number: int, header: list[str], cells: list[str]) -> Measurement:
    """Return one row; cells too few or too many make it a row that says so."""
    columns = [column.strip() for column in header]
    values = {c: cell.strip() for c, cell in zip(columns, cells, strict=False)}
    fault = ""
    if len(cells) != len(columns):
        fault = f"the row has {len(cells)} cells and the header {len(columns)}"
    return Measurement(number, values, fault)


def positive_number(text: str) -> float:
    """Return a measured value.

    Raises:
        InputError: when it is no positive, finite number.

    >>> positive_number("468,752")
    468752.0
    """
    cleaned = text.replace(",", "").strip()
    try:
        # Digits of other scripts and underscores are Python's liberties, not a table's.
        value = float(cleaned) if cleaned.isascii() and "_" not in cleaned else math.nan
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0 and len(cleaned) <= _LONGEST_NUMBER):
        raise InputError(f"the measured value {plain(text, 40)!r} is no positive number")
    return value
